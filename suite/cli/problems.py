"""What `--problem` means: a name, or a file in the format of KernelBench."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import click

from suite import problem as folders
from suite.cli.console import SCALE_KEY, note
from suite.kernelbench.folder import Imported, problem_of
from suite.problem import Problem, UnknownNameError


def find_problem(root: Path, name: str) -> Problem:
    """The problem that `name` means: a folder under `problems`, or what a file is made into.

    Raises:
        UnknownNameError: there is no such problem.
        SourceError: the file cannot be made a problem.
    """
    scale: Fraction | None = click.get_current_context().meta.get(SCALE_KEY)
    if name.endswith(".py"):
        imported = problem_of(root, Path(name), step_of(Path(name)), scale=scale)
        tell(imported)
        return imported.problem
    if scale is not None:
        raise UnknownNameError(
            f"--scale changes the sizes of a file in the format of KernelBench; {name!r} names a problem, "
            "whose workloads are what they are"
        )
    return folders.find_problem(root, name)


def find_own_problem(root: Path, name: str) -> Problem:
    """The problem of the checkout that `name` means.

    Raises:
        UnknownNameError: there is no such problem, or it is a file, of which nothing is kept here.
    """
    if name.endswith(".py"):
        makes = f"bench import kernelbench {shlex.quote(name)}"
        raise UnknownNameError(f"{name} is no problem of this checkout; `{makes}` makes it one")
    return folders.find_problem(root, name)


def said(name: str) -> str:
    """The options that mean the same problem once more, as a shell takes them."""
    scale: Fraction | None = click.get_current_context().meta.get(SCALE_KEY)
    return f"--problem {shlex.quote(name)}{'' if scale is None else f' --scale {scale}'}"


def step_of(path: Path) -> Callable[[str], None]:
    """Says on standard error what is being found out of a file."""
    return lambda text: note(f"{path}: {text}")


def tell(imported: Imported) -> None:
    """What is worth knowing of a problem that was just derived."""
    for remark in imported.remarks:
        note(f"note: {remark}")
