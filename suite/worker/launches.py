"""Lets the watch know of each launch, and of what other threads do; installed before a solution is loaded."""

from __future__ import annotations

import _thread
import functools
import threading
from collections.abc import Callable
from typing import Any

import torch
import triton
from triton.runtime.autotuner import Autotuner

from suite.worker.watch import TORCHS_NAMESPACES, OperatorMode, Watch
from suite.worker.work import MAX_NAME


def install(watch: Watch, device: str) -> None:
    """Patch Triton's launchers, its autotuner and the start of threads, for good."""
    if device == "cuda":
        _watch_compiled(watch)
        _watch_graphs(watch)
    else:
        _watch_interpreted(watch)
    _leave_tuning_alone(watch)
    _watch_registrations(watch)
    _watch_threads(watch)


def _file_of(function: Any) -> str | None:
    """Where a kernel's Python function, or what `triton.jit` made of it, is written."""
    inner = getattr(function, "fn", function)
    code = getattr(inner, "__code__", None)
    return getattr(code, "co_filename", None)


def _watch_compiled(watch: Watch) -> None:
    """Every launch ends in the driver's launcher, whether a grid, a compiled kernel or a tuner began it."""
    launcher = triton.runtime.driver.active.launcher_cls
    make, call = launcher.__init__, launcher.__call__

    def made(self: Any, src: Any, metadata: Any) -> None:
        make(self, src, metadata)
        self.origin = (str(metadata.name), _file_of(getattr(src, "fn", None)))
        if self.origin[1] == watch.path:
            watch.names.add(self.origin[0][:MAX_NAME])

    def called(self: Any, *args: Any) -> None:
        name, file = self.origin
        watch.launches += file == watch.path
        if watch.is_idle:
            call(self, *args)
            return
        with watch.launch(name, file, args):
            call(self, *args)

    launcher.__init__, launcher.__call__ = made, called


def _watch_interpreted(watch: Watch) -> None:
    from triton.runtime import interpreter  # nothing that a card needs

    executor = interpreter.GridExecutor
    call = executor.__call__

    def called(self: Any, *args: Any, **kwargs: Any) -> None:
        # Hooks and grids are the solution's code, not its kernel's.
        self.pre_run_hooks = [watch.outside(hook) for hook in self.pre_run_hooks]
        if callable(self.grid):
            self.grid = watch.outside(self.grid)
        file = _file_of(self.fn)
        watch.launches += file == watch.path
        with watch.launch(self.fn.__name__, file, (*args, *kwargs.values())):
            call(self, *args, **kwargs)

    executor.__call__ = called


def _watch_graphs(watch: Watch) -> None:
    replay = torch.cuda.CUDAGraph.replay

    def replayed(self: Any) -> None:
        watch.launches += 1
        if watch.is_idle:
            replay(self)
            return
        with watch.replay():
            replay(self)

    torch.cuda.CUDAGraph.replay = replayed  # type: ignore[method-assign]


def _leave_tuning_alone(watch: Watch) -> None:
    """Configurations are timed without the cost of opening and sealing, so that the choice stays the same."""
    bench = Autotuner._bench

    def benched(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self._do_bench is not None:  # the solution's own way to time, which is the solution's code
            return bench(self, *args, **kwargs)
        with watch.opened():
            return bench(self, *args, **kwargs)

    Autotuner._bench = benched


def _watch_registrations(watch: Watch) -> None:
    """A Python function that is made the kernel of torch's operator is the solution's code, not torch's."""
    impl = torch.library.Library.impl

    def registered(self: Any, op_name: Any, fn: Any, *args: Any, **kwargs: Any) -> Any:
        is_torchs = self.ns in TORCHS_NAMESPACES and fn is not torch.library.fallthrough_kernel
        own = watch.outside(fn) if is_torchs else fn
        return impl(self, op_name, own, *args, **kwargs)  # type: ignore[no-untyped-call] # torch has no types here

    torch.library.Library.impl = registered  # type: ignore[method-assign]


def _watch_threads(watch: Watch) -> None:
    """Dispatch modes belong to one thread; each new one gets its own."""

    def observed(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            with OperatorMode(watch):
                return function(*args, **kwargs)

        return run

    bootstrap = threading.Thread._bootstrap_inner  # type: ignore[attr-defined] # private, the same since 2.6
    threading.Thread._bootstrap_inner = observed(bootstrap)  # type: ignore[attr-defined]
    start = _thread.start_new_thread

    def start_observed(function: Callable[..., Any], *args: Any) -> int:
        return start(observed(function), *args)

    _thread.start_new_thread = start_observed
