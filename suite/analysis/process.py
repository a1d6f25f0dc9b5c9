"""Runs the child that follows a solution, on a copy of its file."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from suite import child
from suite.gpus import GpuSpec, torch_properties
from suite.problem import Problem, Workload
from suite.solution import Solution


def facts(
    problem: Problem, workload: Workload, solution: Solution, gpu: GpuSpec, timeout_s: float
) -> Iterator[bytes]:
    """The lines that a child says of a solution; its end, however it comes about, kills all its processes.

    Raises:
        ChildError: see there; the lines until then were yielded.
    """
    folder = Path(tempfile.mkdtemp(prefix="bench-inspect-"))
    try:
        # In a folder of its own: on the module path a solution called random.py would stand in for Python's.
        (folder / "solution").mkdir()
        copy = Path(shutil.copy(solution.path, folder / "solution" / f"{solution.path.stem}.py"))
        request = {
            "folder": str(problem.folder.resolve()),
            "axes": workload.axes,
            "solution": str(copy),
            "class_name": solution.class_name,
            "card": torch_properties(gpu),
            "scratch": str(folder / "tmp"),
        }
        yield from child.lines("suite.analysis.child", request, folder, timeout_s)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
