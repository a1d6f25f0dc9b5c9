"""Medians, intervals and shared ranks. Pure arithmetic over plain sequences of numbers."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

Interval = tuple[float, float]
"""(low, high), both ends included."""
_GRID_TRIES = 6
_GRID_TOLERANCE = 0.1


@dataclass(frozen=True, slots=True)
class Drift:
    """Do the samples rise or fall with their order?"""

    rho: float
    """Spearman's rank correlation of sample and index: 1 when every sample exceeds the one before it."""
    p: float
    """How often a shuffled order correlates at least as strongly, either way."""


def median(samples: Sequence[float]) -> float:
    """The middle sample, or the mean of the middle two.

    Raises:
        ValueError: there is no sample.
    """
    if not samples:
        raise ValueError("median needs at least one sample, got none")
    ordered = sorted(samples)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def median_ci(
    samples: Sequence[float], confidence: float = 0.95, seed: int = 0, resamples: int = 2000
) -> Interval:
    """A confidence interval of the median: moving-block bootstrap over the samples in the order taken.

    Neighbouring samples share a clock and a temperature, so they are not independent; drawing runs of
    neighbours (of length n^(1/3), rounded up) instead of single samples keeps that dependence in each
    resample. The interval always holds the median of `samples`, and the same samples and seed give the same
    interval.

    Raises:
        ValueError: there is no sample, or `confidence` is not between 0 and 1.
    """
    import numpy as np  # here, because ranking and reading results need no numpy

    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence}")
    center = median(samples)
    values = np.asarray(samples, dtype=np.float64)  # [n]
    length = block_length(len(samples))
    blocks = math.ceil(len(samples) / length)
    generator = np.random.default_rng(seed)
    starts = generator.integers(0, len(samples) - length + 1, size=(resamples, blocks))
    picks = (starts[:, :, None] + np.arange(length)).reshape(resamples, -1)[:, : len(samples)]
    medians = np.median(values[picks], axis=1)  # [resamples]
    tail = (1 - confidence) / 2
    low, high = np.quantile(medians, (tail, 1 - tail))
    return min(float(low), center), max(float(high), center)


def quartiles(samples: Sequence[float]) -> Interval:
    """The lower and the upper quartile, linear between neighbouring samples.

    Raises:
        ValueError: there is no sample.
    """
    if not samples:
        raise ValueError("quartiles need at least one sample, got none")
    if len(samples) == 1:
        return samples[0], samples[0]
    lower, _, upper = statistics.quantiles(samples, n=4, method="inclusive")
    return lower, upper


def drift(samples: Sequence[float], seed: int = 0, shuffles: int = 2000) -> Drift:
    """Spearman's rank correlation of the samples with the order they were taken in, by a permutation test.

    The p-value counts the given order among the shuffled ones, so it is never 0. Equal samples share a rank;
    samples that are all equal have rho 0 and p 1.

    Raises:
        ValueError: there are fewer than three samples.
    """
    import numpy as np  # as in median_ci

    if len(samples) < 3:
        raise ValueError(f"drift needs at least three samples, got {len(samples)}")
    values = np.asarray(samples, dtype=np.float64)
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts + 1) / 2)[places]  # [n], from 0; ties get their mean
    ranks -= ranks.mean()
    order = np.arange(len(samples)) - (len(samples) - 1) / 2
    norm = float(np.sqrt((ranks @ ranks) * (order @ order)))
    if norm == 0:
        return Drift(0.0, 1.0)
    rho = float(ranks @ order) / norm
    shuffled = np.random.default_rng(seed).permuted(np.tile(order, (shuffles, 1)), axis=1)
    # 1e-9: the same order must count as equally strong, whatever the rounding of its sum.
    as_strong = int((np.abs(shuffled @ ranks) / norm >= abs(rho) - 1e-9).sum())
    return Drift(rho, (as_strong + 1) / (shuffles + 1))


def quantization_step(samples: Sequence[float]) -> float | None:
    """The step of the grid that the samples sit on, such as 0.001024 for ms from a clock of 1.024 us.

    None when they sit on no grid, when there are too few to tell, and for a step below a millionth of their
    median, where the grid is that of the floating-point numbers and matters to nobody. The slowest tenth is
    left out: far from the others, rounding hides the grid.
    """
    ordered = sorted(samples)[: math.ceil(0.9 * len(samples))]
    steps = sorted({sample - ordered[0] for sample in ordered if sample > ordered[0]})
    # A grid shows as many values on it or as few values hit over and over; without either it may be chance.
    if not steps or (len(steps) < 8 and len(ordered) < 3 * (len(steps) + 1)):
        return None
    least = 1e-6 * abs(median(samples))
    gaps = [gap for low, high in pairwise([0.0, *steps]) if (gap := high - low) > least]
    fitted = (_fitted_step(steps, min(gaps) / parts) for parts in range(1, _GRID_TRIES + 1) if gaps)
    return next((step for step in fitted if step is not None), None)


def _fitted_step(distances: Sequence[float], step: float) -> float | None:
    """`step`, refined on one distance after the other, or None where one is no multiple of it."""
    for distance in distances:
        multiple = round(distance / step)
        if abs(distance - multiple * step) > _GRID_TOLERANCE * step:
            return None
        step = distance / multiple if multiple else step
    return step


def block_length(count: int) -> int:
    """Samples in one block of the bootstrap: the cube root of their number, rounded up."""
    length = 1
    while length**3 < count:
        length += 1
    return length


def relative_half_width(interval: Interval, center: float) -> float:
    """Half of an interval's width as a fraction of its center: 0.005 is +/- 0.5 %."""
    if not center > 0:
        raise ValueError(f"center must be positive, got {center}")
    low, high = interval
    return (high - low) / 2 / center


def geometric_mean(values: Iterable[float]) -> float:
    """The exponential of the mean of the logarithms, which cannot over- or underflow as a product does.

    Raises:
        ValueError: there is no value, or one is not positive (its logarithm does not exist).
    """
    numbers = list(values)
    if not numbers:
        raise ValueError("geometric_mean needs at least one value, got none")
    for number in numbers:
        if not number > 0:
            raise ValueError(f"geometric_mean needs positive values, got {number}")
    return math.exp(math.fsum(map(math.log, numbers)) / len(numbers))


def geometric_mean_interval(values: Sequence[float], intervals: Sequence[Interval]) -> Interval:
    """The interval of a geometric mean, from the interval of each independent value.

    The distances to either end, as logarithms, are combined in quadrature and divided by the count, each side
    by itself.
    """
    center = math.log(geometric_mean(values))
    logs = [
        (math.log(value), math.log(low), math.log(high))
        for value, (low, high) in zip(values, intervals, strict=True)
    ]
    below = math.hypot(*(value - low for value, low, _ in logs)) / len(logs)
    above = math.hypot(*(high - value for value, _, high in logs)) / len(logs)
    return math.exp(center - below), math.exp(center + above)


def shared_ranks(intervals: Sequence[Interval]) -> list[int]:
    """The rank of each row, given the rows' intervals best first: 1, 1, 3 where the first two overlap.

    A row joins the group of the row above when its interval meets that of the group's *leader*, its first
    row. Chaining through the row just above would let a long tail of small overlaps tie the best with the
    worst.
    """
    ranks: list[int] = []
    leader = 0
    for index, interval in enumerate(intervals):
        if not _overlap(intervals[leader], interval):
            leader = index
        ranks.append(leader + 1)
    return ranks


def _overlap(one: Interval, other: Interval) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]
