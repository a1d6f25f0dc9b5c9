"""How many blocks of a kernel an SM holds, what limits them, and how a grid fills a card. Pure arithmetic.

Rules and granularities: CUDA C++ Programming Guide, "Technical Specifications per Compute Capability", and
the occupancy calculator of Nsight Compute.
"""

from __future__ import annotations

from dataclasses import dataclass

from suite.gpus import GpuSpec

WARP = 32
MAX_THREADS_PER_BLOCK = 1024
MAX_GRID = (2**31 - 1, 65535, 65535)
REGISTERS_GRANULARITY = 256
"""A warp's registers are handed out in such steps."""
SUB_PARTITIONS = 4
"""An SM's registers and warps belong to four schedulers; a warp cannot take from two."""
SMEM_GRANULARITY_BYTES = 128
RESERVED_SMEM_BYTES = 1024
"""What CUDA keeps of every block's shared memory from compute capability 8.0 on."""


@dataclass(frozen=True, slots=True)
class Occupancy:
    """Residency of one kernel on one SM."""

    blocks_per_sm: int
    warps_per_sm: int
    fraction: float
    """Resident warps over the most that an SM holds."""
    limits: tuple[str, ...]
    """What keeps another block out: "warps", "registers", "shared memory", "blocks"; all that tie."""


@dataclass(frozen=True, slots=True)
class Waves:
    """A grid in turns of all the blocks that a card holds at once."""

    count: float
    """16.5: sixteen full waves and one that fills half of the card."""
    tail: float
    """Share of the card's slots that the last wave uses; 1 when it is full."""


def occupancy(gpu: GpuSpec, num_warps: int, registers: int, smem_bytes: int) -> Occupancy:
    """Theoretical occupancy of blocks of `num_warps` warps.

    Args:
        gpu: the card.
        num_warps: warps of a block.
        registers: 32-bit registers of a thread.
        smem_bytes: static and dynamic shared memory of a block.
    """
    per_warp = _round_up(max(registers, 1) * WARP, REGISTERS_GRANULARITY)
    register_warps = gpu.registers_per_sm // SUB_PARTITIONS // per_warp * SUB_PARTITIONS
    per_block_bytes = _round_up(smem_bytes + RESERVED_SMEM_BYTES, SMEM_GRANULARITY_BYTES)
    most = {
        "warps": gpu.warps_per_sm // num_warps,
        "registers": register_warps // num_warps,
        "shared memory": gpu.smem_per_sm_kb * 1024 // per_block_bytes,
        "blocks": gpu.blocks_per_sm,
    }
    blocks = min(most.values())
    limits = tuple(name for name, value in most.items() if value == blocks)
    warps = blocks * num_warps
    return Occupancy(blocks, warps, warps / gpu.warps_per_sm, limits)


def waves(gpu: GpuSpec, blocks: int, blocks_per_sm: int) -> Waves | None:
    """How often `blocks` fill the card; None where not even one block fits."""
    slots = gpu.sm_count * blocks_per_sm
    if slots == 0:
        return None
    return Waves(blocks / slots, ((blocks - 1) % slots + 1) / slots if blocks else 0.0)


def exceeded(
    gpu: GpuSpec, grid: tuple[int, int, int], num_warps: int, registers: int, smem_bytes: int
) -> tuple[str, ...]:
    """Every limit of the card that a launch breaks, as "shared memory: 131072 of 101376 bytes"."""
    checks = [
        ("threads", num_warps * WARP, MAX_THREADS_PER_BLOCK, "a block"),
        ("shared memory", smem_bytes, gpu.smem_per_block_kb * 1024, "bytes"),
        ("registers", registers, gpu.registers_per_thread, "a thread"),
        *(
            (f"grid {axis}", size, most, "programs")
            for axis, size, most in zip("xyz", grid, MAX_GRID, strict=True)
        ),
    ]
    return tuple(f"{what}: {value} of {most} {unit}" for what, value, most, unit in checks if value > most)


def _round_up(value: int, step: int) -> int:
    return -(-value // step) * step
