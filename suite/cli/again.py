"""After a failure: the command that judges the case that failed once more, and nothing else."""

from __future__ import annotations

import re
import shlex

from suite.problem import EDGE_CASES, Problem
from suite.result import Result, Status

_AXES = re.compile(r"--axes '(\{[^']*\})'")


def again(problem: Problem, asked: str, name: str, results: list[Result]) -> str | None:
    """The command for the first failure of a solution; None where nothing failed, or before any case.

    Args:
        problem: what was judged.
        asked: the options that mean it, see `suite.cli.problems.said`.
        name: of the solution, as the user called it.
        results: of one solution.
    """
    reason = next((r.reason or "" for r in results if r.status is not Status.PASSED), "")
    axes = _AXES.search(reason)
    place = reason.partition(":")[0]
    if axes:
        case = f"--axes '{axes[1]}'"
    elif place.startswith("edge case "):
        case = f"--workload {EDGE_CASES}"
    elif place in {workload.name for workload in problem.workloads}:
        case = f"--workload {place}"
    else:
        return None
    return f"bench run {asked} --solution {shlex.quote(name)} {case}"
