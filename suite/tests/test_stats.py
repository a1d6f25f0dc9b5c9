import math
import random

import numpy as np
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


@given(st.lists(st.lists(st.floats(5e-324, 1.7e308), min_size=3, max_size=3).map(sorted), min_size=1))
def test_interval_of_a_geometric_mean_holds_it_and_is_finite(triples):
    values = [value for _, value, _ in triples]
    low, high = stats.geometric_mean_interval(values, [(low, high) for low, _, high in triples])
    center = stats.geometric_mean(values)
    assert 0 <= low <= center * (1 + 1e-9)
    assert center * (1 - 1e-9) <= high < math.inf


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


def test_quartiles_by_hand():
    assert stats.quartiles([1.0, 2.0, 3.0, 4.0, 5.0]) == (2.0, 4.0)
    assert stats.quartiles([4.0, 1.0, 3.0, 2.0]) == (1.75, 3.25)
    assert stats.quartiles([7.0]) == (7.0, 7.0)


@given(st.lists(positive, min_size=1, max_size=50))
def test_quartiles_enclose_the_median(samples):
    lower, upper = stats.quartiles(samples)
    assert min(samples) <= lower <= stats.median(samples) <= upper <= max(samples)


def test_drift_by_hand():
    """Ranks 2, 1, 4, 3, 5 against 1 to 5: 1 - 6 * 4 / (5 * 24) = 0.8; with the tie, ranks 1, 2, 4, 4, 4."""
    assert stats.drift([2.0, 1.0, 4.0, 3.0, 5.0]).rho == pytest.approx(0.8)
    assert stats.drift([1.0, 2.0, 3.0, 3.0, 3.0]).rho == pytest.approx(8 / math.sqrt(8 * 10))
    assert stats.drift([3.0, 2.0, 1.0]).rho == pytest.approx(-1.0)
    assert stats.drift([5.0] * 30) == stats.Drift(0.0, 1.0)


def test_the_p_value_of_four_rising_samples_is_two_in_24():
    assert stats.drift([1.0, 2.0, 3.0, 4.0], shuffles=20_000).p == pytest.approx(2 / 24, abs=0.005)


def test_steady_samples_seldom_seem_to_drift():
    def steady(seed):
        rng = random.Random(seed)
        return [rng.gauss(1.0, 0.01) for _ in range(40)]

    alarms = sum(stats.drift(steady(seed), shuffles=200).p <= 0.05 for seed in range(300))
    assert 0.02 <= alarms / 300 <= 0.08


def test_a_drift_of_twice_the_noise_is_seen():
    def rising(seed):
        rng = random.Random(seed)
        return [1.0 + 0.02 * index / 40 + rng.gauss(0, 0.01) for index in range(40)]

    found = [stats.drift(rising(seed), shuffles=200) for seed in range(100)]
    assert sum(one.p <= 0.05 and one.rho > 0 for one in found) >= 90


@given(st.lists(positive, min_size=3, max_size=30), st.integers(0, 3))
def test_drift_of_the_reversed_order_is_the_opposite(samples, seed):
    there = stats.drift(samples, seed=seed, shuffles=50)
    back = stats.drift(samples[::-1], seed=seed, shuffles=50)
    assert back.rho == pytest.approx(-there.rho, abs=1e-12)
    assert 0 < there.p <= 1
    assert -1 - 1e-12 <= there.rho <= 1 + 1e-12


def _noisy(count, mean_ms, deviation_ms, seed=0):
    rng = random.Random(seed)
    spikes = (1.15 if rng.random() < 0.03 else 1.0 for _ in range(count))
    return [spike * rng.gauss(mean_ms, deviation_ms) for spike in spikes]


@pytest.mark.parametrize("step_ms", [1.024e-3, 0.5e-3, 32e-6])
@pytest.mark.parametrize(("mean_ms", "deviation_ms"), [(0.05, 0.0005), (0.5, 0.002), (2.24, 0.0005)])
@pytest.mark.parametrize("count", [30, 100])
def test_samples_on_a_grid_show_its_step(step_ms, mean_ms, deviation_ms, count):
    samples = [step_ms * round(ms / step_ms) for ms in _noisy(count, mean_ms, deviation_ms)]
    assert stats.quantization_step(samples) == pytest.approx(step_ms, rel=0.01)
    shifted = [ms + 0.0001234 for ms in samples]
    assert stats.quantization_step(shifted) == pytest.approx(step_ms, rel=0.01)


@pytest.mark.parametrize("seed", range(20))
def test_samples_of_a_fine_clock_show_no_step(seed):
    samples = _noisy(100, 2.24, 0.01, seed)
    assert stats.quantization_step(samples) is None
    in_single_precision = np.asarray(samples, dtype=np.float32).tolist()
    assert stats.quantization_step(in_single_precision) is None


def test_few_samples_show_no_step():
    assert stats.quantization_step([]) is None
    assert stats.quantization_step([1.0] * 30) is None
    assert stats.quantization_step([1.0, 2.0, 3.0]) is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stats.median([]), "median needs at least one sample, got none"),
        (lambda: stats.median_ci([]), "median needs at least one sample, got none"),
        (lambda: stats.median_ci([1.0], confidence=95), "confidence must lie between 0 and 1, got 95"),
        (lambda: stats.geometric_mean([]), "geometric_mean needs at least one value, got none"),
        (lambda: stats.geometric_mean([1.0, 0.0]), "geometric_mean needs positive values, got 0.0"),
        (lambda: stats.quartiles([]), "quartiles need at least one sample, got none"),
        (lambda: stats.drift([1.0, 2.0]), "drift needs at least three samples, got 2"),
        (lambda: stats.relative_half_width((0, 1), 0.0), "center must be positive, got 0.0"),
    ],
)
def test_wrong_arguments_say_what_was_expected(call, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared below
        call()
    assert str(caught.value) == message
