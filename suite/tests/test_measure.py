"""One workload measured with scripted workers: what is refused first, and what a measurement says."""

import random

import pytest
import torch

from suite.judge import measure
from suite.judge.compare import RightOutput
from suite.judge.contract import ProblemError
from suite.judge.measure import Bench, ClockFacts, Side
from suite.judge.own_work import NO_LAUNCH
from suite.judge.sampling import Limits
from suite.judge.trial import Attached, Call, UnfitError
from suite.judge.truth import Case
from suite.result import Status
from suite.tests.test_watched import CLEAN, LIBRARY
from suite.worker.work import Work

OVERHEAD_MS = 0.00125
COVER_MS = 1.0


class Truth:
    """Of a problem whose answer is five sevens."""

    tolerance = "exact"

    def fresh_case(self, name, axes, exchange):
        return Case(name, axes, [], [torch.rand(5, 37)])

    def exact_outputs(self, case):
        return [RightOutput(torch.full((5,), 7))]


class Card:
    def top_mhz(self):
        return 1980

    def clock_state(self):
        return None

    def used_mb(self):
        return 5


class Worker(Attached):
    """Says what its fields say; times scatter by a thousandth, as real ones do."""

    def __init__(
        self, role, latency_ms, answer=7, launches=1, queued_ms=0.3, hidden_ms=0.0, tick_ms=None,
        writes=False, work=None, asked=None,
    ):  # fmt: skip
        super().__init__(None, role, 1.0, False, [torch.zeros(5, dtype=torch.int64)])
        self.latency_ms, self.answer, self.launches, self.queued_ms = latency_ms, answer, launches, queued_ms
        self.hidden_ms, self.tick_ms, self.writes, self.work = hidden_ms, tick_ms, writes, work
        self.asked = [] if asked is None else asked
        self.said_ms = []
        self.random = random.Random(role)

    def call(self, case, exchange, method=None, watch=None):
        self.asked.append((self.role, method, watch is not None))
        self.outputs[0].fill_(self.answer)
        if self.writes:
            case.inputs[0].zero_()
        described = {"type": "Tensor", "dtype": "int64", "shape": [5], "device": "cpu"}
        latency_ms = self.latency_ms * (1 + self.random.gauss(0, 0.001))
        if self.tick_ms is not None and method == "events":
            latency_ms = self.tick_ms * self.random.choice((3, 4))
        self.said_ms.append(latency_ms)
        work = self.work if watch is None or self.work is not None else CLEAN | {"noted": watch["operators"]}
        claims = {
            "latency_ms": latency_ms,
            "queued_ms": self.queued_ms if method == "events" else None,
            "launches": self.launches,
            "work": work,
        }
        return Call({"outputs": [described]} | claims, self.latency_ms + 5 + self.hidden_ms, case.inputs)


def bench(rival=None, is_rival_judged=False, **solution):
    sides = (
        Side(Worker("solution", **({"latency_ms": 2.0} | solution)), is_judged=True),
        Side(Worker("rival", **({"latency_ms": 3.0} | (rival or {}))), is_judged=is_rival_judged),
    )
    clock = ClockFacts(1 << 20, COVER_MS, OVERHEAD_MS)
    return Bench(*sides, Truth(), None, Card(), "seed", {}, Limits(), clock)


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch):
    monkeypatch.setattr(measure.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(measure, "require_agreement", lambda *sides: True)


def test_a_measurement():
    measured = bench()
    measurement = measured.measure()
    assert 30 <= len(measurement.sampler.samples_ms) < 100
    said_ms = [ms - OVERHEAD_MS for ms in measured.solution.attached.said_ms[3:]]
    assert measurement.sampler.samples_ms == pytest.approx(said_ms, abs=1e-9)
    assert measurement.timing.method == "events"
    assert measurement.timing.queued_ms == 0.3
    assert measurement.timing.unaccounted_ms == pytest.approx(0.0, abs=0.01)
    assert measurement.flags == []


def test_launches_that_come_after_the_cover_are_flagged():
    assert bench(queued_ms=0.9).measure().flags == []
    assert bench(queued_ms=1.1).measure().flags == ["uncovered"]


class TestWhatIsRefusedFirst:
    """A solution that returns what it found before does nothing, so that its time is that of no call."""

    def refused(self, **solution):
        measured = bench(**solution)
        measured.solution.attached.must_own = True
        with pytest.raises(UnfitError) as error:
            measured._round("events")
        return error.value.status, error.value.reason

    def test_a_wrong_answer(self):
        wrong = (Status.INCORRECT, "5 of 5 elements differ, the first at (0,): expected 7, found 8")
        assert self.refused(answer=8, launches=0, latency_ms=0.001) == wrong
        assert self.refused(answer=8, latency_ms=float("nan")) == wrong

    def test_then_a_broken_rule(self):
        assert self.refused(launches=0, latency_ms=0.001) == (Status.REJECTED, NO_LAUNCH)

    def test_then_a_time_that_is_none(self):
        status, reason = self.refused(latency_ms=0.001)
        assert status is Status.REJECTED
        assert reason is not None
        assert reason.startswith("protocol: a latency of 0.00")
        expected = "protocol: nan ms to queue a call of 7.000 ms on the wall"
        assert self.refused(queued_ms=float("nan")) == (Status.REJECTED, expected)

    def test_before_all_an_input_that_was_changed(self):
        changed = (Status.REJECTED, "rule 'inputs are read-only': input 0 was changed during the call")
        assert self.refused(writes=True) == changed
        assert self.refused(writes=True, answer=8, launches=0, latency_ms=0.001) == changed

    def test_what_noted_operators_did(self):
        def noted(work, **solution):
            measured = bench(work=work, **solution)
            measured.solution.work = Work(noted=True, reads_sealed=True)
            with pytest.raises(UnfitError) as error:
                measured._round("events")
            return error.value.status, error.value.reason

        status, reason = noted(LIBRARY, latency_ms=0.001)
        assert status is Status.REJECTED
        assert reason.startswith("rule 'own kernels': torch operator aten.argmin on 190 elements (line 3)")
        malformed = "protocol: the report of a watched call is malformed"
        assert noted({"noted": True}) == (Status.REJECTED, malformed)
        assert noted(LIBRARY, answer=8)[0] is Status.INCORRECT


class TestTheRival:
    def test_a_judged_one_is_refused_by_name(self):
        with pytest.raises(UnfitError) as error:
            bench({"answer": 8}, is_rival_judged=True)._round("events")
        assert error.value.status is Status.INCORRECT
        assert error.value.reason == (
            "the other side: 5 of 5 elements differ, the first at (0,): expected 7, found 8"
        )

    def test_a_reference_is_held_to_nothing_but_its_times(self):
        measured = bench({"answer": 8, "launches": 0, "queued_ms": 1.1})
        assert measured.measure().flags == []
        assert measured.rival.checked.outputs == 0

    def test_a_reference_that_takes_no_time_is_a_fault_of_its_problem(self):
        with pytest.raises(ProblemError, match=r"the reference: protocol: a latency of 0\.00"):
            bench({"latency_ms": 0.001})._round("events")

    def test_launches_of_a_judged_one_after_the_cover(self):
        assert bench({"queued_ms": 1.1}, is_rival_judged=True).measure().flags == ["uncovered"]

    def test_they_take_turns(self):
        asked = []
        measured = bench({"asked": asked}, asked=asked)
        for _ in range(4):
            measured._round("events")
        assert [role[0] for role, _, _ in asked] == list("srrssrrs")


def test_each_sample_is_of_a_checked_output():
    measured = bench()
    measurement = measured.measure()
    samples = len(measurement.sampler.samples_ms)
    assert measurement.checked.outputs == 3 + samples  # two calls warm up, one says how to time the rest
    assert len(measured.solution.waits_ms) == len(measured.rival.waits_ms) == samples
    assert len(measured.solution.queued_ms) == samples
    assert measurement.peak_used_mb == 5


def test_some_calls_are_watched():
    measured = bench()
    measured.solution.attached.must_own = True
    samples = len(measured.measure().sampler.samples_ms)
    watched = [method for _, method, is_watched in measured.solution.attached.asked if is_watched]
    assert 3 <= len(watched) <= 1 + samples
    assert measured.solution.checked.outputs == 3 + samples + len(watched)


def test_time_that_the_wall_clock_alone_has():
    measured = bench(hidden_ms=0.48)
    assert measured.measure().timing.unaccounted_ms == pytest.approx(0.48, abs=0.01)
    with pytest.raises(UnfitError) as error:
        bench(hidden_ms=0.52).measure()
    assert error.value.status is Status.REJECTED
    assert error.value.reason.startswith("rule 'all work within the call': claims 1.99")


def test_kernels_tell_their_own_times_where_the_events_tick_too_coarsely():
    measured = bench(latency_ms=0.0035, tick_ms=0.001)
    measurement = measured.measure()
    timing = measurement.timing
    assert (timing.method, timing.event_overhead_ms, timing.queued_ms) == ("kernel_timestamps", 0.0, None)
    assert measurement.sampler.samples_ms[0] == pytest.approx(0.0035, rel=0.005)
    methods = [method for _, method, _ in measured.solution.attached.asked[:14]]
    assert methods == 12 * ["events"] + 2 * ["kernel_timestamps"]


def test_the_reference_as_a_solution_need_not_launch():
    assert bench(launches=0).measure().flags == []


def test_outputs_that_differ_from_call_to_call_are_flagged(monkeypatch):
    monkeypatch.setattr(measure, "require_agreement", lambda *sides: False)
    assert bench().measure().flags == ["nondeterministic"]


@pytest.mark.parametrize(("traced", "flags"), [(True, []), (False, ["untraced"])])
def test_a_profiler_looks_last(monkeypatch, traced, flags):
    told = []
    monkeypatch.setattr(measure.Watcher, "trace", lambda _self, _work, ms: told.append(ms) or traced)
    measured = bench()
    measured.solution.attached.must_own, measured.traces = True, True
    assert measured.measure().flags == flags
    assert told == [pytest.approx(2.0 - OVERHEAD_MS, rel=0.001)]
