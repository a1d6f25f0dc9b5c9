"""Medians, intervals and shared ranks. Pure arithmetic over plain sequences of numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

Interval = tuple[float, float]
"""(low, high), both ends included."""


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
    center = geometric_mean(values)
    below = math.hypot(*(math.log(value / low) for value, (low, _) in zip(values, intervals, strict=True)))
    above = math.hypot(*(math.log(high / value) for value, (_, high) in zip(values, intervals, strict=True)))
    return center * math.exp(-below / len(values)), center * math.exp(above / len(values))


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
