"""Problem folders, read without importing them: the host has no torch."""

from __future__ import annotations

import ast
import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from suite.names import did_you_mean

TIERS = ("check", "bench")
SEED = "seed"
WHOLE_CHECK_TIER = "check"
"""Stands for all check workloads and the edge cases, in options and results: no workload is called so."""
EDGE_CASES = "edge_cases"
"""Stands for the edge cases alone, in options."""


class ProblemFolderError(ValueError):
    """A problem folder breaks its contract; the message names the file, what was seen and what is due."""


class UnknownNameError(LookupError):
    """No problem, workload or solution of that name; the message lists what there is."""


@dataclass(frozen=True, slots=True)
class Workload:
    """One shape binding of a problem: `axes` are the keywords of its generators."""

    name: str
    tier: str
    axes: dict[str, Any]


@dataclass(frozen=True)
class Problem:
    """A folder under `problems`."""

    name: str
    folder: Path

    @cached_property
    def workloads(self) -> tuple[Workload, ...]:
        """All workloads in the order of the file.

        Raises:
            ProblemFolderError: WORKLOADS is missing, not a literal, or breaks the contract.
        """
        path = self.folder / "inputs.py"
        literal = _literal(path, "WORKLOADS")
        if SEED not in literal:
            raise ProblemFolderError(f"{path}: WORKLOADS has no workload 'seed'")
        return tuple(_workload(path, name, entry) for name, entry in literal.items())

    @property
    def bench_workloads(self) -> tuple[str, ...]:
        """Names of the workloads that are timed."""
        return tuple(workload.name for workload in self.workloads if workload.tier == "bench")

    @property
    def memory_bytes(self) -> dict[str, int]:
        """What judging a bench workload holds on a card; empty where the problem does not say."""
        path = self.folder / "inputs.py"
        return {} if _assigned(path, "MEMORY_BYTES") is None else _literal(path, "MEMORY_BYTES")

    @property
    def precision_classes(self) -> tuple[str, ...]:
        """The classes that TOLERANCE admits; none where it is "exact" or no plain literal."""
        try:
            return tuple(_literal(self.folder / "inputs.py", "TOLERANCE"))
        except ProblemFolderError:
            return ()

    @property
    def custom_kernel(self) -> str | None:
        """How `custom_kernel(data)` of other harnesses maps to this problem; None: it does not."""
        value = _assigned(self.folder / "inputs.py", "CUSTOM_KERNEL")
        return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None

    @property
    def reference(self) -> Path:
        """The file with the reference `Model`."""
        return self.folder / "reference.py"

    @property
    def description(self) -> str:
        """The first paragraph of the README below its title; empty without one."""
        readme = self.folder / "README.md"
        paragraphs = readme.read_text(encoding="utf-8").split("\n\n") if readme.is_file() else []
        plain = (" ".join(paragraph.split()) for paragraph in paragraphs)
        return next((paragraph for paragraph in plain if paragraph and not paragraph.startswith("#")), "")

    def workload(self, name: str) -> Workload:
        """The workload of that name.

        Raises:
            UnknownNameError: there is none.
        """
        for workload in self.workloads:
            if workload.name == name:
                return workload
        names = [workload.name for workload in self.workloads]
        raise UnknownNameError(f"problem {self.name!r} has no workload {name!r}{did_you_mean(name, names)}")


def find_problems(root: Path) -> list[Problem]:
    """All problem folders under `root`/problems, by name."""
    return [
        Problem(inputs.parent.name, inputs.parent)
        for inputs in sorted((root / "problems").glob("*/inputs.py"))
    ]


def find_problem(root: Path, name: str) -> Problem:
    """The problem of that name.

    Raises:
        UnknownNameError: there is none.
    """
    problems = find_problems(root)
    for problem in problems:
        if problem.name == name:
            return problem
    if os.sep in name and os.path.isdir(name):  # noqa: PTH112 - also takes what no file can be called
        raise UnknownNameError(_of_folder(name, problems))
    if name and (root / "problems" / name).is_dir():
        raise UnknownNameError(f"problems/{name} has no inputs.py; CONTRIBUTING.md says what a problem holds")
    raise UnknownNameError(f"there is no problem {name!r}{did_you_mean(name, [p.name for p in problems])}")


def _of_folder(name: str, problems: list[Problem]) -> str:
    here = Path(name).resolve()
    for problem in problems:
        if problem.folder.resolve() == here:
            return f"{name} is the folder of a problem, which is called {problem.name!r}"
    return (
        f"{name} is a folder, but none of a problem here: name one that `bench list` shows, or FILE.py in "
        "the format of KernelBench; `bench evaluate --problems 'FOLDER/*.py'` judges solutions of many files"
    )


def _literal(path: Path, name: str) -> dict[str, Any]:
    """The dict that a module assigns at its top level, without running the module."""
    value = _assigned(path, name)
    if value is None:
        raise ProblemFolderError(f"{path}: {name} is missing")
    try:
        literal = ast.literal_eval(value)
    except (ValueError, TypeError) as error:
        raise ProblemFolderError(f"{path}: {name} must be a literal: {error}") from error
    if isinstance(literal, dict) and literal:
        return literal
    raise ProblemFolderError(f"{path}: {name} must be a dict with at least one entry")


def _assigned(path: Path, name: str) -> ast.expr | None:
    """What a module first assigns to `name` at its top level; None where it never does."""
    for node in _parsed(path).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                return node.value
    return None


def _parsed(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_text(encoding="utf-8"), str(path))
    except SyntaxError as error:
        raise ProblemFolderError(f"{path}:{error.lineno}: not Python: {error.msg}") from error
    except (ValueError, OSError) as error:
        raise ProblemFolderError(f"{path}: cannot be read: {error}") from error


def _workload(path: Path, name: Any, entry: Any) -> Workload:
    if not isinstance(name, str) or not name or name in (WHOLE_CHECK_TIER, EDGE_CASES):
        raise ProblemFolderError(
            f"{path}: a workload's name must be a string other than 'check' and 'edge_cases', found {name!r}"
        )
    if (
        not isinstance(entry, dict)
        or set(entry) != {"tier", "axes"}
        or entry["tier"] not in TIERS
        or not _is_json_object(entry["axes"])
    ):
        raise ProblemFolderError(
            f"{path}: workload {name!r} must be {{'tier': 'check' or 'bench', 'axes': {{...}}}}, "
            f"found {entry!r}"
        )
    if name == SEED and entry["tier"] != "bench":
        raise ProblemFolderError(f"{path}: workload 'seed' must be of tier 'bench'")
    return Workload(name, entry["tier"], entry["axes"])


def _is_json_object(value: Any) -> bool:
    """Axes travel as JSON and come back as keywords: what JSON would change or refuse is refused here."""
    try:
        return isinstance(value, dict) and bool(json.loads(json.dumps(value, allow_nan=False)) == value)
    except (TypeError, ValueError):
        return False
