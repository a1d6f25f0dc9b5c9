import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite import roofline
from suite.gpus import GPUS, RTX_4090, by_slug
from suite.result import PRECISIONS

H200 = by_slug("h200")
# The seed workloads, from the shapes: what is read once plus what is written once.
ARGMIN_BYTES = 128 * 4096 * 4095 * 4 + 128 * 4095 * 8
MATMUL_BYTES = 2 * 256 * 524288 * 4 + 256 * 256 * 4
MATMUL_FLOPS = 2 * 256 * 256 * 524288


def test_seed_workloads_are_as_large_as_the_design_says():
    assert ARGMIN_BYTES == 8_592_030_720
    assert MATMUL_BYTES == 1_074_003_968
    assert MATMUL_FLOPS == 68_719_476_736


def test_speed_of_light_of_a_reduction_is_its_bytes_over_bandwidth():
    assert roofline.speed_of_light_ms(ARGMIN_BYTES, 0, RTX_4090, None) == pytest.approx(8.52384, rel=1e-6)
    assert roofline.speed_of_light_ms(ARGMIN_BYTES, 0, H200, None) == pytest.approx(1.790007, rel=1e-6)
    assert roofline.bound(ARGMIN_BYTES, 0, RTX_4090, None) == "memory"


@pytest.mark.parametrize(
    ("gpu", "precision", "expected_ms", "bound"),
    [
        (RTX_4090, "fp32", 1.065480, "memory"),
        (RTX_4090, "tf32", 1.065480, "memory"),
        (RTX_4090, "bf16", 1.065480, "memory"),
        (H200, "fp32", 1.025664, "compute"),
        (H200, "tf32", 0.223751, "memory"),
        (H200, "bf16", 0.223751, "memory"),
    ],
)
def test_speed_of_light_of_the_matmul_depends_on_the_precision_class(gpu, precision, expected_ms, bound):
    arguments = (MATMUL_BYTES, MATMUL_FLOPS, gpu, precision)
    assert roofline.speed_of_light_ms(*arguments) == pytest.approx(expected_ms, rel=1e-5)
    assert roofline.bound(*arguments) == bound


def test_the_floor_uses_the_fastest_unit_and_not_the_class():
    flops = 10**12
    assert roofline.speed_of_light_ms(0, flops, H200, "fp32") == pytest.approx(14.92537, rel=1e-6)
    assert roofline.floor_ms(0, flops, H200) == pytest.approx(1.010714 / 1.25, rel=1e-6)
    assert roofline.floor_ms(0, flops, RTX_4090) == pytest.approx(6.053269 / 1.25, rel=1e-6)
    assert roofline.floor_ms(9_600_000_000, flops, H200) == pytest.approx(2.0 / 1.01)


@given(
    bytes_moved=st.integers(1, 10**12),
    flops=st.integers(0, 10**15),
    gpu=st.sampled_from(GPUS),
    precision=st.sampled_from(PRECISIONS),
)
def test_no_speed_of_light_is_below_the_floor(bytes_moved, flops, gpu, precision):
    light_ms = roofline.speed_of_light_ms(bytes_moved, flops, gpu, precision)
    assert light_ms >= roofline.floor_ms(bytes_moved, flops, gpu)
    assert roofline.fraction_of_peak(light_ms, bytes_moved, flops, gpu, precision) == 1


def test_fraction_of_peak_is_not_clipped():
    assert roofline.fraction_of_peak(4.0, 9_600_000_000, 0, H200, None) == pytest.approx(0.5)
    assert roofline.fraction_of_peak(1.0, 9_600_000_000, 0, H200, None) == pytest.approx(2.0)


def test_achieved_rates_and_intensity():
    assert roofline.achieved_gb_per_s(2.0, 9_600_000_000) == pytest.approx(4800)
    assert roofline.achieved_tflops(1.0, MATMUL_FLOPS) == pytest.approx(68.719476736)
    assert roofline.arithmetic_intensity(MATMUL_BYTES, MATMUL_FLOPS) == pytest.approx(63.984375, rel=1e-3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: roofline.speed_of_light_ms(8, 5, H200, None),
            "5 flops need a precision class: expected one of fp32, tf32, bf16, got None",
        ),
        (
            lambda: roofline.speed_of_light_ms(8, 5, H200, "fp64"),
            "unknown precision class 'fp64': expected one of fp32, tf32, bf16",
        ),
        (lambda: roofline.floor_ms(-1, 0, H200), "bytes_moved must not be negative, got -1"),
        (lambda: roofline.floor_ms(1, -2, H200), "flops must not be negative, got -2"),
        (lambda: roofline.arithmetic_intensity(0, 5), "bytes_moved must be positive, got 0"),
        (lambda: roofline.fraction_of_peak(0.0, 8, 0, H200, None), "latency_ms must be positive, got 0.0"),
        (
            lambda: roofline.achieved_gb_per_s(float("nan"), 8),
            "latency_ms must be positive, got nan",
        ),
    ],
)
def test_wrong_arguments_say_what_was_expected(call, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared below
        call()
    assert str(caught.value) == message
