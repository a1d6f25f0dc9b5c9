"""One workload measured with scripted workers: what is refused first, and what a measurement says."""

import random

import pytest
import torch

from suite.judge import measure
from suite.judge.compare import RightOutput
from suite.judge.measure import Bench, ClockFacts, Side
from suite.judge.own_work import NO_LAUNCH
from suite.judge.sampling import Limits
from suite.judge.trial import Attached, Call, UnfitError
from suite.judge.truth import Case
from suite.result import Status

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

    def __init__(self, role, latency_ms, answer=7, launches=1, queued_ms=0.3):
        super().__init__(None, role, 1.0, False, [torch.zeros(5, dtype=torch.int64)])
        self.latency_ms, self.answer, self.launches, self.queued_ms = latency_ms, answer, launches, queued_ms
        self.random = random.Random(role)

    def call(self, case, exchange, method=None, watch=None):
        self.outputs[0].fill_(self.answer)
        described = {"type": "Tensor", "dtype": "int64", "shape": [5], "device": "cpu"}
        claims = {
            "latency_ms": self.latency_ms * (1 + self.random.gauss(0, 0.001)),
            "queued_ms": self.queued_ms,
            "launches": self.launches,
        }
        return Call({"outputs": [described]} | claims, self.latency_ms + 5, case.inputs)


def bench(**solution):
    sides = (
        Side(Worker("solution", **({"latency_ms": 2.0} | solution)), is_judged=True),
        Side(Worker("rival", latency_ms=3.0), is_judged=False),
    )
    clock = ClockFacts(1 << 20, COVER_MS, OVERHEAD_MS)
    return Bench(*sides, Truth(), None, Card(), "seed", {}, Limits(), clock)


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch):
    monkeypatch.setattr(measure.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(measure, "require_agreement", lambda *sides: True)


def test_a_measurement():
    measurement = bench().measure()
    assert 30 <= len(measurement.sampler.samples_ms) < 100
    assert sorted(measurement.sampler.samples_ms)[15] == pytest.approx(2.0 - OVERHEAD_MS, rel=0.001)
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
