"""The `bench` command. Each verb parses, calls one function of the library, and prints."""

from __future__ import annotations

import contextlib
import json
import sys
import webbrowser
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click
from tabulate import tabulate

from suite import ab, roofs, store
from suite import doctor as machine_doctor
from suite.calibration import CalibrationError, calibrate
from suite.leaderboard import board
from suite.machine import has_gpu
from suite.problem import Problem, ProblemFolderError, UnknownNameError, find_problem, find_problems
from suite.result import Result, Status, to_json
from suite.runner import JudgeError, NothingToRunError, Progress, RunOptions, make_plan, new_run_id, run
from suite.solution import Solution, SolutionFileError, find_solutions, select_solution
from suite.submission import SubmissionError, accept, prepare
from suite.tables import (
    Table,
    board_tables,
    check_table,
    comparison_table,
    findings_table,
    problems_table,
    roofs_table,
    samples_table,
    solutions_table,
    workloads_table,
)

USER_ERRORS = (UnknownNameError, ProblemFolderError, SolutionFileError, SubmissionError, NothingToRunError)
EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130
F = TypeVar("F", bound=Callable[..., Any])


@contextlib.contextmanager
def _plain_errors() -> Iterator[None]:
    """A user's mistake is one line and exit code 2, not a stack trace."""
    try:
        yield
    except USER_ERRORS as error:
        raise click.UsageError(str(error)) from error
    except (JudgeError, CalibrationError) as error:
        raise click.ClickException(str(error)) from error
    except BrokenPipeError:  # click ends quietly when nobody reads its output any more
        raise
    except OSError as error:
        text = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        raise click.ClickException(text) from error


def _root() -> Path:
    """The checkout: the nearest folder upwards that holds `problems`, else the one that the suite lies in."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "problems").is_dir():
            return folder
    return Path(__file__).resolve().parent.parent


def _print(table: Table) -> None:
    """A table on standard output."""
    text = tabulate(
        table.rows, table.headers, tablefmt="simple", colalign=table.alignment, disable_numparse=True
    )
    click.echo(text)


def _note(text: str) -> None:
    click.echo(text, err=True)


def _problem_option(required: bool = True) -> Callable[[F], F]:
    return click.option(
        "--problem", "problem_name", required=required, help="A problem's name; see `bench list`."
    )


def _run_options(function: F) -> F:
    """Options of every verb that judges."""
    for option in (
        click.option("--quick", is_flag=True, help="The seed workload alone, with fewer samples."),
        click.option(
            "--device", type=click.Choice(["auto", "cuda", "cpu"]), default="auto", show_default=True,
            help="Where to run; cpu means Triton's interpreter.",
        ),
        click.option(
            "--timeout", "timeout_s", type=click.FloatRange(min=1), default=60.0, show_default=True,
            help="Seconds that one step of a solution may take, compilation included.",
        ),
    ):  # fmt: skip
        function = option(function)
    return function


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tritonpeak", prog_name="bench")
def main() -> None:
    """Benchmark Triton kernels: correct or not, how long, how close to what the hardware allows.

    \b
    Examples:
      bench list
      bench run --problem argmin
      bench run --problem argmin --solution my_kernel.py --workload seed
      bench submit my_kernel.py --problem argmin --author ada
      bench report --open
    """


@main.command("list")
@_problem_option(required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def list_verb(problem_name: str | None, as_json: bool) -> None:
    """Problems; with --problem, its workloads and solutions.

    \b
    Examples:
      bench list
      bench list --problem matmul_large_k
    """
    root = _root()
    with _plain_errors():
        problems = [find_problem(root, problem_name)] if problem_name else find_problems(root)
        listed = [(problem, find_solutions(root, problem)) for problem in problems]
        if as_json:
            click.echo(json.dumps([_listing(problem, solutions) for problem, solutions in listed], indent=2))
        elif problem_name:
            problem, solutions = listed[0]
            _print(workloads_table(problem))
            click.echo()
            _print(solutions_table(solutions))
        else:
            _print(problems_table(listed))


def _listing(problem: Problem, solutions: list[Solution]) -> dict[str, Any]:
    return {
        "problem": problem.name,
        "workloads": {w.name: {"tier": w.tier, "axes": w.axes} for w in problem.workloads},
        "solutions": [
            {"name": s.name, "stage": s.stage, "author": s.author, "sha256": s.sha256} for s in solutions
        ],
    }


@main.command("run")
@_problem_option()
@click.option(
    "--solution", "names", multiple=True, help="A name or a path; repeatable. Default: all of them."
)
@click.option(
    "--workload",
    "workloads",
    multiple=True,
    help="Only this workload; repeatable. `check` is the check tier.",
)
@click.option(
    "--json",
    "json_path",
    type=click.Path(allow_dash=True, dir_okay=False),
    help="Also write JSON lines here.",
)
@click.option("--no-save", is_flag=True, help="Do not append to reports/results.")
@click.option(
    "--samples", is_flag=True, help="Also show how the samples fell; always shown for one solution."
)
@click.option("--audit", is_flag=True, help="Time some calls under a second, independent clock too.")
@_run_options
def run_verb(
    problem_name: str,
    names: tuple[str, ...],
    workloads: tuple[str, ...],
    json_path: str | None,
    no_save: bool,
    samples: bool,
    audit: bool,
    quick: bool,
    device: str,
    timeout_s: float,
) -> None:
    """Judge solutions: check every output, time every bench workload, rank.

    \b
    Examples:
      bench run --problem argmin
      bench run --problem argmin --solution final --workload seed
      bench run --problem argmax --solution my_kernel.py --quick --json -
    """
    root = _root()
    with _plain_errors():
        problem = find_problem(root, problem_name)
        solutions = _select(root, problem, names)
        options = RunOptions(_device(device), workloads, quick, timeout_s, audit)
        make_plan(
            root, problem, solutions, options, new_run_id()
        )  # complain about names before the table starts
        results = _judge(root, problem, solutions, options, json_path, save=not no_save)
    if json_path != "-":
        _show(problem, results, samples=samples)
    _exit_code(solutions, results)


@main.command("submit")
@click.argument("file", type=click.Path(path_type=Path))
@_problem_option()
@click.option("--author", required=True, help="Letters, digits and hyphens.")
@click.option("--idea", help="A short name. Default: the file's `# idea:` line, else its own name.")
@_run_options
def submit_verb(
    file: Path, problem_name: str, author: str, idea: str | None, quick: bool, device: str, timeout_s: float
) -> None:
    """Judge FILE and, if it passes, add it to the solutions of a problem.

    \b
    Examples:
      bench submit my_kernel.py --problem argmin --author ada
      bench submit my_kernel.py --problem argmin --author ada --idea warp-shuffle
    """
    root = _root()
    with _plain_errors():
        problem = find_problem(root, problem_name)
        submission = prepare(root, problem, file, author, idea)
        options = RunOptions(_device(device), (), quick, timeout_s)
        results = _judge(root, problem, [submission.solution], options, None, save=False)
        _show(problem, results)
        if not results or any(result.status is not Status.PASSED for result in results):
            _note(f"not submitted: {file} did not pass")
            sys.exit(EXIT_FAILED)
        accept(submission)
    for result in results:
        if _is_kept(result, options):
            store.append(root / "reports" / "results", result)
    click.echo(f"submitted: {submission.target.relative_to(root)}")


@main.command("compare")
@click.argument("a")
@click.argument("b")
@_problem_option()
@click.option(
    "--workload", "workloads", multiple=True, help="Only this workload; repeatable. Default: bench tier."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines instead of a table.")
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(min=1), default=60.0, show_default=True,
    help="Seconds that one step of a solution may take, compilation included.",
)  # fmt: skip
def compare_verb(
    a: str, b: str, problem_name: str, workloads: tuple[str, ...], as_json: bool, timeout_s: float
) -> None:
    """Time solutions A and B in turn on the same inputs: is A FASTER, SLOWER or the SAME?

    SAME: the interval of the ratio lies within 1 %. UNDECIDED: it holds 1 and more than that.

    \b
    Examples:
      bench compare final block_stage --problem argmin
      bench compare my_kernel.py final --problem argmin --workload seed
    """
    root = _root()
    with _plain_errors():
        problem = find_problem(root, problem_name)
        first, second = (select_solution(root, problem, name) for name in (a, b))
        if _device("auto") == "cpu":
            raise UnknownNameError("compare needs an NVIDIA GPU: the interpreter has no latency")
        options = RunOptions("cuda", workloads or problem.bench_workloads, timeout_s=timeout_s, rival=second)
        results = _judge(root, problem, [first], options, None, save=False)
    compared = [
        (result, ab.compare(result.samples_ms, result.reference_samples_ms))
        for result in results
        if result.latency_ms is not None
    ]
    if as_json:
        for result, comparison in compared:
            click.echo(json.dumps(_comparison(first, second, result, comparison)))
    elif compared:
        _print(comparison_table(first.name, second.name, compared))
    for result in results:
        if result.status is not Status.PASSED:
            _note(f"{result.status.value}: {result.reason}")
    if len(compared) < len(options.workloads):
        sys.exit(EXIT_FAILED)


def _comparison(a: Solution, b: Solution, result: Result, comparison: ab.Comparison) -> dict[str, Any]:
    return {
        "problem": result.problem,
        "workload": result.workload,
        "device": result.device,
        "a": {"solution": a.name, "sha256": a.sha256, "samples_ms": result.samples_ms},
        "b": {"solution": b.name, "sha256": b.sha256, "samples_ms": result.reference_samples_ms},
        "ratio": comparison.ratio,
        "interval": comparison.interval,
        "verdict": comparison.verdict.value,
        "flags": result.flags,
    }


@main.command("report")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Default: reports/html.")
@click.option("--open", "open_page", is_flag=True, help="Open the page in a browser.")
def report_verb(out: Path | None, open_page: bool) -> None:
    """Render the recorded results as HTML pages that open from disk.

    \b
    Examples:
      bench report
      bench report --out /tmp/pages --open
    """
    from suite.report import render  # plotly takes a while to import

    root = _root()
    with _plain_errors():
        results, warnings = store.read(root / "reports" / "results")
        for warning in warnings:
            _note(f"warning: {warning}")
        measured = {device: _roofs(root, device) for device in {result.device for result in results}}
        page = render(results, find_problems(root), out or root / "reports" / "html", measured)
    click.echo(f"report: {page}")
    if open_page:
        webbrowser.open(page.resolve().as_uri())


@main.command("calibrate")
@click.option("--json", "as_json", is_flag=True, help="Print the record, samples and all, as JSON.")
def calibrate_verb(as_json: bool) -> None:
    """Measure what this card reaches: read, write, copy, and matmul in each class. Takes half a minute.

    The newest record of a card is the measured roof that its results are shown against.

    \b
    Examples:
      bench calibrate
    """
    if not has_gpu():
        _note("calibrate needs an NVIDIA GPU and its driver; none answers here (see `bench doctor`)")
        sys.exit(EXIT_USAGE)
    root = _root()
    with _plain_errors():
        try:
            measured = calibrate(_note)
        except KeyboardInterrupt:
            _note("interrupted: nothing was recorded")
            sys.exit(EXIT_INTERRUPTED)
        path = roofs.append(root / "reports" / "roofs", measured)
    if as_json:
        click.echo(roofs.to_json(measured))
    else:
        click.echo(f"{measured.gpu}, driver {measured.driver or 'unknown'}, {measured.created}")
        _print(roofs_table(measured))
    _note(f"recorded: {path.relative_to(root)}")


def _roofs(root: Path, device: str) -> roofs.Roofs | None:
    """The newest measured roofs of a device, with a note on every line that is no record."""
    for warning in roofs.read(root / "reports" / "roofs", device)[1]:
        _note(f"warning: {warning}")
    return roofs.latest(root / "reports" / "roofs", device)


@main.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def doctor_verb(as_json: bool) -> None:
    """Say whether this machine can judge and measure, and how to mend what keeps it from it.

    \b
    Examples:
      bench doctor
    """
    findings = machine_doctor.examine(_root())
    if as_json:
        click.echo(json.dumps([finding.to_json() for finding in findings], indent=2))
    else:
        _print(findings_table(findings))
    if any(finding.state == "fix" for finding in findings):
        sys.exit(EXIT_FAILED)


def _device(choice: str) -> str:
    if choice != "auto":
        return choice
    return "cuda" if has_gpu() else "cpu"


def _select(root: Path, problem: Problem, names: tuple[str, ...]) -> list[Solution]:
    chosen = [select_solution(root, problem, name) for name in names] or find_solutions(root, problem)
    selected = {solution.path: solution for solution in chosen}
    by_name: dict[str, Path] = {}
    for solution in selected.values():
        if by_name.setdefault(solution.name, solution.path) != solution.path:
            raise SolutionFileError(
                f"{solution.path} and {by_name[solution.name]} have the same name; rename one"
            )
    return list(selected.values())


def _judge(
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
        _note(
            "no GPU: checking correctness in Triton's interpreter; latency and fractions need an NVIDIA GPU"
        )
    unsaved = set()
    with contextlib.ExitStack() as stack:
        sink = stack.enter_context(click.open_file(json_path, "w")) if json_path else None
        line = stack.enter_context(_status_line())
        try:
            for result in run(root, problem, solutions, options, line):
                results.append(result)
                if sink is not None:
                    click.echo(to_json(result), file=sink)
                if save and _is_kept(result, options) and _is_ours(root, problem, solutions, result):
                    store.append(root / "reports" / "results", result)
                elif save:
                    unsaved.add(result.solution)
        except KeyboardInterrupt:
            line.clear()
            _note(f"interrupted: {len(results)} result(s) kept")
            sys.exit(EXIT_INTERRUPTED)
    if unsaved:
        why = "--quick, a file from elsewhere, or part of the check tier"
        _note(f"not recorded: {', '.join(sorted(unsaved))} ({why})")
    return results


def _is_kept(result: Result, options: RunOptions) -> bool:
    """Few samples, or a part of the check tier, must not stand in the records as if they were the whole."""
    whole_tier = not options.workloads or "check" in options.workloads
    return not options.quick and (result.workload != "check" or whole_tier)


def _is_ours(root: Path, problem: Problem, solutions: list[Solution], result: Result) -> bool:
    path = next(solution.path for solution in solutions if solution.name == result.solution)
    return path.parent in (problem.folder.resolve(), (root / "solutions" / problem.name).resolve())


class _status_line:  # noqa: N801 - used as a function with `with`
    """One line on standard error that says what is going on; on a terminal it is overwritten."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._last = ""

    def __enter__(self) -> _status_line:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.clear()

    def __call__(self, progress: Progress) -> None:
        if self._is_terminal:
            self.clear()
            text = f"{progress.solution}: {progress.text} ({progress.done + 1}/{progress.total})"
            click.echo(text[:100], err=True, nl=False)
            self._last = text
        elif progress.solution != self._last:
            self._last = progress.solution
            _note(f"judging {progress.solution}")

    def clear(self) -> None:
        """Wipe the line."""
        if self._is_terminal and self._last:
            click.echo("\r\x1b[K", err=True, nl=False)


def _show(problem: Problem, results: list[Result], *, samples: bool = False) -> None:
    if not results:
        return
    device = results[0].device
    if device == "cpu" or all(result.workload == "check" for result in results):
        _print(check_table(results))
        return
    standing = board(results, device, problem.bench_workloads, _roofs(_root(), device))
    for title, table in board_tables(standing):
        click.echo(f"\n{title}")
        _print(table)
    timed = [result for result in results if result.latency_ms is not None]
    if samples or len({result.solution for result in timed}) == 1:
        click.echo("\nsamples")
        _print(samples_table(timed))
    for text in standing.notes:
        _note(f"note: {text}")


def _exit_code(solutions: list[Solution], results: list[Result]) -> None:
    judged = {result.solution for result in results}
    if any(result.status is not Status.PASSED for result in results) or len(judged) < len(solutions):
        sys.exit(EXIT_FAILED)
