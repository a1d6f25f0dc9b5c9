"""Observes one call of a solution: which torch operators it dispatches, on what, and what it launches.

The solution runs in this process and may tamper with all of it. What makes a lie expensive is the sealing: an
observer that was removed opens nothing.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
import triton
from torch._C import DispatchKey, DispatchKeySet

from suite.worker.dispatch_mode import DispatchMode
from suite.worker.notes import Notes
from suite.worker.provenance import Provenance, tensors_in
from suite.worker.sealing import Sealing
from suite.worker.work import FREE, MOVES, TO_THE_HOST, Work

TORCHS_NAMESPACES = ("aten", "prims", "prim")
_PLAIN = (torch.Tensor, torch.nn.Parameter)
_INTERPRETER = os.path.join(os.path.dirname(triton.__file__), "runtime", "interpreter.py")  # noqa: PTH118, PTH120 - compared with frames' names


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
        self._provenance = Provenance()
        self._notes = Notes()

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
        self._notes = Notes()
        large = [inputs[index] for index in request["large"]]
        of_inputs, of_others = request["open"]
        self._provenance.begin(large, (of_inputs, of_others))
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
                self._notes.observer_removed = True
                while torch._C._len_torch_dispatch_stack() > before:
                    torch._C._pop_torch_dispatch_stack(None)

    def end(self, values: list[Any]) -> Work | None:
        """Make all that the call made readable again, and say what happened; None if nobody asked."""
        if self._request is None:
            return None
        noted = bool(self._request["operators"])
        self._request = None
        self.is_idle = True
        self._sealing.end()
        moved = [
            index
            for index, value in enumerate(values)
            if isinstance(value, torch.Tensor) and self._provenance.is_mere_copy(value)
        ]
        self._provenance.clear()
        return self._notes.report(self.names, moved, noted=noted)

    # Launches

    @contextlib.contextmanager
    def launch(self, name: str, file: str | None, arguments: Iterable[Any]) -> Iterator[None]:
        """Around a launch of a Triton kernel that `file` defines, counted by the caller."""
        is_own = file == self.path
        if not self._is_watching():
            yield
            return
        with self._lock:
            self._notes.kernel(name, is_own=is_own)
        if not is_own:
            yield
            return
        with self._sealing.opened(), self._launching(True):
            yield
            for tensor in tensors_in(arguments):
                self._provenance.add_launched(tensor)
                self._cover(tensor)

    @contextlib.contextmanager
    def replay(self) -> Iterator[None]:
        """Around the replay of a CUDA graph; what it runs is seen by the profiler alone."""
        self._notes.replays += 1
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
        if func.namespace not in TORCHS_NAMESPACES:
            # An operator of the solution's own, say around its kernels: what it does inside is what counts.
            with mode:
                return func.redispatch(self._key, *args, **kwargs)
        given = list(tensors_in([*args, *kwargs.values()]))
        if func.is_view or not given:
            return func(*args, **kwargs)
        line = self._line()
        if line is _OF_THE_INTERPRETER:
            return func(*args, **kwargs)
        # A class of tensors of the solution's own has its say within the operator.
        plain = all(type(tensor) in _PLAIN for tensor in given)
        with self._sealing.opened() if plain else contextlib.nullcontext():
            result = func(*args, **kwargs)
            self._note_operator(func._schema.name.replace("::", "."), line, given, list(tensors_in([result])))
        return result

    def _note_operator(
        self, name: str, line: Any, given: list[torch.Tensor], results: list[torch.Tensor]
    ) -> None:
        origin = self._provenance
        with self._lock:
            if self._goes_to_host(name, given, results):
                name = TO_THE_HOST
            reads_input = any(origin.has_input_data(tensor) for tensor in given)
            if name not in FREE and (reads_input or any(self._sealing.covers(tensor) for tensor in given)):
                self._notes.reads_sealed = True
            touched = {(tensor.data_ptr(), tensor.numel()) for tensor in (*given, *results)}
            elements = sum(numel for _, numel in touched)
            self._notes.operator(name, line, elements, reads_input=reads_input)
            for tensor in results:
                if reads_input and (name in MOVES or name == TO_THE_HOST) and not origin.is_input(tensor):
                    origin.add_copy(tensor)
                self._cover(tensor)

    def _goes_to_host(self, name: str, given: list[torch.Tensor], results: list[torch.Tensor]) -> bool:
        if self._device.type == "cpu":
            return name == "aten.lift_fresh_copy"  # see `PretendCuda`
        return any(tensor.is_cuda for tensor in given) and any(not tensor.is_cuda for tensor in results)

    def _cover(self, tensor: torch.Tensor) -> None:
        """Seal what is too much to be computed on outside of a kernel."""
        if not self._provenance.is_input(tensor) and self._provenance.is_too_much(tensor):
            self._sealing.cover(tensor)

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


class OperatorMode(DispatchMode):
    """Hands what is dispatched in this thread to the watch."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run an operator under the watch's eyes."""
        return self._watch.dispatched(func, args, kwargs or {}, self)
