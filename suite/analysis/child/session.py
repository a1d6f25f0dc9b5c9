"""One solution on one workload: load, run on sizes, compile what it launches."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from triton.backends.compiler import GPUTarget

from suite.analysis.child.build import build
from suite.analysis.child.capture import Recorder, install
from suite.analysis.child.meta import Bookkeeper, MetaCuda, NeedsValuesError
from suite.analysis.child.refusal import complaint, one_line, refusal, standard_error_in

Emit = Callable[..., None]
# How torch says that an operation has no answer without values.
_META_COMPLAINTS = ("meta tensor", "'Meta' backend", "data-dependent", "Meta device", "register_meta")


class Session:
    """Carries out one request; `step` says what it is at."""

    def __init__(self, request: dict[str, Any], emit: Emit) -> None:
        self.step = "inputs"
        self._request = request
        self._emit = emit
        self._solution = Path(request["solution"])

    def run(self) -> None:
        """Send the work of the task, the launches, and each compilation.

        Raises:
            BaseException: whatever the solution raised.
        """
        request, axes = self._request, self._request["axes"]
        problem = _load(Path(request["folder"]) / "inputs.py", "_problem_inputs")
        with torch.device("meta"):
            inputs = list(problem.get_inputs(**axes))
        tolerance = problem.TOLERANCE
        self._emit(
            "work",
            bytes_moved=int(problem.bytes_moved(**axes)),
            flops=int(problem.flops(**axes)),
            classes=[] if tolerance == "exact" else list(tolerance),
            inputs=[f"{tuple(x.shape)} {str(x.dtype).removeprefix('torch.')}" for x in inputs],
        )
        recorder = Recorder(str(self._solution))
        install(request["card"], recorder)
        self._follow(inputs, list(problem.get_init_inputs(**axes)), recorder)
        self._compile(recorder)

    def _follow(self, inputs: list[torch.Tensor], init_inputs: list[Any], recorder: Recorder) -> None:
        books = Bookkeeper(lambda: recorder.tuning)
        books.know(inputs)
        with MetaCuda(), torch.no_grad():
            self.step = "import"
            module = _load(self._solution, "solution")
            self.step = "init"
            model = getattr(module, self._request["class_name"])(*init_inputs)
            if isinstance(model, torch.nn.Module):
                model.to("cuda")
            self.step = "call"
            with books:
                value = model(*inputs)
        outputs = list(value) if isinstance(value, (tuple, list)) else [value]
        kept = {t.untyped_storage()._cdata for t in outputs if isinstance(t, torch.Tensor)}
        self._emit(
            "launches",
            launches=recorder.launches,
            order=recorder.order,
            variants=len(recorder.variants),
            output_bytes=sum(size for key, size in books.allocated.items() if key in kept),
            intermediate_bytes=sum(size for key, size in books.allocated.items() if key not in kept),
            torch_operations=dict(books.operations.most_common(50)),
        )

    def _compile(self, recorder: Recorder) -> None:
        self.step = "compile"
        card, scratch = self._request["card"], Path(self._request["scratch"])
        target = GPUTarget("cuda", card["major"] * 10 + card["minor"], 32)
        said = scratch / "compiler.txt"
        for number, variant in enumerate(recorder.variants):
            try:
                with standard_error_in(said):
                    built = build(variant, target, scratch, self._solution.name)
                self._emit("variant", number=number, built=built, reason=None)
            except Exception as error:
                traceback.print_exc()
                reason = complaint(said, self._solution) or refusal(error, variant.source.fn)
                self._emit("variant", number=number, built=None, reason=reason)


def describe_error(error: BaseException, solution: Path) -> dict[str, Any]:
    """Type, message and the solution's line; values that do not exist here are said to be so."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(solution)]
    if isinstance(error, SyntaxError) and error.filename == str(solution):
        lines.append(error.lineno)
    message = one_line(error)
    needs_values = isinstance(error, NeedsValuesError) or any(text in message for text in _META_COMPLAINTS)
    return {
        "type": type(error).__name__[:100],
        "message": message,
        "line": lines[-1] if lines else None,
        "needs_values": needs_values,
    }


def _load(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
