"""Times a solution and a rival in turn, on fresh inputs, and checks every output of the solution.

The rival is the reference, or the other side of a comparison.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from suite import stats
from suite.judge.agreement import require_agreement
from suite.judge.card import Card
from suite.judge.claims import (
    claimed_latency_ms,
    claimed_queueing_ms,
    require_wall_clock,
    unaccounted,
    uncovered,
)
from suite.judge.compare import RightOutput
from suite.judge.contract import ProblemError
from suite.judge.diagnosis import diagnose
from suite.judge.exchange import Exchange
from suite.judge.fingerprint import fingerprint
from suite.judge.sampling import ClockState, Limits, Sampler
from suite.judge.trial import Attached, Call, Checked, UnfitError, check_inputs, classes_of, verify
from suite.judge.truth import Case, Truth
from suite.judge.watched import (
    Kind,
    Watcher,
    after,
    request_for,
    require_launches,
    require_own_work,
    sealed_after,
    sizes_of,
)
from suite.judge.watched_rounds import WatchedRounds
from suite.judge.worker_process import WorkerFailedError
from suite.result import Timing
from suite.worker.work import Work

WARMUP_CALLS = 2
RIVAL = "the other side"
# Some cards' events tick in steps of a microsecond. A step of over 5 % of the latency hides what is measured;
# above 0.1 ms no card's step is that coarse.
SHORT_MS = 0.1
TRIAL_CALLS = 10
COARSE = 0.05


@dataclass(frozen=True, slots=True)
class ClockFacts:
    """How every sample of a session is taken.

    Before a call `flush_bytes` are read through the L2 and the stream is held for `cover_ms`;
    `event_overhead_ms`, that of an empty call, is subtracted from each "events" sample.
    """

    flush_bytes: int
    cover_ms: float
    event_overhead_ms: float


@dataclass(slots=True)
class Side:
    """One of the two workers of a measurement.

    `waits_ms` is the time on the wall that each sample left unaccounted for: flush, copy and messages.
    """

    attached: Attached
    is_judged: bool
    checked: Checked = field(default_factory=Checked)
    waits_ms: list[float] = field(default_factory=list)
    queued_ms: list[float] = field(default_factory=list)
    """What the worker says that queueing each sample took."""
    work: Work | None = None
    """What its last open call on this workload reported, once there was one."""

    @property
    def kind(self) -> Kind:
        """How its timed calls are made."""
        return Kind.PLAIN if self.work is None else after(self.work)


@dataclass(slots=True)
class Measurement:
    """What came of one workload."""

    sampler: Sampler
    timing: Timing
    checked: Checked
    peak_used_mb: int | None
    deterministic: bool
    """Were the outputs of two calls on the same inputs the same bit by bit?"""
    untraced: bool = False
    """Could the profiler, asked what ran on the card, not work here?"""
    uncovered: bool = False
    """Did queueing the samples of a judged side take longer than the stream was held?"""

    @property
    def flags(self) -> list[str]:
        """Warnings about the samples."""
        raised = {
            "noisy": self.sampler.noisy,
            "unstable": self.sampler.unstable,
            "nondeterministic": not self.deterministic,
            "untraced": self.untraced,
            "uncovered": self.uncovered,
        }
        return [flag for flag, is_raised in raised.items() if is_raised]


@dataclass(slots=True)
class Bench:
    """One workload of one solution, with a rival beside it."""

    solution: Side
    rival: Side
    truth: Truth
    exchange: Exchange
    card: Card
    name: str
    axes: dict[str, Any]
    limits: Limits
    clock: ClockFacts
    traces: bool = False
    """Ask the profiler, at the end, what ran on the card?"""
    peak_used_mb: int | None = None
    _case: Case | None = None
    _turn: int = 0

    def measure(self) -> Measurement:
        """Warm up, choose how to time, and sample until the interval is narrow.

        Raises:
            UnfitError: an output is wrong, an input was changed, or a claimed time contradicts the wall
            clock. WorkerFailedError: a worker raised, hung or died.
        """
        for _ in range(WARMUP_CALLS):
            self._round("events")
        self._watched_round("events")
        method = self._method()
        for side in (self.solution, self.rival):
            side.waits_ms.clear()
            side.queued_ms.clear()
        sampler = Sampler(self.limits, self.card.top_mhz(), time.monotonic)
        watched = WatchedRounds(self.limits.fewest)
        while sampler.wants_more():
            time.sleep(sampler.pause_s)
            if watched.is_due():
                self._watched_round(method)
            sampler.offer(*self._round(method))
        deterministic = self._agrees()
        untraced = self.traces and not self._trace(sampler)
        unaccounted_ms = unaccounted(self.solution.waits_ms, self.rival.waits_ms)
        require_wall_clock(stats.median(sampler.samples_ms), unaccounted_ms)
        timing = Timing(
            method,
            self.clock.flush_bytes,
            self._overhead_ms(method),
            sampler.discarded,
            unaccounted_ms,
            self.clock.cover_ms,
            stats.median(self.solution.queued_ms) if self.solution.queued_ms else None,
        )
        return Measurement(
            sampler,
            timing,
            self.solution.checked,
            self.peak_used_mb,
            deterministic,
            untraced=untraced,
            uncovered=any(
                uncovered(side.queued_ms, self.clock.cover_ms)
                for side in (self.solution, self.rival)
                if side.is_judged
            ),
        )

    def _watched_round(self, method: str) -> None:
        """A sealed call of each judged side, made like a timed one, whose time is not used."""
        for watcher, side in self._watchers(method):
            with _blaming(side):
                answer = watcher.check(Kind.OPEN if side.work is None else sealed_after(side.work))
                side.checked.note(answer.verdicts, classes_of(self.truth))
                if answer.work is not None and answer.work.noted:
                    side.work = answer.work

    def _trace(self, sampler: Sampler) -> bool:
        """Have the profiler look at a call of each judged side; False if it does not work here.

        It runs last: once started it may slow later launches.
        """
        traced = []
        for watcher, side in self._watchers(None):
            assert side.work is not None
            samples_ms = sampler.samples_ms if side is self.solution else sampler.reference_samples_ms
            with _blaming(side):
                traced.append(watcher.trace(side.work, stats.median(samples_ms)))
        return all(traced)

    def _watchers(self, method: str | None) -> Iterator[tuple[Watcher, Side]]:
        """For each judged side that must compute with kernels of its own, on fresh inputs."""
        watched = [side for side in (self.solution, self.rival) if side.is_judged and side.attached.must_own]
        if not watched:
            return
        case = self._fresh_case()
        truths = self.truth.exact_outputs(case)
        for side in watched:
            yield Watcher(side.attached, case, self.exchange, self.truth, truths, method), side

    def _agrees(self) -> bool:
        """Do the judged sides answer alike when the last inputs are given to them once more?"""
        assert self._case is not None
        alike = []
        for side in (self.solution, self.rival):
            if side.is_judged:
                with _blaming(side):
                    alike.append(require_agreement(side.attached, self._case, self.exchange, self.truth))
        return all(alike)

    def _overhead_ms(self, method: str) -> float:
        return self.clock.event_overhead_ms if method == "events" else 0.0

    def _method(self) -> str:
        """Events, unless their clock is too coarse for this call."""
        trial_ms = [self._round("events")[0]]
        if trial_ms[0] > SHORT_MS:
            return "events"
        trial_ms += [self._round("events")[0] for _ in range(TRIAL_CALLS - 1)]
        step_ms = stats.quantization_step(trial_ms)
        if step_ms is None or step_ms <= COARSE * stats.median(trial_ms):
            return "events"
        self._round("kernel_timestamps")  # the profiler's first start takes longer
        return "kernel_timestamps"

    def _round(self, method: str) -> tuple[float, float, list[ClockState | None]]:
        """One sample of each, in ABBA order: (solution's ms, rival's ms, the card after each)."""
        case = self._fresh_case()
        truths = self.truth.exact_outputs(case)
        before = fingerprint(case.genuine)
        states: list[ClockState | None] = []
        latencies_ms: dict[str, float] = {}
        pair = (self.solution, self.rival)
        self._turn += 1
        for side in pair if self._turn % 2 else pair[::-1]:
            call = self._call(side, case, method)
            states.append(self.card.clock_state())
            self._note_memory()
            with _blaming(side):
                if side.is_judged:
                    check_inputs(before, call.inputs)
                    self._check_answer(side, call, case, truths)
                latencies_ms[side.attached.role] = self._note_claims(side, call, method)
        solution_ms, rival_ms = (latencies_ms[side.attached.role] for side in pair)
        return solution_ms, rival_ms, states

    def _check_answer(self, side: Side, call: Call, case: Case, truths: list[RightOutput]) -> None:
        """Refuse a wrong output first, as incorrect, and only then what broke a rule."""
        verdicts = verify(call.reply, side.attached, truths, self.truth)
        if side.attached.must_own:
            require_launches(call)
        if side.kind is Kind.NOTED:
            require_own_work(call, sizes_of(case, side.attached))
        side.checked.note(verdicts, classes_of(self.truth))

    def _note_claims(self, side: Side, call: Call, method: str) -> float:
        """What a worker says that the call took, in milliseconds, less the clock's overhead."""
        latency_ms = claimed_latency_ms(call, self._overhead_ms(method))
        side.waits_ms.append(call.wall_ms - latency_ms)
        if method == "events":
            side.queued_ms.append(claimed_queueing_ms(call))
        return latency_ms

    def _call(self, side: Side, case: Case, method: str) -> Call:
        try:
            watch = request_for(side.kind, sizes_of(case, side.attached))
            return side.attached.call(case, self.exchange, method, watch)
        except WorkerFailedError as failure:
            if side is self.solution:
                raise
            status, reason = diagnose(failure)
            if side.is_judged:
                raise UnfitError(status, f"{RIVAL}: {reason}") from failure
            raise ProblemError(f"the reference failed on workload {self.name!r}: {reason}") from failure

    def _fresh_case(self) -> Case:
        self._case = None  # one copy of the inputs at a time
        self._case = self.truth.fresh_case(self.name, self.axes, self.exchange)
        if not self.solution.attached.outputs:
            expected = self.truth.expected(self._case)
            for side in (self.solution, self.rival):
                side.attached.prepare(self._case, self.exchange, expected)
        return self._case

    def _note_memory(self) -> None:
        used_mb = self.card.used_mb()
        if used_mb is not None:
            self.peak_used_mb = max(used_mb, self.peak_used_mb or 0)


@contextlib.contextmanager
def _blaming(side: Side) -> Iterator[None]:
    """Say whose fault it is when the other side is unfit: the problem's, if that is its reference."""
    try:
        yield
    except UnfitError as error:
        if side.attached.role != "rival":
            raise
        if not side.is_judged:
            raise ProblemError(f"the reference: {error.reason}") from error
        raise UnfitError(error.status, f"{RIVAL}: {error.reason}") from error
    except WorkerFailedError as failure:
        if side.attached.role != "rival":
            raise
        status, reason = diagnose(failure)
        raise UnfitError(status, f"{RIVAL}: {reason}") from failure
