"""`bench inspect`: what a solution would do on a card that is not here."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import click

from suite.analysis.inspection import Inspection, inspect, to_json
from suite.analysis.kept import inspect_and_keep
from suite.analysis.tables import advice, card_table, code_table, launches_table, totals_table
from suite.child import end_all
from suite.cli.console import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    checkout,
    json_option,
    json_sink,
    note,
    plain_errors,
    problem_option,
    show_table,
)
from suite.cli.judging import select
from suite.cli.problems import find_problem
from suite.gpus import GPUS, RTX_4090, GpuSpec, by_slug
from suite.judge.sandbox import NONE, choose
from suite.kernelbench.fit import refusal
from suite.names import did_you_mean
from suite.problem import SEED, Problem, UnknownNameError, Workload
from suite.result import Result, Status
from suite.solution import Solution

ALIASES = {"4090": "rtx-4090", "h100": "h100-sxm", "a100": "a100-sxm-80gb"}
"""The common product of a name that several share."""
T = TypeVar("T")
AT_ONCE = 2
"""A child loads torch, so it takes seconds and half a gigabyte."""


def find_card(name: str) -> GpuSpec:
    """The card that `--gpu` means.

    Raises:
        UnknownNameError: we know none of that name.
    """
    gpu = by_slug(ALIASES.get(name.lower(), name.lower()))
    if gpu is None:
        names = [gpu.slug for gpu in GPUS]
        raise UnknownNameError(f"we have no datasheet of a GPU {name!r}{did_you_mean(name, names)}")
    return gpu


def note_confinement() -> None:
    """Say so where a solution is followed by a plain process of the user."""
    confinement, why = choose("auto", "cpu")
    if confinement == NONE:
        note(f"sandbox: none ({why}); solutions run as plain processes of your user")


@click.command("inspect", short_help="What a card would make of a solution; needs no GPU.")
@problem_option()
@click.option(
    "--solution", "names", multiple=True, help="A name or a path; repeatable. Default: all but the reference."
)
@click.option("--workload", default=SEED, show_default=True, help="Whose shapes.")
@click.option("--gpu", "card", default=RTX_4090.slug, show_default=True, help="A card by its short name.")
@json_option("JSON lines, one a solution,")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=1, max=3600),
    default=120.0,
    show_default=True,
    help="Seconds that one solution may take, compilation included.",
)
@click.option("--keep", is_flag=True, help="Keep it in reports/inspect, for the pages of `bench report`.")
def inspect_verb(
    problem_name: str,
    names: tuple[str, ...],
    workload: str,
    card: str,
    json_path: str | None,
    timeout_s: float,
    keep: bool,
) -> None:
    """Say what solutions launch and whether a card takes it, without a GPU and without running a kernel.

    Follows a solution on tensors that have a size and no data, compiles each launch for the named card and
    reads the machine code. Of an autotuned kernel every configuration is compiled, and the first stands for
    the one that a card would find the fastest. Exit code 1 when a launch does not fit or does not compile,
    when the tensors exceed the card's memory, or when a solution cannot be followed.

    \b
    Examples:
      bench inspect --problem argmin
      bench inspect --problem matmul_large_k --solution my_kernel.py --gpu h200
      bench inspect --problem argmax --solution final --workload last_dim --json -
      bench inspect --problem argmax --keep
    """
    with plain_errors():
        root = checkout()
        problem = find_problem(root, problem_name)
        shapes, gpu = problem.workload(workload), find_card(card)
        solutions = select(root, problem, names)
        if not names:
            solutions = [solution for solution in solutions if solution.stage != "reference"]
        note_confinement()
        done = []
        with json_sink(json_path) as sink:
            try:
                kept_in = root if keep else None
                for inspection in inspect_all(problem, shapes, solutions, gpu, timeout_s, kept_in):
                    sink(json.dumps(to_json(inspection)))
                    if json_path != "-":
                        show_inspection(inspection)
                    done.append(inspection)
            except KeyboardInterrupt:
                note("interrupted")
                sys.exit(EXIT_INTERRUPTED)
        if json_path != "-":
            click.echo(f"\n{problem.name} on {gpu.name}, workload {workload}")
            show_table(totals_table(done))
        if why := refusal(problem, workload, gpu.memory_gb, f"An {gpu.name}"):
            note(f"warning: {why}")
    if not all(inspection.fits for inspection in done):
        sys.exit(EXIT_FAILED)


def inspect_all(
    problem: Problem,
    workload: Workload,
    solutions: Iterable[Solution],
    gpu: GpuSpec,
    timeout_s: float = 120.0,
    keep_in: Path | None = None,
) -> Iterator[Inspection]:
    """Inspections in the order of `solutions`, a few at a time; none goes on after an interruption.

    With `keep_in`, a checkout, they are kept there.
    """

    def one(solution: Solution) -> Inspection:
        if keep_in is None:
            return inspect(problem, workload, solution, gpu, timeout_s)
        return inspect_and_keep(keep_in, problem, workload, solution, gpu, timeout_s)

    yield from _a_few_at_once(one, solutions)


def _a_few_at_once(one: Callable[[T], Inspection], things: Iterable[T]) -> Iterator[Inspection]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            yield from pool.map(one, things)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            end_all()
            raise


def show_inspection(inspection: Inspection) -> None:
    """The tables of one solution."""
    click.echo(f"\n{inspection.solution}")
    if inspection.reports:
        show_table(launches_table(inspection))
        code = code_table(inspection)
        if code.rows:
            click.echo()
            show_table(code)
    for text in advice(inspection):
        click.echo(f"- {text}")
    if inspection.failure:
        click.echo(f"failed: {inspection.failure}")
    elif not inspection.reports:
        click.echo("launches no Triton kernel")


def show_card_columns(problem: Problem, solutions: Iterable[Solution], results: Iterable[Result]) -> None:
    """Where latencies cannot be had: how an RTX 4090 would take the launches of what passed, on seed."""
    failed = {result.solution for result in results if result.status is not Status.PASSED}
    passed = [s for s in solutions if s.name not in failed and s.stage != "reference"]
    inspections = list(inspect_all(problem, problem.workload(SEED), passed, RTX_4090))
    if inspections:
        click.echo(f"\non an {RTX_4090.name}, workload {SEED}, from the compiled code")
        show_table(card_table(inspections))
    for inspection in inspections:
        if not inspection.fits:
            note(f"warning: {inspection.solution} would not run there")
    if inspections and (why := refusal(problem, SEED, RTX_4090.memory_gb, f"An {RTX_4090.name}")):
        note(f"warning: {why}")


def warn_of_workloads(problem: Problem, solution: Solution) -> None:
    """Name the bench workloads beside seed on which an RTX 4090 would refuse a launch.

    The interpreter takes blocks of any size.
    """
    others = [problem.workload(name) for name in problem.bench_workloads if name != SEED]

    def one(workload: Workload) -> Inspection:
        return inspect(problem, workload, solution, RTX_4090)

    if others:
        note(f"compiling for the other {len(others)} bench workloads; Ctrl-C leaves that out")
    for inspection in _a_few_at_once(one, others):
        if inspection.failure:
            note(
                f"warning: nothing is known of {solution.name} on {inspection.workload}: {inspection.failure}"
            )
        elif not inspection.fits:
            refusals = (text for report in inspection.reports for text in report.problems)
            why = inspection.too_large or next(refusals)
            note(f"warning: on {inspection.workload} {solution.name} would not run there: {why}")
