"""Results for the tests of the pages, and sites whose solutions have files."""

import dataclasses
from pathlib import Path

from suite.result import Status
from suite.solution import read_solution
from suite.tests.fake_results import fake_result
from suite.tests.fake_site import fake_site, problem

ROOT = Path(__file__).parents[2]


HOSTILE = '<script>alert("x")</script><b>&amp;'


ARGMIN = "problems/argmin/index.html"


def both(solution, seed_ms, last_dim_ms, **fields):
    return [
        fake_result(solution, "seed", seed_ms, **fields),
        fake_result(solution, "last_dim", last_dim_ms, **fields),
    ]


def argmin_results():
    return [
        *both("final", 2.5, 2.5, created="2026-01-01T00:00:01+00:00"),
        *both("baseline", 8.0, 4.0, author=None, flags=("noisy",)),
        fake_result("mine", latency_ms=2.0, reference_latency_ms=None),
        fake_result("broken", "check", status=Status.INCORRECT, reason="edge case 'ties'\noutput 0 differs"),
    ]


def site_with_files(tmp_path, sources, results=(), **fields):
    """A site whose problem has these files: {name: (stage, source)}; results carry their hashes."""
    folder = tmp_path / "files"
    folder.mkdir()
    solutions = []
    for name, (stage, source) in sources.items():
        path = folder / f"{len(solutions)}.py"
        path.write_text(source)
        solutions.append(read_solution(path, name=name, stage=stage))
    hashes = {solution.name: solution.sha256 for solution in solutions}
    known = [
        dataclasses.replace(result, sha256=hashes.get(result.solution, result.sha256)) for result in results
    ]
    return fake_site(tmp_path, known, [problem(solutions=tuple(solutions), **fields)])
