"""Tensors on the card that have a size and no data.

Inside `MetaCuda` factory functions that ask for "cuda" make `meta` tensors, which answer `is_cuda == True`,
`device == cuda:0` and an address; whatever needs their values raises `NeedsValuesError`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from suite.worker.dispatch_mode import DispatchMode

CARD = torch.device("cuda", 0)
# torch's allocator hands out blocks at multiples of 512 bytes; addresses here are further apart.
_ADDRESS_STEP = 1 << 21
_ANSWERS: dict[Any, Any] = {
    # torch's stubs declare these descriptors as plain values
    torch.Tensor.is_cuda.__get__: True,  # type: ignore[attr-defined]
    torch.Tensor.is_cpu.__get__: False,  # type: ignore[attr-defined]
    torch.Tensor.is_meta.__get__: False,  # type: ignore[attr-defined]
    torch.Tensor.device.__get__: CARD,
    torch.Tensor.get_device: 0,
}
_NEED_VALUES: dict[Any, str] = {
    torch.Tensor.item: ".item()",
    torch.Tensor.__bool__: "bool()",
    torch.Tensor.__int__: "int()",
    torch.Tensor.__float__: "float()",
    torch.Tensor.__index__: "an index",
    torch.Tensor.__contains__: "in",
    torch.Tensor.tolist: ".tolist()",
    torch.Tensor.numpy: ".numpy()",
    torch.Tensor.__array__: "an array",
    torch.Tensor.nonzero: ".nonzero()",
    torch.Tensor.equal: ".equal()",
    torch.Tensor.allclose: ".allclose()",
    torch.equal: "torch.equal()",
    torch.allclose: "torch.allclose()",
    torch.nonzero: "torch.nonzero()",
    torch.unique: "torch.unique()",
    torch.masked_select: "torch.masked_select()",
}


class NeedsValuesError(RuntimeError):
    """The solution asks for the values of a tensor that has none here."""


def _on_meta(value: Any) -> Any:
    """`value` with a CUDA device replaced by `meta`; anything else as it is."""
    if type(value) is int:  # a CUDA ordinal; True and False are other arguments of `Tensor.to`
        return torch.device("meta")
    if isinstance(value, torch.device) and value.type == "cuda":
        return torch.device("meta")
    if isinstance(value, str) and value.split(":")[0] == "cuda":
        return "meta"
    return value


class MetaCuda(TorchFunctionMode):
    """Everything on "cuda" has a size and no data."""

    def __init__(self) -> None:
        super().__init__()
        self._addresses: dict[int, int] = {}
        self._alive: list[Any] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Answer for the device, or run `func` on `meta`."""
        keywords = dict(kwargs or {})
        first = args[0] if args and isinstance(args[0], torch.Tensor) else None
        if first is not None and first.is_meta:
            if func in _ANSWERS:
                return _ANSWERS[func]
            if func is torch.Tensor.data_ptr:
                return self._address(first)
            if func in _NEED_VALUES:
                raise NeedsValuesError(
                    f"{_NEED_VALUES[func]} needs the values of a tensor of shape {_shape(first)}"
                )
            if func in (torch.Tensor.cuda, torch.Tensor.cpu):
                return first
        if func is torch.Tensor.cuda:
            return args[0].to("meta")
        if "device" in keywords:
            keywords["device"] = _on_meta(keywords["device"])
        if func is torch.Tensor.to:
            args = tuple(_on_meta(value) for value in args)
        return func(*args, **keywords)

    def _address(self, tensor: torch.Tensor) -> int:
        storage = tensor.untyped_storage()
        if storage._cdata not in self._addresses:
            self._alive.append(storage)  # its identity must not be given to another storage
            self._addresses[storage._cdata] = (len(self._addresses) + 1) * _ADDRESS_STEP
        return self._addresses[storage._cdata] + int(tensor.storage_offset()) * tensor.element_size()


def _shape(tensor: torch.Tensor) -> str:
    return str(tuple(tensor.shape))


class Bookkeeper(DispatchMode):
    """Adds up what is allocated on the card, and counts torch's own operations there.

    While `leaves_out` answers True neither is: an autotuner's trials are no part of a call.
    """

    def __init__(self, leaves_out: Callable[[], bool] = lambda: False) -> None:
        super().__init__()
        self._leaves_out = leaves_out
        self.allocated: dict[int, int] = {}
        """Bytes of each new storage."""
        self.operations: Counter[str] = Counter()
        """Operations that would start a kernel of torch: everything but views and empty tensors."""
        self._alive: list[Any] = []
        self._known: set[int] = set()

    def know(self, tensors: list[torch.Tensor]) -> None:
        """Take the storages of `tensors` for granted: the solution did not allocate them."""
        for tensor in tensors:
            self._remember(tensor)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run `func` and look at the storages of what comes out."""
        value = func(*args, **(kwargs or {}))
        tensors = [t for t in _flat(value) if t.is_meta]
        fresh = [tensor for tensor in tensors if self._remember(tensor)]
        if self._leaves_out():
            return value
        for tensor in fresh:
            storage = tensor.untyped_storage()
            self.allocated[storage._cdata] = storage.nbytes()
        name = str(func.overloadpacket).removeprefix("aten.")
        writes = func._schema.is_mutable or bool(fresh)
        if tensors and writes and not name.startswith(("empty", "new_empty", "detach", "resize_")):
            self.operations[name] += 1
        return value

    def _remember(self, tensor: torch.Tensor) -> bool:
        """Whether the storage of `tensor` is a new one."""
        storage = tensor.untyped_storage()
        if storage._cdata in self._known:
            return False
        self._known.add(storage._cdata)
        self._alive.append(storage)
        return True


def _flat(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    return (
        [item for item in value if isinstance(item, torch.Tensor)] if isinstance(value, (tuple, list)) else []
    )
