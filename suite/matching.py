"""Which problems a pattern means, and which solution files belong to which of them.

A file below the folder of solutions belongs to the problem P (a problem's name, or the stem of its file) if
- it lies in a folder called P: `P/anything.py`, or
- it is called P, or begins with P and an underscore or two: `P.py`, `P_ada.py`; of several such problems the
  one with the longest name, or
- it is called as KernelBench calls its samples, `level_1_problem_52_sample_0_kernel.py`, and the file of P
  begins with 52_ and lies in a folder called level1, if its folder is called after a level at all.
"""

from __future__ import annotations

import fnmatch
import glob
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from suite.kernelbench.source import name_of
from suite.names import did_you_mean
from suite.problem import UnknownNameError, find_problems

SUFFIXES = (".py", ".json")
_SAMPLE = re.compile(r"level_(\d+)_problem_(\d+)_sample_\d+.*")
_LEVEL = re.compile(r"level[_-]?(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Target:
    """A problem to evaluate: by its name, or the file that makes it."""

    name: str
    file: Path | None = None

    @property
    def names(self) -> set[str]:
        """What its solutions may be called after."""
        return {self.name} | ({self.file.stem} if self.file else set())


def find_targets(root: Path, patterns: Sequence[str]) -> list[Target]:
    """The problems that the patterns mean: files ending in .py, or names of problem folders.

    Raises:
        UnknownNameError: a pattern means nothing, or two files make problems of one name.
    """
    targets: dict[str, Target] = {}
    known = [problem.name for problem in find_problems(root)]
    for pattern in patterns:
        if pattern.endswith(".py"):
            paths = [Path(name) for name in sorted(glob.glob(pattern, recursive=True))]  # noqa: PTH207
            found = [Target(name_of(path), path) for path in paths if path.is_file()]
        else:
            found = [Target(name) for name in known if fnmatch.fnmatch(name, pattern)]
        if not found:
            what = "file" if pattern.endswith(".py") else "problem"
            raise UnknownNameError(f"no {what} matches {pattern!r}{did_you_mean(pattern, known)}")
        for target in found:
            if targets.setdefault(target.name, target) != target:
                raise UnknownNameError(
                    f"{targets[target.name].file or target.name} and {target.file or target.name} are both "
                    f"called {target.name}; evaluate them apart"
                )
    return list(targets.values())


def match(targets: Sequence[Target], folder: Path) -> tuple[dict[str, list[Path]], list[Path]]:
    """(files of each target by its name, files that belong to none), in the order of their paths.

    Hidden files, and whatever lies in hidden folders such as .git and .venv, are left out.
    """
    matched: dict[str, list[Path]] = {target.name: [] for target in targets}
    unmatched = []
    for path in sorted(p for suffix in SUFFIXES for p in folder.rglob(f"*{suffix}")):
        below = path.relative_to(folder)
        if any(part.startswith(".") for part in below.parts) or not path.is_file():
            continue
        owner = _owner(targets, below)
        if owner is None:
            unmatched.append(path)
        else:
            matched[owner.name].append(path)
    return matched, unmatched


def _owner(targets: Sequence[Target], path: Path) -> Target | None:
    for part in reversed(path.parts[:-1]):
        for target in targets:
            if part in target.names:
                return target
    sample = _SAMPLE.fullmatch(path.stem)
    if sample is not None:
        return next((target for target in targets if _is_sampled(target, *sample.groups())), None)
    named = [
        (len(name), target)
        for target in targets
        for name in target.names
        if path.stem == name or path.stem.startswith(f"{name}_")
    ]
    return max(named, key=lambda pair: pair[0])[1] if named else None


def _is_sampled(target: Target, level: str, number: str) -> bool:
    if target.file is None or not target.file.stem.startswith(f"{number}_"):
        return False
    folder = _LEVEL.fullmatch(target.file.resolve().parent.name)
    return folder is None or folder.group(1) == level
