"""Lets an unchanged solution run in Triton's interpreter on a machine without a GPU.

Inside `PretendCuda` CPU tensors answer `is_cuda == True` and `device == cuda:0`, factory functions that ask
for "cuda" get CPU memory, and questions about the card get the answers of the card that the judge names.
"""

from __future__ import annotations

import contextlib
import types
from collections.abc import Callable
from typing import Any

import torch
import triton
from torch.overrides import TorchFunctionMode
from triton.backends.compiler import GPUTarget

_CUDA = torch.device("cuda", 0)
_ANSWERS: dict[Any, Any] = {
    # torch's stubs declare these descriptors as plain values
    torch.Tensor.is_cuda.__get__: True,  # type: ignore[attr-defined]
    torch.Tensor.is_cpu.__get__: False,  # type: ignore[attr-defined]
    torch.Tensor.device.__get__: _CUDA,
    torch.Tensor.get_device: 0,
}
# These copy from the card, so that the result is memory of its own. Nobody else has a use for this operator.
COPY_TO_HOST = torch.ops.aten.lift_fresh_copy
_TO_HOST = {torch.Tensor.cpu, torch.Tensor.tolist}


def _on_cpu(value: Any) -> Any:
    """`value` with a CUDA device replaced by the CPU; anything else as it is."""
    if type(value) is int:  # a CUDA ordinal; True and False are other arguments of `Tensor.to`
        return torch.device("cpu")
    if isinstance(value, torch.device) and value.type == "cuda":
        return torch.device("cpu")
    if isinstance(value, str) and value.split(":")[0] == "cuda":
        return "cpu"
    return value


class PretendCuda(TorchFunctionMode):
    """CPU tensors look like tensors on cuda:0 to the code that runs inside."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Answer for the device, or run `func` on the CPU."""
        if func in _ANSWERS:
            return _ANSWERS[func]
        if func is torch.Tensor.cuda:
            return args[0]
        if func in _TO_HOST:
            args = (COPY_TO_HOST(args[0]), *args[1:])
        keywords = dict(kwargs or {})
        if "device" in keywords:
            keywords["device"] = _on_cpu(keywords["device"])
        if func is torch.Tensor.to:
            args = tuple(_on_cpu(value) for value in args)
        return func(*args, **keywords)


class _Stream:
    """A stream on which everything has already happened."""

    cuda_stream = 0
    device = _CUDA

    def __init__(self, *_args: Any, **_kwargs: Any) -> None: ...

    def synchronize(self) -> None:
        """Nothing is pending."""

    def wait_stream(self, _other: Any) -> None:
        """Nothing is pending."""

    def wait_event(self, _event: Any) -> None:
        """Nothing is pending."""

    def record_event(self, event: Any = None) -> Any:
        """An event of the past."""
        return event or _Event()

    def query(self) -> bool:
        """Everything is done."""
        return True


class _Event:
    """An event of the past; there is no device time here."""

    def __init__(self, *_args: Any, **_kwargs: Any) -> None: ...

    def record(self, _stream: Any = None) -> None:
        """Nothing to wait for."""

    def wait(self, _stream: Any = None) -> None:
        """Nothing to wait for."""

    def synchronize(self) -> None:
        """Nothing to wait for."""

    def query(self) -> bool:
        """Everything is done."""
        return True

    def elapsed_time(self, _end: Any) -> float:
        """No device time passes here."""
        return 0.0


def _no_graph(*_args: Any, **_kwargs: Any) -> Any:
    """What is captured would have to be launched again by every replay."""
    raise RuntimeError(
        "a CUDA graph needs a GPU, and none is used here; `bench run` where there is one judges this file"
    )


class _Driver:
    """What Triton asks of its active driver outside a launch."""

    def __init__(self, card: dict[str, Any]) -> None:
        arch = card["major"] * 10 + card["minor"]
        properties = {
            "multiprocessor_count": card["multi_processor_count"],
            "max_shared_mem": card["shared_memory_per_block_optin"],
            "max_num_regs": card["regs_per_multiprocessor"],
            "warpSize": 32,
            "sm_clock_rate": card["clock_rate"],
        }
        self.utils = types.SimpleNamespace(get_device_properties=lambda _device=0: dict(properties))
        self._target = GPUTarget("cuda", arch, 32)

    def get_current_target(self) -> GPUTarget:
        """The target that a real driver of this card would name."""
        return self._target

    def get_current_device(self) -> int:
        """The only device."""
        return 0

    def get_active_torch_device(self) -> torch.device:
        """The only device."""
        return _CUDA

    def get_current_stream(self, _device: int = 0) -> int:
        """The default stream."""
        return 0


def _first_config(_kernel_call: Callable[[], Any], quantiles: Any = None) -> list[float]:
    """All configurations look alike, so that the autotuner keeps its first one."""
    return [1.0, 1.0, 1.0]


def install(card: dict[str, Any]) -> None:
    """Answer torch's and Triton's questions about the card.

    Args:
        card: the answers, named as in `torch.cuda.get_device_properties`.
    """
    properties = types.SimpleNamespace(**card)
    answers: dict[str, Callable[..., Any]] = {
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "get_device_properties": lambda _device=None: properties,
        "get_device_name": lambda _device=None: card["name"],
        "get_device_capability": lambda _device=None: (card["major"], card["minor"]),
        "synchronize": lambda _device=None: None,
        "empty_cache": lambda: None,
        "device": lambda _device=None: contextlib.nullcontext(),
        "device_of": lambda _tensor=None: contextlib.nullcontext(),
        "set_device": lambda _device=None: None,
        "mem_get_info": lambda _device=None: (card["total_memory"], card["total_memory"]),
        "stream": lambda _stream=None: contextlib.nullcontext(),
        "current_stream": lambda _device=None: _Stream(),
        "default_stream": lambda _device=None: _Stream(),
        "Stream": _Stream,
        "Event": _Event,
        "CUDAGraph": _no_graph,
        "graph": _no_graph,
        "make_graphed_callables": _no_graph,
    }
    for name, answer in answers.items():
        setattr(torch.cuda, name, answer)
        if answer is _no_graph:
            setattr(torch.cuda.graphs, name, answer)
    triton.runtime.driver.set_active(_Driver(card))
    triton.runtime.autotuner.Autotuner.do_bench = property(lambda _self: _first_config)
