import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite import stats

positive = st.floats(1e-3, 1e3)


def test_median_of_odd_and_even_counts():
    assert stats.median([3.0, 1.0, 2.0]) == 2.0
    assert stats.median([4.0, 1.0, 3.0, 2.0]) == 2.5
    assert stats.median([7.0]) == 7.0


@given(st.lists(positive, min_size=1, max_size=50), st.randoms(use_true_random=False))
def test_median_does_not_depend_on_order(samples, rng):
    shuffled = samples[:]
    rng.shuffle(shuffled)
    assert stats.median(shuffled) == stats.median(samples)


def test_median_ci_of_a_known_sequence():
    samples = [2.24, 2.25, 2.23, 2.26, 2.24, 2.22, 2.25, 2.24, 2.23, 2.27, 2.24, 2.25]
    low, high = stats.median_ci(samples)
    assert (low, high) == (2.24, 2.25)
    assert stats.median_ci(samples) == (low, high)


def test_median_ci_of_equal_samples_has_no_width():
    assert stats.median_ci([1.5] * 30) == (1.5, 1.5)
    assert stats.median_ci([1.5]) == (1.5, 1.5)


@given(st.lists(positive, min_size=1, max_size=60), st.integers(0, 5))
def test_median_ci_holds_the_median_and_stays_in_range(samples, seed):
    low, high = stats.median_ci(samples, seed=seed, resamples=50)
    assert min(samples) <= low <= stats.median(samples) <= high <= max(samples)


@given(st.lists(positive, min_size=5, max_size=40))
def test_more_confidence_is_a_wider_interval(samples):
    narrow_low, narrow_high = stats.median_ci(samples, confidence=0.5, resamples=100)
    wide_low, wide_high = stats.median_ci(samples, confidence=0.99, resamples=100)
    assert wide_low <= narrow_low
    assert narrow_high <= wide_high


def _coverage(draw, trials, count):
    hits = 0
    for trial in range(trials):
        low, high = stats.median_ci(draw(random.Random(trial), count), resamples=300)
        hits += low <= 1.0 <= high
    return hits / trials


def test_coverage_of_independent_noise():
    """1 % noise around 1.0: a 95 % interval should hold 1.0 about that often."""

    def draw(rng, count):
        return [rng.gauss(1.0, 0.01) for _ in range(count)]

    assert 0.88 <= _coverage(draw, trials=200, count=50) <= 0.99


def test_coverage_survives_noise_that_neighbours_share():
    """Autoregressive noise (0.6): single-sample resampling would cover about three in four."""

    def draw(rng, count):
        deviation, samples = 0.0, []
        for _ in range(count):
            deviation = 0.6 * deviation + rng.gauss(0, 0.01)
            samples.append(1.0 + deviation)
        return samples

    assert 0.82 <= _coverage(draw, trials=200, count=100) <= 0.99


@pytest.mark.parametrize(("count", "length"), [(1, 1), (8, 2), (9, 3), (27, 3), (30, 4), (64, 4), (100, 5)])
def test_block_length_is_the_cube_root_rounded_up(count, length):
    assert stats.block_length(count) == length


def test_relative_half_width():
    assert stats.relative_half_width((1.98, 2.02), 2.0) == pytest.approx(0.01)


def test_geometric_mean_of_known_values():
    assert stats.geometric_mean([2.0, 8.0]) == pytest.approx(4.0)
    assert stats.geometric_mean([1e-200] * 5) == pytest.approx(1e-200)
    assert stats.geometric_mean(value for value in (0.5, 2.0)) == pytest.approx(1.0)


@given(st.lists(positive, min_size=1, max_size=20), st.randoms(use_true_random=False), positive)
def test_geometric_mean_ignores_order_and_scales(values, rng, factor):
    shuffled = values[:]
    rng.shuffle(shuffled)
    mean = stats.geometric_mean(values)
    assert stats.geometric_mean(shuffled) == pytest.approx(mean)
    assert stats.geometric_mean(value * factor for value in values) == pytest.approx(mean * factor)
    assert min(values) * (1 - 1e-12) <= mean <= max(values) * (1 + 1e-12)


def test_interval_of_a_geometric_mean_combines_in_quadrature():
    step = math.exp(0.04)
    low, high = stats.geometric_mean_interval([1.0, 1.0], [(1 / step, step), (1 / step, step)])
    assert math.log(high) == pytest.approx(0.04 / math.sqrt(2))
    assert math.log(low) == pytest.approx(-0.04 / math.sqrt(2))
    assert stats.geometric_mean_interval([3.0], [(2.0, 5.0)]) == pytest.approx((2.0, 5.0))


def test_each_side_of_the_interval_combines_by_itself():
    low, high = stats.geometric_mean_interval([1.0, 1.0], [(0.5, 1.0), (1.0, 2.0)])
    assert (low, high) == pytest.approx((2**-0.5, 2**0.5))


@pytest.mark.parametrize(
    ("intervals", "ranks"),
    [
        ([], []),
        ([(1, 2)], [1]),
        ([(8, 9), (6, 7), (4, 5)], [1, 2, 3]),
        ([(8, 9), (7, 8.5), (4, 5)], [1, 1, 3]),
        ([(8, 9), (7, 8), (4, 5)], [1, 1, 3]),  # touching ends overlap
        (
            [(8, 9), (7, 8.5), (6, 7.5), (5, 6.5)],
            [1, 1, 3, 3],
        ),  # the third overlaps the second, not the leader
        ([(1, 2), (1.5, 3), (4, 5)], [1, 1, 3]),  # lower is better: same rule
        ([(5, 5), (5, 5), (5, 5)], [1, 1, 1]),
    ],
)
def test_shared_ranks(intervals, ranks):
    assert stats.shared_ranks(intervals) == ranks


@given(st.lists(st.tuples(positive, st.floats(0, 10)), max_size=20))
def test_shared_ranks_are_competition_ranks(rows):
    ordered = sorted(rows, reverse=True)
    intervals = [(value - width, value + width) for value, width in ordered]
    ranks = stats.shared_ranks(intervals)
    for index, rank in enumerate(ranks):
        leader = intervals[rank - 1]
        assert ranks[rank - 1] == rank <= index + 1
        assert leader[0] <= intervals[index][1]
        assert intervals[index][0] <= leader[1]
    assert ranks == sorted(ranks)


@given(st.lists(st.tuples(positive, st.floats(0, 10)), max_size=20))
def test_shared_ranks_do_not_care_which_end_is_best(rows):
    intervals = [(value - width, value + width) for value, width in sorted(rows)]
    mirrored = [(-high, -low) for low, high in intervals]
    assert stats.shared_ranks(intervals) == stats.shared_ranks(mirrored)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stats.median([]), "median needs at least one sample, got none"),
        (lambda: stats.median_ci([]), "median needs at least one sample, got none"),
        (lambda: stats.median_ci([1.0], confidence=95), "confidence must lie between 0 and 1, got 95"),
        (lambda: stats.geometric_mean([]), "geometric_mean needs at least one value, got none"),
        (lambda: stats.geometric_mean([1.0, 0.0]), "geometric_mean needs positive values, got 0.0"),
        (lambda: stats.relative_half_width((0, 1), 0.0), "center must be positive, got 0.0"),
    ],
)
def test_wrong_arguments_say_what_was_expected(call, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared below
        call()
    assert str(caught.value) == message
