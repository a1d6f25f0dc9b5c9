"""`bench run`, `bench submit` and `bench compare`."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from suite import ab, store
from suite.cli.again import again
from suite.cli.console import (
    EXIT_FAILED,
    checkout,
    json_option,
    json_sink,
    note,
    own_problem_option,
    plain_errors,
    problem_option,
    show_table,
)
from suite.cli.inspecting_verbs import show_card_columns, warn_of_workloads
from suite.cli.judging import (
    DEVICE_OPTION,
    SANDBOX_OPTION,
    TIMEOUT_OPTION,
    device_of,
    exit_unless_all_passed,
    judge,
    select,
    show,
)
from suite.cli.problems import find_own_problem, find_problem, said
from suite.judge.sandbox import NONE, SandboxError, choose
from suite.result import Result, Status
from suite.runner import NothingToRunError, RunOptions, make_plan, new_run_id
from suite.solution import MAX_BYTES, Solution, SolutionFileError, select_solution
from suite.submission import SubmissionError, accept, prepare
from suite.tables import comparison_table


def _axes(_context: click.Context, _option: click.Parameter, text: str | None) -> dict[str, Any] | None:
    try:
        axes = None if text is None else json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not JSON: {error}") from error
    if axes is not None and not isinstance(axes, dict):
        raise click.BadParameter(f"expected a JSON object such as '{{\"rows\": 7}}', found {text!r}.")
    return axes


@click.command("run", short_help="Judge solutions: right or wrong, how long, which rank.")
@problem_option()
@click.option(
    "--solution", "names", multiple=True, help="A name or a path; repeatable. Default: all of them."
)
@click.option(
    "--workload",
    "workloads",
    multiple=True,
    help="Only this workload; repeatable. `check`: the check tier; `edge_cases`: those alone.",
)
@click.option(
    "--axes",
    callback=_axes,
    metavar="JSON",
    help="Check these axes alone, as a failure's reason gives them; not recorded.",
)
@json_option("JSON lines, in the order of measuring,")
@click.option("--no-save", is_flag=True, help="Write nothing into reports, which may be read-only then.")
@click.option(
    "--samples", is_flag=True, help="Also show how the samples fell; always shown for one solution."
)
@click.option("--audit", is_flag=True, help="Time some calls under a second, independent clock too.")
@click.option("--quick", is_flag=True, help="The seed workload alone, with fewer samples; not recorded.")
@click.option(
    "--references",
    is_flag=True,
    help="Also time torch.compile (default, max-autotune), and TF32 where the problem admits it. Minutes.",
)
@DEVICE_OPTION
@SANDBOX_OPTION
@TIMEOUT_OPTION
def run_verb(
    problem_name: str,
    names: tuple[str, ...],
    workloads: tuple[str, ...],
    axes: dict[str, Any] | None,
    json_path: str | None,
    no_save: bool,
    samples: bool,
    audit: bool,
    quick: bool,
    references: bool,
    device: str,
    sandbox: str,
    timeout_s: float,
) -> None:
    """Judge solutions: check every output, time every bench workload, rank.

    \b
    Examples:
      bench run --problem argmin
      bench run --problem argmin --solution final --workload seed
      bench run --problem argmin --solution final --references
      bench run --problem argmin --solution my_kernel.py --axes '{"shape": [3, 50], "dim": 1}'
      bench run --problem argmax --solution my_kernel.py --quick --json -
    """
    root = checkout()
    if axes is not None and workloads:
        raise click.UsageError("--axes stands for a workload of its own; leave --workload out")
    with plain_errors():
        problem = find_problem(root, problem_name)
        solutions = select(root, problem, names, references=references)
        options = RunOptions(
            device_of(device),
            workloads,
            quick,
            timeout_s,
            audit,
            axes=axes,
            sandbox=sandbox,
            save_logs=not no_save,
        )
        make_plan(root, problem, solutions, options, new_run_id())  # complain about names first
        results = judge(root, problem, solutions, options, json_path, save=not no_save)
    if json_path != "-":
        show(root, problem, results, samples=samples)
        if options.device == "cpu":
            show_card_columns(problem, solutions, results)
        command = again(problem, said(problem_name), names[0], results) if len(names) == 1 else None
        if command:
            note(f"that case alone: {command}")
    exit_unless_all_passed(solutions, results)


@click.command("submit", short_help="Judge a file and add it to a problem's solutions.")
@click.argument("file", type=click.Path(path_type=Path))
@own_problem_option()
@click.option("--author", required=True, help="Letters, digits and hyphens.")
@click.option("--idea", help="A short name. Default: the file's `# idea:` line, else its own name.")
@click.option("--allow-unsandboxed", is_flag=True, help="Submit though nothing confines the file.")
@DEVICE_OPTION
@SANDBOX_OPTION
@TIMEOUT_OPTION
def submit_verb(
    file: Path,
    problem_name: str,
    author: str,
    idea: str | None,
    allow_unsandboxed: bool,
    device: str,
    sandbox: str,
    timeout_s: float,
) -> None:
    """Judge FILE and, if it passes, add it to the solutions of a problem. On a GPU a second clock must agree.

    FILE is a solution, or an answer to `bench prompt`: a Markdown reply with exactly one Python block. With
    `-` it comes from standard input.

    \b
    Examples:
      bench submit my_kernel.py --problem argmin --author ada
      bench submit reply.md --problem argmin --author ada --idea split-rows
      bench submit - --problem argmin --author ada --idea wider-loads < reply.md
    """
    root = checkout()
    with plain_errors(), tempfile.TemporaryDirectory(prefix="bench-answer-") as folder:
        problem = find_own_problem(root, problem_name)
        answer, called = file, str(file)
        if called == "-":
            answer, called = Path(folder) / "answer.md", "standard input"
            answer.write_bytes(sys.stdin.buffer.read(MAX_BYTES + 1))
        try:
            submission = prepare(root, problem, answer, author, idea, Path(folder))
        except (SubmissionError, SolutionFileError) as error:
            # The file of a piped answer is gone when this is read.
            raise SubmissionError(str(error).replace(str(answer), called)) from error
        on = device_of(device)
        options = RunOptions(on, timeout_s=timeout_s, audit=on == "cuda", sandbox=sandbox)
        confinement, why = choose(sandbox, options.device)
        if confinement == NONE and not allow_unsandboxed:
            raise SandboxError(
                f"nothing confines {called}: {why}; --allow-unsandboxed submits it all the same"
            )
        results = judge(root, problem, [submission.solution], options, None, save=False)
        show(root, problem, results)
        if not results or any(result.status is not Status.PASSED for result in results):
            note(f"not submitted: {called} did not pass")
            sys.exit(EXIT_FAILED)
        if any("audit" in result.flags for result in results):
            note(
                "not submitted: the second clock contradicts the first, or does not work here (bench doctor)"
            )
            sys.exit(EXIT_FAILED)
        accept(submission)
        for result in results:
            store.append(root / "reports" / "results", result)
        if options.device == "cpu":
            try:
                show_card_columns(problem, [submission.solution], results)
                warn_of_workloads(problem, submission.solution)
            except KeyboardInterrupt:
                note("interrupted: it is submitted; bench inspect says what a card would make of it")
    click.echo(f"submitted: {submission.target.relative_to(root)}")


@click.command("compare", short_help="Time two solutions in turn: FASTER, SLOWER or SAME?")
@click.argument("a")
@click.argument("b")
@problem_option()
@click.option(
    "--workload", "workloads", multiple=True, help="Only this workload; repeatable. Default: bench tier."
)
@json_option("JSON lines, one a workload,")
@SANDBOX_OPTION
@TIMEOUT_OPTION
def compare_verb(
    a: str,
    b: str,
    problem_name: str,
    workloads: tuple[str, ...],
    json_path: str | None,
    sandbox: str,
    timeout_s: float,
) -> None:
    """Time solutions A and B in turn on the same inputs: is A FASTER, SLOWER or the SAME?

    Both run on one board, in one run; two boards of one card may differ by a few per cent. SAME: the interval
    of the ratio lies within 1 %. UNDECIDED: it holds 1 and more than that.

    \b
    Examples:
      bench compare final block_stage --problem argmin
      bench compare my_kernel.py final --problem argmin --workload seed
    """
    root = checkout()
    with plain_errors():
        problem = find_problem(root, problem_name)
        first, second = (select_solution(root, problem, name) for name in (a, b))
        if device_of("auto") == "cpu":
            raise NothingToRunError("compare needs an NVIDIA GPU: the interpreter has no latency")
        options = RunOptions(
            "cuda",
            workloads or problem.bench_workloads,
            timeout_s=timeout_s,
            rival=second,
            sandbox=sandbox,
            save_logs=False,
        )
        results = judge(root, problem, [first], options, None, save=False)
    compared = [
        (result, ab.compare(result.samples_ms, result.reference_samples_ms))
        for result in results
        if result.latency_ms is not None
    ]
    with json_sink(json_path) as out:
        for result, comparison in compared:
            out(json.dumps(_comparison(first, second, result, comparison)))
    if compared and json_path != "-":
        show_table(comparison_table(first.name, second.name, compared))
    for result in results:
        if result.status is not Status.PASSED:
            note(f"{result.status.value}: {result.reason}")
    if len(compared) < len(options.workloads):
        sys.exit(EXIT_FAILED)


def _comparison(a: Solution, b: Solution, result: Result, comparison: ab.Comparison) -> dict[str, Any]:
    return {
        "problem": result.problem,
        "workload": result.workload,
        "device": result.device,
        "board": result.environment.board,
        "a": {"solution": a.name, "sha256": a.sha256, "samples_ms": result.samples_ms},
        "b": {"solution": b.name, "sha256": b.sha256, "samples_ms": result.reference_samples_ms},
        "ratio": comparison.ratio,
        "interval": comparison.interval,
        "verdict": comparison.verdict.value,
        "flags": result.flags,
    }
