"""Inspections that pages show: written once, read without a compiler."""

import dataclasses
import json
from pathlib import Path

import pytest

from suite.analysis import kept
from suite.child import ChildError
from suite.gpus import RTX_4090, by_slug
from suite.problem import find_problem
from suite.solution import find_solutions

ROOT = Path(__file__).parents[2]
SPARE = next((ROOT / "reports" / "inspect" / RTX_4090.slug).glob("*.jsonl"))


def told():
    """What a child once said of a graded solution."""
    return SPARE.read_bytes().splitlines()[1:]


@pytest.fixture
def keep(tiny_root, monkeypatch):
    """Inspects and keeps the tiny checkout's solution, whose child says the given lines."""
    problem = find_problem(tiny_root, "row_argmin")
    solution = find_solutions(tiny_root, problem)[-1]

    def inspect(lines):
        monkeypatch.setattr(kept, "facts", lambda *_: iter(lines))
        found = kept.inspect_and_keep(tiny_root, problem, problem.workload("seed"), solution, RTX_4090)
        return found, tiny_root, solution

    return inspect


def test_what_was_found_is_read_again(keep):
    found, root, solution = keep(told())
    again, triton = kept.read_kept(root, RTX_4090, solution.name, solution.sha256)
    assert again == found
    assert (again.fits, len(again.reports) > 0, triton) == (True, True, kept.triton_version() or "unknown")
    path = kept.path_of(root, RTX_4090, solution.sha256)
    assert [file.name for file in path.parent.iterdir()] == [f"{solution.sha256}.jsonl"]


def test_another_card_and_another_file_have_none(keep):
    _, root, solution = keep(told())
    assert kept.read_kept(root, by_slug("h200"), solution.name, solution.sha256) is None
    assert kept.read_kept(root, RTX_4090, solution.name, "0" * 64) is None
    outside = f"../rtx-4090/{solution.sha256}"
    assert kept.path_of(root, RTX_4090, outside).is_file()
    assert kept.read_kept(root, RTX_4090, solution.name, outside) is None


def test_a_failed_inspection_is_not_kept(keep):
    def dies():
        yield told()[0]
        raise ChildError("was killed by SIGKILL")

    found, root, _ = keep(dies())
    assert found.failure == "the process that ran the solution was killed by SIGKILL"
    assert not (root / "reports").exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: [],
        lambda lines: [b"not JSON", *lines[1:]],
        lambda lines: [json.dumps({**json.loads(lines[0]), "schema": 2}).encode(), *lines[1:]],
        lambda lines: [json.dumps({**json.loads(lines[0]), "sha256": "1" * 64}).encode(), *lines[1:]],
        lambda lines: [lines[0], b'{"kind": "work"}'],
        lambda lines: lines[:2],
    ],
)
def test_a_file_that_is_none_is_left_aside(keep, change):
    _, root, solution = keep(told())
    path = kept.path_of(root, RTX_4090, solution.sha256)
    path.write_bytes(b"".join(line + b"\n" for line in change(path.read_bytes().splitlines())))
    assert kept.read_kept(root, RTX_4090, solution.name, solution.sha256) is None


def test_every_graded_solution_of_the_repository_has_one_that_fits():
    problems = ROOT / "problems"
    files = [
        (folder.name, stem)
        for folder in sorted(problems.iterdir())
        for stem in ("baseline", "grid_stage", "block_stage", "final")
        if (folder / f"{stem}.py").is_file()
    ]
    assert len(files) >= 12
    for name, stem in files:
        problem = find_problem(ROOT, name)
        solution = next(s for s in find_solutions(ROOT, problem) if s.name == stem)
        found = kept.read_kept(ROOT, RTX_4090, stem, solution.sha256)
        assert found, f"bench inspect --problem {name} --solution {stem} --keep"
        assert dataclasses.replace(found[0], solution=stem).fits
