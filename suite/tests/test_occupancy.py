"""Occupancy, by numbers worked out by hand from NVIDIA's tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.analysis.occupancy import exceeded, occupancy, waves
from suite.gpus import GPUS, by_slug

A100, RTX_3090, RTX_4090, H200 = map(by_slug, ("a100-sxm-80gb", "rtx-3090", "rtx-4090", "h200"))
KIB = 1024


@pytest.mark.parametrize(
    ("gpu", "num_warps", "registers", "smem_bytes", "blocks", "fraction", "limits"),
    [
        # cc 8.9: 48 warps, 24 blocks, 100 KiB. 104 registers: 3328 a warp, 4 in each quarter of 16384.
        (RTX_4090, 16, 104, 16 * KIB, 1, 16 / 48, ("registers",)),
        (RTX_4090, 4, 22, 0, 12, 1.0, ("warps",)),
        (RTX_4090, 4, 128, KIB, 4, 16 / 48, ("registers",)),
        (RTX_4090, 8, 240, 32 * KIB, 1, 8 / 48, ("registers",)),
        # 40 registers: 1280 a warp, 12 a quarter, 48 in all: exactly what the warps allow.
        (RTX_4090, 4, 40, 0, 12, 1.0, ("warps", "registers")),
        # 41 registers: 1312 is handed out as 1536: 10 a quarter, 40 in all.
        (RTX_4090, 4, 41, 0, 10, 40 / 48, ("registers",)),
        # One warp a block: 24 blocks are the most.
        (RTX_4090, 1, 16, 0, 24, 0.5, ("blocks",)),
        # 99 KiB and the reserved one fill an SM; 49 KiB and the reserved one half of it.
        (RTX_4090, 4, 32, 99 * KIB, 1, 4 / 48, ("shared memory",)),
        (RTX_4090, 4, 32, 49 * KIB, 2, 8 / 48, ("shared memory",)),
        (RTX_4090, 4, 32, 49 * KIB + 1, 1, 4 / 48, ("shared memory",)),
        # cc 8.6: as 8.9 but 16 blocks.
        (RTX_3090, 1, 16, 0, 16, 16 / 48, ("blocks",)),
        (RTX_3090, 2, 32, 0, 16, 32 / 48, ("blocks",)),
        # cc 8.0: 64 warps, 32 blocks, 164 KiB.
        (A100, 4, 32, 0, 16, 1.0, ("warps", "registers")),
        (A100, 4, 33, 0, 12, 48 / 64, ("registers",)),
        (A100, 4, 24, 40 * KIB, 4, 16 / 64, ("shared memory",)),  # 4 x 41 = 164
        (A100, 2, 16, 0, 32, 1.0, ("warps", "blocks")),
        # cc 9.0: 64 warps, 32 blocks, 228 KiB.
        (H200, 4, 168, 0, 3, 12 / 64, ("registers",)),  # 5376 a warp: 3 a quarter
        (H200, 8, 32, 227 * KIB, 1, 8 / 64, ("shared memory",)),
        (H200, 4, 32, 56 * KIB, 4, 16 / 64, ("shared memory",)),  # 4 x 57 = 228
    ],
)
def test_occupancy(gpu, num_warps, registers, smem_bytes, blocks, fraction, limits):
    seen = occupancy(gpu, num_warps, registers, smem_bytes)
    assert (seen.blocks_per_sm, seen.warps_per_sm, seen.fraction, seen.limits) == (
        blocks,
        blocks * num_warps,
        pytest.approx(fraction),
        limits,
    )


def test_a_block_that_no_sm_holds():
    assert occupancy(RTX_4090, 32, 128, 0).blocks_per_sm == 0  # 16 warps by registers
    assert occupancy(RTX_4090, 4, 32, 128 * KIB).limits == ("shared memory",)


@pytest.mark.parametrize(
    ("blocks", "blocks_per_sm", "count", "tail"),
    [(128, 1, 1.0, 1.0), (4, 1, 4 / 128, 4 / 128), (1000, 4, 1000 / 512, 488 / 512), (0, 1, 0.0, 0.0)],
)
def test_waves_of_128_multiprocessors(blocks, blocks_per_sm, count, tail):
    seen = waves(RTX_4090, blocks, blocks_per_sm)
    assert (seen.count, seen.tail) == (pytest.approx(count), pytest.approx(tail))


def test_no_waves_where_no_block_fits():
    assert waves(RTX_4090, 1000, 0) is None


def test_limits_of_a_launch():
    assert exceeded(RTX_4090, (2**31 - 1, 65535, 65535), 32, 255, 99 * KIB) == ()
    assert exceeded(RTX_4090, (2**31, 65536, 1), 64, 256, 131072) == (
        "threads: 2048 of 1024 a block",
        "shared memory: 131072 of 101376 bytes",
        "registers: 256 of 255 a thread",
        "grid x: 2147483648 of 2147483647 programs",
        "grid y: 65536 of 65535 programs",
    )
    assert exceeded(H200, (1, 1, 1), 8, 255, 131072) == ()


CARDS = st.sampled_from(GPUS)
WARPS = st.integers(1, 32)
REGISTERS = st.integers(0, 255)
SMEM_BYTES = st.integers(0, 228 << 10)


@given(gpu=CARDS, warps=WARPS, registers=REGISTERS, smem_bytes=SMEM_BYTES)
def test_what_resides_is_within_what_an_sm_holds_and_no_further_block_fits(gpu, warps, registers, smem_bytes):
    found = occupancy(gpu, warps, registers, smem_bytes)
    assert found.warps_per_sm == found.blocks_per_sm * warps <= gpu.warps_per_sm
    assert found.fraction == found.warps_per_sm / gpu.warps_per_sm
    assert found.blocks_per_sm * warps * 32 * registers <= gpu.registers_per_sm
    assert found.blocks_per_sm * (smem_bytes + 1024) <= gpu.smem_per_sm_kb << 10
    assert found.limits


@given(gpu=CARDS, warps=WARPS, registers=REGISTERS, smem_bytes=SMEM_BYTES)
def test_a_block_that_takes_more_never_resides_more_often(gpu, warps, registers, smem_bytes):
    blocks = occupancy(gpu, warps, registers, smem_bytes).blocks_per_sm
    assert occupancy(gpu, warps + 1, registers, smem_bytes).blocks_per_sm <= blocks
    assert occupancy(gpu, warps, registers + 1, smem_bytes).blocks_per_sm <= blocks
    assert occupancy(gpu, warps, registers, smem_bytes + 1).blocks_per_sm <= blocks


@given(gpu=CARDS, blocks=st.integers(1, 2**40), blocks_per_sm=st.integers(1, 32))
def test_full_waves_and_a_tail_make_up_the_grid(gpu, blocks, blocks_per_sm):
    slots = gpu.sm_count * blocks_per_sm
    found = waves(gpu, blocks, blocks_per_sm)
    in_tail = round(found.tail * slots)
    assert 0 < in_tail <= slots
    assert (blocks - in_tail) % slots == 0
    assert found.count == blocks / slots
