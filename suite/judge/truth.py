"""A problem as the judge sees it: its module, its random inputs and its expected outputs."""

from __future__ import annotations

import contextlib
import importlib.util
import math
import secrets
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from suite.judge.compare import Tolerance
from suite.judge.exchange import Exchange
from suite.roofline import PRECISIONS

PARTS = ("TOLERANCE", "get_init_inputs", "get_inputs", "edge_cases", "bytes_moved", "flops")
EDGE_CASE_KEYS = {"name", "axes", "init_inputs", "inputs", "expects"}


class ProblemError(Exception):
    """A problem folder breaks its contract; the message says what was seen and what was expected."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a right solution returns: outputs, or an exception of the name `raises`.

    `like` has the shapes and dtypes of the outputs, `outputs` the values: equal to `like` for exact problems,
    else float64.
    """

    like: list[torch.Tensor]
    outputs: list[torch.Tensor]
    raises: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to compute: a workload with fresh inputs, or an edge case with given ones."""

    name: str
    axes: dict[str, Any]
    init_inputs: list[Any]
    inputs: list[torch.Tensor]
    expects: str = "reference"
    """What the problem says of the reference: "reference", it returns; else the exception that it raises."""


def load_module(path: Path) -> ModuleType:
    """Import a problem's file under a private name."""
    spec = importlib.util.spec_from_file_location(f"_problem_{path.parent.name}_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Truth:
    """The reference `Model` and the input generators of one problem, on one device."""

    def __init__(self, folder: Path, device: str) -> None:
        self._reference = load_module(folder / "reference.py")
        self._inputs = load_module(folder / "inputs.py")
        self._device = device
        _require_names(self._reference, ("Model",))
        _require_names(self._inputs, PARTS)
        self.tolerance: Tolerance = _checked_tolerance(self._inputs.TOLERANCE)

    def work(self, axes: dict[str, Any]) -> tuple[int, int]:
        """(bytes moved, flops) of a workload."""
        return int(self._inputs.bytes_moved(**axes)), int(self._inputs.flops(**axes))

    def fresh_case(self, name: str, axes: dict[str, Any], exchange: Exchange) -> Case:
        """A workload with inputs that nobody has seen, in shared memory."""
        torch.manual_seed(secrets.randbits(63))
        with self._on_device(exchange):
            inputs = _checked_tensors(f"get_inputs of {name!r}", self._inputs.get_inputs(**axes))
        return Case(name, axes, list(self._inputs.get_init_inputs(**axes)), exchange.publish(inputs))

    def edge_cases(self, exchange: Exchange) -> list[Case]:
        """The problem's edge cases, in shared memory."""
        torch.manual_seed(secrets.randbits(63))
        with self._on_device(exchange):
            cases = [_checked_edge_case(case) for case in self._inputs.edge_cases()]
        if not cases:
            raise ProblemError("edge_cases() is empty; a problem names what its solutions trip over")
        return [
            Case(
                f"edge case {case['name']!r}",
                case["axes"],
                list(case["init_inputs"]),
                exchange.publish(list(case["inputs"])),
                case["expects"],
            )
            for case in cases
        ]

    @torch.no_grad()
    def expected(self, case: Case) -> Expected:
        """What the reference makes of a case; for problems with a tolerance, in float64.

        Raises:
            ProblemError: it does not do what the problem says of it.
        """
        try:
            outputs = _checked_tensors("Model.forward", _as_list(self._model(case)(*case.inputs)))
        except (IndexError, RuntimeError, TypeError, ValueError) as error:
            found = type(error).__name__
            if found != case.expects:
                due = "return" if case.expects == "reference" else f"raise {case.expects}"
                raise ProblemError(
                    f"{case.name}: the reference must {due}, but raised {found}: {error}"
                ) from error
            return Expected([], [], found)
        if case.expects != "reference":
            raise ProblemError(f"{case.name}: the reference must raise {case.expects}, but returned")
        if self.tolerance == "exact":
            return Expected(outputs, outputs)
        return Expected(outputs, self.exact_outputs(case))

    @torch.no_grad()
    def exact_outputs(self, case: Case) -> list[torch.Tensor]:
        """The reference's outputs; for problems with a tolerance, computed in float64."""
        model = self._model(case)
        if self.tolerance == "exact":
            return _as_list(model(*case.inputs))
        wide = [x.double() if x.is_floating_point() else x for x in case.inputs]
        return _as_list(model.double()(*wide))

    def _model(self, case: Case) -> torch.nn.Module:
        with torch.device(self._device):
            model: torch.nn.Module = self._reference.Model(*case.init_inputs)
        return model

    @contextlib.contextmanager
    def _on_device(self, exchange: Exchange):  # type: ignore[no-untyped-def]  # noqa: ANN202
        with exchange.allocating_inputs(), torch.device(self._device):
            yield


def _require_names(module: ModuleType, names: tuple[str, ...]) -> None:
    for name in names:
        if not hasattr(module, name):
            raise ProblemError(f"{module.__file__}: {name} is missing")


def _checked_tolerance(value: Any) -> Tolerance:
    if value == "exact":
        return "exact"
    if (
        isinstance(value, dict)
        and value
        and set(value) <= set(PRECISIONS)
        and all(isinstance(bound, float) and 0 < bound < math.inf for bound in value.values())
    ):
        return value
    raise ProblemError(
        f"TOLERANCE must be 'exact' or the largest error of each admitted class ({', '.join(PRECISIONS)}), "
        f"tightest first, found {value!r}"
    )


def _checked_tensors(where: str, values: Any) -> list[torch.Tensor]:
    for value in values:
        if not isinstance(value, torch.Tensor):
            raise ProblemError(f"{where} must give tensors, found {type(value).__name__}")
    return list(values)


def _checked_edge_case(case: Any) -> dict[str, Any]:
    if not isinstance(case, dict) or set(case) != EDGE_CASE_KEYS:
        found = sorted(case) if isinstance(case, dict) else type(case).__name__
        raise ProblemError(f"an edge case must have the keys {sorted(EDGE_CASE_KEYS)}, found {found}")
    _checked_tensors(f"edge case {case['name']!r}", case["inputs"])
    return case


def _as_list(value: Any) -> list[torch.Tensor]:
    return list(value) if isinstance(value, (tuple, list)) else [value]
