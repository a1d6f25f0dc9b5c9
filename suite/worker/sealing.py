"""Keeps data unreadable for everything but a solution's own kernels.

The judge scrambles the inputs in shared memory before it asks for a sealed call. The worker undoes this for
the length of each launch of an own kernel, and scrambles large tensors that kernels wrote as well. What reads
memory by other ways than a kernel of the file, from whichever thread, library or language, finds noise. Who
takes this machinery off keeps the noise.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import torch

_MASK_BYTES = 1 << 18
_BLOCK_BYTES = 4096
# Of a tensor larger than the mask every 16th block is scrambled: no reduction over such data comes out right,
# and an opening costs 1/8 of the tensor's bytes instead of twice all of them.
_BLOCK_STEP = 16
_xor = torch.Tensor.bitwise_xor_
_synchronize = torch.cuda.synchronize


def region_of(tensor: torch.Tensor) -> torch.Tensor:
    """The bytes from a tensor's first element to its last, as a uint8 vector; gaps between them included."""
    if tensor.numel() == 0:
        return torch.empty(0, dtype=torch.uint8)
    reach = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return _bytes(
        tensor.untyped_storage(),
        int(tensor.storage_offset()) * tensor.itemsize,
        (reach + 1) * tensor.itemsize,
    )


def _bytes(storage: torch.UntypedStorage, start: int, nbytes: int) -> torch.Tensor:
    whole = torch.empty(0, dtype=torch.uint8, device=storage.device)
    return whole.set_(storage, start, (nbytes,), (1,))


class Mask:
    """The noise that a seed gives for regions of up to some length.

    Two processes get the same from the same arguments. To apply it twice is to do nothing.
    """

    def __init__(self, seed: int, longest: int, device: torch.device) -> None:
        generator = torch.Generator().manual_seed(seed)
        size = min(longest, _MASK_BYTES)
        self._noise = torch.randint(1, 256, (size,), dtype=torch.uint8, generator=generator).to(device)
        self._phase = seed % _BLOCK_STEP

    def apply(self, region: torch.Tensor) -> None:
        """Scramble the bytes of a region, or undo that."""
        nbytes = region.numel()
        if 0 < nbytes <= _MASK_BYTES:
            _xor(region, self._noise[:nbytes])
        elif nbytes:
            rows = nbytes // _BLOCK_BYTES
            blocks = region[: rows * _BLOCK_BYTES].view(rows, _BLOCK_BYTES)[self._phase :: _BLOCK_STEP]
            _xor(blocks, self._noise[:_BLOCK_BYTES])


def scramble(tensors: list[torch.Tensor], seed: int) -> None:
    """Make tensors unreadable in place, gaps between their elements included; the same again undoes it."""
    regions = [region_of(tensor) for tensor in tensors]
    if regions:
        mask = _mask_over(regions, seed)
        for region in regions:
            mask.apply(region)


def _mask_over(regions: list[torch.Tensor], seed: int) -> Mask:
    return Mask(seed, max(region.numel() for region in regions), regions[0].device)


class Storages:
    """A set of storages that keeps none of them alive."""

    def __init__(self) -> None:
        self._references: dict[int, Any] = {}

    def add(self, tensor: torch.Tensor) -> None:
        """Remember the memory behind `tensor`."""
        storage = tensor.untyped_storage()
        if storage._cdata not in self._references:
            # A weak reference also keeps the address from being given to another storage.
            self._references[storage._cdata] = storage._weak_ref()

    def __contains__(self, tensor: torch.Tensor) -> bool:
        return tensor.untyped_storage()._cdata in self._references

    def alive(self) -> Iterator[torch.UntypedStorage]:
        """Those that something still holds."""
        for reference in list(self._references.values()):
            storage = torch.UntypedStorage._new_with_weak_ptr(reference)
            if storage is not None:
                yield storage

    def clear(self) -> None:
        """Forget all."""
        for reference in self._references.values():
            torch.UntypedStorage._free_weak_ref(reference)  # type: ignore[no-untyped-call]
        self._references.clear()


class Sealing:
    """What is sealed in the call that is going on, and whether it lies open now."""

    def __init__(self, device: torch.device) -> None:
        self._on_card = device.type == "cuda"
        self._is_on = False
        self._mask: Mask | None = None
        self._made_masks: dict[torch.device, Mask] = {}
        self._inputs: list[torch.Tensor] = []
        self._made = Storages()
        self._lock = threading.RLock()
        self._openings = 0
        self._process = os.getpid()

    def begin(self, seed: int, inputs: Iterable[torch.Tensor]) -> None:
        """Start a call whose `inputs` the judge has scrambled with the mask of `seed`."""
        self._inputs = [region_of(tensor) for tensor in inputs]
        self._mask = _mask_over(self._inputs, seed) if self._inputs else None
        self._openings = 0
        self._is_on = True

    def end(self) -> None:
        """Unseal what the call made; the inputs stay scrambled, as the judge expects them."""
        try:
            if self._is_on:
                self._toggle([])
        finally:
            self._is_on = False
            self._inputs = []
            self._made.clear()

    def cover(self, tensor: torch.Tensor) -> None:
        """Seal the memory behind `tensor` too, from the end of this opening on.

        Outside of one nothing is done: a launch that is captured runs later.
        """
        if self._is_on and self._openings:
            self._made.add(tensor)

    def covers(self, tensor: torch.Tensor) -> bool:
        """Is `tensor` sealed between openings? For tensors that are no inputs."""
        return self._is_on and tensor in self._made

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Everything can be read inside."""
        if not self._can_open():
            yield
            return
        self._change(1)
        try:
            yield
        finally:
            self._change(-1)

    @contextlib.contextmanager
    def closed(self) -> Iterator[None]:
        """Nothing can be read inside, even within an opening."""
        with self._lock:
            was_open, self._openings = self._openings, 0
            if was_open:
                self._toggle(self._inputs)
        try:
            yield
        finally:
            with self._lock:
                if was_open and not self._openings:
                    self._toggle(self._inputs)
                self._openings += was_open

    def _change(self, by: int) -> None:
        with self._lock:
            if by > 0 and self._openings == 0:
                self._toggle(self._inputs)
            self._openings += by
            if by < 0 and self._openings == 0:
                self._toggle(self._inputs)

    def _toggle(self, inputs: list[torch.Tensor]) -> None:
        if self._on_card:
            _synchronize()  # kernels of this opening, on whichever stream, are done
        with torch._C._DisableTorchDispatch():
            for region in inputs:
                assert self._mask is not None
                self._mask.apply(region)
            for storage in self._made.alive():
                self._made_mask(storage.device).apply(_bytes(storage, 0, storage.nbytes()))
        if self._on_card:
            _synchronize()

    def _made_mask(self, device: torch.device) -> Mask:
        """For what a call made, on the card or in host memory; nobody else needs to know its noise."""
        if device not in self._made_masks:
            self._made_masks[device] = Mask(secrets.randbits(62), _MASK_BYTES, device)
        return self._made_masks[device]

    def _can_open(self) -> bool:
        if not self._is_on or os.getpid() != self._process:  # a child must not open what it shares
            return False
        # What is captured runs when the graph is replayed.
        return not (self._on_card and torch.cuda.is_current_stream_capturing())
