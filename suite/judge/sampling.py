"""How many samples to take, which to throw away, and how long to wait before the next one.

Pure decisions: the card, the clock on the wall and the samples are handed in, so that tests drive them with a
simulated card.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from suite.stats import median, median_ci

# NVML's clocks-event reasons that mean "slower than asked for": software power cap (0x4), hardware slowdown
# (0x8), software thermal (0x20), hardware thermal (0x40), power brake (0x80). Idle and user settings are not
# among them.
SLOWDOWN_REASONS = 0x4 | 0x8 | 0x20 | 0x40 | 0x80
# Boost clocks move in steps of 15 MHz; 5 % is beyond what a card at rest does from one sample to the next.
LOWERED = 0.95
# With a slowdown reason at hand less is enough: 90 % of the clock that the card could reach.
LOWERED_WITH_REASON = 0.90
CHECK_EVERY = 5
FIRST_PAUSE_S = 0.005
LONGEST_PAUSE_S = 0.5


@dataclass(frozen=True, slots=True)
class ClockState:
    """The card just after a sample. `reasons` is NVML's clocks-event mask."""

    sm_mhz: int
    memory_mhz: int
    power_w: float
    temperature_c: int
    reasons: int


@dataclass(frozen=True, slots=True)
class Limits:
    """When to stop.

    At least `fewest` samples; then as soon as the 95 % interval of the median lies within `half_width` of it
    on each side, and at `most` samples at the latest. After `patience_s` seconds on the wall samples under a
    lowered clock are kept too.
    """

    fewest: int = 30
    most: int = 200
    half_width: float = 0.0025
    patience_s: float = 15.0


@dataclass(slots=True)
class Sampler:
    """Collects pairs of samples: the solution's and the reference's, taken in turn on the same inputs.

    Args:
        limits: when to stop.
        top_mhz: the highest SM clock that the card can have, or None.
        now: seconds on a monotonic clock.
    """

    limits: Limits
    top_mhz: int | None
    now: Callable[[], float]
    samples_ms: list[float] = field(default_factory=list)
    reference_samples_ms: list[float] = field(default_factory=list)
    states: list[ClockState | None] = field(default_factory=list)
    discarded: int = 0
    unstable: bool = False
    _pause_s: float = 0.0
    _highest: tuple[int, int] = (0, 0)
    _started_s: float | None = None

    @property
    def pause_s(self) -> float:
        """How long to leave the card idle before the next sample."""
        return self._pause_s

    @property
    def noisy(self) -> bool:
        """Is the interval of the median still wider than it should be?"""
        return not self._narrow()

    def wants_more(self) -> bool:
        """Is another sample needed?"""
        taken = len(self.samples_ms)
        if taken < self.limits.fewest:
            return True
        return taken < self.limits.most and not (taken % CHECK_EVERY == 0 and self._narrow())

    def offer(self, sample_ms: float, reference_ms: float, states: list[ClockState | None]) -> bool:
        """Keep a pair of samples unless the card had lowered its clocks in either; says whether it was kept.

        Args:
            sample_ms: the solution's.
            reference_ms: the reference's.
            states: the card after each of the two; the last one stands for the pair.
        """
        if self._started_s is None:
            self._started_s = self.now()
        lowered = any(state is not None and self._lowered(state) for state in states)
        if lowered:
            self._pause_s = min(max(2 * self._pause_s, FIRST_PAUSE_S), LONGEST_PAUSE_S)
            if self.now() - self._started_s < self.limits.patience_s:
                self.discarded += 1
                return False
            self.unstable = True
        else:
            self._pause_s = self._pause_s * 0.8 if self._pause_s > FIRST_PAUSE_S / 4 else 0.0
        self.samples_ms.append(sample_ms)
        self.reference_samples_ms.append(reference_ms)
        self.states.append(states[-1] if states else None)
        return True

    def _lowered(self, state: ClockState) -> bool:
        sm_mhz, memory_mhz = self._highest
        self._highest = (max(sm_mhz, state.sm_mhz), max(memory_mhz, state.memory_mhz))
        sm_mhz, memory_mhz = self._highest
        if state.sm_mhz < LOWERED * sm_mhz or state.memory_mhz < LOWERED * memory_mhz:
            return True
        slowed = bool(state.reasons & SLOWDOWN_REASONS)
        return slowed and self.top_mhz is not None and state.sm_mhz < LOWERED_WITH_REASON * self.top_mhz

    def _narrow(self) -> bool:
        low, high = median_ci(self.samples_ms)
        middle = median(self.samples_ms)
        return max(high - middle, middle - low) <= self.limits.half_width * middle
