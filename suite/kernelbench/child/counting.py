"""Bytes, flops and memory of a module's forward, followed on tensors that need no data.

Flops of products and convolutions are `torch.utils.flop_counter`'s: a multiplication and an addition each.
For the rest, an element that an elementwise operator writes or a reduction reads is one flop, whatever the
function, and a window of a pooling operator as many as it has elements. What fuses several passes counts
`FUSED` flops an element: softmax its maximum, difference, exponential, sum and quotient; a normalization its
mean, difference, square, sum, quotient by the root, scale and shift. Other operators move data and count
none.

Bytes are what is read of each input, parameter and buffer, at most once each, and the outputs once. A tensor
that only a lookup reads (embedding, index, gather) counts the elements that are looked up, a view its own.
"""

from __future__ import annotations

import math
import weakref
from collections import Counter
from typing import Any

import torch
from torch.utils.flop_counter import flop_registry

from suite.worker.dispatch_mode import DispatchMode

FUSED = {
    "_softmax": 5,
    "_log_softmax": 5,
    "native_layer_norm": 8,
    "native_group_norm": 8,
    "native_batch_norm": 8,
    "_native_batch_norm_legit": 8,
    "_native_batch_norm_legit_no_training": 4,
    "_batch_norm_with_update": 8,
    "_fused_rms_norm": 5,
    "cumsum": 1,
    "cumprod": 1,
    "logcumsumexp": 3,
}
LOOKUPS = {"embedding", "index", "index_select", "gather", "take", "_unsafe_index"}
MOST_TERMS = 1 << 16
"""A reduction on a GPU is a tree: nobody adds more than this in one chain, as a product does along its K."""
MOVES = {"clone", "copy_", "copy", "_to_copy", "fill", "fill_", "zero_", "lift_fresh", "where"}


def key_of(tensor: torch.Tensor) -> int:
    """Which storage a tensor lies in."""
    return int(tensor.untyped_storage()._cdata)


def nbytes(tensor: torch.Tensor) -> int:
    """Of its elements; an expanded one has no more than its storage."""
    return min(tensor.numel() * tensor.element_size(), int(tensor.untyped_storage().nbytes()))


class Count(DispatchMode):
    """Counts what runs inside."""

    def __init__(self) -> None:
        super().__init__()
        self.product_flops = 0
        self.other_flops = 0
        self.longest_sum = 1
        """The most terms that one element of a product or a reduction adds up."""
        self.peak_bytes = 0
        self.unknown: Counter[str] = Counter()
        self._touched: Counter[int] = Counter()
        self._sizes: dict[int, int] = {}
        self._holders: Counter[int] = Counter()
        self._live_bytes = 0

    @property
    def flops(self) -> int:
        """All of them."""
        return self.product_flops + self.other_flops

    def bytes_read(self, tensors: list[torch.Tensor]) -> int:
        """Of tensors that existed before."""
        distinct = {key_of(tensor): tensor for tensor in tensors}
        whole = {key: int(tensor.untyped_storage().nbytes()) for key, tensor in distinct.items()}
        return sum(min(self._touched[key], size) for key, size in whole.items())

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operator and count it."""
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        results = [t for t in torch.utils._pytree.tree_leaves(out) if isinstance(t, torch.Tensor)]
        given = [t for t in torch.utils._pytree.tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)]
        is_view = any(r.alias_info is not None and not r.alias_info.is_write for r in func._schema.returns)
        self._hold(results)
        if not is_view:
            name = func._schema.name.split("::")[1]
            self._count(func, name, given, results, (args, kwargs, out))
            for place, tensor in enumerate(given):
                is_table = name in LOOKUPS and place == 0
                elements = min(tensor.numel(), results[0].numel()) if is_table and results else tensor.numel()
                self._touched[key_of(tensor)] += elements * tensor.element_size()
        return out

    def _count(self, func: Any, name: str, given: Any, results: Any, call: Any) -> None:
        read = max((t.numel() for t in given), default=0)
        written = sum(t.numel() for t in results)
        packet = func._overloadpacket
        if packet in flop_registry:
            args, kwargs, out = call
            flops = int(flop_registry[packet](*args, **kwargs, out_val=out))
            self.product_flops += flops
            self._note_sum(flops // 2, written)
        elif name in FUSED:
            self.other_flops += FUSED[name] * max((t.numel() for t in results), default=0)
            self._note_sum(min(_fused_terms(name, given, results), MOST_TERMS), 1)
        elif "pool" in name and not name.startswith("adaptive"):
            window = _window(call[0])
            self.other_flops += window * (results[0].numel() if results else 0)
        elif torch.Tag.reduction in func.tags or "pool" in name:
            self.other_flops += read
            self._note_sum(min(read // max(1, written), MOST_TERMS), 1)
        elif torch.Tag.pointwise in func.tags:
            self.other_flops += 0 if name in MOVES else (results[0].numel() if results else 0)
        elif given and not name.startswith(("empty", "new_", "zeros", "ones", "full", "cat", "stack")):
            self.unknown[name] += 1

    def _note_sum(self, terms: int, outputs: int) -> None:
        self.longest_sum = max(self.longest_sum, terms // max(1, outputs))

    def _hold(self, tensors: list[torch.Tensor]) -> None:
        for tensor in tensors:
            key = key_of(tensor)
            if key not in self._sizes:
                self._sizes[key] = tensor.untyped_storage().nbytes()
                self._live_bytes += self._sizes[key]
                self.peak_bytes = max(self.peak_bytes, self._live_bytes)
            self._holders[key] += 1
            weakref.finalize(tensor, self._let_go, key)

    def _let_go(self, key: int) -> None:
        self._holders[key] -= 1
        if not self._holders[key]:
            self._live_bytes -= self._sizes.pop(key, 0)


def _fused_terms(name: str, given: Any, results: Any) -> int:
    """How many elements a normalization takes its statistics of, or a softmax its sum."""
    if "norm" in name and len(results) > 1 and results[1].numel():
        return int(given[0].numel() // results[1].numel())
    return int(given[0].shape[-1]) if given and given[0].dim() else 1


def _window(args: Any) -> int:
    sizes = args[1] if len(args) > 1 else 1
    return math.prod(sizes) if isinstance(sizes, list | tuple) else int(sizes)
