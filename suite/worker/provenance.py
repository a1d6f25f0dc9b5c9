"""Where a tensor's data comes from: an input, a copy of one, a kernel, or none of these."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch

from suite.worker.sealing import Storages, region_of


def tensors_in(values: Iterable[Any]) -> Iterator[torch.Tensor]:
    """The tensors among `values`, in nested sequences and behind Triton's descriptors too."""
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from tensors_in(value)
        elif isinstance(getattr(value, "base", None), torch.Tensor):
            yield value.base


class Provenance:
    """Of the tensors of one call; `begin` starts it, `clear` forgets it."""

    def __init__(self) -> None:
        self._inputs: list[tuple[int, int]] = []
        self._copies = Storages()
        self._launched = Storages()
        self._open = (0, 0)
        self._exposed = [0, 0]

    def begin(self, inputs: list[torch.Tensor], most_open: tuple[int, int]) -> None:
        """Start a call.

        Args:
            inputs: those that are not small.
            most_open: how many elements of copies of inputs, and of other tensors, may lie open.
        """
        self.clear()
        regions = [region_of(tensor) for tensor in inputs]
        self._inputs = [(region.data_ptr(), region.data_ptr() + region.numel()) for region in regions]
        self._open = most_open

    def clear(self) -> None:
        """Forget all."""
        self._inputs = []
        self._copies.clear()
        self._launched.clear()
        self._exposed = [0, 0]

    def is_input(self, tensor: torch.Tensor) -> bool:
        """Is it an input that is not small, or a view of one?"""
        if tensor.numel() == 0 or tensor.is_meta:
            return False
        address = tensor.data_ptr()
        return any(start <= address < stop for start, stop in self._inputs)

    def has_input_data(self, tensor: torch.Tensor) -> bool:
        """Is it an input, or memory that one was copied to?"""
        return self.is_input(tensor) or tensor in self._copies

    def is_mere_copy(self, tensor: torch.Tensor) -> bool:
        """Does it hold data of inputs that no kernel was given?"""
        return self.is_input(tensor) or (tensor in self._copies and tensor not in self._launched)

    def add_copy(self, tensor: torch.Tensor) -> None:
        """Data of an input was copied to it."""
        self._copies.add(tensor)

    def add_launched(self, tensor: torch.Tensor) -> None:
        """An own kernel was given it."""
        self._launched.add(tensor)

    def is_too_much(self, tensor: torch.Tensor) -> bool:
        """Would more lie open than may, now that `tensor` was written to? Each time that it is counts."""
        kind = 0 if tensor in self._copies else 1
        self._exposed[kind] += tensor.untyped_storage().nbytes() // tensor.itemsize
        return self._exposed[kind] > self._open[kind]
