"""How much memory a computation holds, without holding it: on tensors that have a size and no data."""

from __future__ import annotations

import math
import weakref
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class Peak(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of the storages made inside, while they live."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes = 0
        """The most that lived at once."""
        self._now = 0
        self._alive: dict[int, int] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run `func` and note the new storages in what it returns."""
        value = func(*args, **(kwargs or {}))
        for item in value if isinstance(value, (tuple, list)) else (value,):
            if isinstance(item, torch.Tensor):
                self._note(item.untyped_storage())
        return value

    def _note(self, storage: torch.UntypedStorage) -> None:
        if storage._cdata in self._alive:
            return
        self._alive[storage._cdata] = storage.nbytes()
        self._now += storage.nbytes()
        self.bytes = max(self.bytes, self._now)
        weakref.finalize(storage, self._forget, storage._cdata)

    def _forget(self, key: int) -> None:
        self._now -= self._alive.pop(key)


def touched_bytes(tensor: torch.Tensor) -> int:
    """Bytes of the elements of a tensor, those of an expanded dimension once."""
    sizes = (size if stride else 1 for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return math.prod(sizes) * tensor.dtype.itemsize if tensor.numel() else 0


def held_bytes(tensors: list[torch.Tensor]) -> int:
    """Bytes of the storages of some tensors, each counted once."""
    storages = {tensor.untyped_storage()._cdata: tensor.untyped_storage().nbytes() for tensor in tensors}
    return sum(storages.values())
