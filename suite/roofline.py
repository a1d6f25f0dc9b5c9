"""From bytes and flops to the speed of light and back: the roofline model, as arithmetic.

Bytes and flops are the least that the task allows, counted once; they say nothing about what a kernel really
moved. Units: milliseconds, GB/s = 10^9 bytes/s, TFLOPS = 10^12 flop/s.
"""

from __future__ import annotations

from typing import Literal

from suite.gpus import GpuSpec
from suite.result import PRECISIONS

Bound = Literal["memory", "compute"]

COMPUTE_HEADROOM = 1.25
"""Cards boost past their datasheet: a 4090 from 2.52 to 2.7 GHz and more; an H200 runs at 1.98 GHz where the
tensor rates of its datasheet stand for 1.83."""
MEMORY_HEADROOM = 1.01
"""Memory clocks are fixed and datasheets round: an H200's own clock gives 4814 GB/s for the printed 4800."""


def peak_tflops(gpu: GpuSpec, precision: str) -> float:
    """The card's dense rate for a precision class.

    Raises:
        ValueError: `precision` is not one of `PRECISIONS`.
    """
    match precision:
        case "fp32":
            return gpu.fp32_tflops
        case "tf32":
            return gpu.tf32_tflops
        case "bf16":
            return gpu.bf16_tflops
    raise ValueError(f"unknown precision class {precision!r}: expected one of {', '.join(PRECISIONS)}")


def memory_ms(bytes_moved: int, gpu: GpuSpec) -> float:
    """Time to move `bytes_moved` at the card's peak bandwidth."""
    _not_negative("bytes_moved", bytes_moved)
    return bytes_moved / (gpu.peak_gb_per_s * 1e6)


def compute_ms(flops: int, gpu: GpuSpec, precision: str | None) -> float:
    """Time of `flops` at the peak rate of their class.

    Raises:
        ValueError: there are flops but `precision` is None, or the class is unknown.
    """
    _not_negative("flops", flops)
    if flops == 0:
        return 0.0
    if precision is None:
        raise ValueError(
            f"{flops} flops need a precision class: expected one of {', '.join(PRECISIONS)}, got None"
        )
    return flops / (peak_tflops(gpu, precision) * 1e9)


def speed_of_light_ms(bytes_moved: int, flops: int, gpu: GpuSpec, precision: str | None) -> float:
    """The latency at which the tighter of the two roofs is fully used.

    `precision` None (an exact problem) needs `flops` 0: then memory alone is the roof.
    """
    return max(memory_ms(bytes_moved, gpu), compute_ms(flops, gpu, precision))


def floor_ms(bytes_moved: int, flops: int, gpu: GpuSpec) -> float:
    """The latency that no kernel beats on this card; under it a result is impossible.

    This is looser than the speed of light of a precision class, on purpose. A float32-class product may
    legally be built from split 16-bit products on the tensor cores (three bfloat16 products recover most of a
    float32 one), and so may beat the CUDA cores' float32 rate. Only the fastest unit that can hold such an
    answer proves impossibility: 16-bit products accumulated in float32. 8-bit products and 16-bit
    accumulators are faster still, but have too few bits for any class we admit.

    Cards may run above the clocks that the datasheet's peaks are made of; both roofs are raised by the most
    that is plausible (`COMPUTE_HEADROOM`, `MEMORY_HEADROOM`), so that no honest result is called impossible.
    """
    fastest = max(gpu.fp32_tflops, gpu.tf32_tflops, gpu.fp16_tflops, gpu.bf16_tflops)
    _not_negative("flops", flops)
    at_memory_ms = memory_ms(bytes_moved, gpu) / MEMORY_HEADROOM
    return max(at_memory_ms, flops / (fastest * 1e9) / COMPUTE_HEADROOM)


def bound(bytes_moved: int, flops: int, gpu: GpuSpec, precision: str | None) -> Bound:
    """Which roof is the lower one at this arithmetic intensity; memory where both meet."""
    compute = compute_ms(flops, gpu, precision) > memory_ms(bytes_moved, gpu)
    return "compute" if compute else "memory"


def arithmetic_intensity(bytes_moved: int, flops: int) -> float:
    """Flops for each byte moved.

    Raises:
        ValueError: no bytes are moved, so the ratio does not exist.
    """
    _not_negative("flops", flops)
    if bytes_moved <= 0:
        raise ValueError(f"bytes_moved must be positive, got {bytes_moved}")
    return flops / bytes_moved


def fraction_of_peak(
    latency_ms: float, bytes_moved: int, flops: int, gpu: GpuSpec, precision: str | None
) -> float:
    """Speed of light over latency.

    Never clipped: above 1 other units did the work than its class stands for (float32 by the tensor
    cores), or the byte count is wrong, the data sat in a cache, or work was skipped.
    """
    _positive_latency(latency_ms)
    return speed_of_light_ms(bytes_moved, flops, gpu, precision) / latency_ms


def achieved_gb_per_s(latency_ms: float, bytes_moved: int) -> float:
    """The bandwidth that the declared bytes amount to."""
    _positive_latency(latency_ms)
    _not_negative("bytes_moved", bytes_moved)
    return bytes_moved / latency_ms / 1e6


def achieved_tflops(latency_ms: float, flops: int) -> float:
    """The throughput that the declared flops amount to."""
    _positive_latency(latency_ms)
    _not_negative("flops", flops)
    return flops / latency_ms / 1e9


def _not_negative(name: str, value: int) -> None:
    if value < 0:
        raise ValueError(f"{name} must not be negative, got {value}")


def _positive_latency(latency_ms: float) -> None:
    if not latency_ms > 0:
        raise ValueError(f"latency_ms must be positive, got {latency_ms}")
