"""Loads one solution and calls it on the shared buffers."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import triton

from suite.worker import launchers, launches
from suite.worker.buffers import SharedBuffers
from suite.worker.clock import ColdClock
from suite.worker.device_trace import Span, busy_us, spin, summed, traced
from suite.worker.pretend_cuda import PretendCuda, install
from suite.worker.protocol import TensorSpec, spec_from_json, value_from_json
from suite.worker.state import Entry, load_state
from suite.worker.variants import as_variant
from suite.worker.watch import Watch

MODULE_NAME = "solution"
MAX_OUTPUTS_DESCRIBED = 64


def describe(value: Any) -> dict[str, Any]:
    """What the judge needs to know of one output."""
    if type(value) is not torch.Tensor:
        return {"type": type(value).__name__}
    return {
        "type": "Tensor",
        "dtype": str(value.dtype).removeprefix("torch."),
        "shape": list(value.shape),
        "device": value.device.type,
    }


class SolutionHost:
    """One solution in this process: the operations that the judge may ask for."""

    def __init__(self, device: str, arena_fd: int | None) -> None:
        self._device = torch.device(device)
        self._buffers = SharedBuffers(arena_fd)
        self._inputs: list[torch.Tensor] = []
        self._outputs: list[torch.Tensor] = []
        self._output_specs: list[TensorSpec] = []
        self._class: Callable[..., Any] | None = None
        self._model: Any = None
        self._variant: str | None = None
        self._watch = Watch(self._device)
        self._clock: ColdClock | None = None
        if device == "cuda":
            self._clock = ColdClock()
            # Before the judge asks for anything: Triton loads its driver module, and builds it if it must.
            _ = triton.runtime.driver.active.utils
            launchers.install()

    def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        """Carry out one request and return the fields of its reply.

        Raises:
            BaseException: whatever the solution raised.
        """
        operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "hello": lambda _request: {},
            "start": self._start,
            "init": self._init,
            "attach": self._attach,
            "call": self._call,
            "detach": self._detach,
        }
        return operations[request["op"]](request)

    def _pretend(self) -> contextlib.AbstractContextManager[Any]:
        return PretendCuda() if self._device.type == "cpu" else contextlib.nullcontext()

    def _start(self, request: dict[str, Any]) -> dict[str, Any]:
        if self._device.type == "cpu":
            install(request["card"])
        if self._clock is not None and request.get("cover_ms") is not None:
            self._clock.cover_ms = request["cover_ms"]
        path = Path(request["path"])
        self._watch.path = str(path)
        self._variant = request.get("variant")
        if self._variant is None:  # torch's own compiler starts threads and launchers of its own
            launches.install(self._watch, self._device.type)
        spec = importlib.util.spec_from_file_location(MODULE_NAME, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[MODULE_NAME] = module
        with self._pretend():
            spec.loader.exec_module(module)
        self._class = getattr(module, request["class_name"], None)
        if self._class is None:
            raise ImportError(f"the file defines no class {request['class_name']}")
        return {}

    def _init(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._class is not None
        with self._pretend(), torch.no_grad():
            self._model = self._class(*value_from_json(request["init_inputs"], torch))
            if isinstance(self._model, torch.nn.Module):
                if self._device.type == "cuda":
                    self._model.to(self._device)
                if not request.get("training", True):
                    self._model.eval()
            self._load(request.get("state", []))
            if self._variant is not None:
                self._model = as_variant(self._model, self._variant)
        return {}

    def _load(self, state: list[dict[str, Any]]) -> None:
        """Copy the reference's parameters and buffers, and let go of the judge's memory again."""
        if not state:
            return
        self._detach({})
        values = [self._buffers.tensor(spec_from_json(entry["values"]), self._device) for entry in state]
        pairs = zip(state, values, strict=True)
        load_state(self._model, [Entry(e["name"], e["is_parameter"], value) for e, value in pairs])
        torch.cuda.synchronize()
        del values, pairs
        self._detach({})

    def _attach(self, request: dict[str, Any]) -> dict[str, Any]:
        self._detach(request)
        self._inputs = [self._buffers.tensor(spec_from_json(s), self._device) for s in request["inputs"]]
        self._output_specs = [spec_from_json(s) for s in request["outputs"]]
        self._outputs = [self._buffers.tensor(spec, self._device) for spec in self._output_specs]
        if request.get("private"):
            self._inputs = [tensor.clone() for tensor in self._inputs]
            torch.cuda.synchronize()
            self._buffers.close()
        return {}

    def _detach(self, _request: dict[str, Any]) -> dict[str, Any]:
        self._inputs, self._outputs = [], []
        self._buffers.close()
        if self._device.type == "cuda":
            # A worker lives through many workloads: what one leaves cached weighs on the memory of the next.
            torch.cuda.empty_cache()
        return {}

    def _call(self, request: dict[str, Any]) -> dict[str, Any]:
        self._watch.begin(request["watch"], self._inputs)
        values: list[Any] = []
        try:
            with self._pretend(), torch.no_grad():
                value, latency_ms, spans = self._timed(request)
            values = list(value) if type(value) in (tuple, list) else [value]
        finally:
            work = self._watch.end(values)
        if work is not None and spans is not None:
            work = dataclasses.replace(work, device=summed(spans), busy_us=busy_us(spans))
        described = [describe(item) for item in values[:MAX_OUTPUTS_DESCRIBED]]
        copied = self._copy(values) if request["copy"] else False
        return {
            "outputs": described,
            "copied": copied,
            "latency_ms": latency_ms,
            "queued_ms": None if self._clock is None else self._clock.queued_ms,
            "launches": self._watch.launches,
            "work": None if work is None else dataclasses.asdict(work),
        }

    def _timed(self, request: dict[str, Any]) -> tuple[Any, float | None, list[Span] | None]:
        """What the model returns; if asked for, its device time, and what ran on the card."""

        def call() -> Any:
            return self._watch.run(lambda: self._model(*self._inputs))

        if request["watch"] is not None and request["watch"]["device"]:
            value, spans = traced(call, lambda: spin(1))
            return value, None, spans
        if self._clock is not None and request["method"] is not None:
            return (*self._clock.time(call, request["method"], self._inputs), None)
        value = call()
        torch.cuda.synchronize()  # errors of an asynchronous launch belong to this call
        return value, None, None

    def _copy(self, values: list[Any]) -> bool:
        """Copy the outputs into the shared buffers if each is what the judge expects; says whether it did."""
        fits = len(values) == len(self._outputs) and all(
            type(value) is torch.Tensor
            and value.dtype == output.dtype
            and value.shape == output.shape
            and value.device.type == output.device.type
            for value, output in zip(values, self._outputs, strict=True)
        )
        if fits:
            for value, output in zip(values, self._outputs, strict=True):
                output.copy_(value)
            if self._device.type == "cuda":
                torch.cuda.synchronize()
        return fits
