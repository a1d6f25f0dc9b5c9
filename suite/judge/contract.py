"""What a problem's files must hold: loading them, looking at what they give, and saying what is wrong."""

from __future__ import annotations

import contextlib
import importlib.util
import math
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from suite.judge.compare import Tolerance
from suite.result import PRECISIONS

EDGE_CASE_KEYS = {"name", "axes", "init_inputs", "inputs", "expects"}


class ProblemError(Exception):
    """A problem folder breaks its contract; the message says where, what was seen and what was expected."""


class BreachError(Exception):
    """What is wrong with a part of the problem; its name and file are put before it."""


def load_module(path: Path) -> ModuleType:
    """Import a problem's file under a private name."""
    spec = importlib.util.spec_from_file_location(f"_problem_{path.parent.name}_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def of_file(path: Path, what: str) -> Iterator[None]:
    """Whatever the problem's own code raises is the problem's error, with the line it came from."""
    try:
        yield
    except ProblemError:
        raise
    except torch.OutOfMemoryError:
        raise  # the card's fault, or that of whoever fills it
    except BreachError as error:
        raise ProblemError(f"{path}: {what} {error}") from error
    except Exception as error:
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
        if isinstance(error, SyntaxError) and error.filename == str(path):
            lines.append(error.lineno)
        line = f":{lines[-1]}" if lines else ""
        raise ProblemError(f"{path}{line}: {what}: {type(error).__name__}: {error}") from error


def require_names(module: ModuleType, names: tuple[str, ...]) -> None:
    """Raises ProblemError: the module lacks one of `names`."""
    missing = [name for name in names if not hasattr(module, name)]
    if missing:
        are = "is" if len(missing) == 1 else "are"
        raise ProblemError(f"{module.__file__}: {', '.join(missing)} {are} missing")


def checked_tolerance(value: Any) -> Tolerance:
    """TOLERANCE, if it is one; raises BreachError."""
    if value == "exact":
        return "exact"
    if (
        isinstance(value, dict)
        and value
        and set(value) <= set(PRECISIONS)
        and all(isinstance(bound, float) and 0 < bound < math.inf for bound in value.values())
    ):
        return value
    raise BreachError(
        f"must be 'exact' or the largest error of each admitted class ({', '.join(PRECISIONS)}), "
        f"tightest first, found {value!r}"
    )


def checked_names(value: Any) -> tuple[str, ...]:
    """DISTRIBUTIONS, if they are names; raises BreachError."""
    if not isinstance(value, tuple) or not all(isinstance(name, str) for name in value):
        raise BreachError(
            f"must be a tuple of names that get_inputs takes as `distribution`, found {value!r}"
        )
    return value


def checked_tensors(values: Any) -> list[torch.Tensor]:
    """A list of `values`, if they are tensors; raises BreachError."""
    for value in values:
        if not isinstance(value, torch.Tensor):
            raise BreachError(f"must give tensors, found {type(value).__name__}")
    return list(values)


def checked_edge_case(case: Any) -> dict[str, Any]:
    """An edge case, if it is one; raises BreachError."""
    if not isinstance(case, dict) or set(case) != EDGE_CASE_KEYS:
        found = sorted(case) if isinstance(case, dict) else type(case).__name__
        raise BreachError(f"must each have the keys {sorted(EDGE_CASE_KEYS)}, found {found}")
    try:
        checked_tensors(case["inputs"])
    except BreachError as error:
        raise BreachError(f"inputs of {case['name']!r} {error}") from error
    return case
