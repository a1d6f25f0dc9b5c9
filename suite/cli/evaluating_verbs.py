"""`bench evaluate`: many problems and many solutions in one go."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from suite.cli.console import (
    EXIT_INTERRUPTED,
    NO_GPU,
    checkout,
    json_option,
    json_sink,
    note,
    plain_errors,
    shortened,
    show_table,
)
from suite.cli.judging import DEVICE_OPTION, SANDBOX_OPTION, TIMEOUT_OPTION, device_of
from suite.cli.problems import step_of
from suite.evaluation import Evaluated, Summary, append, read, summarize
from suite.evaluator import Evaluator, Work, divided
from suite.kernelbench.fit import DoesNotFitError, require_fit
from suite.kernelbench.folder import problem_of
from suite.kernelbench.source import SourceError
from suite.matching import Target, find_targets, match
from suite.problem import Problem, find_problem
from suite.runner import RunOptions
from suite.tables import Table, without_empty

AT_ONCE = max(1, min(8, (os.cpu_count() or 2) // 2))
SHOWN = 5
LONGEST = 200
"""Letters of a verdict in the progress, and of a reason in the table; the file has all of it."""


@click.command("evaluate", short_help="Judge a folder of solutions of many problems.")
@click.option(
    "--problems",
    "patterns",
    multiple=True,
    required=True,
    help="Files in the format of KernelBench, such as 'level1/*.py', or names, such as 'arg*'; repeatable.",
)
@click.option(
    "--solutions",
    "folder",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder; which file belongs to which problem is said above.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the verdicts go, one JSON line a solution; what stands there already is not judged again.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Problems judged at once, in the interpreter; a GPU is timed by one alone.",
)
@click.option("--quick", is_flag=True, help="The seed workload alone, with fewer samples.")
@json_option("The summary as JSON")
@DEVICE_OPTION
@SANDBOX_OPTION
@TIMEOUT_OPTION
def evaluate_verb(
    patterns: tuple[str, ...],
    folder: Path,
    out: Path,
    jobs: int,
    quick: bool,
    json_path: str | None,
    device: str,
    sandbox: str,
    timeout_s: float,
) -> None:
    """Judge every solution in a folder against the problem that it belongs to, and sum up.

    A file belongs to the problem P, a problem's name or the stem of its file, if it lies in a folder called P
    (P/anything.py), or is called P or P_anything, or is a sample as KernelBench names them
    (level_1_problem_52_sample_0_kernel.py for a file 52_*.py in a folder level1).

    fast_p is the share of all solutions that are correct and whose speedup is above p with its whole
    interval. Interrupted or killed, the same command goes on where it was. Exit code 0 once everything is
    judged, whatever the verdicts.

    \b
    Examples:
      bench evaluate --problems 'KernelBench/level1/*.py' --solutions runs/mine --out mine.jsonl
      bench evaluate --problems 'arg*' --solutions kernels --out kernels.jsonl --device cpu --jobs 2
    """
    root = checkout()
    with plain_errors():
        options = RunOptions(device_of(device), quick=quick, timeout_s=timeout_s, sandbox=sandbox)
        if options.device == "cuda" and jobs > 1:
            raise click.UsageError(
                "kernels that are timed beside each other slow each other down: --jobs is for --device cpu. "
                "With several GPUs start one evaluation for each, with CUDA_VISIBLE_DEVICES and an --out of "
                "its own"
            )
        if options.device == "cpu":
            note(NO_GPU)
        targets = find_targets(root, patterns)
        matched, unmatched = match(targets, folder)
        if unmatched:
            shown = ", ".join(map(str, unmatched[:SHOWN]))
            more = ", ..." if len(unmatched) > SHOWN else ""
            note(f"note: {len(unmatched)} files belong to none of the problems: {shown}{more}")
        known, warnings = read(out)
        for warning in warnings:
            note(f"warning: {warning}")
        works, wanted = _works(root, targets, matched, folder, options, known, out)
        left = sum(len(work.paths) for work in works)
        total = len(wanted) + left
        if len(wanted):
            note(f"{len(wanted)} of {total} verdicts stand in {out}; {left} left")
        records = list(wanted)

        def keep(record: Evaluated) -> None:
            append(out, record)
            records.append(record)
            reason = f": {record.reason}" if record.reason else ""
            text = f"{record.problem}, {record.solution}: {record.status}{reason}"
            note(f"[{len(records)}/{total}] {shortened(text, LONGEST)} ({record.wall_s:.1f} s)")

        try:
            Evaluator(root, options, keep).evaluate([work for work in works if work.paths], jobs)
        except KeyboardInterrupt:
            note(f"interrupted: {len(records)} of {total} verdicts stand in {out}; the same command goes on")
            sys.exit(EXIT_INTERRUPTED)
        summary = summarize(records, len(targets))
    with json_sink(json_path) as sink:
        sink(json.dumps({"schema": 1, **dataclasses.asdict(summary)}))
    if json_path == "-":
        return
    if records:
        show_table(_records_table(records))
        click.echo()
    show_table(_summary_table(summary))


def _works(
    root: Path,
    targets: list[Target],
    matched: dict[str, list[Path]],
    folder: Path,
    options: RunOptions,
    known: list[Evaluated],
    out: Path,
) -> tuple[list[Work], list[Evaluated]]:
    """What is left to do, and the records among `known` that are of what is asked for."""
    by_key = {record.key: record for record in known}
    works, standing = [], []
    asked = [target for target in targets if matched[target.name]]
    for target in targets:
        if target not in asked:
            note(f"note: no solution of {target.name}")
    with ThreadPoolExecutor(AT_ONCE) as pool:  # a file that was never seen takes its child seconds
        found = list(pool.map(lambda target: _found(root, target, options), asked))
    for target, problem in zip(asked, found, strict=True):
        paths = {path.relative_to(folder).as_posix(): path for path in matched[target.name]}
        if isinstance(problem, Problem):
            work, done = divided(problem, paths, options.device, by_key)
            works.append(work)
            standing += done
            continue
        note(f"skipped: {target.name}: {problem}")
        for name in paths:
            record = Evaluated(target.name, "", name, "", options.device, 0.0, (), problem)
            if record.key not in by_key:
                append(out, record)
            standing.append(record)
    return works, standing


def _found(root: Path, target: Target, options: RunOptions) -> Problem | str:
    """The problem of a target, or why it cannot be judged here."""
    try:
        if target.file is None:
            problem = find_problem(root, target.name)
        else:
            problem = problem_of(root, target.file, step_of(target.file)).problem
        if options.device == "cuda":
            require_fit(problem, problem.bench_workloads)
    except (SourceError, DoesNotFitError) as error:
        return str(error)
    return problem


def _records_table(records: list[Evaluated]) -> Table:
    headers = (
        "problem",
        "solution",
        "status",
        "latency ms",
        "speedup",
        "surely",
        "of peak",
        "wall s",
        "reason",
    )
    rows = []
    for record in records:
        row = record.row
        rows.append(
            (
                record.problem,
                record.solution,
                record.status,
                f"{row.latency_ms:.4f}" if row and row.latency_ms else "",
                f"{row.speedup:.3f}" if row and row.speedup else "",
                f"{row.speedup_ci[0]:.3f}" if row and row.speedup_ci else "",
                f"{row.fraction_of_peak:.1%}" if row and row.fraction_of_peak else "",
                f"{record.wall_s:.1f}",
                shortened(record.reason or "", LONGEST),
            )
        )
    return without_empty(Table(headers, tuple(rows), frozenset(headers[3:-1])), keep=headers[:3])


def _summary_table(summary: Summary) -> Table:
    def share(count: int, of: int) -> str:
        return f"{count / of:.1%}  ({count} of {of})" if of else "-"

    def mean(value: float | None, count: int, form: str) -> str:
        return f"{value:{form}}  (of {count})" if value is not None else "not timed"

    rows = [
        ("correct", share(summary.correct, summary.solutions)),
        ("problems with a correct solution", share(summary.solved, summary.problems)),
        *((f"fast_{p:g}", f"{value:.1%}") for p, value in summary.fast),
        ("speedup, geometric mean", mean(summary.speedup.value, summary.speedup.count, ".3f")),
        (
            "fraction of peak, geometric mean",
            mean(summary.fraction_of_peak.value, summary.fraction_of_peak.count, ".1%"),
        ),
    ]
    steps = [f"{p:.2f}: {value:.0%}" for p, value in summary.curve if p > 0]
    if steps:
        rows.append(("fast_p falls at p to", ", ".join(steps)))
    return Table(("of all solutions", ""), tuple(rows))
