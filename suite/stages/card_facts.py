"""A card as a prompt describes it: the datasheet's figures, by name."""

from __future__ import annotations

from suite.analysis.occupancy import MAX_THREADS_PER_BLOCK, WARP
from suite.gpus import GpuSpec

_ARCHITECTURES = {8: "Ampere", 9: "Hopper", 10: "Blackwell", 12: "Blackwell"}


def card_facts(gpu: GpuSpec) -> dict[str, str]:
    """Every figure with its unit, in the order of the protocol's prompts; rates are dense."""
    major, minor = gpu.compute_capability
    return {
        "GPU Name": gpu.name,
        "Architecture": "Ada Lovelace" if (major, minor) == (8, 9) else _ARCHITECTURES[major],
        "Compute Capability": f"{major}.{minor}",
        "Number of SMs": str(gpu.sm_count),
        "Memory Bandwidth": f"{gpu.peak_gb_per_s:g} GB/s",
        "FP32 TFLOPS": f"{gpu.fp32_tflops:g}",
        "TF32 Tensor Core TFLOPS": f"{gpu.tf32_tflops:g} (dense, accumulated in float32)",
        "BFLOAT16 Tensor Core TFLOPS": f"{gpu.bf16_tflops:g} (dense, accumulated in float32)",
        "FP16 Tensor Core TFLOPS": f"{gpu.fp16_tflops:g} (dense, accumulated in float32)",
        "Maximum number of registers per thread": str(gpu.registers_per_thread),
        "Maximum threads per block": str(MAX_THREADS_PER_BLOCK),
        "Maximum threads per SM": str(gpu.warps_per_sm * WARP),
        "Warp size": str(WARP),
        "Maximum concurrent warps per SM": str(gpu.warps_per_sm),
        "Shared memory capacity per SM": f"{gpu.smem_per_sm_kb} KB",
        "Maximum shared memory per thread block": f"{gpu.smem_per_block_kb} KB",
        "L2 cache (global, all SM shared)": f"{gpu.l2_cache_mb} MB",
    }
