"""Submissions to GPU MODE and solutions of flashinfer-bench, as files of ours, or why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from suite.foreign import as_solution
from suite.problem import Problem, find_problem
from suite.result import Status
from suite.runner import RunOptions, run
from suite.solution import SolutionFileError, read_solution
from suite.tests.wrong_solutions import RIGHT


@pytest.fixture
def problem(tiny_root: Path) -> Problem:
    found = find_problem(tiny_root, "row_argmin")
    inputs = found.folder / "inputs.py"
    inputs.write_text(inputs.read_text() + '\nCUSTOM_KERNEL = "inputs"\n')
    return found


SUBMISSION = """#!POPCORN leaderboard row_argmin
#!POPCORN gpus H100
from task import input_t, output_t
{source}

def custom_kernel(data: input_t) -> output_t:
    return Kept(1)(data)
"""
SOURCE = RIGHT.read_text().replace("ModelNew", "Kept").replace("# author:", "# by")


def solution_json(**changes: Any) -> dict[str, Any]:
    spec = {
        "language": "triton",
        "target_hardware": ["H200"],
        "entry_point": "main.py::run",
        "destination_passing_style": False,
    }
    content = SOURCE + "\n\ndef run(x):\n    return Kept(1)(x)\n"
    values = {
        "name": "mine",
        "definition": "row_argmin",
        "author": "ada",
        "spec": spec | changes.pop("spec", {}),
        "sources": [{"path": "main.py", "content": content}],
    }
    return values | changes


def test_the_import_of_the_harness_is_found_below_a_form_feed(tiny_root: Path, problem: Problem) -> None:
    path = tiny_root / "popcorn.py"
    path.write_text(
        "import torch\n\x0c\nfrom task import input_t\ndef custom_kernel(data: input_t): return data\n"
    )
    adapted = Path(as_solution(tiny_root, problem, str(path))).read_text()
    assert adapted.startswith("import torch\n\x0c\ninput_t = tuple\ndef custom_kernel(data: input_t)")


def test_both_formats_are_judged_as_solutions(tiny_root: Path, problem: Problem) -> None:
    (tiny_root / "popcorn.py").write_text(SUBMISSION.format(source=SOURCE))
    (tiny_root / "embedded.json").write_text(json.dumps(solution_json()))
    paths = [
        as_solution(tiny_root, problem, str(tiny_root / name)) for name in ("popcorn.py", "embedded.json")
    ]
    solutions = [read_solution(Path(path)) for path in paths]
    assert [(s.name, s.author) for s in solutions] == [("popcorn", None), ("embedded", "ada")]
    results = list(run(tiny_root, problem, solutions, RunOptions("cpu", ("small",)), lambda _: None))
    assert [(r.solution, r.status, r.reason) for r in results] == [
        ("popcorn", Status.PASSED, None),
        ("embedded", Status.PASSED, None),
    ]


def test_the_lines_of_a_submission_stay_where_they_are(tiny_root: Path, problem: Problem) -> None:
    path = tiny_root / "popcorn.py"
    path.write_text(SUBMISSION.format(source=SOURCE))
    converted = Path(as_solution(tiny_root, problem, str(path))).read_text().splitlines()
    original = path.read_text().splitlines()
    assert converted[2] == "input_t = output_t = tuple"
    assert converted[3 : len(original)] == original[3:]


def test_a_solution_of_ours_stays_itself(tiny_root: Path, problem: Problem) -> None:
    assert as_solution(tiny_root, problem, str(RIGHT)) == str(RIGHT)
    assert as_solution(tiny_root, problem, "reference") == "reference"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"spec": {"language": "cuda"}}, "written in cuda; here solutions are Python files"),
        ({"spec": {"destination_passing_style": True}}, "destination_passing_style: it writes into outputs"),
        ({"spec": {"entry_point": "main.py::missing"}}, "its source defines no function missing"),
        (
            {"spec": {"entry_point": "other.py::run"}},
            "its entry point is in other.py, but its sources are main.py",
        ),
        (
            {"sources": [{"path": p, "content": ""} for p in ("main.py", "b.py")]},
            "it has 2 source files, main.py, b.py; here a solution is one file",
        ),
        ({"sources": 3}, "no solution of flashinfer-bench or SOL-ExecBench: "),
        ({"spec": {"languages": 5}}, "written in 5; here solutions are Python files"),
        (
            {"sources": [{"path": "main.py", "content": "x = " + "-" * 200_000 + "1"}]},
            "its source is not Python: ",
        ),
    ],
)
def test_what_cannot_be_mapped_says_why(
    tiny_root: Path, problem: Problem, changes: dict[str, Any], reason: str
) -> None:
    path = tiny_root / "embedded.json"
    path.write_text(json.dumps(solution_json(**changes)))
    with pytest.raises(SolutionFileError) as refused:
        as_solution(tiny_root, problem, str(path))
    assert str(refused.value).startswith(f"{path}: {reason}")


def test_without_a_word_a_solution_writes_into_given_outputs(tiny_root: Path, problem: Problem) -> None:
    values = solution_json()
    del values["spec"]["destination_passing_style"]
    path = tiny_root / "embedded.json"
    path.write_text(json.dumps(values))
    with pytest.raises(SolutionFileError) as refused:
        as_solution(tiny_root, problem, str(path))
    assert str(refused.value) == (
        f"{path}: destination_passing_style is not given, which means true: it writes into outputs that its "
        "harness allocates; here it returns them: allocate them in the entry point, unless it does, and set "
        "destination_passing_style to false"
    )


def test_json_that_is_nested_without_end_is_refused(tiny_root: Path, problem: Problem) -> None:
    path = tiny_root / "embedded.json"
    path.write_text("[" * 100_000)
    with pytest.raises(SolutionFileError, match="no solution of flashinfer-bench or SOL-ExecBench: "):
        as_solution(tiny_root, problem, str(path))


def test_a_problem_that_declares_nothing_and_a_foreign_import_are_refused(
    tiny_root: Path, problem: Problem
) -> None:
    path = tiny_root / "popcorn.py"
    path.write_text(
        "import torch\nfrom utils import make_match\n\ndef custom_kernel(data):\n    return data\n"
    )
    with pytest.raises(SolutionFileError, match=r"popcorn.py:2: imports utils, a part of GPU MODE's harness"):
        as_solution(tiny_root, problem, str(path))
    inputs = problem.folder / "inputs.py"
    inputs.write_text(inputs.read_text().replace("CUSTOM_KERNEL", "OTHER"))
    with pytest.raises(
        SolutionFileError, match="problem 'row_argmin' does not declare that its inputs are all"
    ):
        as_solution(tiny_root, problem, str(path))


def test_a_markdown_reply_is_for_submitting(tiny_root: Path, problem: Problem) -> None:
    with pytest.raises(SolutionFileError, match=r"^reply\.md: a Markdown reply; bench submit takes the code"):
        as_solution(tiny_root, problem, "reply.md")
