"""What the verbs that judge share: choose solutions, run, record, show."""

from __future__ import annotations

import contextlib
import importlib
import math
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import click

from suite import store
from suite.cli.console import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    NO_GPU,
    StatusLine,
    json_sink,
    measured_roofs,
    note,
    show_table,
)
from suite.foreign import as_solution
from suite.judge.sandbox import CHOICES, NONE, choose
from suite.kernelbench.fit import require_fit
from suite.leaderboard import board
from suite.machine import has_gpu
from suite.problem import WHOLE_CHECK_TIER, Problem
from suite.result import Result, Status, to_json
from suite.runner import RunOptions, run
from suite.solution import (
    Solution,
    SolutionFileError,
    find_solutions,
    reference_variants,
    select_solution,
)
from suite.tables import board_tables, check_table, samples_table


def _finite(_context: click.Context, _option: click.Parameter, value: float) -> float:
    """A range check lets NaN through."""
    if math.isnan(value):
        raise click.BadParameter("nan is not a number of seconds.")
    return value


TIMEOUT_OPTION = click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=1, max=86_400),
    default=60.0,
    show_default=True,
    callback=_finite,
    help="Seconds that one step of a solution may take, compilation included.",
)
DEVICE_OPTION = click.option(
    "--device",
    type=click.Choice(["auto", "cuda", "cpu"]),
    default="auto",
    show_default=True,
    help="Where to run; cpu means Triton's interpreter.",
)


SANDBOX_OPTION = click.option(
    "--sandbox",
    type=click.Choice(CHOICES),
    default="auto",
    show_default=True,
    help="How to confine solutions; auto: bubblewrap where it works.",
)


def device_of(choice: str) -> str:
    """ "cuda" or "cpu": what `--device` says, or what is here."""
    if choice != "auto":
        return choice
    return "cuda" if has_gpu() else "cpu"


def select(
    root: Path, problem: Problem, names: tuple[str, ...], *, references: bool = False
) -> list[Solution]:
    """The named solutions, or all there are; with `references` the variants of the reference too.

    Raises:
        UnknownNameError: a name means nothing.
        SolutionFileError: two files have the same name.
    """
    names = tuple(as_solution(root, problem, name) for name in names)
    chosen = [select_solution(root, problem, name) for name in names] or find_solutions(root, problem)
    if references:
        chosen += reference_variants(problem)
    selected = {(solution.path, solution.variant): solution for solution in chosen}
    by_name: dict[str, Path] = {}
    for solution in selected.values():
        if by_name.setdefault(solution.name, solution.path) != solution.path:
            raise SolutionFileError(
                f"{solution.path} and {by_name[solution.name]} have the same name; rename one"
            )
    return list(selected.values())


def judge(
    root: Path,
    problem: Problem,
    solutions: list[Solution],
    options: RunOptions,
    json_path: str | None,
    *,
    save: bool,
) -> list[Result]:
    """Run, keep each result as it comes, and show what is going on."""
    results: list[Result] = []
    if options.device == "cpu":
        note(NO_GPU)
    else:
        require_fit(problem, options.workloads or problem.bench_workloads)
    confinement, why = choose(options.sandbox, options.device)
    if confinement == NONE:
        note(f"sandbox: none ({why}); solutions run as plain processes of your user")
    if options.device == "cuda":
        # A third of a second that the table of samples needs, while this process waits for the judge.
        threading.Thread(target=importlib.import_module, args=("numpy",), daemon=True).start()
    unsaved: dict[str, str] = {}
    kept = 0
    with contextlib.ExitStack() as stack:
        sink = stack.enter_context(json_sink(json_path))
        line = stack.enter_context(StatusLine())
        try:
            for result in run(root, problem, solutions, options, line):
                results.append(result)
                sink(to_json(result))
                judged = next(solution for solution in solutions if solution.name == result.solution)
                why = _not_kept(root, problem, judged, result, options)
                if save and why is None:
                    store.append(root / "reports" / "results", result)
                    kept += 1
                elif save and why is not None:
                    unsaved[result.solution] = why
        except KeyboardInterrupt:
            line.clear()
            note(f"interrupted: {kept} result(s) kept")
            sys.exit(EXIT_INTERRUPTED)
    logs = {str(Path(result.log).parent) for result in results if result.log is not None}
    if logs:
        note(f"what failed solutions printed: {', '.join(sorted(logs))}")
    for why in dict.fromkeys(unsaved.values()):
        names = ", ".join(sorted(name for name, given in unsaved.items() if given == why))
        note(f"not recorded: {names} ({why})")
    return sorted(results, key=_place(problem, solutions))


def _place(problem: Problem, solutions: list[Solution]) -> Callable[[Result], tuple[int, int]]:
    """The judge goes through workloads in a random order; what is shown does not."""
    names = [solution.name for solution in solutions]
    workloads = [WHOLE_CHECK_TIER, *(workload.name for workload in problem.workloads)]
    return lambda result: (names.index(result.solution), workloads.index(result.workload))


def _not_kept(
    root: Path, problem: Problem, solution: Solution, result: Result, options: RunOptions
) -> str | None:
    """Why a result is not recorded; None: it is.

    Few samples, or a part of the check tier, must not stand in the records as if they were the whole.
    """
    if not _is_kept_here(root, problem):
        return "its problem is a file; bench import kernelbench makes it a problem of this checkout"
    if not is_ours(root, problem, solution):
        return f"a file from elsewhere; bench submit adds one that passes to solutions/{problem.name}"
    if options.quick:
        return "--quick takes few samples"
    whole_tier = options.axes is None and (not options.workloads or WHOLE_CHECK_TIER in options.workloads)
    return None if result.workload != WHOLE_CHECK_TIER or whole_tier else "a part of the check tier"


def is_ours(root: Path, problem: Problem, solution: Solution) -> bool:
    """Does the file lie where solutions of this checkout do? Measurements of others are not recorded."""
    if not _is_kept_here(root, problem):
        return False
    return solution.path.parent in (problem.folder.resolve(), (root / "solutions" / problem.name).resolve())


def _is_kept_here(root: Path, problem: Problem) -> bool:
    """Is it a folder of this checkout, or a file in the format of KernelBench that nobody imported?"""
    return problem.folder.resolve().parent == (root / "problems").resolve()


def show(root: Path, problem: Problem, results: list[Result], *, samples: bool = False) -> None:
    """Print the board of what was just judged."""
    if not results:
        return
    device = results[0].device
    if device == "cpu" or all(result.workload == WHOLE_CHECK_TIER for result in results):
        show_table(check_table(results))
        return
    standing = board(results, device, problem.bench_workloads, measured_roofs(root, device))
    for title, table in board_tables(standing):
        click.echo(f"\n{title}")
        show_table(table)
    timed = [result for result in results if result.latency_ms is not None]
    if samples or len({result.solution for result in timed}) == 1:
        click.echo("\nsamples")
        show_table(samples_table(timed))
    for text in standing.notes:
        note(f"note: {text}")


def exit_unless_all_passed(solutions: list[Solution], results: list[Result]) -> None:
    """Exit code 1 when a solution failed or has no result."""
    judged = {result.solution for result in results}
    if any(result.status is not Status.PASSED for result in results) or len(judged) < len(solutions):
        sys.exit(EXIT_FAILED)
