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
from suite.judge.exchange import ArenaExchange, CudaExchange, Exchange
from suite.judge.measure import Bench, ClockFacts, Measurement, Side
from suite.judge.ncu import has_ncu
from suite.judge.plan import Entry, Plan
from suite.judge.sampling import Limits
from suite.judge.sandbox import NONE, SandboxError
from suite.judge.schedule import draws, shuffled
from suite.judge.trial import Attached, Checked, UnfitError, classes_of
from suite.judge.truth import Case, Truth
from suite.judge.watched import Kind, check_case_watched
from suite.judge.worker_process import Prefix, WorkerFailedError, WorkerProcess
from suite.result import Correctness, Status
from suite.worker.clock import ColdClock, cover_for
from suite.worker.protocol import spec_to_json
from suite.worker.work import Work

Emit = Callable[[dict[str, Any]], None]

PRETEND_CARD = gpus.RTX_4090
IMPORT_TIMEOUT_S = 120.0
AUTOTUNE_TIMEOUT_S = 600.0  # torch.compile's "max-autotune" builds and times dozens of kernels


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
        self._clock: ClockFacts | None = None
        self._sandbox = NONE
        self._chance = secrets.SystemRandom()

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
        checks = entry.variant is None and (self._plan.checks or self._plan.edge_cases)
        workload = "check" if checks else next(iter(self._plan.benches), "check")
        try:
            self._progress(entry, "loading", 0, 1)
            self._start(entry, worker)
            if checks:
                self._check(entry, worker)
            for workload in shuffled(list(self._plan.benches), self._chance):
                self._bench(entry, worker, workload)
        except UnfitError as error:
            self._failed(entry, worker, workload, error.status, error.reason)
        except WorkerFailedError as failure:
            self._failed(entry, worker, workload, *diagnose(failure))
        except torch.OutOfMemoryError as error:
            reason = (
                f"{workload} does not fit on this card beside its float64 reference "
                f"({str(error).split('. ')[0]}); smaller sizes would (--scale 1/4 for a file in the format "
                "of KernelBench)"
            )
            self._failed(entry, worker, workload, Status.UNSUPPORTED, reason)
        finally:
            if self._rival is not None and entry is self._plan.entries[-1]:
                self._rival.kill()  # on a card each takes a tenth of a second to go
            worker.close()

    def _start(self, entry: Entry, worker: WorkerProcess) -> None:
        if hashlib.sha256(worker.solution.read_bytes()).hexdigest() != entry.sha256:
            raise UnfitError(
                Status.REJECTED, "rule 'one file': it changed between the start of the run and its turn"
            )
        # Measured while the worker imports torch.
        cover_ms = self._clock_facts().cover_ms if self._plan.benches else None
        self._greet(worker)
        card = pretend_card() if self._plan.device == "cpu" else None
        path = str(worker.solution)
        worker.request(
            "start",
            self._plan.timeout_s,
            path=path,
            class_name=entry.class_name,
            variant=entry.variant,
            card=card,
            cover_ms=cover_ms,
        )

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
        attached = Attached(worker, "solution", self._plan.timeout_s, entry.must_own)
        drawn = draws(self._plan, self._truth, self._chance)
        twice = self._called_twice(len(drawn))
        checked = Checked(hidden=sum(draw.is_hidden for draw in drawn))
        total = len(drawn) + self._plan.edge_cases
        kinds: dict[str, Kind] = {}
        for done, draw in enumerate(drawn):
            self._progress(entry, draw.name, done, total)
            case = self._truth.fresh_case(draw.name, draw.axes, exchange)
            first = secrets.choice((Kind.OPEN, Kind.BLIND)) if draw.is_hidden else Kind.OPEN
            kind = kinds.get(draw.workload, first)
            work = self._check_case(attached, case, checked, exchange, kind, again=done in twice)
            kinds[draw.workload] = Kind.OPEN if work is None or work.reads_sealed else Kind.BLIND
        if self._plan.edge_cases:
            self._progress(entry, "edge cases", total - 1, total)
            for case in shuffled(self._truth.edge_cases(exchange), self._chance):
                self._check_case(attached, case, checked, exchange, Kind.OPEN)
        attached.detach()
        exchange.release()
        self._passed(entry, "check", {}, checked, {})

    def _called_twice(self, count: int) -> set[int]:
        """Which of `count` draws are given to the solution once more.

        The interpreter is slow and runs one program after the other, so that no race shows there: one of
        them, and nobody knows which.
        """
        return set(range(count)) if self._plan.device == "cuda" or not count else {secrets.randbelow(count)}

    def _check_case(
        self,
        attached: Attached,
        case: Case,
        checked: Checked,
        exchange: Exchange,
        kind: Kind,
        *,
        again: bool = False,
    ) -> Work | None:
        try:
            answer = check_case_watched(attached, case, self._truth, exchange, kind)
            if again:
                require_agreement(attached, case, exchange, self._truth)
        except UnfitError as error:
            raise UnfitError(error.status, f"{case.name}: {error.reason}") from error
        except WorkerFailedError as failure:
            status, reason = diagnose(failure)
            raise UnfitError(status, f"{case.name}: {reason}") from failure
        checked.note(answer.verdicts, classes_of(self._truth))
        return answer.work

    def _bench(self, entry: Entry, worker: WorkerProcess, workload: str) -> None:
        assert self._card is not None
        self._progress(entry, workload, 0, 1)
        axes = self._plan.benches[workload]
        exchange = CudaExchange()
        patience_s = self._plan.timeout_s if entry.variant is None else AUTOTUNE_TIMEOUT_S
        solution = Side(Attached(worker, "solution", patience_s, entry.must_own), is_judged=True)
        rival = Side(
            Attached(self._rival_worker(), "rival", self._plan.timeout_s, self._plan.rival.must_own),
            is_judged=self._plan.rival_is_judged,
        )
        fewest, most = self._plan.samples
        limits = Limits(fewest=fewest, most=most)
        bench = Bench(
            solution,
            rival,
            self._truth,
            exchange,
            self._card,
            workload,
            axes,
            limits,
            self._clock_facts(),
            traces=workload == list(self._plan.benches)[-1],
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
        self._require_possible(latency_ms, bytes_moved, self._truth.least_flops(axes))
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

    def _clock_facts(self) -> ClockFacts:
        """By a clock in this process that no solution can reach."""
        if self._clock is None:
            clock = ColdClock()
            clock.cover_ms = cover_for(clock.queueing_ms())
            self._clock = ClockFacts(clock.flush_bytes, clock.cover_ms, clock.event_overhead_ms())
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
                    worker,
                    entry.class_name,
                    self._truth,
                    axes,
                    self._plan.timeout_s,
                    under_ncu=under_ncu,
                    flush_ms=self._least_flush_ms(),
                )
            finally:
                worker.close()
            if audited is not None:
                flags = ["audit"] if disagrees(latency_ms, audited) else []
                return {"audit": dataclasses.asdict(audited), "flags": flags}
        return {"flags": ["audit"]}

    def _least_flush_ms(self) -> float:
        """Of half its bytes: what the last flush left in the cache need not come from memory again."""
        gpu = gpus.find_gpu(self._environment.gpu or "", self._environment.sm_count)
        return 0.0 if gpu is None else roofline.floor_ms(self._clock_facts().flush_bytes // 2, 0, gpu)

    def _exchange(self, worker: WorkerProcess) -> Exchange:
        return CudaExchange() if worker.arena is None else ArenaExchange(worker.arena)

    def _progress(self, entry: Entry, text: str, done: int, total: int) -> None:
        self._emit({"event": "progress", "solution": entry.name, "text": text, "done": done, "total": total})

    def _passed(
        self, entry: Entry, workload: str, axes: dict[str, Any], checked: Checked, fields: dict[str, Any]
    ) -> None:
        correctness = Correctness(checked.outputs, checked.largest_error, checked.hidden)
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
