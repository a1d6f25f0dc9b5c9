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
from suite.judge.sandbox import Sandbox, SandboxError, confine, find
from suite.problem import Problem, Workload
from suite.solution import Solution

PACKAGE = Path(__file__).resolve().parents[1]
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
        yield from child.lines(
            "suite.analysis.child", request, folder, timeout_s, code=folder, confinement=_confinement(problem)
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _stage(folder: Path, problem: Problem, solution: Solution) -> Path:
    """Fill the child's folder; gives the copy of the solution."""
    for name in ("suite", "problem", "solution"):
        (folder / name).mkdir()
    for name in NEEDED:
        source, target = PACKAGE / name, folder / "suite" / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, target)
    (folder / "suite" / "__init__.py").touch()
    # In a folder of its own: on the module path a solution called random.py would stand in for Python's.
    copy = folder / "solution" / f"{solution.path.stem}.py"
    pairs = [(problem.folder / name, folder / "problem" / name) for name in PROBLEM_FILES]
    for source, target in [*pairs, (solution.path, copy)]:
        if source.is_file():
            shutil.copyfile(source, target)
            target.chmod(0o644)  # whoever runs the child can read them
    return copy


def _confinement(problem: Problem) -> Sandbox | None:
    """The sandbox of this machine; None where there is none."""
    try:
        return confine("cpu", find("cpu").owner, problem.folder.resolve().parents[1])
    except SandboxError:
        return None
