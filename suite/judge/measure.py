"""Times a solution and the reference in turn, on fresh inputs, and checks every output of the solution."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from typing import Any

from suite.judge.card import Card
from suite.judge.exchange import Exchange
from suite.judge.fingerprint import fingerprint
from suite.judge.sampling import ClockState, Limits, Sampler
from suite.judge.trial import Attached, Checked, UnfitError, check_inputs, classes_of, verify
from suite.judge.truth import Case, Truth
from suite.result import Status, Timing

WARMUP_CALLS = 2
# Below this an event pair's own 1.3 us and the gaps around it are more than 2 % of the sample.
SHORT_MS = 0.05


@dataclass(slots=True)
class Measurement:
    """What came of one workload."""

    sampler: Sampler
    timing: Timing
    checked: Checked
    peak_used_mb: int | None

    @property
    def flags(self) -> list[str]:
        """Warnings about the samples."""
        raised = {"noisy": self.sampler.noisy, "unstable": self.sampler.unstable}
        return [flag for flag, is_raised in raised.items() if is_raised]


@dataclass(slots=True)
class Bench:
    """One workload of one solution, with the reference beside it.

    Args:
        solution: the worker whose outputs are checked.
        reference: the worker of the reference `Model`.
        limits: how many samples to take.
    """

    solution: Attached
    reference: Attached
    truth: Truth
    exchange: Exchange
    card: Card
    name: str
    axes: dict[str, Any]
    limits: Limits
    checked: Checked = field(default_factory=Checked)
    peak_used_mb: int | None = None
    _case: Case | None = None

    def measure(self) -> Measurement:
        """Warm up, choose how to time, and sample until the interval is narrow.

        Raises:
            UnfitError: an output is wrong, an input was changed, or a claimed time makes no sense.
            WorkerFailedError: a worker raised, hung or died.
        """
        warm_ms = min(min(self._round("events")[:2]) for _ in range(WARMUP_CALLS))
        method = "kernel_timestamps" if warm_ms < SHORT_MS else "events"
        if method != "events":
            self._round(method)  # the profiler's own start is slow once
        sampler = Sampler(self.limits, self.card.top_mhz(), time.monotonic)
        while sampler.wants_more():
            time.sleep(sampler.pause_s)
            sampler.offer(*self._round(method))
        clock = self.solution.worker.request("clock", self.solution.timeout_s)
        timing = Timing(
            method=method,
            flush_bytes=int(clock["flush_bytes"]),
            event_overhead_ms=float(clock["event_overhead_ms"]),
            discarded=sampler.discarded,
        )
        return Measurement(sampler, timing, self.checked, self.peak_used_mb)

    def _round(self, method: str) -> tuple[float, float, list[ClockState | None]]:
        """One sample of each, in random order: (solution's ms, reference's ms, the card after each)."""
        case = self._fresh_case()
        truths = self.truth.exact_outputs(case)
        before = fingerprint(case.inputs)
        latency_ms: dict[str, float] = {}
        states: list[ClockState | None] = []
        pair = [self.solution, self.reference]
        random.shuffle(pair)
        for attached in pair:
            reply = attached.call(case, self.exchange, method)
            states.append(self.card.clock_state())
            self._note_memory()
            latency_ms[attached.role] = _latency(reply)
            if attached is self.solution:
                check_inputs(before, case)
                self.checked.note(verify(reply, attached, truths, self.truth), classes_of(self.truth))
        return latency_ms[self.solution.role], latency_ms[self.reference.role], states

    def _fresh_case(self) -> Case:
        self._case = None  # one copy of the inputs at a time
        self._case = self.truth.fresh_case(self.name, self.axes, self.exchange)
        if not self.solution.outputs:
            expected = self.truth.expected(self._case)
            for attached in (self.solution, self.reference):
                attached.prepare(self._case, self.exchange, expected)
        return self._case

    def _note_memory(self) -> None:
        used_mb = self.card.used_mb()
        if used_mb is not None:
            self.peak_used_mb = max(used_mb, self.peak_used_mb or 0)


def _latency(reply: dict[str, Any]) -> float:
    latency_ms = reply.get("latency_ms")
    if not isinstance(latency_ms, float) or not 0 < latency_ms < 1e7:
        raise UnfitError(Status.REJECTED, f"protocol: a latency of {latency_ms!r} ms")
    return latency_ms
