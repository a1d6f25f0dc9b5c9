"""Datasheet peaks and limits of the exact cards that we know, each with its source.

A peak belongs to one product, not to a family: GeForce cards run their tensor cores at half rate when they
accumulate in float32 where the data-center cards of the same chip do not, and vendors print sparse figures as
headlines. So every figure here is dense, at the datasheet's boost clock, accumulated in float32, and
`test_gpus.py` recomputes it from SMs x rate x clock. A card that is not listed has no peak: `find_gpu`
answers None and never the nearest relative.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class SmLimits:
    """What one SM of a compute capability holds."""

    smem_per_sm_kb: int
    smem_per_block_kb: int
    warps: int
    blocks: int
    registers: int = 65536
    registers_per_thread: int = 255


# CUDA C++ Programming Guide, "Technical Specifications per Compute Capability".
_SM_LIMITS: Final = {
    (8, 0): SmLimits(smem_per_sm_kb=164, smem_per_block_kb=163, warps=64, blocks=32),
    (8, 6): SmLimits(smem_per_sm_kb=100, smem_per_block_kb=99, warps=48, blocks=16),
    (8, 9): SmLimits(smem_per_sm_kb=100, smem_per_block_kb=99, warps=48, blocks=24),
    (9, 0): SmLimits(smem_per_sm_kb=228, smem_per_block_kb=227, warps=64, blocks=32),
    (10, 0): SmLimits(smem_per_sm_kb=228, smem_per_block_kb=227, warps=64, blocks=32),
    (12, 0): SmLimits(smem_per_sm_kb=100, smem_per_block_kb=99, warps=48, blocks=24),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuSpec:
    """One product. TFLOPS are 10^12 flop/s (a fused multiply-add is two flops), GB/s are 10^9 bytes/s."""

    slug: str
    name: str
    """The product's name as people say it."""
    names: tuple[str, ...]
    """Exactly what CUDA and NVML call the card, old drivers (without "NVIDIA ") included."""
    compute_capability: tuple[int, int]
    sm_count: int
    boost_clock_mhz: int
    """Datasheet boost of the CUDA cores."""
    tensor_clock_mhz: int
    """The clock behind the datasheet's tensor figures; lower than boost on Hopper and Blackwell boards."""
    peak_gb_per_s: float
    memory_bus_bits: int | None
    """None, like `memory_gt_per_s`, where the vendor publishes only the product of the two."""
    memory_gt_per_s: float | None
    """Transfers a second on one pin, 10^9."""
    fp32_tflops: float
    tf32_tflops: float
    fp16_tflops: float
    bf16_tflops: float
    fp8_tflops: float | None
    """None where the card has no 8-bit floating point."""
    fp32_rate: int
    """Flops a clock of one SM; likewise `tf32_rate`, `fp16_rate` (bfloat16 is the same) and `fp8_rate`."""
    tf32_rate: int
    fp16_rate: int
    fp8_rate: int | None
    l2_cache_mb: int
    """Binary: 72 means 72 x 2^20 bytes, as `cudaDeviceProp.l2CacheSize` counts."""
    memory_gb: int
    """As the vendor prints it; taken for 10^9 bytes each, of which a driver keeps some for itself."""
    source: str

    @property
    def limits(self) -> SmLimits:
        """What one SM holds: shared memory, warps, blocks, registers."""
        return _SM_LIMITS[self.compute_capability]

    @property
    def smem_per_sm_kb(self) -> int:
        """Shared memory of one SM, KiB."""
        return self.limits.smem_per_sm_kb

    @property
    def smem_per_block_kb(self) -> int:
        """Most shared memory that one block may ask for, KiB."""
        return self.limits.smem_per_block_kb

    @property
    def warps_per_sm(self) -> int:
        """Most resident warps of one SM."""
        return self.limits.warps

    @property
    def blocks_per_sm(self) -> int:
        """Most resident blocks of one SM."""
        return self.limits.blocks

    @property
    def registers_per_sm(self) -> int:
        """32-bit registers of one SM."""
        return self.limits.registers

    @property
    def registers_per_thread(self) -> int:
        """Most 32-bit registers of one thread."""
        return self.limits.registers_per_thread


# A table: one line a group of figures, so that a card can be checked against its datasheet at a glance.
# fmt: off
RTX_4090: Final = GpuSpec(
    slug="rtx-4090", name="NVIDIA GeForce RTX 4090", names=("NVIDIA GeForce RTX 4090", "GeForce RTX 4090"),
    compute_capability=(8, 9), sm_count=128, boost_clock_mhz=2520, tensor_clock_mhz=2520, l2_cache_mb=72,
    memory_gb=24, peak_gb_per_s=1008, memory_bus_bits=384, memory_gt_per_s=21,
    fp32_tflops=82.6, tf32_tflops=82.6, fp16_tflops=165.2, bf16_tflops=165.2, fp8_tflops=330.3,
    fp32_rate=256, tf32_rate=256, fp16_rate=512, fp8_rate=1024,
    source="NVIDIA Ada GPU Architecture whitepaper v2.1, appendix A, table 2",
)
_RTX_3090: Final = GpuSpec(
    slug="rtx-3090", name="NVIDIA GeForce RTX 3090", names=("NVIDIA GeForce RTX 3090", "GeForce RTX 3090"),
    compute_capability=(8, 6), sm_count=82, boost_clock_mhz=1695, tensor_clock_mhz=1695, l2_cache_mb=6,
    memory_gb=24, peak_gb_per_s=936, memory_bus_bits=384, memory_gt_per_s=19.5,
    fp32_tflops=35.6, tf32_tflops=35.6, fp16_tflops=71, bf16_tflops=71, fp8_tflops=None,
    fp32_rate=256, tf32_rate=256, fp16_rate=512, fp8_rate=None,
    source="NVIDIA Ampere GA102 GPU Architecture whitepaper v2, appendix A",
)
_RTX_5090: Final = GpuSpec(
    slug="rtx-5090", name="NVIDIA GeForce RTX 5090", names=("NVIDIA GeForce RTX 5090",),
    compute_capability=(12, 0), sm_count=170, boost_clock_mhz=2407, tensor_clock_mhz=2407, l2_cache_mb=96,
    memory_gb=32, peak_gb_per_s=1792, memory_bus_bits=512, memory_gt_per_s=28,
    fp32_tflops=104.8, tf32_tflops=104.8, fp16_tflops=209.5, bf16_tflops=209.5, fp8_tflops=419,
    fp32_rate=256, tf32_rate=256, fp16_rate=512, fp8_rate=1024,
    source="NVIDIA RTX Blackwell GPU Architecture whitepaper, table 3",
)
_A100_SXM_40: Final = GpuSpec(
    slug="a100-sxm-40gb", name="NVIDIA A100 SXM 40 GB", names=("NVIDIA A100-SXM4-40GB", "A100-SXM4-40GB"),
    compute_capability=(8, 0), sm_count=108, boost_clock_mhz=1410, tensor_clock_mhz=1410, l2_cache_mb=40,
    memory_gb=40, peak_gb_per_s=1555, memory_bus_bits=5120, memory_gt_per_s=2.43,
    fp32_tflops=19.5, tf32_tflops=156, fp16_tflops=312, bf16_tflops=312, fp8_tflops=None,
    fp32_rate=128, tf32_rate=1024, fp16_rate=2048, fp8_rate=None,
    source="NVIDIA A100 Tensor Core GPU Architecture whitepaper v1.0, tables 1 and 4",
)
_A100_SXM_80: Final = GpuSpec(
    slug="a100-sxm-80gb", name="NVIDIA A100 SXM 80 GB", names=("NVIDIA A100-SXM4-80GB", "A100-SXM4-80GB"),
    compute_capability=(8, 0), sm_count=108, boost_clock_mhz=1410, tensor_clock_mhz=1410, l2_cache_mb=40,
    memory_gb=80, peak_gb_per_s=2039, memory_bus_bits=5120, memory_gt_per_s=3.186,
    fp32_tflops=19.5, tf32_tflops=156, fp16_tflops=312, bf16_tflops=312, fp8_tflops=None,
    fp32_rate=128, tf32_rate=1024, fp16_rate=2048, fp8_rate=None,
    source="NVIDIA A100 datasheet (June 2021): A100 80GB SXM",
)
_A100_PCIE_80: Final = GpuSpec(
    slug="a100-pcie-80gb", name="NVIDIA A100 PCIe 80 GB", names=("NVIDIA A100 80GB PCIe", "A100 80GB PCIe"),
    compute_capability=(8, 0), sm_count=108, boost_clock_mhz=1410, tensor_clock_mhz=1410, l2_cache_mb=40,
    memory_gb=80, peak_gb_per_s=1935, memory_bus_bits=5120, memory_gt_per_s=3.024,
    fp32_tflops=19.5, tf32_tflops=156, fp16_tflops=312, bf16_tflops=312, fp8_tflops=None,
    fp32_rate=128, tf32_rate=1024, fp16_rate=2048, fp8_rate=None,
    source="NVIDIA A100 datasheet (June 2021): A100 80GB PCIe",
)
_H100_SXM: Final = GpuSpec(
    slug="h100-sxm", name="NVIDIA H100 SXM", names=("NVIDIA H100 80GB HBM3",),
    compute_capability=(9, 0), sm_count=132, boost_clock_mhz=1980, tensor_clock_mhz=1830, l2_cache_mb=50,
    memory_gb=80, peak_gb_per_s=3350, memory_bus_bits=5120, memory_gt_per_s=5.238,
    fp32_tflops=67, tf32_tflops=494.7, fp16_tflops=989.4, bf16_tflops=989.4, fp8_tflops=1979,
    fp32_rate=256, tf32_rate=2048, fp16_rate=4096, fp8_rate=8192,
    source="NVIDIA H100 Tensor Core GPU Architecture whitepaper v1.04, table 2 (dense figures)",
)
_H100_PCIE: Final = GpuSpec(
    slug="h100-pcie", name="NVIDIA H100 PCIe", names=("NVIDIA H100 PCIe",),
    compute_capability=(9, 0), sm_count=114, boost_clock_mhz=1755, tensor_clock_mhz=1620, l2_cache_mb=50,
    # The datasheet rounds to "2 TB/s"; bus width x the board's 1593 MHz gives 2039, and kernels do pass 2000.
    memory_gb=80, peak_gb_per_s=2039, memory_bus_bits=5120, memory_gt_per_s=3.186,
    fp32_tflops=51, tf32_tflops=378, fp16_tflops=756, bf16_tflops=756, fp8_tflops=1513,
    fp32_rate=256, tf32_rate=2048, fp16_rate=4096, fp8_rate=8192,
    source="NVIDIA H100 datasheet (halved: prints sparse rates); H100 PCIe product brief: memory clock",
)
_H200: Final = GpuSpec(
    slug="h200", name="NVIDIA H200 SXM", names=("NVIDIA H200",),
    compute_capability=(9, 0), sm_count=132, boost_clock_mhz=1980, tensor_clock_mhz=1830, l2_cache_mb=60,
    memory_gb=141, peak_gb_per_s=4800, memory_bus_bits=6016, memory_gt_per_s=6.402,
    fp32_tflops=67, tf32_tflops=494.7, fp16_tflops=989.4, bf16_tflops=989.4, fp8_tflops=1979,
    fp32_rate=256, tf32_rate=2048, fp16_rate=4096, fp8_rate=8192,
    source="NVIDIA H200 datasheet (halved: prints sparse rates); bus, memory clock, L2 from the driver",
)
_B200: Final = GpuSpec(
    slug="b200", name="NVIDIA B200", names=("NVIDIA B200",),
    # Clocks are those that reproduce the dense rates: 75 TFLOPS of float32 and 2250 of bfloat16.
    compute_capability=(10, 0), sm_count=148, boost_clock_mhz=1980, tensor_clock_mhz=1860, l2_cache_mb=126,
    # HGX boards are printed as 7.7 TB/s, DGX as 8; both report this name, so the higher stands.
    memory_gb=180, peak_gb_per_s=8000, memory_bus_bits=None, memory_gt_per_s=None,
    fp32_tflops=75, tf32_tflops=1125, fp16_tflops=2250, bf16_tflops=2250, fp8_tflops=4500,
    fp32_rate=256, tf32_rate=4096, fp16_rate=8192, fp8_rate=16384,
    source="NVIDIA DGX B200 and HGX B200 datasheets (a GPU's share, dense); SMs and L2 from the driver",
)
_L40S: Final = GpuSpec(
    slug="l40s", name="NVIDIA L40S", names=("NVIDIA L40S",),
    compute_capability=(8, 9), sm_count=142, boost_clock_mhz=2520, tensor_clock_mhz=2520, l2_cache_mb=96,
    memory_gb=48, peak_gb_per_s=864, memory_bus_bits=384, memory_gt_per_s=18,
    fp32_tflops=91.6, tf32_tflops=183, fp16_tflops=362, bf16_tflops=362, fp8_tflops=733,
    fp32_rate=256, tf32_rate=512, fp16_rate=1024, fp8_rate=2048,
    source="NVIDIA L40S datasheet (the figure before the asterisk is dense)",
)
_L4: Final = GpuSpec(
    slug="l4", name="NVIDIA L4", names=("NVIDIA L4",),
    compute_capability=(8, 9), sm_count=58, boost_clock_mhz=2040, tensor_clock_mhz=2040, l2_cache_mb=48,
    memory_gb=24, peak_gb_per_s=300, memory_bus_bits=192, memory_gt_per_s=12.5,
    fp32_tflops=30.3, tf32_tflops=60, fp16_tflops=121, bf16_tflops=121, fp8_tflops=242,
    fp32_rate=256, tf32_rate=512, fp16_rate=1024, fp8_rate=2048,
    source="NVIDIA L4 datasheet (halved: it prints sparse rates); Ada whitepaper v2.1 for SMs and clock",
)
_A10: Final = GpuSpec(
    slug="a10", name="NVIDIA A10", names=("NVIDIA A10",),
    compute_capability=(8, 6), sm_count=72, boost_clock_mhz=1695, tensor_clock_mhz=1695, l2_cache_mb=6,
    memory_gb=24, peak_gb_per_s=600, memory_bus_bits=384, memory_gt_per_s=12.5,
    fp32_tflops=31.2, tf32_tflops=62.5, fp16_tflops=125, bf16_tflops=125, fp8_tflops=None,
    fp32_rate=256, tf32_rate=512, fp16_rate=1024, fp8_rate=None,
    source="NVIDIA A10 datasheet (the figure before the asterisk is dense)",
)
# fmt: on

GPUS: Final = (
    RTX_4090, _RTX_3090, _RTX_5090, _A100_SXM_40, _A100_SXM_80, _A100_PCIE_80,
    _H100_SXM, _H100_PCIE, _H200, _B200, _L40S, _L4, _A10,
)  # fmt: skip
"""Every card we know, the reference card first."""


def with_less_memory(need_bytes: int) -> tuple[GpuSpec, ...]:
    """The cards that cannot hold so much."""
    return tuple(gpu for gpu in GPUS if gpu.memory_gb * 10**9 < need_bytes)


def slugify(name: str) -> str:
    """The results folder of a card, known or not: "NVIDIA H200" -> "nvidia-h200".

    Raises:
        ValueError: the name has no letter or digit to make a folder of.
    """
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if not slug:
        raise ValueError(f"no slug in {name!r}: expected at least one letter or digit")
    return slug


def find_gpu(name: str, sm_count: int | None = None) -> GpuSpec | None:
    """The card that CUDA or NVML reports as `name`; None where we have no datasheet for exactly that card.

    Pass `sm_count` where it is known: a slice of a card, or another product under the same name, has other
    peaks.
    """
    for gpu in GPUS:
        if name in gpu.names and sm_count in (None, gpu.sm_count):
            return gpu
    return None


def by_slug(slug: str) -> GpuSpec | None:
    """The card of a short slug ("rtx-4090") or of a results folder ("nvidia-geforce-rtx-4090"), if known."""
    for gpu in GPUS:
        if slug == gpu.slug or slug in map(slugify, gpu.names):
            return gpu
    return None


def torch_properties(gpu: GpuSpec) -> dict[str, Any]:
    """The card in the words of `torch.cuda.get_device_properties`, for a machine that has none."""
    major, minor = gpu.compute_capability
    return {
        "name": gpu.names[0],
        "major": major,
        "minor": minor,
        "multi_processor_count": gpu.sm_count,
        "total_memory": gpu.memory_gb * 10**9,
        "L2_cache_size": gpu.l2_cache_mb << 20,
        "shared_memory_per_block": 48 << 10,
        "shared_memory_per_block_optin": gpu.smem_per_block_kb << 10,
        "shared_memory_per_multiprocessor": gpu.smem_per_sm_kb << 10,
        "regs_per_multiprocessor": gpu.registers_per_sm,
        "max_threads_per_multi_processor": gpu.warps_per_sm * 32,
        "warp_size": 32,
        "clock_rate": gpu.boost_clock_mhz * 1000,
    }
