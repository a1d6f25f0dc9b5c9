import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from suite.judge.compare import ELEMENT_FACTOR, Verdict, compare

CLASSES = {"fp32": 1e-5, "tf32": 1e-2}
NAN, INF = math.nan, math.inf


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
        # ||difference|| = 1, ||truth|| = 5, and the root mean square of the truth is 5 / sqrt(2).
        "relative error 2.00e-01 (bound 1.0e-02), largest element error 2.83e-01 of the root mean square "
        "(bound 8.0e-02) at (1,): expected 4, found 5",
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
    actual = truth.clone()
    rms = float(truth.norm()) / 32
    actual[7, 9] += 0.1 * rms
    verdict = compare(actual, truth, CLASSES)
    assert verdict.error == pytest.approx(0.1 / 32)
    assert verdict.error < CLASSES["tf32"]
    assert verdict.reason == (
        "relative error 3.12e-03 (bound 1.0e-02), largest element error 1.00e-01 of the root mean square "
        f"(bound 8.0e-02) at (7, 9): expected {float(truth[7, 9]):.7g}, found {float(actual[7, 9]):.7g}"
    )


@pytest.mark.parametrize(("share", "passes"), [(0.99, True), (1.01, False)])
def test_the_bound_of_a_single_element(truth, share, passes):
    actual = truth.clone()
    actual[0, 0] += share * ELEMENT_FACTOR * CLASSES["tf32"] * float(truth.norm()) / 32
    assert (compare(actual, truth, CLASSES).reason is None) == passes


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
        "relative error inf (bound 1.0e-02), largest element error inf of the root mean square "
        "(bound 8.0e-02) at (1,): expected 0, found 1e-30",
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
        "relative error 5.00e-01 (bound 1.0e-02), largest element error 5.00e-01 of the root mean square "
        "(bound 8.0e-02) at (): expected 2, found 3",
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
    if norm > 1e-100:
        distance = math.dist(found.tolist(), wanted.tolist())
        assert verdict.error == pytest.approx(distance / norm, rel=1e-9, abs=1e-12)
    assert (verdict.reason is None) == (verdict.precision is not None)
