"""The worker's view of the memory that the judge shares."""

from __future__ import annotations

import mmap

import torch

from suite.worker import cuda_ipc
from suite.worker.protocol import BufferSpec, TensorSpec


class _DeviceBytes:
    """Device memory that torch can wrap without a copy."""

    def __init__(self, address: int, nbytes: int) -> None:
        self.__cuda_array_interface__ = {
            "data": (address, False),
            "shape": (nbytes,),
            "typestr": "|u1",
            "version": 3,
        }


class SharedBuffers:
    """Maps each shared buffer once; `close` unmaps them all.

    Args:
        arena_fd: the memory file that host buffers lie in, if any.
    """

    def __init__(self, arena_fd: int | None = None) -> None:
        self._arena_fd = arena_fd
        self._bytes: dict[BufferSpec, torch.Tensor] = {}
        self._addresses: list[int] = []

    def tensor(self, spec: TensorSpec, device: torch.device) -> torch.Tensor:
        """The tensor that `spec` describes, sharing the judge's memory."""
        dtype = getattr(torch, spec.dtype)
        if spec.buffer is None:
            return torch.empty_strided(spec.shape, spec.stride, dtype=dtype, device=device)
        whole = self._map(spec.buffer)
        # A view as another dtype needs a length that is a multiple of the item size.
        itemsize = dtype.itemsize
        tail = whole[spec.offset_bytes :]
        typed = tail[: tail.numel() // itemsize * itemsize].view(dtype)
        return typed.as_strided(spec.shape, spec.stride)

    def close(self) -> None:
        """Unmap everything; tensors made from it must not be used any more."""
        self._bytes.clear()
        for address in self._addresses:
            cuda_ipc.close_handle(address)
        self._addresses.clear()

    def _map(self, buffer: BufferSpec) -> torch.Tensor:
        if buffer not in self._bytes:
            if buffer.kind == "arena":
                assert self._arena_fd is not None
                piece = mmap.mmap(self._arena_fd, buffer.nbytes, offset=int(buffer.handle))
                mapped = torch.frombuffer(piece, dtype=torch.uint8)
            else:
                address = cuda_ipc.open_handle(buffer.handle)
                self._addresses.append(address)
                mapped = torch.as_tensor(_DeviceBytes(address, buffer.nbytes), device="cuda")
            self._bytes[buffer] = mapped
        return self._bytes[buffer]
