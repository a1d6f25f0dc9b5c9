"""Records every Triton launch of a solution instead of making it."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from triton.compiler import ASTSource
from triton.runtime.autotuner import Autotuner
from triton.runtime.jit import JITFunction, get_jit_fn_file_line
from triton.tools.tensor_descriptor import TensorDescriptor

from suite.worker import pretend_cuda

MAX_LAUNCHES = 10_000
MAX_DISTINCT = 200
_OPTIONS = ("num_warps", "num_stages", "num_ctas", "maxnreg")


class TooManyLaunchesError(RuntimeError):
    """The solution launches without end, or nearly so."""


class NeedsCardError(RuntimeError):
    """The solution asks a compiled kernel for what only a card knows."""


class _Compiled:
    """What `kernel.warmup(...)` gives here: nothing has been loaded onto a card."""

    def __getattr__(self, name: str) -> Any:
        """Refuse, and say what works in its place."""
        raise NeedsCardError(
            f"{name!r} of what kernel.warmup() gives is known once a card has loaded it: "
            "size the grid by torch.cuda.get_device_properties(x.device).multi_processor_count"
        )

    def __getitem__(self, grid: Any) -> Any:
        """A compiled kernel would be launched so."""
        return self.__getattr__("[grid]")


@dataclass(frozen=True, slots=True)
class Variant:
    """One compilation: a kernel with the types, alignments and constants of its arguments."""

    source: Any
    options: dict[str, Any]


class Recorder:
    """Launches in order. Equal ones are kept once, in `launches`; `order` has their places there."""

    def __init__(self, file_name: str) -> None:
        self.launches: list[dict[str, Any]] = []
        self.variants: list[Variant] = []
        self.order: list[int] = []
        self.tuning = False
        self._file_name = file_name
        self._launch_keys: dict[str, int] = {}
        self._variant_keys: dict[str, int] = {}

    def record(self, function: JITFunction[Any], args: Any, grid: Any, kwargs: dict[str, Any]) -> None:
        """Bind the arguments as the JIT would, evaluate the grid, and keep what a launch is made of."""
        kwargs = {**kwargs, "debug": kwargs.get("debug", function.debug) or False, "instrumentation_mode": ""}
        _, _, _, backend, binder = function.device_caches[0]
        bound, specialization, options = binder(*args, **kwargs)
        options, signature, constants, attributes = function._pack_args(
            backend, kwargs, bound, specialization, options
        )
        source = ASTSource(function, signature, constants, attributes)
        variant = self._place(
            self._variant_keys,
            self.variants,
            f"{source.hash()} {options.hash()}",
            Variant(source, options.__dict__),
        )
        sizes = _sizes(grid(bound) if callable(grid) else grid)
        _require_on_card(function, bound)
        launch = {
            "kernel": function.fn.__name__,
            "kernel_line": get_jit_fn_file_line(function)[1],
            "line": self._calling_line(),
            "grid": sizes + [1] * (3 - len(sizes)),
            "rank": len(sizes),
            "constants": {p.name: _text(bound[p.name]) for p in function.params if p.is_constexpr},
            "arguments": _arguments(function, bound, specialization),
            "options": {name: getattr(options, name) for name in _OPTIONS},
            "candidate": self.tuning,
            "variant": variant,
        }
        place = self._place(self._launch_keys, self.launches, repr(launch), launch)
        self.order.append(place)
        if len(self.order) > MAX_LAUNCHES or len(self.launches) > MAX_DISTINCT:
            raise TooManyLaunchesError(
                f"over {MAX_LAUNCHES} launches or {MAX_DISTINCT} different ones: no more are followed"
            )

    @staticmethod
    def _place(places: dict[str, int], items: list[Any], key: str, item: Any) -> int:
        if key not in places:
            places[key] = len(items)
            items.append(item)
        return places[key]

    def _calling_line(self) -> int | None:
        frame: Any = sys._getframe()
        while frame is not None and frame.f_code.co_filename != self._file_name:
            frame = frame.f_back
        return None if frame is None else int(frame.f_lineno)


def install(card: dict[str, Any], recorder: Recorder) -> None:
    """Answer for the card and put `recorder` in the place of every launch; for good, so in a process apart.

    An autotuner measures all configurations as equally fast and so keeps the first; its trials are marked.
    Its own hooks (`reset_to_zero`, `restore_value`) belong to the trials: no later call runs them.
    """
    pretend_cuda.install(card)

    def run(
        function: JITFunction[Any], *args: Any, grid: Any, warmup: bool, **kwargs: Any
    ) -> _Compiled | None:
        for hook in function.pre_run_hooks:
            hook(*args, **kwargs)
        if warmup:
            return _Compiled()
        recorder.record(function, args, grid, kwargs)
        return None

    def bench(kernel_call: Callable[[], Any], quantiles: Any = None) -> list[float]:
        with _tuning(recorder):
            kernel_call()
        return [1.0, 1.0, 1.0]

    def build(tuner: Autotuner, *args: Any, **kwargs: Any) -> None:
        construct(tuner, *args, **kwargs)
        prepare = tuner.pre_hook

        def pre_hook(*args: Any, **kwargs: Any) -> Any:
            with _tuning(recorder):
                return prepare(*args, **kwargs)

        tuner.pre_hook = pre_hook

    construct = Autotuner.__init__
    JITFunction.run = run
    Autotuner.__init__ = build
    Autotuner.do_bench = property(lambda _tuner: bench)


@contextmanager
def _tuning(recorder: Recorder) -> Iterator[None]:
    before, recorder.tuning = recorder.tuning, True
    try:
        yield
    finally:
        recorder.tuning = before


def _sizes(grid: Any) -> list[int]:
    """The sizes as a launch takes them: it refuses a float, whole or not."""
    if not isinstance(grid, (tuple, list)) or not 1 <= len(grid) <= 3:
        raise ValueError(f"a grid has one to three sizes, got {grid!r}")
    try:
        sizes = [operator.index(size) for size in grid]
    except TypeError:
        raise TypeError(f"the sizes of a grid are integers, got {grid!r}: divide with triton.cdiv") from None
    if any(size < 0 for size in sizes):
        raise ValueError(f"the sizes of a grid are not negative, got {grid!r}: a card launches nothing then")
    return sizes


def _require_on_card(function: JITFunction[Any], bound: dict[str, Any]) -> None:
    """Refuse what a launch refuses: the address of a tensor that lies in the host's memory."""
    for parameter in function.params:
        value = bound[parameter.name]
        value = value.base if isinstance(value, TensorDescriptor) else value
        if not parameter.is_constexpr and isinstance(value, torch.Tensor) and not value.is_cuda:
            raise ValueError(
                f"argument {parameter.name!r} is a tensor on the CPU, which a kernel cannot access: "
                "make it on the device of the inputs"
            )


def _arguments(
    function: JITFunction[Any], bound: dict[str, Any], specialization: list[Any]
) -> list[dict[str, Any]]:
    """Each run-time argument: its type, and "D" (a multiple of 16), "=1" (made a constant) or nothing."""
    described = []
    for parameter, (kind, key) in zip(function.params, specialization, strict=True):
        if parameter.is_constexpr:
            continue
        value = bound[parameter.name]
        if kind == "constexpr":
            described.append(
                {"name": parameter.name, "type": "constexpr", "specialization": f"={_text(value)}"}
            )
        else:
            described.append(
                {"name": parameter.name, "type": _text(kind), "specialization": _text(key or "")}
            )
    return described


def _text(value: Any) -> str:
    return str(value.__name__ if hasattr(value, "__name__") else value)[:200]
