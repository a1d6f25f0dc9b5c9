"""Verdicts of comparisons: small cases by hand, then simulated cards that drift, throttle and spike."""

import math
from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.ab import BLOCK_ROUNDS, ROUNDS, Verdict, compare, hodges_lehmann, signed_rank_cut

TRIALS = 300
DRIFTS_AND_STEPS = [
    pytest.param(0.0, 0, id="steady"),
    pytest.param(0.01, 0, id="drift of 1 %"),
    pytest.param(0.05, 0, id="drift of 5 %"),
    pytest.param(0.0, 3, id="three steps"),
    pytest.param(0.03, 3, id="drift and steps"),
]
latencies = st.lists(st.floats(1e-3, 1e3), min_size=40, max_size=40)


def simulate(seed, ratio=1.0, drift=0.0, steps=0, rounds=ROUNDS):
    """Samples of A and B in ABBA order: 1 % Gaussian noise, 3 % slower by an exponential of mean 15 %.

    `drift` is the linear rise of all latencies over the session, `steps` how often the clock falls by a fifth
    for a while.
    """
    rng = np.random.default_rng(seed)
    slots = 2 * rounds
    level = 1 + drift * np.linspace(0, 1, slots)
    for _ in range(steps):
        start, length = rng.integers(0, slots), rng.integers(4, slots // 4)
        level[start : start + length] *= 1.2
    level *= 1 + 0.01 * rng.standard_normal(slots)
    level *= np.where(rng.random(slots) < 0.03, 1 + rng.exponential(0.15, slots), 1)
    a_is_first = np.arange(rounds) % 2 == 0
    a = np.where(a_is_first, level[0::2], level[1::2]) * ratio
    b = np.where(a_is_first, level[1::2], level[0::2])
    return a.tolist(), b.tolist()


def verdicts(ratio, drift, steps):
    return Counter(compare(*simulate(seed, ratio, drift, steps)).verdict for seed in range(TRIALS))


@pytest.mark.parametrize(("drift", "steps"), DRIFTS_AND_STEPS)
def test_equal_kernels_are_seldom_told_apart(drift, steps):
    found = verdicts(1.0, drift, steps)
    assert (found[Verdict.FASTER] + found[Verdict.SLOWER]) / TRIALS <= 0.025
    assert found[Verdict.SAME] / TRIALS >= (0.85 if steps else 0.95)


@pytest.mark.parametrize(("drift", "steps"), DRIFTS_AND_STEPS)
def test_two_per_cent_are_found(drift, steps):
    assert verdicts(1.02, drift, steps)[Verdict.SLOWER] / TRIALS >= 0.99
    assert verdicts(0.98, drift, steps)[Verdict.FASTER] / TRIALS >= 0.99


@pytest.mark.parametrize(("drift", "steps"), DRIFTS_AND_STEPS)
def test_the_interval_covers_the_true_ratio(drift, steps):
    covered, half_widths = 0, []
    for seed in range(TRIALS):
        low, high = compare(*simulate(seed, 1.005, drift, steps)).interval
        covered += low <= 1.005 <= high
        half_widths.append((high - low) / 2)
    assert 0.92 <= covered / TRIALS <= 0.98
    assert np.mean(half_widths) <= (0.006 if steps else 0.005)


def test_taking_all_of_a_before_all_of_b_would_not_do():
    """The same drift of 1 % without taking turns: most equal kernels differ."""
    wrong = 0
    for seed in range(100):
        first, second = simulate(seed, drift=0.01, rounds=ROUNDS)
        in_order = [sample for pair in zip(first, second, strict=True) for sample in pair]
        verdict = compare(in_order[:ROUNDS], in_order[ROUNDS:]).verdict
        wrong += verdict in (Verdict.FASTER, Verdict.SLOWER)
    assert wrong >= 20


@pytest.mark.parametrize(("count", "cut"), [(6, 0), (8, 3), (10, 8), (15, 25), (20, 52), (25, 89), (50, 434)])
def test_signed_rank_cuts_are_those_of_the_tables(count, cut):
    """Critical values of Wilcoxon's signed-rank test, two-sided 5 %."""
    assert signed_rank_cut(count, 0.95) == cut


def test_signed_rank_cut_by_enumeration():
    """Six values: 64 sign patterns; one has rank sum 0, one has 1, one has 2, two have 3."""
    sums = sorted(
        sum(r for r, s in zip(range(1, 7), signs, strict=True) if s) for signs in product((0, 1), repeat=6)
    )
    for cut in range(8):
        tail = sum(total <= cut for total in sums) / 64
        assert signed_rank_cut(6, 1 - 2 * tail) == cut


def test_the_normal_approximation_continues_the_exact_cuts():
    assert signed_rank_cut(51, 0.95) == 453  # 663 - 1.96 * 106.7 - 0.5, rounded down
    steps = np.diff([signed_rank_cut(count, 0.95) for count in range(46, 56)])
    assert ((steps >= 17) & (steps <= 21)).all()


def test_hodges_lehmann_of_three_values_by_hand():
    """Walsh averages of 1, 2, 6: 1, 1.5, 2, 3.5, 4, 6. At 50 % (P(T <= 1) = 1/4) one is cut at each end."""
    assert hodges_lehmann([1.0, 2.0, 6.0], confidence=0.5) == (2.75, (1.5, 4.0))


def test_ten_blocks_by_hand():
    """Log ratios 1, 2, ..., 10 thousandths: 55 Walsh averages, of which 9 are up to 3; 8 are cut."""
    logs = [step / 1000 for step in range(1, 11)]
    found = compare([math.exp(log) for log in logs], [1.0] * 10, block=1)
    assert math.log(found.ratio) == pytest.approx(0.0055)
    assert [math.log(end) for end in found.interval] == pytest.approx([0.003, 0.008])
    assert (found.verdict, found.blocks) == (Verdict.SAME, 10)


@pytest.mark.parametrize(
    ("factor", "verdict"),
    [
        (0.97, Verdict.FASTER),
        (0.989, Verdict.FASTER),
        (0.991, Verdict.SAME),
        (1.0, Verdict.SAME),
        (1.009, Verdict.SAME),
        (1.011, Verdict.SLOWER),
    ],
)
def test_without_noise_the_band_decides(factor, verdict):
    found = compare([2.0 * factor] * 40, [2.0] * 40)
    assert found.verdict is verdict
    assert (found.ratio, *found.interval) == pytest.approx((factor,) * 3)


def test_an_interval_over_1_and_over_the_band_is_undecided():
    found = compare([0.95, 1.05] * 10, [1.0] * 20, block=1)
    assert found.verdict is Verdict.UNDECIDED
    assert found.interval[0] < 0.99
    assert found.interval[1] > 1.01


def test_one_wild_sample_in_each_block_changes_nothing():
    calm = compare([2.0] * 40, [1.9] * 40)
    wild = compare([2.0 if index % 4 else 20.0 for index in range(40)], [1.9] * 40)
    assert wild == calm


def test_a_shorter_last_block_joins_the_one_before_it():
    """43 rounds are ten blocks; in the last, of seven, the four wild rounds are the majority."""
    calm, wild = [1.0] * 39, [3.0] * 4
    logs = [0.0] * 9 + [math.log(3.0)]
    found = compare(calm + wild, [1.0] * 43)
    assert found.blocks == 10
    assert found.interval[1] == pytest.approx(math.exp(hodges_lehmann(logs)[1][1]))
    assert found.interval[1] == pytest.approx(3.0**0.5)


@given(latencies, latencies)
def test_swapping_the_sides_inverts_the_ratio(a, b):
    one, other = compare(a, b), compare(b, a)
    assert other.ratio == pytest.approx(1 / one.ratio)
    assert other.interval == pytest.approx((1 / one.interval[1], 1 / one.interval[0]))
    mirrored = {Verdict.FASTER: Verdict.SLOWER, Verdict.SLOWER: Verdict.FASTER}
    assert other.verdict is mirrored.get(one.verdict, one.verdict)


@given(latencies, latencies, st.floats(0.01, 100), st.floats(0.01, 100))
def test_the_ratio_scales_with_either_side(a, b, by_a, by_b):
    plain = compare(a, b)
    scaled = compare([by_a * ms for ms in a], [by_b * ms for ms in b])
    factor = by_a / by_b
    assert scaled.ratio == pytest.approx(plain.ratio * factor)
    assert scaled.interval == pytest.approx(tuple(end * factor for end in plain.interval))


@given(latencies, latencies)
def test_the_interval_holds_the_ratio(a, b):
    found = compare(a, b)
    assert found.interval[0] <= found.ratio <= found.interval[1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: compare([1.0] * 40, [1.0] * 39), "paired samples come in equal numbers, got 40 and 39"),
        (
            lambda: compare([1.0] * 39, [1.0] * 39),
            "39 rounds make 9 blocks of 4; a comparison needs 10: take 40 rounds",
        ),
        (lambda: compare([], []), "0 rounds make 0 blocks of 4; a comparison needs 10: take 40 rounds"),
        (lambda: compare([1.0] * 40, [1.0] * 40, block=0), "a block needs at least one round, got 0"),
        (
            lambda: compare([1.0] * 40, [1.0] * 40, confidence=95),
            "confidence must lie between 0 and 1, got 95",
        ),
        (
            lambda: compare([1.0] * 40, [1.0] * 40, confidence=0.999),
            "10 values are too few for an interval of confidence 0.999",
        ),
        (lambda: compare([1.0] * 40, [0.0] + [1.0] * 39), "a latency must be a positive number, got 0.0"),
        (
            lambda: compare([math.nan] + [1.0] * 39, [1.0] * 40),
            "a latency must be a positive number, got nan",
        ),
    ],
)
def test_wrong_arguments_say_what_was_expected(call, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared below
        call()
    assert str(caught.value) == message


def test_the_recommended_rounds_are_whole_blocks():
    assert (ROUNDS, BLOCK_ROUNDS) == (60, 4)
