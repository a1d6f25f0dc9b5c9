"""Runs the child that follows a solution, on copies of its file and of the code that it needs.

Where bubblewrap works the child is confined as a worker is; otherwise it is a plain process of the user.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from suite import child
from suite.gpus import GpuSpec, torch_properties
from suite.names import compiled_file
from suite.problem import Problem, Workload
from suite.solution import Solution

NEEDED = ("analysis", "worker", "gpus.py")
"""Of the suite, in the child."""
PROBLEM_FILES = ("inputs.py", "reference.py")


def facts(
    problem: Problem, workload: Workload, solution: Solution, gpu: GpuSpec, timeout_s: float
) -> Iterator[bytes]:
    """The lines that a child says of a solution; its end, however it comes about, kills all its processes.

    Raises:
        ChildError: see there; the lines until then were yielded.
    """
    folder = Path(tempfile.mkdtemp(prefix="bench-inspect-"))
    try:
        copy = _stage(folder, problem, solution)
        request = {
            "folder": str(folder / "problem"),
            "axes": workload.axes,
            "solution": str(copy),
            "class_name": solution.class_name,
            "card": torch_properties(gpu),
            "scratch": str(folder / "tmp"),
        }
        sandbox, _ = child.confinement(problem.folder.resolve().parents[1])
        yield from child.lines(
            "suite.analysis.child", request, folder, timeout_s, code=folder, confinement=sandbox
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _stage(folder: Path, problem: Problem, solution: Solution) -> Path:
    """Fill the child's folder; gives the copy of the solution."""
    child.copy_code(folder, NEEDED)
    for name in ("problem", "solution"):
        (folder / name).mkdir()
    # In a folder of its own: on the module path a solution called random.py would stand in for Python's.
    copy = folder / "solution" / compiled_file(solution.path.stem)
    pairs = [(problem.folder / name, folder / "problem" / name) for name in PROBLEM_FILES]
    for source, target in [*pairs, (solution.path, copy)]:
        if source.is_file():
            child.copy_file(source, target)
    return copy
