"""What becomes of each file when judges die, problems are broken, or files cannot be solutions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from suite import evaluator
from suite.evaluation import Evaluated
from suite.evaluator import Evaluator, divided
from suite.judge_process import JudgeError
from suite.problem import ProblemFolderError, find_problem
from suite.result import Result
from suite.runner import RunOptions
from suite.tests.fake_results import fake_result
from suite.tests.wrong_solutions import RIGHT

NAMES = ("a.py", "b.py", "c.py")


@pytest.fixture
def evaluated(tiny_root: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Evaluates three files by judges that say `verdict` of each: what became of them, and the judges."""

    def make(verdict: Any) -> tuple[dict[str, str | None], list[list[str]]]:
        judges: list[list[str]] = []

        def run(_root: Any, _problem: Any, solutions: Any, *_more: Any) -> Iterator[Result]:
            judges.append([solution.name for solution in solutions])
            for solution in solutions:
                yield verdict(solution.name)

        monkeypatch.setattr(evaluator, "run", run)
        problem = find_problem(tiny_root, "row_argmin")
        paths = {name: tiny_root / name for name in NAMES}
        for path in paths.values():
            path.write_text(RIGHT.read_text())
        work, _ = divided(problem, paths, "cpu", {})
        records: list[Evaluated] = []
        Evaluator(tiny_root, RunOptions("cpu"), records.append).evaluate([work], 1)
        return {record.solution: record.reason or record.status for record in records}, judges

    return make


def passed(name: str) -> Result:
    return fake_result(name, "check", None, gpu=None)


def test_a_judge_that_dies_twice_over_a_file_is_not_started_for_it_again(evaluated: Any) -> None:
    def verdict(name: str) -> Result:
        if name == "1-b":
            raise JudgeError("the judge ended early: killed")
        return passed(name)

    records, judges = evaluated(verdict)
    assert records == {"a.py": "passed", "b.py": "the judge ended early: killed", "c.py": "passed"}
    assert judges == [["0-a", "1-b", "2-c"], ["1-b", "2-c"], ["2-c"]]


def test_a_broken_problem_is_the_reason_of_all_that_was_left(evaluated: Any) -> None:
    def verdict(name: str) -> Result:
        if name == "1-b":
            raise ProblemFolderError("it breaks its contract")
        return passed(name)

    records, judges = evaluated(verdict)
    assert records == {"a.py": "passed", "b.py": "it breaks its contract", "c.py": "it breaks its contract"}
    assert len(judges) == 1


def test_a_file_that_cannot_be_a_solution_is_not_judged(
    evaluated: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        evaluator, "as_solution", lambda _root, _problem, name: name.replace("b.py", "gone.py")
    )
    records, judges = evaluated(passed)
    assert records["b.py"].endswith("gone.py: no such file")
    assert judges == [["0-a", "2-c"]]
