"""Observes one call of a solution: which torch operators it dispatches, on what, and what it launches.

The solution runs in this process and may tamper with all of it. What makes a lie expensive is the sealing: an
observer that was removed opens nothing.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
import triton
from torch._C import DispatchKey, DispatchKeySet
from torch.utils._python_dispatch import TorchDispatchMode

from suite.worker.sealing import Sealing, Storages, region_of
from suite.worker.work import FREE, MAX_NAME, MAX_ROWS, MORE_OPERATORS, MOVES, TO_THE_HOST, Operator, Work

_OWN_NAMESPACES = ("aten", "prims", "prim")
_INTERPRETER = os.path.join(os.path.dirname(triton.__file__), "runtime", "interpreter.py")  # noqa: PTH118, PTH120 - compared with frames' names


def tensors_in(values: Iterable[Any]) -> Iterator[torch.Tensor]:
    """The tensors among `values`, in nested sequences and behind Triton's descriptors too."""
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from tensors_in(value)
        elif isinstance(getattr(value, "base", None), torch.Tensor):
            yield value.base


class Watch:
    """The observer of this process; `begin` and `end` stand around each call.

    `launches` counts launches of own kernels and replays of graphs, watched or not.
    """

    def __init__(self, device: torch.device) -> None:
        self.path = ""
        """The solution's file, known when it is loaded."""
        self.launches = 0
        self.is_idle = True
        """Is nobody watching? Launches then cost one addition."""
        self.names: set[str] = set()
        """Of own kernels that were compiled, as the device shows them; a replayed graph may run any."""
        self._device = device
        self._key = DispatchKeySet(DispatchKey.CUDA if device.type == "cuda" else DispatchKey.CPU)
        self._sealing = Sealing(device)
        self._request: dict[str, Any] | None = None
        self._process = os.getpid()
        self._here = threading.local()
        self._lock = threading.Lock()
        self._copies = Storages()
        self._launched = Storages()
        self._forget()

    def _forget(self) -> None:
        self._inputs: list[tuple[int, int]] = []
        self._copies.clear()
        self._launched.clear()
        self._rows: dict[tuple[str, int | None], list[int]] = {}
        self._kernels: Counter[str] = Counter()
        self._strangers: list[str] = []
        self._exposed = [0, 0]
        self._replays = 0
        self._reads_sealed = False
        self._observer_removed = False

    def begin(self, request: dict[str, Any] | None, inputs: list[torch.Tensor]) -> None:
        """Prepare a call.

        Args:
            request: how to watch, see `suite.worker.protocol`; None: count launches alone.
            inputs: the call's.
        """
        self.launches = 0
        self._request = request
        self.is_idle = request is None
        if request is None:
            return
        self._forget()
        large = [inputs[index] for index in request["large"]]
        for region in map(region_of, large):
            self._inputs.append((region.data_ptr(), region.data_ptr() + region.numel()))
        if request["seed"] is not None:
            self._sealing.begin(request["seed"], large)

    def run(self, call: Callable[[], Any]) -> Any:
        """The result of `call()`."""
        if self._request is None or not self._request["operators"]:
            return call()
        before = torch._C._len_torch_dispatch_stack()
        mode = OperatorMode(self)
        mode.__enter__()  # type: ignore[no-untyped-call] # torch has no types here
        try:
            return call()
        finally:
            depth = torch._C._len_torch_dispatch_stack()
            if depth == before + 1 and torch._C._get_dispatch_stack_at(before) is mode:
                mode.__exit__(None, None, None)
            else:
                self._observer_removed = True
                while torch._C._len_torch_dispatch_stack() > before:
                    torch._C._pop_torch_dispatch_stack(None)

    def end(self, values: list[Any]) -> Work | None:
        """Make all that the call made readable again, and say what happened; None if nobody asked."""
        if self._request is None:
            return None
        self._sealing.end()
        noted = bool(self._request["operators"])
        if self._replays:
            for name in list(self.names)[:MAX_ROWS]:
                self._kernels[name] += 0
        self._request = None
        self.is_idle = True
        moved = [
            index
            for index, value in enumerate(values[:MAX_ROWS])
            if isinstance(value, torch.Tensor) and self._is_moved(value)
        ]
        work = Work(
            noted=noted,
            operators=tuple(Operator(name, line, *counts) for (name, line), counts in self._rows.items()),
            kernels=dict(self._kernels.most_common(MAX_ROWS)),
            strangers=tuple(self._strangers),
            replays=self._replays,
            reads_sealed=self._reads_sealed,
            observer_removed=self._observer_removed,
            moved_outputs=tuple(moved),
        )
        self._forget()
        return work

    # Launches

    @contextlib.contextmanager
    def launch(self, name: str, file: str | None, arguments: Iterable[Any]) -> Iterator[None]:
        """Around a launch of a Triton kernel that `file` defines, counted by the caller."""
        is_own = file == self.path
        if not self._is_watching():
            yield
            return
        with self._lock:
            self._note_kernel(name, is_own=is_own)
        if not is_own:
            yield
            return
        with self._sealing.opened(), self._launching(True):
            yield
            for tensor in tensors_in(arguments):
                if not self._is_input(tensor):
                    self._launched.add(tensor)
                    self._cover(tensor)

    @contextlib.contextmanager
    def replay(self) -> Iterator[None]:
        """Around the replay of a CUDA graph; what it runs is seen by the profiler alone."""
        self._replays += 1
        with self._sealing.opened():
            yield

    def outside(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, which runs within a launch, as the solution's code that it is."""

        def run(*args: Any, **kwargs: Any) -> Any:
            with self._sealing.closed(), self._launching(False):
                return function(*args, **kwargs)

        return run

    def opened(self) -> contextlib.AbstractContextManager[None]:
        """Around what must run at its own pace, such as the timing of configurations."""
        return self._sealing.opened()

    # Operators

    def dispatched(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], mode: Any) -> Any:
        """Run one operator and note what it touched."""
        if not self._observes() or not isinstance(func, torch._ops.OpOverload):
            return func(*args, **kwargs)
        if func._can_decompose():
            with mode:
                return func.decompose(*args, **kwargs)
        if func.namespace not in _OWN_NAMESPACES:
            # An operator of the solution's own, say around its kernels: what it does inside is what counts.
            with mode:
                return func.redispatch(self._key, *args, **kwargs)
        given = list(tensors_in([*args, *kwargs.values()]))
        if func.is_view or not given:
            return func(*args, **kwargs)
        line = self._line()
        if line is _OF_THE_INTERPRETER:
            return func(*args, **kwargs)
        with self._sealing.opened():
            result = func(*args, **kwargs)
            self._note_operator(func._schema.name.replace("::", "."), line, given, list(tensors_in([result])))
        return result

    def _note_operator(
        self, name: str, line: Any, given: list[torch.Tensor], results: list[torch.Tensor]
    ) -> None:
        with self._lock:
            if self._goes_to_host(name, given, results):
                name = TO_THE_HOST
            reads_input = any(self._is_input(tensor) or tensor in self._copies for tensor in given)
            if name not in FREE:
                sealed = reads_input or any(self._sealing.covers(tensor) for tensor in given)
                self._reads_sealed = self._reads_sealed or sealed
            touched = {(x.data_ptr(), x.numel()): x.numel() for x in (*given, *results)}
            row = self._row(name[:MAX_NAME], line)
            row[0] += 1
            row[1 if reads_input else 2] += sum(touched.values())
            for tensor in results:
                if not self._is_input(tensor):
                    if reads_input and (name in MOVES or name == TO_THE_HOST):
                        self._copies.add(tensor)
                    self._cover(tensor)

    def _goes_to_host(self, name: str, given: list[torch.Tensor], results: list[torch.Tensor]) -> bool:
        if self._device.type == "cpu":
            return name == "aten.lift_fresh_copy"  # see `PretendCuda`
        return any(tensor.is_cuda for tensor in given) and any(not tensor.is_cuda for tensor in results)

    def _row(self, name: str, line: int | None) -> list[int]:
        if (name, line) not in self._rows and len(self._rows) >= MAX_ROWS:
            name, line = MORE_OPERATORS, None
        return self._rows.setdefault((name, line), [0, 0, 0])

    def _note_kernel(self, name: str, *, is_own: bool) -> None:
        if is_own and (name in self._kernels or len(self._kernels) < MAX_ROWS):
            self._kernels[name[:MAX_NAME]] += 1
        elif not is_own and name not in self._strangers and len(self._strangers) < MAX_ROWS:
            self._strangers.append(name[:MAX_NAME])

    def _cover(self, tensor: torch.Tensor) -> None:
        """Seal what is too much to be computed on outside of a kernel; each time it is written counts."""
        assert self._request is not None
        kind = 0 if tensor in self._copies else 1
        self._exposed[kind] += tensor.untyped_storage().nbytes() // tensor.itemsize
        if self._exposed[kind] > self._request["open"][kind]:
            self._sealing.cover(tensor)

    def _is_input(self, tensor: torch.Tensor) -> bool:
        """Is it an input that is not small, or a view of one?"""
        if tensor.numel() == 0 or tensor.is_meta:
            return False
        address = tensor.data_ptr()
        return any(start <= address < stop for start, stop in self._inputs)

    def _is_moved(self, tensor: torch.Tensor) -> bool:
        return self._is_input(tensor) or (tensor in self._copies and tensor not in self._launched)

    # Who is asking

    def _is_watching(self) -> bool:
        # A child has the observer's memory, but not its ear.
        return self._request is not None and os.getpid() == self._process

    def _observes(self) -> bool:
        return self._is_watching() and bool(self._request and self._request["operators"])

    @contextlib.contextmanager
    def _launching(self, value: bool) -> Iterator[None]:
        before = getattr(self._here, "launching", False)
        self._here.launching = value
        try:
            yield
        finally:
            self._here.launching = before

    def _line(self) -> Any:
        """The line of the solution that asks, if any; a mark if Triton's interpreter does, in a launch."""
        launching = getattr(self._here, "launching", False)
        frame = sys._getframe(2)
        while frame is not None:
            file = frame.f_code.co_filename
            if file == self.path:
                return frame.f_lineno
            if launching and file == _INTERPRETER:
                return _OF_THE_INTERPRETER
            frame = frame.f_back  # type: ignore[assignment] # it ends with None
        return None


_OF_THE_INTERPRETER = object()


class OperatorMode(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Hands what is dispatched in this thread to the watch."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._watch = watch

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run an operator under the watch's eyes."""
        return self._watch.dispatched(func, args, kwargs or {}, self)
