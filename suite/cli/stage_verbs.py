"""`bench grade`: the staged protocol held against the graded solutions."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

import click

from suite.cli.console import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    checkout,
    json_option,
    json_sink,
    note,
    own_problem_option,
    plain_errors,
    show_table,
)
from suite.cli.inspecting_verbs import find_card, inspect_all
from suite.cli.problems import find_own_problem
from suite.cli.recorded import read_records
from suite.counters import FIVE, MEMORY_STALLS
from suite.gpus import RTX_4090, GpuSpec
from suite.problem import SEED, Problem, UnknownNameError, Workload
from suite.solution import Solution, find_solutions
from suite.stages.evidence import Evidence, Outcome
from suite.stages.gather import Records, gather, grade, with_before
from suite.stages.report import StageReport, to_json
from suite.stages.stage import GRADED
from suite.stages.tables import rules_table, seed_result, staircase_table, tally

GPU_OPTION = click.option(
    "--gpu",
    "card",
    default=RTX_4090.slug,
    show_default=True,
    help="The card that launches are captured and compiled for.",
)
MEASURED_OPTION = click.option(
    "--measured-on",
    "device",
    help="Whose records count, such as nvidia-h200. Default: this machine's, else the newest.",
)


@dataclass(frozen=True, slots=True)
class _Grades:
    """What was graded, by what, and how it came out."""

    problem: Problem
    workload: Workload
    gpu: GpuSpec
    measured_on: str | None
    """The device whose records counted; None: there are none."""
    graded: list[tuple[Solution, Evidence]]
    reports: list[StageReport]


@click.command("grade", short_help="Hold graded solutions against the rules of stages.")
@own_problem_option()
@click.option(
    "--workload", "workload_name", default=SEED, show_default=True, help="Whose launches and profile."
)
@GPU_OPTION
@MEASURED_OPTION
@json_option("One JSON object")
def grade_verb(
    problem_name: str, workload_name: str, card: str, device: str | None, json_path: str | None
) -> None:
    """Hold the graded solutions of a problem against the rules of their stages.

    Rules of the source and the launches need no GPU; rules of the profile and of latency are held against
    what `bench profile` and `bench run` recorded, and are "not measured" without it. Exit code 1 when a rule
    failed.

    \b
    Examples:
      bench grade --problem argmin
      bench grade --problem matmul_large_k --gpu h200 --measured-on nvidia-h200
      bench grade --problem argmax --json -
    """
    with plain_errors():
        root = checkout()
        problem = find_own_problem(root, problem_name)
        workload, gpu = problem.workload(workload_name), find_card(card)
        records, measured_on = read_records(root, problem, device)
        solutions = [s for s in find_solutions(root, problem) if s.stage in GRADED]
        if not solutions:
            raise UnknownNameError(f"problem {problem.name!r} has no graded solutions")
        try:
            graded = _gather(problem, workload, solutions, gpu, records)
        except KeyboardInterrupt:
            note("interrupted")
            sys.exit(EXIT_INTERRUPTED)
        grades = _Grades(problem, workload, gpu, measured_on, graded, grade(graded))
        with json_sink(json_path) as sink:
            sink(json.dumps(_as_json(grades)))
    if json_path != "-":
        _show(grades)
    if any(report.with_outcome(Outcome.FAILED) for report in grades.reports):
        sys.exit(EXIT_FAILED)


def _gather(
    problem: Problem, workload: Workload, solutions: list[Solution], gpu: GpuSpec, records: Records
) -> list[tuple[Solution, Evidence]]:
    inspections = inspect_all(problem, workload, solutions, gpu)
    return [(s, gather(s, found, records)) for s, found in zip(solutions, inspections, strict=True)]


def _show(grades: _Grades) -> None:
    where = f"{grades.problem.name}, workload {grades.workload.name}: launches as on an {grades.gpu.name}"
    measured = f"measured on {grades.measured_on}" if grades.measured_on else "nothing measured"
    click.echo(f"{where}, {measured}\n")
    show_table(staircase_table([(evidence, before) for _, evidence, before in with_before(grades.graded)]))
    for report in grades.reports:
        click.echo(f"\n{report.stage} stage, {report.solution}: {tally(report)}")
        show_table(rules_table(report))


def _as_json(grades: _Grades) -> dict[str, Any]:
    return {
        "problem": grades.problem.name,
        "workload": grades.workload.name,
        "gpu": grades.gpu.slug,
        "measured_on": grades.measured_on,
        "solutions": [_measured(solution, evidence) for solution, evidence in grades.graded],
        "stages": [to_json(report) for report in grades.reports],
    }


def _measured(solution: Solution, evidence: Evidence) -> dict[str, Any]:
    seed = seed_result(evidence)
    return {
        "solution": solution.name,
        "sha256": solution.sha256,
        "bound": evidence.bound,
        "latency_ms": None if seed is None else seed.latency_ms,
        "latency_ci_ms": None if seed is None else seed.latency_ci_ms,
        "metrics": {metric: evidence.value(metric) for metric in (*FIVE, MEMORY_STALLS)},
    }
