"""The benchmarks of `pytest problems --benchmark-only`: a solution on a bench workload each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from suite.problem import WHOLE_CHECK_TIER, Problem, find_problem, find_problems
from suite.result import Result, Status
from suite.solution import Solution, SolutionFileError, find_solutions


class FailedError(Exception):
    """A solution did not pass; the message says where and why."""


class AbsentError(Exception):
    """There are no samples, which says nothing about the solution; the message says why."""


@dataclass(frozen=True, slots=True)
class Case:
    """One benchmark: a solution on a bench workload."""

    problem: str
    workload: str
    solution: str
    sha256: str
    """Of the solution's file as it is now."""

    @property
    def group(self) -> str:
        """Solutions of one group compute the same and compare."""
        return f"{self.problem} {self.workload}"


class Source(Protocol):
    """Where samples come from."""

    def results(self, problem: str) -> list[Result]:
        """All that is known of a problem.

        Raises:
            AbsentError: nothing can be known.
        """

    def why_missing(self, case: Case) -> Exception:
        """What to raise for a case without a result."""

    def machine(self) -> dict[str, Any]:
        """The GPU, its highest clocks, and the versions that bear on a latency; None where unknown."""


def find_cases(root: Path, names: Iterable[str]) -> list[Case]:
    """Every solution on every bench workload, of the named problems or of all.

    Raises:
        UnknownNameError: there is no such problem.
        SolutionFileError: two solutions of a problem have the same name.
    """
    problems = [find_problem(root, name) for name in names] or find_problems(root)
    return [case for problem in problems for case in _cases_of(root, problem)]


def _cases_of(root: Path, problem: Problem) -> list[Case]:
    solutions: dict[str, Solution] = {}
    for solution in find_solutions(root, problem):
        if solution.name in solutions:
            first = solutions[solution.name].path
            raise SolutionFileError(f"{solution.path} and {first} have the same name; rename one")
        solutions[solution.name] = solution
    return [
        Case(problem.name, workload, solution.name, solution.sha256)
        for workload in problem.bench_workloads
        for solution in solutions.values()
    ]


def find_result(source: Source, case: Case) -> Result:
    """The timed result of a case.

    Raises:
        FailedError: the solution failed on this workload or in the check tier.
        AbsentError: there is no timed result of this version of the file.
    """
    own = [result for result in source.results(case.problem) if result.solution == case.solution]
    relevant = [result for result in own if result.workload in (WHOLE_CHECK_TIER, case.workload)]
    if any(result.sha256 != case.sha256 for result in relevant):
        raise AbsentError(f"{case.solution} has changed since it was recorded: measure it again")
    for result in relevant:
        if result.status not in (Status.PASSED, Status.UNSUPPORTED):
            raise FailedError(f"{case.solution} on {result.workload}: {result.status}: {result.reason}")
    for result in relevant:
        if result.workload == case.workload and result.samples_ms:
            return result
        if result.status is Status.UNSUPPORTED:
            raise AbsentError(f"{case.solution} on {result.workload}: {result.status}: {result.reason}")
    raise source.why_missing(case)
