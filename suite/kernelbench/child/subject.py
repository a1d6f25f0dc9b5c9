"""The file under examination: its generated `inputs.py` in a draft, its module on sizes and on small data."""

from __future__ import annotations

import contextlib
import copy
import importlib.util
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from suite.kernelbench.child.counting import Count, nbytes

Sizes = dict[str, Any]


class UnfitFileError(Exception):
    """The file cannot be made a problem; the message says why and what would do."""


@dataclass(slots=True)
class Followed:
    """A forward with sizes and no data."""

    bytes_moved: int
    input_bytes: int
    float_input_bytes: int
    state_bytes: int
    output_bytes: int
    peak_bytes: int
    flops: int
    product_flops: int
    longest_sum: int
    elements: int
    largest_output: int
    input_kinds: list[str]
    output_kinds: list[str]
    output_dtypes: list[torch.dtype]
    uncounted: list[str] = field(default_factory=list)


def load(path: Path, name: str) -> ModuleType:
    """Import a file under a private name."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Subject:
    """A folder that holds reference.py and a draft of inputs.py, which draws inputs for any sizes."""

    def __init__(self, folder: Path) -> None:
        self.reference = load(folder / "reference.py", "_derived_reference")
        self.draft = load(folder / "inputs.py", "_derived_inputs")
        self.training = True

    def run_file(self, sizes: Sizes) -> None:
        """Run it with these sizes, unless one of the last few runs was; the other methods do so too."""
        self.draft._names(repr(sizes))

    def inputs(self, sizes: Sizes, distribution: str = "given") -> list[torch.Tensor]:
        """On the current default device."""
        values = self.draft.get_inputs(distribution=distribution, **sizes)
        return list(values)

    def model(self, sizes: Sizes, device: str) -> torch.nn.Module:
        """As constructed, in the mode that was chosen."""
        init_inputs = self.draft.get_init_inputs(**sizes)
        if device == "meta":
            try:
                with torch.device("meta"):
                    model = self.reference.Model(*init_inputs)
            except (RuntimeError, NotImplementedError):  # what it computes of values needs some
                model = self.reference.Model(*init_inputs).to("meta")
        else:
            model = self.reference.Model(*init_inputs)
        chosen: torch.nn.Module = model if self.training else model.eval()
        return chosen

    def follow(self, sizes: Sizes) -> Followed:
        """Run the forward on sizes alone.

        Raises:
            Exception: whatever the file raises for these sizes.
        """
        with torch.device("meta"), torch.no_grad():
            inputs = self.inputs(sizes)
            model = self.model(sizes, "meta")
            state = list(model.state_dict().values())
            with Count() as count:
                outputs = as_tensors(model(*inputs))
        if any(not tensor.numel() for tensor in [*inputs, *outputs]):
            raise ValueError("a tensor has no elements")
        return Followed(
            bytes_moved=count.bytes_read([*inputs, *state]) + sum(map(nbytes, outputs)),
            input_bytes=sum(map(nbytes, inputs)),
            float_input_bytes=sum(nbytes(x) for x in inputs if x.is_floating_point()),
            state_bytes=sum(map(nbytes, state)),
            output_bytes=sum(t.numel() * t.element_size() for t in outputs),
            peak_bytes=count.peak_bytes,
            flops=count.flops,
            product_flops=count.product_flops,
            longest_sum=count.longest_sum,
            elements=sum(t.numel() for t in [*inputs, *state, *outputs]),
            largest_output=max(t.numel() for t in outputs),
            input_kinds=[kind(t) for t in inputs],
            output_kinds=[kind(t) for t in outputs],
            output_dtypes=[t.dtype for t in outputs],
            uncounted=sorted(count.unknown),
        )

    @torch.no_grad()
    def run(self, model: torch.nn.Module, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
        """The outputs of a copy of `model`, so that what a call changes in it is forgotten."""
        return as_tensors(copy.deepcopy(model)(*[value.clone() for value in inputs]))

    @torch.no_grad()
    def run_wide(self, model: torch.nn.Module, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
        """The same in float64."""
        wide = [value.double() if value.is_floating_point() else value.clone() for value in inputs]
        return as_tensors(copy.deepcopy(model).double()(*wide))


def as_tensors(value: Any) -> list[torch.Tensor]:
    """What a forward returns, as a list.

    Raises:
        UnfitFileError: it is or holds something that is no tensor.
    """
    values = list(value) if isinstance(value, tuple | list) else [value]
    for item in values:
        if not isinstance(item, torch.Tensor):
            raise UnfitFileError(
                f"Model.forward returns {type(item).__name__}; it must return a tensor or a flat tuple of "
                "them"
            )
    return values


def kind(tensor: torch.Tensor) -> str:
    """Shape and dtype, to read."""
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"


@contextlib.contextmanager
def seeded(seed: int):  # type: ignore[no-untyped-def]  # noqa: ANN201
    """Inside, torch draws from `seed`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
