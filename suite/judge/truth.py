"""A problem as the judge sees it: its module, its random inputs and its expected outputs."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from suite.judge.compare import RightOutput, Tolerance
from suite.judge.contract import (
    BreachError,
    ProblemError,
    checked_edge_case,
    checked_names,
    checked_tensors,
    checked_tolerance,
    load_module,
    of_file,
    require_names,
)
from suite.judge.exchange import Exchange, copy_of, poison
from suite.worker.state import Entry

PARTS = ("TOLERANCE", "get_init_inputs", "get_inputs", "edge_cases", "bytes_moved", "flops")
MOST_KEPT_BYTES = 64 << 20  # check workloads and edge cases are far smaller, bench workloads larger
UNSETTLED = 0.25
"""How far parameters that are all one number are moved, as a part of it; from zero, by itself."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a right solution returns: outputs, or an exception of the name `raises`.

    `like` has the shapes and dtypes of the outputs, `outputs` the values: equal to `like` for exact problems,
    else float64.
    """

    like: list[torch.Tensor]
    outputs: list[RightOutput]
    raises: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to compute: a workload with fresh inputs, or an edge case with given ones.

    `private` is what the inputs were when they were made, where no worker can write; None: they are too large
    to be kept twice.
    """

    name: str
    axes: dict[str, Any]
    init_inputs: list[Any]
    inputs: list[torch.Tensor]
    expects: str = "reference"
    """What the problem says of the reference: "reference", it returns; else the exception that it raises."""
    state: tuple[Entry, ...] = ()
    """The reference's parameters and buffers, on the judge's side alone."""
    training: bool = True
    private: list[torch.Tensor] | None = None
    lent: bool = False
    """Are `inputs` empty but for the length of a call? Then `private` says what they are."""

    @property
    def genuine(self) -> list[torch.Tensor]:
        """The inputs as they were made, as far as that can be known."""
        return self.inputs if self.private is None else self.private


class Truth:
    """The reference `Model` and the input generators of one problem, on one device.

    Raises:
        ProblemError: a file cannot be imported or lacks a name.
    """

    def __init__(self, folder: Path, device: str) -> None:
        self._files = folder / "reference.py", folder / "inputs.py"
        with of_file(self._files[0], "importing it"):
            self._reference = load_module(self._files[0])
        with of_file(self._files[1], "importing it"):
            self._inputs = load_module(self._files[1])
        self._device = device
        require_names(self._reference, ("Model",))
        require_names(self._inputs, PARTS)
        with self._of_inputs("TOLERANCE"):
            self.tolerance: Tolerance = checked_tolerance(self._inputs.TOLERANCE)
        with self._of_inputs("DISTRIBUTIONS"):
            self.distributions: tuple[str, ...] = checked_names(getattr(self._inputs, "DISTRIBUTIONS", ()))
        self._training = bool(getattr(self._inputs, "TRAINING", True))
        self._built: tuple[str, torch.nn.Module] | None = None

    @property
    def draws_axes(self) -> bool:
        """Does the problem say which shapes it takes beside its workloads?"""
        return hasattr(self._inputs, "draw_axes")

    def draw_axes(self, randint: Callable[[int, int], int]) -> dict[str, Any]:
        """Axes of a hidden workload; `randint` gives an integer between two, both included."""
        with self._of_inputs("draw_axes"):
            axes = self._inputs.draw_axes(randint)
            if not isinstance(axes, dict) or json.loads(json.dumps(axes)) != axes:
                raise BreachError(f"must give a dict that JSON keeps as it is, found {axes!r}")
        return axes

    def work(self, axes: dict[str, Any]) -> tuple[int, int]:
        """(bytes moved, flops) of a workload."""
        with self._of_inputs("bytes_moved or flops"):
            return int(self._inputs.bytes_moved(**axes)), int(self._inputs.flops(**axes))

    @property
    def is_counted(self) -> bool:
        """Are bytes and flops those of the reference's operators, not the least that the task allows?"""
        return not getattr(self._inputs, "FLOPS_ARE_LEAST", True)

    def least_flops(self, axes: dict[str, Any]) -> int:
        """Flops that no answer can do without: none where the reference's were only counted."""
        return 0 if self.is_counted else self.work(axes)[1]

    def fresh_case(self, name: str, axes: dict[str, Any], exchange: Exchange) -> Case:
        """A workload with inputs that nobody has seen, in shared memory."""
        torch.manual_seed(secrets.randbits(63))
        with self._of_inputs(f"get_inputs of {name!r}"), self._on_device(exchange):
            inputs = checked_tensors(self._inputs.get_inputs(**axes))
        with self._of_inputs(f"get_init_inputs of {name!r}"):
            init_inputs = list(self._inputs.get_init_inputs(**axes))
        shared = self._shared(f"{name!r}", inputs, exchange)
        private = _private(inputs, shared)
        case = Case(name, axes, init_inputs, shared, private=private, lent=exchange.lends)
        return self._with_state(case)

    def edge_cases(self, exchange: Exchange) -> list[Case]:
        """The problem's edge cases, in shared memory."""
        torch.manual_seed(secrets.randbits(63))
        with self._of_inputs("edge_cases"), self._on_device(exchange):
            cases = [checked_edge_case(case) for case in self._inputs.edge_cases()]
            if not cases:
                raise BreachError("is empty; a problem names what its solutions trip over")
        return [self._edge_case(case, exchange) for case in cases]

    def _edge_case(self, case: dict[str, Any], exchange: Exchange) -> Case:
        name, inputs = f"edge case {case['name']!r}", list(case["inputs"])
        shared = self._shared(name, inputs, exchange)
        init_inputs = list(case["init_inputs"])
        private = _private(inputs, shared)
        return self._with_state(
            Case(
                name,
                case["axes"],
                init_inputs,
                shared,
                case["expects"],
                private=private,
                lent=exchange.lends,
            )
        )

    @torch.no_grad()
    def expected(self, case: Case) -> Expected:
        """What the reference makes of a case; for problems with a tolerance, in float64.

        Raises:
            ProblemError: it does not do what the problem says of it.
        """
        where = f"{self._files[0]}: {case.name}: the reference must"
        try:
            outputs = _as_list(self._model(case)(*case.genuine))
        except torch.OutOfMemoryError:
            raise
        except Exception as error:
            found = type(error).__name__
            if found != case.expects:
                due = "return" if case.expects == "reference" else f"raise {case.expects}"
                raise ProblemError(f"{where} {due}, but raised {found}: {error}") from error
            return Expected([], [], found)
        if case.expects != "reference":
            raise ProblemError(f"{where} raise {case.expects}, but returned")
        with of_file(self._files[0], f"Model.forward of {case.name!r}"):
            checked_tensors(outputs)
        if self.tolerance == "exact":
            return Expected(outputs, [RightOutput(output) for output in outputs])
        return Expected(outputs, self.exact_outputs(case))

    @torch.no_grad()
    def outputs(self, case: Case) -> list[torch.Tensor]:
        """What the reference itself returns."""
        with of_file(self._files[0], f"Model of {case.name!r}"):
            return _as_list(self._model(case)(*case.genuine))

    @torch.no_grad()
    def exact_outputs(self, case: Case) -> list[RightOutput]:
        """The reference's outputs; for problems with a tolerance, computed in float64, with their scale."""
        values = self._wide_outputs(case)
        if self.tolerance == "exact" or not hasattr(self._inputs, "error_scale"):
            return [RightOutput(value) for value in values]
        with self._of_inputs(f"error_scale of {case.name!r}"):
            scales = checked_tensors(self._inputs.error_scale(*case.genuine))
            shapes = [tuple(tensor.shape) for tensor in scales], [tuple(tensor.shape) for tensor in values]
            if shapes[0] != shapes[1]:
                raise BreachError(f"must have the shapes of the outputs, {shapes[1]}, found {shapes[0]}")
        return [RightOutput(value, scale) for value, scale in zip(values, scales, strict=True)]

    def _wide_outputs(self, case: Case) -> list[torch.Tensor]:
        with of_file(self._files[0], f"Model of {case.name!r}"):
            model = self._model(case)
            if self.tolerance == "exact":
                return _as_list(model(*case.genuine))
            wide = [x.double() if x.is_floating_point() else x for x in case.genuine]
            return _as_list(model.double()(*wide))

    def _model(self, case: Case) -> torch.nn.Module:
        """The reference as constructed: what a call changes in it, such as running means, is forgotten."""
        return copy.deepcopy(self._constructed(case))

    @torch.no_grad()
    def _constructed(self, case: Case) -> torch.nn.Module:
        """One module for cases in a row that are constructed alike, with parameters nobody has seen."""
        key = repr(case.init_inputs)
        if self._built is None or self._built[0] != key:
            self._built = None
            torch.manual_seed(secrets.randbits(63))
            with torch.device(self._device):
                model: torch.nn.Module = self._reference.Model(*case.init_inputs)
            if isinstance(model, torch.nn.Module):
                _unsettle(model)
                if not self._training:
                    model.eval()
            self._built = key, model
        return self._built[1]

    def _with_state(self, case: Case) -> Case:
        """The case with what a solution must be given of the reference's module."""
        try:
            model = self._constructed(case)
        except torch.OutOfMemoryError:
            raise
        except Exception:
            return case  # `expected` says so
        parameters = {name for name, _ in model.named_parameters(remove_duplicate=False)}
        state = tuple(
            Entry(name, name in parameters, value.detach()) for name, value in model.state_dict().items()
        )
        return dataclasses.replace(case, state=state, training=self._training)

    def _shared(self, name: str, inputs: list[torch.Tensor], exchange: Exchange) -> list[torch.Tensor]:
        with self._of_inputs(f"inputs of {name}"):
            return exchange.publish([_blank(tensor) for tensor in inputs] if exchange.lends else inputs)

    def _of_inputs(self, what: str) -> contextlib.AbstractContextManager[None]:
        return of_file(self._files[1], what)

    @contextlib.contextmanager
    def _on_device(self, exchange: Exchange):  # type: ignore[no-untyped-def]  # noqa: ANN202
        with exchange.allocating_inputs(), torch.device(self._device):
            yield


def _unsettle(model: torch.nn.Module) -> None:
    """Move parameters that a constructor sets to one number: weights of 1 and biases of 0 can be ignored.

    A number keeps its sign and size: a small one may stand below a root or in a denominator.
    """
    for parameter in model.parameters():
        if not parameter.is_floating_point() or not parameter.numel():
            continue
        settled = parameter.flatten()[0].clone()
        if (parameter == settled).all():
            most = UNSETTLED * (settled.abs() if settled else torch.ones_like(settled))
            parameter.add_(most * torch.empty_like(parameter).uniform_(-1, 1))


def _private(made: list[torch.Tensor], shared: list[torch.Tensor]) -> list[torch.Tensor] | None:
    """The tensors that were made, apart from the shared ones; None if these are too large for a copy.

    A worker may write to all memory that it shares at any time, also between the publication of inputs and
    the computation of what is right for them.
    """
    if sum(tensor.untyped_storage().nbytes() for tensor in made) > MOST_KEPT_BYTES:
        return None if any(mine is theirs for mine, theirs in zip(made, shared, strict=True)) else made
    return [copy_of(mine) if mine is theirs else mine for mine, theirs in zip(made, shared, strict=True)]


def _blank(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor that lies in memory like another one and says nothing of it."""
    blank = copy_of(tensor)
    poison([blank])
    return blank


def _as_list(value: Any) -> list[torch.Tensor]:
    return list(value) if isinstance(value, (tuple, list)) else [value]
