"""Which of two kernels is the faster? From samples taken in turn, with an interval and a verdict."""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, combinations_with_replacement
from statistics import NormalDist

from suite.stats import Interval, median

BLOCK_ROUNDS = 4
"""Two turns of A B B A: within a block neither side comes later than the other on average."""
ROUNDS = 60
"""Rounds to take: 15 blocks. In the simulation of test_ab.py (1 % noise, one sample in 33 slow by some 15 %)
the interval is +-0.5 % wide, at least 95 of 100 equal pairs are SAME and 2 % is always found; with three
steps of the clock by a fifth, 85 of 100 are SAME and 2 % is found 99 times in 100."""
FEWEST_BLOCKS = 10
TIE = 0.01
"""Half the width of the band in which two kernels count as the same: less than 1 % does not carry over to
another day or another card of the same kind."""
_MOST_EXACT_BLOCKS = 50


class Verdict(enum.StrEnum):
    """What a comparison says of A."""

    FASTER = "FASTER"
    SLOWER = "SLOWER"
    SAME = "SAME"
    UNDECIDED = "UNDECIDED"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two kernels, A against B."""

    ratio: float
    """Latency of A / latency of B: below 1, A is faster."""
    interval: Interval
    verdict: Verdict
    blocks: int
    """How many independent block medians the interval rests on."""


def compare(
    a_ms: Sequence[float], b_ms: Sequence[float], *, block: int = BLOCK_ROUNDS, confidence: float = 0.95
) -> Comparison:
    """Compare paired samples: `a_ms[i]` and `b_ms[i]` were taken next to each other on the same inputs.

    Rounds should come in ABBA order (A first in even rounds, B first in odd ones), so that a linear drift
    weighs on both alike. Each round gives one ratio, in which a clock or a temperature that both samples
    share cancels. What remains of it still ties neighbouring rounds together (the clock may step between two
    samples, and stay), so rounds are no independent observations and a test on them would claim too much;
    `block` consecutive rounds are reduced to the median of their log ratios, which one spike or one step
    cannot move, and the interval rests on the spread between blocks. A last, shorter block joins the one
    before it.

    The ratio is the exponential of the Hodges-Lehmann estimate of the block medians (the median of the means
    of all pairs), its interval inverts the Wilcoxon signed-rank test. SAME: the whole interval lies within
    1 % of 1 (between 1/1.01 and 1.01). Else FASTER or SLOWER when it excludes 1, else UNDECIDED.

    Sources: J. L. Hodges and E. L. Lehmann, "Estimates of location based on rank tests", Ann. Math. Statist.
    34 (1963); M. Hollander, D. A. Wolfe and E. Chicken, "Nonparametric Statistical Methods" (2014), 3.1-3.3.

    Args:
        a_ms: latencies of A, in the order taken.
        b_ms: those of B, as many.
        block: rounds in a block; even ones hold as many rounds with A first as with B first.
        confidence: of the interval.

    Raises:
        ValueError: the counts differ, a sample is not a positive number, or there are too few blocks (ten, or
            more if `confidence` asks for it).
    """
    if len(a_ms) != len(b_ms):
        raise ValueError(f"paired samples come in equal numbers, got {len(a_ms)} and {len(b_ms)}")
    if block < 1:
        raise ValueError(f"a block needs at least one round, got {block}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence}")
    blocks = len(a_ms) // block
    if blocks < FEWEST_BLOCKS:
        raise ValueError(
            f"{len(a_ms)} rounds make {blocks} blocks of {block}; "
            f"a comparison needs {FEWEST_BLOCKS}: take {FEWEST_BLOCKS * block} rounds"
        )
    for sample_ms in (*a_ms, *b_ms):
        if not 0 < sample_ms < math.inf:
            raise ValueError(f"a latency must be a positive number, got {sample_ms}")
    logs = [math.log(a) - math.log(b) for a, b in zip(a_ms, b_ms, strict=True)]
    starts = range(0, blocks * block, block)
    medians = [median(logs[at : at + block if at != starts[-1] else None]) for at in starts]
    center, (low, high) = hodges_lehmann(medians, confidence)
    interval = (math.exp(low), math.exp(high))
    return Comparison(math.exp(center), interval, _verdict(low, high), blocks)


def hodges_lehmann(values: Sequence[float], confidence: float = 0.95) -> tuple[float, Interval]:
    """The center of a symmetric distribution, and the interval that inverts the Wilcoxon signed-rank test.

    Walsh averages are the means of all pairs, each value with itself among them. The estimate is their
    median; the interval runs from the k-th smallest to the k-th largest, with k from `signed_rank_cut`.

    Raises:
        ValueError: too few values for an interval of that confidence.
    """
    averages = sorted((one + other) / 2 for one, other in combinations_with_replacement(values, 2))
    cut = signed_rank_cut(len(values), confidence)
    return median(averages), (averages[cut], averages[-1 - cut])


def signed_rank_cut(count: int, confidence: float) -> int:
    """The largest rank sum t with P(T <= t) <= (1 - confidence) / 2, T being Wilcoxon's over `count` values.

    It is also how many Walsh averages lie outside the interval at each end. Exact up to 50 values, beyond
    that from the normal approximation (there the two differ by at most 1 at 95 %).

    Raises:
        ValueError: not even t = 0 is that improbable.
    """
    tail = (1 - confidence) / 2
    if count <= _MOST_EXACT_BLOCKS:
        cut = sum(probability <= tail for probability in _signed_rank_distribution(count)) - 1
    else:
        mean = count * (count + 1) / 4
        deviation = math.sqrt(count * (count + 1) * (2 * count + 1) / 24)
        cut = math.floor(mean + NormalDist().inv_cdf(tail) * deviation - 0.5)
    if cut < 0:
        raise ValueError(f"{count} values are too few for an interval of confidence {confidence}")
    return cut


@lru_cache(maxsize=_MOST_EXACT_BLOCKS)
def _signed_rank_distribution(count: int) -> tuple[float, ...]:
    """P(T <= t) for t = 0, 1, ...: under symmetry each rank carries a plus with probability one half."""
    ways = [1]  # ways[t]: subsets of the ranks so far that sum to t
    for rank in range(1, count + 1):
        ways = [
            (ways[total] if total < len(ways) else 0) + (ways[total - rank] if total >= rank else 0)
            for total in range(len(ways) + rank)
        ]
    return tuple(total / 2**count for total in accumulate(ways))


def _verdict(low: float, high: float) -> Verdict:
    """From the interval of the log ratio; the same for B against A, with FASTER and SLOWER exchanged."""
    tie = math.log1p(TIE)
    if -tie <= low and high <= tie:
        return Verdict.SAME
    if high < 0:
        return Verdict.FASTER
    if low > 0:
        return Verdict.SLOWER
    return Verdict.UNDECIDED
