"""`bench profile`: what hardware counters say of a solution's kernels."""

from __future__ import annotations

import shlex
import sys

import click

from suite import profile_store, roofline
from suite.analysis.tables import card_table
from suite.cli.console import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_USAGE,
    StatusLine,
    checkout,
    json_option,
    json_sink,
    note,
    plain_errors,
    problem_option,
    show_table,
)
from suite.cli.inspecting_verbs import inspect_all
from suite.cli.judging import SANDBOX_OPTION, TIMEOUT_OPTION, is_ours, select
from suite.cli.problems import find_problem, said
from suite.cli.recorded import profiles_folder
from suite.gpus import find_gpu
from suite.machine import has_gpu
from suite.problem import SEED, Problem, Workload
from suite.profile import NCU, Profile, to_json
from suite.profile_tables import profile_table
from suite.profiling import Unfit, profile
from suite.solution import Solution


@click.command("profile", short_help="Read a solution's hardware counters (Nsight Compute).")
@problem_option()
@click.option(
    "--solution", "names", multiple=True, help="A name or a path; repeatable. Default: all but the reference."
)
@click.option("--workload", "workload_name", default=SEED, show_default=True, help="Which workload.")
@json_option("JSON lines, one a solution,")
@click.option("--no-save", is_flag=True, help="Write nothing into reports, which may be read-only then.")
@SANDBOX_OPTION
@TIMEOUT_OPTION
def profile_verb(
    problem_name: str,
    names: tuple[str, ...],
    workload_name: str,
    json_path: str | None,
    no_save: bool,
    sandbox: str,
    timeout_s: float,
) -> None:
    """Read the hardware counters of a solution's kernels with Nsight Compute.

    Warms up first, so that compilation and autotuning are left out. Where the counters cannot be read, says
    why, and what is known without them. Recorded in reports/profiles.

    \b
    Examples:
      bench profile --problem argmin --solution final
      bench profile --problem matmul_large_k --workload seed --json -
    """
    with plain_errors():
        root = checkout()
        problem = find_problem(root, problem_name)
        workload, solutions = problem.workload(workload_name), select(root, problem, names)
        if not names:
            solutions = [solution for solution in solutions if solution.stage != "reference"]
        if not has_gpu():
            wanted = "".join(f" --solution {shlex.quote(name)}" for name in names)
            note(
                "profile needs an NVIDIA GPU; none answers here. Without one, "
                f"`bench inspect {said(problem_name)}{wanted}` says what a card would make of the code"
            )
            sys.exit(EXIT_USAGE)
        failed = False
        with json_sink(json_path) as sink, StatusLine() as line:
            try:
                for found in profile(
                    root,
                    problem,
                    solutions,
                    workload,
                    line,
                    sandbox=sandbox,
                    timeout_s=timeout_s,
                    save_logs=not no_save,
                ):
                    line.clear()
                    if isinstance(found, Unfit):
                        failed = True
                        note(f"{found.solution}: {found.status.value}: {found.reason}")
                        continue
                    sink(to_json(found))
                    solution = next(s for s in solutions if s.name == found.solution)
                    if not no_save and is_ours(root, problem, solution):
                        profile_store.append(profiles_folder(root), found)
                    if json_path != "-":
                        show_profile(problem, workload, found, solution)
            except KeyboardInterrupt:
                line.clear()
                note("interrupted: what was profiled is kept")
                sys.exit(EXIT_INTERRUPTED)
    if failed:
        sys.exit(EXIT_FAILED)


def show_profile(problem: Problem, workload: Workload, found: Profile, solution: Solution) -> None:
    """The counters, or what is known without them."""
    click.echo(f"\n{found.solution} on {found.device}, workload {found.workload}")
    if found.source == NCU:
        show_table(profile_table(found))
        return
    click.echo(f"no counters: {found.reason}")
    gpu = find_gpu(found.environment.gpu or "", found.environment.sm_count)
    inspections = [] if gpu is None else list(inspect_all(problem, workload, [solution], gpu))
    if found.latency_ms is not None:
        work = inspections[0].work if inspections else None
        rate = roofline.achieved_gb_per_s(found.latency_ms, work.bytes_moved) if work else None
        told = "" if rate is None else f", {rate:.0f} GB/s of declared bytes"
        click.echo(f"{found.latency_ms:.4f} ms by kernel timestamps{told}")
    if inspections:
        show_table(card_table(inspections))
