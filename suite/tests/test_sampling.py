"""When to stop, what to discard, how long to wait: with a simulated card and a simulated wall clock."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from suite.judge.measure import Measurement
from suite.judge.sampling import ClockState, Limits, Sampler
from suite.judge.trial import Checked
from suite.result import Timing
from suite.stats import median, median_ci

POWER_CAP = 0x4
IDLE = 0x1


@dataclass
class Card:
    """A card whose clock falls while it is hot: each sample heats it, each idle second cools it."""

    heat_per_sample: float = 0.0
    heat: float = 0.0
    now_s: float = 0.0
    noise: random.Random = field(default_factory=lambda: random.Random(7))

    def idle(self, seconds: float) -> None:
        self.now_s += seconds
        self.heat = max(0.0, self.heat - 40 * seconds)

    def sample(self) -> tuple[float, float, list[ClockState | None]]:
        self.idle(0.01)
        self.heat += self.heat_per_sample
        capped = self.heat > 10
        mhz = 1110 if capped else 1980
        state = ClockState(mhz, 3201, 700.0 if capped else 400.0, 60, POWER_CAP if capped else 0)
        latency_ms = 2.24 * (1980 / mhz) * (1 + self.noise.gauss(0, 0.002))
        return latency_ms, 1.2 * latency_ms, [state, state]


def measure(card: Card, limits: Limits, top_mhz: int | None = 1980) -> Sampler:
    sampler = Sampler(limits, top_mhz, lambda: card.now_s)
    while sampler.wants_more():
        card.idle(sampler.pause_s)
        sampler.offer(*card.sample())
    return sampler


def test_a_quiet_card_needs_the_fewest_samples() -> None:
    sampler = measure(Card(), Limits())
    assert len(sampler.samples_ms) == 30
    assert (sampler.discarded, sampler.noisy, sampler.unstable) == (0, False, False)
    assert sampler.pause_s == 0.0


def test_sampling_goes_on_until_the_interval_is_narrow() -> None:
    class Noisy(Card):
        def sample(self) -> tuple[float, float, list[ClockState | None]]:
            latency_ms, reference_ms, states = super().sample()
            return latency_ms * (1 + self.noise.gauss(0, 0.01)), reference_ms, states

    sampler = measure(Noisy(), Limits())
    assert 30 < len(sampler.samples_ms) < 200
    assert not sampler.noisy


def test_each_side_of_the_interval_must_be_narrow() -> None:
    sampler = Sampler(Limits(most=30), None, lambda: 0.0)
    for place in range(30):  # 16 of 1 ms, 14 of 1.008 ms: the interval is [1, 1.004], 0.4 % on one side
        sampler.offer(1.008 if place % 2 and place < 28 else 1.0, 1.0, [])
    assert median(sampler.samples_ms) == 1.0
    assert median_ci(sampler.samples_ms) == (1.0, 1.004)
    assert sampler.noisy


def test_a_wide_interval_at_the_limit_is_noisy() -> None:
    class Wild(Card):
        def sample(self) -> tuple[float, float, list[ClockState | None]]:
            latency_ms, reference_ms, states = super().sample()
            return latency_ms * self.noise.uniform(1, 2), reference_ms, states

    sampler = measure(Wild(), Limits(most=60))
    assert len(sampler.samples_ms) == 60
    assert sampler.noisy


def test_samples_under_a_lowered_clock_are_discarded_and_the_pace_adapts_until_it_holds() -> None:
    card = Card(heat_per_sample=1.0)  # without pauses: 10 idle ms take 0.4 away, so it caps after 17 samples
    sampler = measure(card, Limits())
    assert len(sampler.samples_ms) == 30
    assert sampler.discarded > 0
    assert not sampler.unstable
    assert {state.sm_mhz for state in sampler.states if state} == {1980}
    assert max(sampler.samples_ms) < 2.24 * 1.01


def test_a_card_that_never_holds_is_unstable_in_bounded_time() -> None:
    card = Card(heat_per_sample=1000.0, heat=1000.0)
    sampler = measure(card, Limits(patience_s=15.0))
    assert sampler.unstable
    assert len(sampler.samples_ms) == 30
    assert sampler.discarded > 10
    assert 15.0 <= card.now_s < 60.0


def test_a_card_that_is_capped_from_the_first_sample_is_seen_by_its_reason() -> None:
    capped = ClockState(1110, 3201, 700.0, 70, POWER_CAP)
    sampler = Sampler(Limits(), 1980, lambda: 0.0)
    assert not sampler.offer(3.0, 3.0, [capped])
    assert sampler.pause_s == 0.005


def test_an_idle_reason_is_no_slowdown() -> None:
    sampler = Sampler(Limits(), 1980, lambda: 0.0)
    assert sampler.offer(3.0, 3.0, [ClockState(1500, 3201, 100.0, 30, IDLE)])


def test_without_nvml_every_sample_is_kept() -> None:
    sampler = Sampler(Limits(), None, lambda: 0.0)
    for _ in range(30):
        assert sampler.offer(3.0, 3.0, [None, None])
    assert not sampler.wants_more()
    assert sampler.states == [None] * 30


def test_a_lowered_memory_clock_is_seen_too() -> None:
    sampler = Sampler(Limits(), 1980, lambda: 0.0)
    assert sampler.offer(3.0, 3.0, [ClockState(1980, 3201, 400.0, 50, 0)])
    assert not sampler.offer(3.0, 3.0, [ClockState(1980, 1593, 400.0, 50, 0)])


def test_pairs_stay_pairs() -> None:
    sampler = measure(Card(heat_per_sample=1.0), Limits())
    assert len(sampler.samples_ms) == len(sampler.reference_samples_ms) == len(sampler.states)
    for sample_ms, reference_ms in zip(sampler.samples_ms, sampler.reference_samples_ms, strict=True):
        assert reference_ms == pytest.approx(1.2 * sample_ms)


@pytest.mark.parametrize("found", [False, True])
def test_a_measurement_carries_the_flag(found: bool) -> None:
    sampler = Sampler(Limits(), None, lambda: 0.0, samples_ms=[1.0] * 30)
    timing = Timing("events", 0, 0.001, 0)
    measured = Measurement(sampler, timing, Checked(), None, deterministic=True, uncovered=found)
    assert measured.flags == (["uncovered"] if found else [])
