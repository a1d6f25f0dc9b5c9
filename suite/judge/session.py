"""Carries out a plan: every solution in a worker of its own, one outcome for each workload.

Events, one JSON object a line: `environment`, then per solution `progress` and `result`, at last `end`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import hashlib
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch

from suite import gpus, roofline, stats
from suite.judge.agreement import require_agreement
from suite.judge.audit import audit, disagrees, ncu_prefix
from suite.judge.card import Card, clocks_from, environment
from suite.judge.diagnosis import diagnose
from suite.judge.exchange import CudaExchange, Exchange, FileExchange
from suite.judge.measure import Bench, Measurement, Side
from suite.judge.ncu import has_ncu
from suite.judge.plan import Entry, Plan
from suite.judge.sampling import Limits
from suite.judge.sandbox import NONE, SandboxError
from suite.judge.trial import Attached, Checked, UnfitError, check_case, classes_of
from suite.judge.truth import Case, Truth
from suite.judge.worker_process import Prefix, WorkerFailedError, WorkerProcess
from suite.result import Correctness, Status
from suite.worker.clock import ColdClock
from suite.worker.protocol import spec_to_json

Emit = Callable[[dict[str, Any]], None]

PRETEND_CARD = gpus.RTX_4090
IMPORT_TIMEOUT_S = 120.0
FRESH_CHECKS = 2  # calls of each check workload, each with inputs of its own


def pretend_card() -> dict[str, Any]:
    """The RTX 4090 in the words of `torch.cuda.get_device_properties`, for the interpreter."""
    return gpus.torch_properties(PRETEND_CARD)


class Spawn(Protocol):
    """Starts the worker of an entry, under a tool if a prefix is given."""

    def __call__(self, entry: Entry, prefix: Prefix | None = None) -> WorkerProcess: ...  # noqa: D102


class Session:
    """One run of one problem in this process."""

    def __init__(self, plan: Plan, emit: Emit, spawn: Spawn) -> None:
        self._plan = plan
        self._emit = emit
        self._spawn = spawn
        self._card = Card() if plan.device == "cuda" else None
        self._environment = environment(self._card)
        self._truth = Truth(Path(plan.folder), plan.device)
        self._rival: WorkerProcess | None = None
        self._clock: tuple[int, float] | None = None
        self._sandbox = NONE

    def run(self) -> None:
        """Judge every entry of the plan."""
        self._emit({"event": "environment", "environment": dataclasses.asdict(self._environment)})
        try:
            for entry in self._plan.entries:
                self._judge(entry)
        finally:
            if self._rival is not None:
                self._rival.close()
        self._emit({"event": "end"})

    def _judge(self, entry: Entry) -> None:
        worker = self._spawn(entry)
        self._sandbox = worker.sandbox
        workload = (
            "check" if self._plan.checks or self._plan.edge_cases else next(iter(self._plan.benches), "check")
        )
        try:
            self._progress(entry, "loading", 0, 1)
            self._start(entry, worker)
            if self._plan.checks or self._plan.edge_cases:
                self._check(entry, worker)
            for workload in self._plan.benches:
                self._bench(entry, worker, workload)
        except UnfitError as error:
            self._failed(entry, worker, workload, error.status, error.reason)
        except WorkerFailedError as failure:
            self._failed(entry, worker, workload, *diagnose(failure))
        finally:
            worker.close()

    def _start(self, entry: Entry, worker: WorkerProcess) -> None:
        if hashlib.sha256(worker.solution.read_bytes()).hexdigest() != entry.sha256:
            raise UnfitError(
                Status.REJECTED, "rule 'one file': it changed between the start of the run and its turn"
            )
        self._greet(worker)
        card = pretend_card() if self._plan.device == "cpu" else None
        path = str(worker.solution)
        worker.request("start", self._plan.timeout_s, path=path, class_name=entry.class_name, card=card)

    def _greet(self, worker: WorkerProcess) -> None:
        """Wait until the worker is up, and see that it can map the card's memory.

        Raises:
            SandboxError: a confined worker cannot use the card. Nothing of the solution has run by then.
        """
        try:
            # Importing torch on a busy machine takes longer than a step of a solution may.
            worker.request("hello", max(self._plan.timeout_s, IMPORT_TIMEOUT_S))
            if self._card is not None and worker.sandbox != NONE:
                self._share(worker)
        except WorkerFailedError as failure:
            if self._card is None or worker.sandbox == NONE:
                raise
            reason = diagnose(failure)[1]
            raise SandboxError(
                f"a confined worker cannot use this card ({reason}); --sandbox none runs without"
            ) from failure

    def _share(self, worker: WorkerProcess) -> None:
        """Let the worker map a buffer and let go of it."""
        exchange = CudaExchange()
        buffers = exchange.output_buffers([torch.empty(1)], "greeting")
        specs = [spec_to_json(exchange.spec(buffer)) for buffer in buffers]
        worker.request("attach", self._plan.timeout_s, inputs=[], outputs=specs)
        worker.request("detach", self._plan.timeout_s)
        del buffers
        exchange.release()

    def _check(self, entry: Entry, worker: WorkerProcess) -> None:
        exchange = self._exchange(worker)
        attached = Attached(worker, "solution", self._plan.timeout_s)
        checked = Checked()
        total = len(self._plan.checks) + self._plan.edge_cases
        twice = self._called_twice()
        for done, (name, axes) in enumerate(self._plan.checks.items()):
            self._progress(entry, name, done, total)
            for turn in range(FRESH_CHECKS):
                case = self._truth.fresh_case(name, axes, exchange)
                again = name in twice and turn == FRESH_CHECKS - 1
                self._check_case(attached, case, checked, exchange, again=again)
        if self._plan.edge_cases:
            self._progress(entry, "edge cases", total - 1, total)
            for case in self._truth.edge_cases(exchange):
                self._check_case(attached, case, checked, exchange)
        attached.detach()
        exchange.release()
        self._passed(entry, "check", {}, checked, {})

    def _called_twice(self) -> set[str]:
        """The check workloads whose last inputs are given to the solution once more.

        The interpreter is slow and runs one program after the other, so that no race shows there: one of
        them, and nobody knows which.
        """
        names = list(self._plan.checks)
        return set(names) if self._plan.device == "cuda" or not names else {secrets.choice(names)}

    def _check_case(
        self, attached: Attached, case: Case, checked: Checked, exchange: Exchange, *, again: bool = False
    ) -> None:
        try:
            verdicts = check_case(attached, case, self._truth, exchange)
            if again:
                require_agreement(attached, case, exchange, self._truth)
        except UnfitError as error:
            raise UnfitError(error.status, f"{case.name}: {error.reason}") from error
        except WorkerFailedError as failure:
            status, reason = diagnose(failure)
            raise UnfitError(status, f"{case.name}: {reason}") from failure
        checked.note(verdicts, classes_of(self._truth))

    def _bench(self, entry: Entry, worker: WorkerProcess, workload: str) -> None:
        assert self._card is not None
        self._progress(entry, workload, 0, 1)
        axes = self._plan.benches[workload]
        exchange = CudaExchange()
        solution = Side(Attached(worker, "solution", self._plan.timeout_s), is_judged=True)
        rival = Side(
            Attached(self._rival_worker(), "rival", self._plan.timeout_s),
            is_judged=self._plan.rival_is_judged,
        )
        fewest, most = self._plan.samples
        limits = Limits(fewest=fewest, most=most)
        bench = Bench(
            solution, rival, self._truth, exchange, self._card, workload, axes, limits, *self._clock_facts()
        )
        try:
            measurement = bench.measure()
            solution.attached.detach()
        finally:
            # The rival lives on: what it still maps would stay allocated beside the next workload.
            with contextlib.suppress(WorkerFailedError):
                rival.attached.detach()
            solution.attached.outputs, rival.attached.outputs = [], []
            del bench  # it holds the inputs
            exchange.release()
        fields = self._timed(axes, measurement)
        if self._plan.audit:
            audited = self._audit(entry, axes, fields["latency_ms"])
            fields |= {**audited, "flags": [*fields["flags"], *audited["flags"]]}
        self._passed(entry, workload, axes, measurement.checked, fields)

    def _timed(self, axes: dict[str, Any], measurement: Measurement) -> dict[str, Any]:
        sampler = measurement.sampler
        latency_ms = stats.median(sampler.samples_ms)
        bytes_moved, flops = self._truth.work(axes)
        self._require_possible(latency_ms, bytes_moved, flops)
        clocks = clocks_from(sampler.states)
        return {
            "latency_ms": latency_ms,
            "latency_ci_ms": stats.median_ci(sampler.samples_ms),
            "samples_ms": sampler.samples_ms,
            "reference_latency_ms": stats.median(sampler.reference_samples_ms),
            "reference_samples_ms": sampler.reference_samples_ms,
            "bytes_moved": bytes_moved,
            "flops": flops,
            "precision": measurement.checked.precision,
            "peak_gpu_memory_mb": self._peak_memory_mb(measurement),
            "timing": dataclasses.asdict(measurement.timing),
            "clocks": None if clocks is None else dataclasses.asdict(clocks),
            "flags": measurement.flags,
        }

    def _require_possible(self, latency_ms: float, bytes_moved: int, flops: int) -> None:
        gpu = gpus.find_gpu(self._environment.gpu or "", self._environment.sm_count)
        floor_ms = roofline.floor_ms(bytes_moved, flops, gpu) if gpu is not None else 0.0
        if gpu is not None and latency_ms < floor_ms:
            reason = f"{latency_ms:.4f} ms is below the speed of light of {gpu.name}, {floor_ms:.4f} ms"
            raise UnfitError(Status.IMPOSSIBLE, reason)

    def _peak_memory_mb(self, measurement: Measurement) -> int | None:
        before_mb = self._plan.used_mb.get(f"GPU-{torch.cuda.get_device_properties(0).uuid}")
        if before_mb is None or measurement.peak_used_mb is None:
            return None
        return measurement.peak_used_mb - before_mb

    def _clock_facts(self) -> tuple[int, float]:
        """(bytes flushed, ms of an empty call), by a clock in this process that no solution can reach."""
        if self._clock is None:
            clock = ColdClock()
            self._clock = clock.flush_bytes, clock.event_overhead_ms()
        return self._clock

    def _rival_worker(self) -> WorkerProcess:
        if self._rival is None:
            self._rival = self._spawn(self._plan.rival)
            self._start(self._plan.rival, self._rival)
        return self._rival

    def _audit(self, entry: Entry, axes: dict[str, Any], latency_ms: float) -> dict[str, Any]:
        """The second clock's word on a result that has just been measured."""
        for prefix in (ncu_prefix, None) if has_ncu() else (None,):
            worker = self._spawn(dataclasses.replace(entry, name=f"{entry.name}-audit"), prefix)
            under_ncu = prefix is not None
            try:
                audited = audit(
                    worker, entry.class_name, self._truth, axes, self._plan.timeout_s, under_ncu=under_ncu
                )
            finally:
                worker.close()
            if audited is not None:
                flags = ["audit"] if disagrees(latency_ms, audited) else []
                return {"audit": dataclasses.asdict(audited), "flags": flags}
        return {"flags": ["audit"]}

    def _exchange(self, worker: WorkerProcess) -> Exchange:
        return CudaExchange() if self._plan.device == "cuda" else FileExchange(worker.shared, worker.owner)

    def _progress(self, entry: Entry, text: str, done: int, total: int) -> None:
        self._emit({"event": "progress", "solution": entry.name, "text": text, "done": done, "total": total})

    def _passed(
        self, entry: Entry, workload: str, axes: dict[str, Any], checked: Checked, fields: dict[str, Any]
    ) -> None:
        correctness = Correctness(checked.outputs, checked.largest_error)
        self._emit(
            {
                "event": "result",
                "solution": entry.name,
                "workload": workload,
                "axes": axes,
                "sandbox": self._sandbox,
                "status": Status.PASSED,
                "correctness": dataclasses.asdict(correctness),
                **fields,
            }
        )

    def _failed(
        self, entry: Entry, worker: WorkerProcess, workload: str, status: Status, reason: str
    ) -> None:
        self._emit(
            {
                "event": "result",
                "solution": entry.name,
                "workload": workload,
                "axes": self._plan.benches.get(workload, {}),
                "sandbox": worker.sandbox,
                "status": status,
                "reason": reason,
                "log": str(worker.log),
            }
        )
        gc.collect()  # tensors in the traceback hold shared memory
