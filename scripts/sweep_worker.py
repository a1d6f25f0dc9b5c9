"""What `sweep.py` runs in processes of its own: one request on standard input, JSON lines on standard output.

`truth` computes what is right for the inputs of each workload; `check` calls one variant on them, twice;
`time` times many variants on fresh inputs, one after another on each sample.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
LONGEST_REASON = 300


class Bench:
    """A problem on this machine's GPU; or in Triton's interpreter, where the request names a `card`."""

    def __init__(self, request: dict[str, Any]) -> None:
        from suite.judge.contract import load_module
        from suite.judge.truth import Truth
        from suite.worker import pretend_cuda

        self.device = "cpu" if request["card"] else "cuda"
        if request["card"]:
            pretend_cuda.install(request["card"])
        self._pretended = bool(request["card"])
        folder = Path(request["problem"])
        self.truth = Truth(folder, self.device)
        self._inputs = load_module(folder / "inputs.py")
        self._folder, self._seed = folder, request["seed"]

    def inputs(self, workload: dict[str, Any], sample: int = 0) -> list[Any]:
        """The inputs of a workload that follow from the request's seed; the same in every process."""
        import torch

        torch.manual_seed(self._seed + sample)
        with torch.device(self.device):
            return list(self._inputs.get_inputs(**workload["axes"]))

    def case(self, workload: dict[str, Any]) -> Any:
        """What `Truth` wants of a workload."""
        from suite.judge.truth import Case

        axes = workload["axes"]
        return Case(workload["name"], axes, list(self._inputs.get_init_inputs(**axes)), self.inputs(workload))

    def module(self, variant: str) -> Any:
        """A variant's file, or the reference's for a variant that stands for torch."""
        from suite.judge.contract import load_module

        with self.pretence():
            return load_module(Path(variant) if variant.endswith(".py") else self._folder / "reference.py")

    def model(self, module: Any, variant: str, workload: dict[str, Any]) -> Callable[..., Any]:
        """A variant ready to be called on one workload's inputs; a reference under its settings of torch."""
        import torch

        init_inputs = list(self._inputs.get_init_inputs(**workload["axes"]))
        with self.pretence():
            built = (module.ModelNew if variant.endswith(".py") else module.Model)(*init_inputs)
            built = built.to(self.device) if isinstance(built, torch.nn.Module) else built
        if variant == "torch.compile":
            torch._dynamo.reset()
            built = torch.compile(built)

        def call(*inputs: Any) -> Any:
            torch.backends.cuda.matmul.allow_tf32 = variant == "torch tf32"
            return built(*inputs)

        return call

    def pretence(self) -> contextlib.AbstractContextManager[Any]:
        """CPU tensors pass for tensors on a card inside, where there is none."""
        from suite.worker.pretend_cuda import PretendCuda

        return PretendCuda() if self._pretended else contextlib.nullcontext()


def find_truth(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Write the right outputs of each workload to its file."""
    import torch

    bench = Bench(request)
    for workload in request["workloads"]:
        right = bench.truth.exact_outputs(bench.case(workload))
        torch.save([(one.values, one.scale) for one in right], workload["truth"])
        moved, flops = bench.truth.work(workload["axes"])
        tolerance = bench.truth.tolerance
        yield {"workload": workload["name"], "bytes_moved": moved, "flops": flops, "tolerance": tolerance}


def check(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Compile one variant by calling it on each workload, and compare what it returns."""
    import torch

    bench, variant = Bench(request), request["variants"][0]
    module = bench.module(variant)
    for workload in request["workloads"]:
        inputs = bench.inputs(workload)
        started = time.perf_counter()
        with torch.no_grad(), bench.pretence():
            model = bench.model(module, variant, workload)
            outputs = [_outputs(model(*inputs)) for _ in range(2)]
        if bench.device == "cuda":
            torch.cuda.synchronize()
        seconds = time.perf_counter() - started
        found = {"workload": workload["name"], "first_call_s": seconds, **_machine_code(module)}
        yield {**found, **_verdict(outputs, workload["truth"], bench)}


def _verdict(outputs: list[list[Any]], truth: str, bench: Bench) -> dict[str, Any]:
    """The error of the first call's outputs, and a reason if they are wrong or the second call's differ."""
    import torch

    from suite.judge.compare import RightOutput, compare

    right = [RightOutput(*pair) for pair in torch.load(truth, map_location=bench.device)]
    kinds = [[tuple(one.shape) for one in outputs[0]], [tuple(one.values.shape) for one in right]]
    if kinds[0] != kinds[1]:
        return {"error": None, "reason": f"shapes {kinds[0]}, expected {kinds[1]}"}
    pairs = zip(outputs[0], right, strict=True)
    verdicts = [compare(actual, one, bench.truth.tolerance) for actual, one in pairs]
    reasons = [verdict.reason for verdict in verdicts if verdict.reason]
    if not all(_same_bits(*pair) for pair in zip(*outputs, strict=True)):
        reasons.append("two calls on the same inputs differ")
    errors = [verdict.error for verdict in verdicts if verdict.error is not None]
    classes = [verdict.precision for verdict in verdicts if verdict.precision is not None]
    return {
        "error": max(errors, default=None),
        "precision": classes[0] if classes else None,
        "reason": "; ".join(reasons)[:LONGEST_REASON] or None,
    }


def _same_bits(first: Any, second: Any) -> bool:
    import torch

    return bool((first.contiguous().view(torch.uint8) == second.contiguous().view(torch.uint8)).all())


def _machine_code(module: Any) -> dict[str, Any]:
    """Of all kernels launched so far: the most registers a thread, all spills, the most shared memory."""
    from triton.runtime.jit import JITFunction

    kernels: list[Any] = []
    for value in vars(module).values():
        while hasattr(value, "fn") and not isinstance(value, JITFunction):
            value = value.fn  # a tuner's or a heuristic's
        if isinstance(value, JITFunction):
            kernels += [kernel for cache in value.device_caches.values() for kernel in cache[0].values()]
    ready = [kernel for kernel in kernels if getattr(kernel, "n_regs", None)]
    return {
        "registers": max((kernel.n_regs for kernel in ready), default=None),
        "spills": sum(kernel.n_spills for kernel in ready) if ready else None,
        "smem_bytes": max((kernel.metadata.shared for kernel in ready), default=None),
    }


def measure(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Time all variants on each sample's fresh inputs, forwards and backwards in turn."""
    import torch

    from suite.worker.clock import ColdClock

    bench, clock = Bench(request), ColdClock()
    overhead_ms = clock.event_overhead_ms()
    modules = {variant: bench.module(variant) for variant in request["variants"]}
    for workload in request["workloads"]:
        models = {v: bench.model(module, v, workload) for v, module in modules.items()}
        samples: dict[str, list[float]] = {variant: [] for variant in models}
        with torch.no_grad():
            inputs = bench.inputs(workload)
            for variant, model in models.items():
                yield {"trying": variant}
                model(*inputs)
                torch.cuda.synchronize()
            for sample in range(request["samples"]):
                del inputs
                inputs = bench.inputs(workload, 1 + sample)
                for variant in list(models)[:: 1 if sample % 2 == 0 else -1]:
                    call = functools.partial(models[variant], *inputs)
                    samples[variant].append(clock.time(call, "events")[1] - overhead_ms)
                    del call  # it holds the inputs, and the next ones need their memory
        for variant, taken in samples.items():
            yield {"workload": workload["name"], "variant": variant, "samples_ms": taken}
        del inputs, models
        torch.cuda.empty_cache()


def _outputs(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (tuple, list)) else [value]


def main() -> None:
    """Serve one request. What the variants print goes to standard error."""
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    request = json.loads(sys.stdin.read())
    if request["card"]:
        os.environ["TRITON_INTERPRET"] = "1"
    answers = {"truth": find_truth, "check": check, "time": measure}
    try:
        for reply in answers[request["op"]](request):
            replies.write(json.dumps(reply) + "\n")
    except BaseException as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())
        if len(text) > LONGEST_REASON:  # a compiler's cause stands at one end
            text = f"{text[: LONGEST_REASON // 2]} [...] {text[-LONGEST_REASON // 2 :]}"
        replies.write(json.dumps({"failed": text}) + "\n")
    replies.flush()
    os._exit(0)  # threads of a variant have no say


if __name__ == "__main__":
    main()
