import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from suite.judge.compare import MANY, SLACK, RightOutput, Verdict, least_bound
from suite.judge.compare import compare as compare_with

CLASSES = {"fp32": 1e-5, "tf32": 1e-2}
NAN, INF = math.nan, math.inf


def compare(actual, expected, tolerance, scale=None):
    return compare_with(actual, RightOutput(expected, scale), tolerance)


def f64(values):
    return torch.tensor(values, dtype=torch.float64)


def f32(values):
    return torch.tensor(values, dtype=torch.float32)


@pytest.fixture
def truth():
    """1024 normal numbers in float64."""
    return torch.randn(32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_equal_integers_are_right():
    assert compare(torch.tensor([3, 4]), torch.tensor([3, 4]), "exact") == Verdict(None)


def test_the_first_difference_is_shown():
    actual = torch.tensor([[1, 2, 3], [4, 9, 9]])
    expected = torch.tensor([[1, 2, 3], [4, 5, 6]])
    assert compare(actual, expected, "exact") == Verdict(
        "2 of 6 elements differ, the first at (1, 1): expected 5, found 9"
    )


def test_exact_means_every_bit_of_a_value():
    near = torch.nextafter(torch.tensor(1.0), torch.tensor(2.0))
    assert compare(near, torch.tensor(1.0), "exact").reason == (
        "1 of 1 elements differ, the first at (): expected 1.0, found 1.0000001192092896"
    )


def test_exact_nan_equals_nan_in_its_place_alone():
    assert compare(f32([NAN, INF, 1]), f32([NAN, INF, 1]), "exact") == Verdict(None)
    assert compare(f32([NAN, 1]), f32([1, NAN]), "exact").reason == (
        "2 of 2 elements differ, the first at (0,): expected 1.0, found nan"
    )


def test_exact_bool():
    assert compare(torch.tensor([True, False]), torch.tensor([True, True]), "exact").reason == (
        "1 of 2 elements differ, the first at (1,): expected True, found False"
    )


@pytest.mark.parametrize("tolerance", ["exact", CLASSES], ids=["exact", "tolerance"])
def test_integer_outputs_are_compared_exactly_whatever_the_tolerance(tolerance):
    big = 2**53
    assert compare(torch.tensor([big]), torch.tensor([big]), tolerance) == Verdict(None)
    assert compare(torch.tensor([big + 1]), torch.tensor([big]), tolerance).reason == (
        f"1 of 1 elements differ, the first at (0,): expected {big}, found {big + 1}"
    )


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1), st.data())
def test_any_changed_integer_is_found(values, data):
    expected = torch.tensor(values)
    assert compare(expected.clone(), expected, "exact").reason is None
    at = data.draw(st.integers(0, len(values) - 1))
    actual = expected.clone()
    actual[at] ^= 1 << data.draw(st.integers(0, 62))
    assert compare(actual, expected, "exact").reason == (
        f"1 of {len(values)} elements differ, the first at ({at},): "
        f"expected {values[at]}, found {int(actual[at])}"
    )


def test_rounding_to_float32_is_of_the_tightest_class(truth):
    verdict = compare(truth.float(), truth, CLASSES)
    assert (verdict.reason, verdict.precision) == (None, "fp32")
    assert 0 < verdict.error < 2**-24


@pytest.mark.parametrize(
    ("error", "precision"),
    [(0.0, "fp32"), (0.9e-5, "fp32"), (1.1e-5, "tf32"), (0.9e-2, "tf32")],
)
def test_the_class_is_the_tightest_that_admits_the_error(truth, error, precision):
    verdict = compare(truth * (1 + error), truth, CLASSES)
    assert (verdict.reason, verdict.precision) == (None, precision)
    assert verdict.error == pytest.approx(error, rel=1e-6, abs=1e-15)


def test_beyond_the_loosest_class_the_message_names_both_bounds_and_the_worst_element():
    expected = f64([3.0, 4.0])
    assert compare(f32([3.0, 5.0]), expected, CLASSES) == Verdict(
        # ||difference|| = 1, ||truth|| = 5, 1 + 7 / sqrt(2) = 5.95; the element is 1 off its own 4.
        "relative error 2.00e-01 (bound 5.9e-02); worst element (1,): 2.50e-01 (bound 8.0e-02), "
        "expected 4, found 5",
        error=0.2,
    )


def test_inputs_rounded_to_bfloat16_are_no_tf32():
    generator = torch.Generator().manual_seed(1)
    a = torch.rand(16, 4096, dtype=torch.float64, generator=generator) - 0.5
    b = torch.rand(4096, 16, dtype=torch.float64, generator=generator) - 0.5
    rounded = (a.bfloat16().double() @ b.bfloat16().double()).float()
    verdict = compare(rounded, a @ b, {"fp32": 2e-6, "tf32": 1.2e-3})
    # Two factors with relative errors uniform within 2^-8 of a binade: 2e-3 and more.
    assert verdict.precision is None
    assert 1.2e-3 < verdict.error < 4e-3


def test_one_wrong_element_fails_where_the_norm_would_pass(truth):
    truth /= truth.norm(dim=1, keepdim=True) / math.sqrt(32)  # the root mean square of each row: 1
    truth[7, 9] = 0.5
    rms = float(truth[7].norm()) / math.sqrt(32)
    actual = truth.clone()
    actual[7, 9] += 0.1 * rms
    verdict = compare(actual, truth, CLASSES)
    assert verdict.error == pytest.approx(0.1 / 32, rel=0.01)
    assert verdict.error < CLASSES["tf32"]
    assert verdict.reason == (
        # 0.1 / sqrt(32) of the row, whose bound is 1 + 7 / sqrt(32) times that of the whole.
        f"relative error {verdict.error:.2e} (bound 1.0e-02); worst row (7,): 1.77e-02 (bound 2.2e-02); "
        f"worst element (7, 9): 1.00e-01 (bound 8.0e-02), expected 0.5, found {float(actual[7, 9]):.7g}"
    )


@pytest.mark.parametrize(("share", "passes"), [(0.99, True), (1.01, False)])
def test_the_bound_of_a_single_element(truth, share, passes):
    truth[0, 0] = 0.0
    actual = truth.clone()
    actual[0, 0] = share * (1 + SLACK) * CLASSES["tf32"] * float(truth[0].norm()) / math.sqrt(32)
    assert (compare(actual, truth, CLASSES).reason is None) == passes


@pytest.mark.parametrize(("share", "passes"), [(0.99, True), (1.01, False)])
def test_the_bound_of_a_row(truth, share, passes):
    actual = truth.clone()
    actual[5] *= 1 + share * (1 + SLACK / math.sqrt(32)) * CLASSES["tf32"]
    assert (compare(actual, truth, CLASSES).reason is None) == passes


@pytest.mark.parametrize("magnitude", [1e-9, 1.0, 1e9])
def test_a_row_of_garbage_fails_however_small_it_is_beside_the_others(truth, magnitude):
    truth[5] *= magnitude
    actual = truth.clone()
    actual[5] = truth[5].flip(0)
    verdict = compare(actual, truth, CLASSES)
    assert "worst row (5,): " in verdict.reason
    if magnitude < 1:
        assert verdict.error < 1e-9


def test_a_skipped_row_fails_however_small_it_is_beside_the_others(truth):
    truth[5] *= 1e-9
    actual = truth.clone()
    actual[5] = 0.0
    assert "worst row (5,): 1.00e+00 (bound 2.2e-02)" in compare(actual, truth, CLASSES).reason


def test_a_huge_row_does_not_hide_a_wrong_element_of_a_small_one(truth):
    truth[5] *= 1e9
    actual = truth.clone()
    actual[6, 0] += 1.0
    assert "worst element (6, 0): " in compare(actual, truth, CLASSES).reason


def test_rows_of_more_dimensions_are_named(truth):
    truth = truth.reshape(4, 8, 32)
    actual = truth.clone()
    actual[2, 3] *= 2
    assert "worst row (2, 3): 1.00e+00 (bound 2.2e-02); worst element (2, 3, " in (
        compare(actual, truth, CLASSES).reason
    )


@pytest.mark.parametrize(("elements", "bound"), [(31, 2.26e-2), (32, 1e-2), (1000, 1e-2)])
def test_an_output_of_few_elements_has_the_slack_of_a_row(elements, bound):
    assert MANY == 32
    truth = torch.ones(elements, dtype=torch.float64)
    assert compare(truth * (1 + 0.99 * bound), truth, CLASSES).reason is None
    assert compare(truth * (1 + 1.01 * bound), truth, CLASSES).reason is not None


def test_where_few_elements_hold_the_weight_they_alone_count():
    """Heavy tails: of 1000 elements one is the norm, and its single error has the slack of one."""
    scale = torch.ones(1000, dtype=torch.float64)
    scale[0] = 1e6
    actual = scale.clone()
    actual[0] *= 1 + 7.9e-2
    assert compare(actual, scale, CLASSES, scale).precision == "tf32"
    actual[0] = 1e6 * (1 + 8.1e-2)
    assert compare(actual, scale, CLASSES, scale).reason is not None


def test_a_scale_admits_what_cancellation_costs_and_no_more(truth):
    """Elements that cancel are measured against what their inputs allow, not against what is left of them."""
    scale = torch.ones(32, 32, dtype=torch.float64)
    truth *= 1e-3
    actual = truth + 0.9 * CLASSES["tf32"] * torch.sign(truth)
    assert compare(actual, truth, CLASSES).reason is not None
    assert compare(actual, truth, CLASSES, scale).precision == "tf32"
    assert compare(truth + 1.1 * CLASSES["tf32"], truth, CLASSES, scale).reason is not None


def test_a_scale_does_not_tighten_what_the_result_itself_allows():
    expected = f64([[1000.0] * 64])
    scale = torch.ones_like(expected)
    assert compare(expected * (1 + 0.9 * CLASSES["tf32"]), expected, CLASSES, scale).precision == "tf32"


def test_a_scale_that_is_not_finite_admits_nothing():
    expected = f64([[1.0] * 64])
    for value in (NAN, INF):
        scale = torch.full_like(expected, value)
        assert compare(expected * 2, expected, CLASSES, scale).reason is not None
        assert compare(expected, expected, CLASSES, scale).precision == "fp32"


def test_what_hardware_may_flush_to_zero_is_no_error():
    expected = f64([1e-39, -1e-38, 1e-40])
    assert compare(f32([0.0, 0.0, 0.0]), expected, CLASSES) == Verdict(None, 0.0, "fp32")
    assert compare(f32([0.0, 0.0, 0.0]), expected * 3, CLASSES).reason is not None
    small = f64([3e-5] * 40)  # denormal in float16, which no hardware flushes
    assert compare(small.half(), small, {"bf16": 1e-2}).reason is None
    assert compare(torch.zeros(40, dtype=torch.half), small, {"bf16": 1e-2}).reason is not None


def test_nan_and_infinities_in_the_same_places_are_right():
    expected = f64([NAN, INF, -INF, 2.0])
    assert compare(expected.float(), expected, CLASSES) == Verdict(None, 0.0, "fp32")


def test_outputs_without_a_finite_element():
    expected = f64([NAN, -INF])
    assert compare(expected.float(), expected, CLASSES) == Verdict(None, 0.0, "fp32")


@pytest.mark.parametrize(
    ("actual", "expected", "reason"),
    [
        ([1.0, NAN], [1.0, 2.0], "1 of 2 elements differ, the first at (1,): expected 2.0, found nan"),
        ([1.0, 2.0], [NAN, 2.0], "1 of 2 elements differ, the first at (0,): expected nan, found 1.0"),
        ([-INF, 2.0], [INF, 2.0], "1 of 2 elements differ, the first at (0,): expected inf, found -inf"),
        ([NAN, 2.0], [INF, 2.0], "1 of 2 elements differ, the first at (0,): expected inf, found nan"),
        ([INF, 2.0], [1.0, 2.0], "1 of 2 elements differ, the first at (0,): expected 1.0, found inf"),
        ([INF, NAN], [NAN, INF], "2 of 2 elements differ, the first at (0,): expected nan, found inf"),
    ],
)
def test_nan_and_infinities_elsewhere_are_wrong(actual, expected, reason):
    assert compare(f32(actual), f64(expected), CLASSES) == Verdict(reason)


def test_what_overflows_in_float32_must_be_infinite():
    expected = f64([1e39, -1e39, 1.0])
    assert compare(f32([INF, -INF, 1.0]), expected, CLASSES) == Verdict(None, 0.0, "fp32")
    largest = torch.finfo(torch.float32).max
    assert compare(f32([largest, -INF, 1.0]), expected, CLASSES) == Verdict(
        "1 of 3 elements differ, the first at (0,): expected inf, found 3.4028234663852886e+38"
    )


def test_zero_outputs_must_be_zero():
    assert compare(f32([0.0, -0.0]), f64([0.0, 0.0]), CLASSES) == Verdict(None, 0.0, "fp32")
    assert compare(f32([0.0, 1e-30]), f64([0.0, 0.0]), CLASSES) == Verdict(
        "relative error inf (bound 8.0e-02); worst element (1,): inf (bound 8.0e-02), "
        "expected 0, found 1e-30",
        math.inf,
    )


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 5)])
def test_empty_outputs(shape):
    assert compare(torch.empty(shape, dtype=torch.int64), torch.empty(shape, dtype=torch.int64), "exact") == (
        Verdict(None)
    )
    assert compare(torch.empty(shape), torch.empty(shape, dtype=torch.float64), CLASSES) == (
        Verdict(None, 0.0, "fp32")
    )


def test_outputs_without_dimensions():
    assert compare(f32(2.0), f64(2.0), CLASSES) == Verdict(None, 0.0, "fp32")
    assert compare(f32(3.0), f64(2.0), CLASSES) == Verdict(
        "relative error 5.00e-01 (bound 8.0e-02); worst element (): 5.00e-01 (bound 8.0e-02), "
        "expected 2, found 3",
        0.5,
    )
    assert compare(f32(NAN), f64(2.0), CLASSES) == Verdict(
        "1 of 1 elements differ, the first at (): expected 2.0, found nan"
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_outputs_against_float64(truth, dtype):
    bound = float(torch.finfo(dtype).eps)
    verdict = compare(truth.to(dtype), truth, {"half": bound})
    assert (verdict.reason, verdict.precision) == (None, "half")
    assert 0 < verdict.error < bound / 2


finite = st.floats(-1e6, 1e6, allow_subnormal=False)


@given(st.lists(finite, min_size=1, max_size=30))
def test_rounding_alone_is_always_right(values):
    expected = f64(values)
    if 0 < float(expected.norm()) < 1e-30:
        return  # float32 has no room for these
    verdict = compare(expected.float(), expected, {"fp32": 1e-6})
    assert (verdict.reason, verdict.precision) == (None, "fp32")


@given(st.lists(finite, min_size=1, max_size=30), st.lists(finite, min_size=1, max_size=30))
def test_the_error_is_the_relative_frobenius_error(actual, expected):
    size = min(len(actual), len(expected))
    found, wanted = f64(actual[:size]), f64(expected[:size])
    norm = math.sqrt(math.fsum(x * x for x in wanted.tolist()))
    verdict = compare(found, wanted, CLASSES)
    if norm > 1e-20:  # what is below float32's smallest normal number counts as zero
        distance = math.dist(found.tolist(), wanted.tolist())
        assert verdict.error == pytest.approx(distance / norm, rel=1e-9, abs=1e-12)
    assert (verdict.reason is None) == (verdict.precision is not None)


@given(st.lists(finite, min_size=1, max_size=30), st.lists(finite, min_size=1, max_size=30))
def test_the_least_bound_is_the_one_that_just_admits_an_output(actual, expected):
    size = min(len(actual), len(expected))
    found, right = f64(actual[:size]), RightOutput(f64(expected[:size]))
    least = least_bound(found, right)
    if math.isfinite(least):
        assert compare_with(found, right, {"fp32": least}).reason is None
    if least > 0:
        assert compare_with(found, right, {"fp32": min(least * (1 - 1e-9), 1e300)}).reason is not None


def test_no_bound_admits_what_is_not_finite_alike():
    assert least_bound(f64([1.0, math.nan]), RightOutput(f64([1.0, 2.0]))) == math.inf
    assert least_bound(f64([1.0, math.inf]), RightOutput(f64([1.0, math.inf]))) == 0.0
    assert least_bound(f64([]), RightOutput(f64([]))) == 0.0
