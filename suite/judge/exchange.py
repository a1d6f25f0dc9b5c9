"""The memory that judge and worker share: inputs and outputs of one workload, nothing else of the judge."""

from __future__ import annotations

import contextlib
from typing import Protocol

import torch

from suite.judge.arena import Arena
from suite.worker import cuda_ipc
from suite.worker.protocol import BufferSpec, TensorSpec

POISON = 0xFF  # NaN as a float, -1 as an integer: no right answer


class Exchange(Protocol):
    """Memory shared with the workers of one workload."""

    lends: bool
    """Are shared inputs copies, which hold something only while a worker is asked to read it?"""

    def allocating_inputs(self) -> contextlib.AbstractContextManager[None]:
        """Tensors made inside can be published without a copy, where the device allows it."""

    def publish(self, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
        """The same tensors in shared memory."""

    def output_buffers(self, like: list[torch.Tensor], role: str) -> list[torch.Tensor]:
        """Contiguous shared buffers with the shapes and dtypes of `like`, for the worker of `role` alone."""

    def spec(self, tensor: torch.Tensor) -> TensorSpec:
        """How a worker finds a shared tensor."""

    def release(self) -> None:
        """Give the memory back; no worker may be attached any more."""


def poison(tensors: list[torch.Tensor]) -> None:
    """Overwrite output buffers, so that an output which is not written cannot be right."""
    for tensor in tensors:
        bytes_of(tensor).fill_(POISON)


def bytes_of(tensor: torch.Tensor) -> torch.Tensor:
    """The whole storage behind `tensor` as a uint8 vector."""
    storage = tensor.untyped_storage()
    return torch.empty(0, dtype=torch.uint8, device=tensor.device).set_(storage)


def copy_of(tensor: torch.Tensor) -> torch.Tensor:
    """A copy of the whole memory behind a tensor, gaps included, seen as the tensor sees it."""
    apart = torch.empty(0, dtype=tensor.dtype, device=tensor.device)
    apart.set_(bytes_of(tensor).clone().untyped_storage())
    return apart.as_strided(tensor.shape, tensor.stride(), int(tensor.storage_offset()))


def _spec(tensor: torch.Tensor, buffer: BufferSpec | None, offset_bytes: int) -> TensorSpec:
    dtype = str(tensor.dtype).removeprefix("torch.")
    return TensorSpec(dtype, tuple(tensor.shape), tensor.stride(), offset_bytes, buffer)


class CudaExchange:
    """Shares device memory by CUDA IPC.

    An IPC handle opens a whole allocation of the caching allocator. Each role therefore has a memory pool of
    its own: the allocations that a worker can map hold nothing but what it may see. Inputs are made where
    they are read: the largest leave no room for a second copy.
    """

    lends = False

    def __init__(self) -> None:
        self._pools: dict[str, torch.cuda.MemPool] = {}
        self._handles: dict[int, BufferSpec] = {}

    def _pool(self, role: str) -> torch.cuda.MemPool:
        if role not in self._pools:
            self._pools[role] = torch.cuda.MemPool()
        return self._pools[role]

    def allocating_inputs(self) -> contextlib.AbstractContextManager[None]:  # noqa: D102
        return torch.cuda.use_mem_pool(self._pool("inputs"))

    def publish(self, tensors: list[torch.Tensor]) -> list[torch.Tensor]:  # noqa: D102
        return tensors

    def output_buffers(self, like: list[torch.Tensor], role: str) -> list[torch.Tensor]:  # noqa: D102
        with torch.cuda.use_mem_pool(self._pool(role)):
            return [torch.empty(tensor.shape, dtype=tensor.dtype, device="cuda") for tensor in like]

    def spec(self, tensor: torch.Tensor) -> TensorSpec:  # noqa: D102
        if tensor.numel() == 0:
            return _spec(tensor, None, 0)
        base, nbytes = cuda_ipc.allocation_of(tensor.data_ptr())
        if base not in self._handles:
            self._handles[base] = BufferSpec("cuda_ipc", cuda_ipc.export_handle(base), nbytes)
        return _spec(tensor, self._handles[base], tensor.data_ptr() - base)

    def release(self) -> None:  # noqa: D102
        self._pools.clear()
        self._handles.clear()
        torch.cuda.empty_cache()


class ArenaExchange:
    """Shares host memory through a worker's arena."""

    lends = True

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._pieces: dict[int, BufferSpec] = {}

    def allocating_inputs(self) -> contextlib.AbstractContextManager[None]:  # noqa: D102
        return contextlib.nullcontext()

    def publish(self, tensors: list[torch.Tensor]) -> list[torch.Tensor]:  # noqa: D102
        return [self._shared_copy(tensor) for tensor in tensors]

    def output_buffers(self, like: list[torch.Tensor], role: str) -> list[torch.Tensor]:  # noqa: D102
        return [self._shared_copy(torch.empty(tensor.shape, dtype=tensor.dtype)) for tensor in like]

    def spec(self, tensor: torch.Tensor) -> TensorSpec:  # noqa: D102
        if tensor.numel() == 0:
            return _spec(tensor, None, 0)
        offset_bytes = int(tensor.storage_offset()) * tensor.dtype.itemsize
        return _spec(tensor, self._pieces[tensor.untyped_storage().data_ptr()], offset_bytes)

    def release(self) -> None:  # noqa: D102
        self._pieces.clear()
        self._arena.clear()

    def _shared_copy(self, tensor: torch.Tensor) -> torch.Tensor:
        source = bytes_of(tensor)
        if source.numel() == 0 or tensor.numel() == 0:
            return tensor
        offset, piece = self._arena.take(source.numel())
        mapped = torch.frombuffer(piece, dtype=torch.uint8)
        mapped.copy_(source)
        self._pieces[mapped.data_ptr()] = BufferSpec("arena", str(offset), source.numel())
        typed = torch.empty(0, dtype=tensor.dtype).set_(mapped.untyped_storage())
        return typed.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())
