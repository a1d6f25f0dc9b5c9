"""The rules of the stages that source, launches and the stage before decide."""

import pytest

from suite.stages.evidence import Case, Outcome
from suite.stages.report import before_running, grade_stage
from suite.stages.stage import BLOCK, GRADED, MEMORY, MICRO, STAGES, Check, stage_named
from suite.stages.stage import GRID as GRID_STAGE
from suite.tests.fake_evidence import evidence, fake_profile, kernel_profile, launch
from suite.tests.stage_cases import APART, FAILED, KERNEL, MATMUL, PASSED, SHOWN, UNMEASURED, check, only


def test_the_stages_say_what_the_protocol_says():
    assert [stage.focus for stage in STAGES] == [
        "Grid layout & parallelism.",
        "BLOCK_M/N/K selection.",
        "Memory efficiency & latency hiding.",
        "Final micro-tuning.",
    ]
    assert [metric.text for metric in GRID_STAGE.metrics] == [
        "sm__throughput.avg.pct_of_peak_sustained_elapsed (>60%)",
        "launch__grid_size",
    ]
    assert [line.text for line in GRID_STAGE.safety] == [
        "Max 3 grid dims, static rank",
        "grid=(G0,G1,G2) must match tl.program_id(0/1/2)",
        "If unsure about correctness, do NOT change grid",
    ]
    assert [metric.text for metric in BLOCK.metrics] == [
        "sm__warps_active.avg.pct_of_peak_sustained_active (>50%)"
    ]
    assert [line.text for line in BLOCK.autotune] == [
        "2\N{EN DASH}4 configs max",
        "Autotune ONLY on @triton.jit kernel",
    ]
    assert MEMORY.metrics[-1].text == "memory_stalls.pct (<20%)"
    assert stage_named("micro") is MICRO
    assert GRADED["final"] == (MEMORY, MICRO)


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_every_line_is_checked_or_for_a_reader(stage):
    mine = evidence(KERNEL, launch(BLOCK=128))
    report = grade_stage(stage, Case(mine, None, None))
    lines = [*stage.metrics, *stage.rules, *stage.safety, *stage.autotune, *stage.ours]
    assert [rule.text for rule in report.rules] == [line.text for line in lines]
    for rule, line in zip(report.rules, lines, strict=True):
        assert (rule.outcome is Outcome.READER) == (not line.checks)


def test_without_a_profile_no_profile_rule_passes():
    mine = evidence(KERNEL, launch(BLOCK=128))
    for which in (
        Check.BINDING_GOAL,
        Check.OCCUPANCY_GOAL,
        Check.STALLS_GOAL,
        Check.L2_SHOWN,
        Check.SM_SHOWN,
    ):
        assert only(which, mine) == (UNMEASURED, "", "no profile with counters")
    assert only(Check.SM_WAS_LOW, mine, mine)[0] is UNMEASURED
    assert only(Check.NOT_SLOWER, mine, mine) == (UNMEASURED, "", "no timed result of this file")
    assert only(Check.CORRECT, mine) == (UNMEASURED, "", "no stored result of this file")


def test_a_grid_axis_that_the_kernel_never_asks_for():
    mine = evidence(KERNEL, launch(grid=(64, 4), BLOCK=128))
    assert only(Check.GRID_MATCHES_IDS, mine) == (
        FAILED,
        "line 20, k",
        "the grid has 4 programs along axis 1, the kernel never asks for it",
    )
    assert only(Check.GRID_MATCHES_IDS, evidence(KERNEL, launch(grid=(64, 1), BLOCK=128)))[0] is PASSED


def test_a_program_id_that_the_grid_does_not_have():
    mine = evidence(MATMUL, launch("mm", (4,), BLOCK_M=32, BLOCK_N=32, BLOCK_K=32))
    assert only(Check.GRID_MATCHES_IDS, mine) == (
        FAILED,
        "line 20, mm",
        "line 7 asks for tl.program_id(1), the grid has no such axis",
    )


def test_ids_asked_for_by_a_kernel_that_is_called_count():
    text = (
        KERNEL.replace("tl.program_id(0)", "where()")
        + "@triton.jit\ndef where():\n    return tl.program_id(1)\n"
    )
    assert only(Check.GRID_MATCHES_IDS, evidence(text, launch(grid=(1, 64), BLOCK=128)))[0] is PASSED
    unknown = KERNEL.replace("program_id(0)", "program_id(AXIS)")
    assert only(Check.GRID_MATCHES_IDS, evidence(unknown, launch(BLOCK=128)))[0] is Outcome.READER


def test_a_grid_keeps_its_rank():
    mine = evidence(KERNEL, launch(BLOCK=128), launch(grid=(64, 1), BLOCK=128))
    assert only(Check.GRID_DIMENSIONS, mine) == (FAILED, "k", "grids of [1, 2] sizes")


def test_tiles_are_powers_of_two():
    mine = evidence(KERNEL, launch(BLOCK=96))
    assert only(Check.TILE_POWER_OF_TWO, mine) == (FAILED, "line 20, k", "BLOCK = 96")
    rows = KERNEL.replace("BLOCK", "ROWS")  # called otherwise, but it sizes the tile
    assert only(Check.TILE_POWER_OF_TWO, evidence(rows, launch(ROWS=12)))[2] == "ROWS = 12"
    for fine in (128, 0):  # no tile of 0 is ever made: `tl.arange` refuses it
        assert only(Check.TILE_POWER_OF_TWO, evidence(KERNEL, launch(BLOCK=fine)))[0] is PASSED


@pytest.mark.parametrize(
    ("sides", "fp32", "tensor"),
    [
        ((64, 128, 32), (PASSED, "", "BLOCK_K = 32, BLOCK_M = 64, BLOCK_N = 128"), PASSED),
        ((16, 128, 32), (FAILED, "line 20, mm", "BLOCK_M = 16"), PASSED),
        ((64, 128, 128), (FAILED, "line 20, mm", "BLOCK_K = 128"), PASSED),
        ((64, 128, 4), (FAILED, "line 20, mm", "BLOCK_K = 4"), SHOWN),
    ],
)
def test_sets_of_a_matmul_tile(sides, fp32, tensor):
    m, n, k = sides
    tile = launch("mm", (4, 4), tensor_cores=["HMMA.1688.F32.TF32"], BLOCK_M=m, BLOCK_N=n, BLOCK_K=k)
    mine = evidence(MATMUL, tile)
    assert only(Check.FP32_TILE, mine) == fp32
    assert only(Check.TENSOR_CORE_TILE, mine)[0] is tensor


def test_the_float32_set_is_for_float32():
    tile = launch("mm", (4, 4), pointer="*fp16", BLOCK_M=16, BLOCK_N=16, BLOCK_K=128)
    assert only(Check.FP32_TILE, evidence(MATMUL, tile))[0] is APART
    # float32 in memory, bfloat16 in the product
    half = launch("mm", (4, 4), tensor_cores=["HMMA.16816.F32.BF16"], BLOCK_M=64, BLOCK_N=64, BLOCK_K=128)
    assert only(Check.FP32_TILE, evidence(MATMUL, half))[0] is APART


def test_limits_of_stages_and_warps():
    mine = evidence(KERNEL, launch(BLOCK=128, stages=4, warps=1))
    assert only(Check.STAGES_1_TO_3, mine) == (FAILED, "line 20, k", "num_stages = 4")
    assert only(Check.WARPS_2_TO_16, mine) == (FAILED, "line 20, k", "num_warps = 1")
    fine = evidence(KERNEL, launch(BLOCK=128, stages=2, warps=16))
    assert only(Check.STAGES_1_TO_3, fine) == (PASSED, "", "num_stages: 2")
    assert only(Check.WARPS_2_TO_16, fine) == (PASSED, "", "num_warps: 16")


def test_what_does_not_fit_or_cannot_be_followed_fails():
    over = "exceeds shared memory: 131072 of 101376 bytes"
    assert only(Check.FITS, evidence(KERNEL, launch(BLOCK=128, problems=(over,)))) == (
        FAILED,
        "line 20, k",
        over,
    )
    lost = evidence(KERNEL, failure="RuntimeError in import: no")
    assert only(Check.FITS, lost) == (FAILED, "", "the launches are not known: RuntimeError in import: no")
    assert only(Check.TILE_POWER_OF_TWO, evidence(KERNEL))[2] == "no Triton kernel is launched"


def test_the_grid_stage_keeps_tile_and_stages():
    before = evidence(KERNEL, launch(BLOCK=128, stages=3))
    now = evidence(KERNEL, launch(grid=(4096,), BLOCK=64, stages=2))
    assert only(Check.TILE_KEPT, now, before) == (FAILED, "line 20, k", "BLOCK 128 -> 64")
    assert only(Check.STAGES_KEPT, now, before) == (FAILED, "line 20, k", "num_stages 3 -> 2")
    same = evidence(KERNEL, launch(grid=(4096,), BLOCK=128))
    assert only(Check.TILE_KEPT, same, before) == (PASSED, "", "the tile is that of the stage before")


def test_a_renamed_kernel_is_known_by_its_constants_and_an_added_one_is_no_counterpart():
    before = evidence(KERNEL, launch(BLOCK=128))
    renamed = KERNEL.replace("def k", "def part").replace("k[", "part[")
    added = renamed + "@triton.jit\ndef join(x, BLOCK: tl.constexpr):\n    pass\n"
    now = evidence(added, launch("part", BLOCK=128), launch("join", BLOCK=256))
    assert only(Check.TILE_KEPT, now, before)[0] is PASSED
    gone = evidence(renamed.replace("BLOCK", "TILE"), launch("part", TILE=128))
    assert only(Check.TILE_KEPT, gone, before)[::2] == (
        FAILED,
        "no kernel of the stage before is left, and none with its constants",
    )


def test_a_kernel_that_is_not_launched_any_more_is_compared_with_no_other():
    two = KERNEL + "@triton.jit\ndef join(x, BLOCK: tl.constexpr):\n    pass\n"
    before = evidence(two, launch(BLOCK=128, stages=2), launch("join", BLOCK=256))
    assert only(Check.STAGES_KEPT, evidence(two, launch(BLOCK=64, stages=2)), before)[0] is PASSED


def test_the_block_stage_keeps_the_rank_of_the_grid():
    before = evidence(KERNEL, launch(BLOCK=128))
    now = evidence(KERNEL, launch(grid=(64, 2), BLOCK=64))
    assert only(Check.GRID_SHAPE_KEPT, now, before) == (FAILED, "line 20, k", "grid rank 1 -> 2")


def test_micro_tuning_freezes_grid_and_tile():
    before = evidence(KERNEL, launch(BLOCK=128))
    assert check(Check.FROZEN, evidence(KERNEL, launch(grid=(32,), BLOCK=256)), before) == [
        (FAILED, "line 20, k", "grid x 64 -> 32"),
        (FAILED, "line 20, k", "BLOCK 128 -> 256"),
    ]
    assert only(Check.FROZEN, evidence(KERNEL, launch(BLOCK=128, warps=8)), before)[0] is PASSED
    assert only(Check.FROZEN, before)[0] is APART


def test_micro_tuning_moves_stages_by_one_and_shows_its_warps():
    before = evidence(KERNEL, launch(BLOCK=128, stages=1), profile=fake_profile(kernel_profile(warps=33.2)))
    now = evidence(KERNEL, launch(BLOCK=128, stages=3, warps=8))
    assert only(Check.STAGES_ONE_STEP, now, before) == (FAILED, "line 7, k", "num_stages 1 -> 3")
    twice = evidence(KERNEL, launch(BLOCK=128, stages=1), launch(grid=(8,), BLOCK=128, stages=3))
    assert only(Check.STAGES_ONE_STEP, twice, twice)[0] is PASSED
    assert only(Check.WARPS_FOR_OCCUPANCY, now, before) == (
        SHOWN,
        "",
        "num_warps: k 4 -> 8; occupancy was 33.2 %",
    )


@pytest.mark.parametrize(
    ("stalls", "stages", "expected"),
    [
        (70.0, 3, (PASSED, "", "num_stages 2 -> 3; memory stalls were 70.0 %")),
        (5.0, 3, (FAILED, "line 7, k", "num_stages 2 -> 3, but memory stalls were 5.0 %")),
        (5.0, 2, (PASSED, "", "num_stages is not raised")),
        (None, 3, (UNMEASURED, "", "no profile with counters")),
    ],
)
def test_stages_are_raised_for_stalls_alone(stalls, stages, expected):
    profile = None if stalls is None else fake_profile(kernel_profile(stalls=stalls))
    before = evidence(KERNEL, launch(BLOCK=128, stages=2), profile=profile)
    now = evidence(KERNEL, launch(BLOCK=128, stages=stages))
    assert only(Check.STAGES_RAISED_FOR_STALLS, now, before) == expected


def test_what_an_answer_breaks_is_known_before_it_runs():
    before = evidence(KERNEL, launch(BLOCK=128))
    now = evidence(KERNEL, launch(grid=(64, 4), BLOCK=96))
    found = before_running(GRID_STAGE, Case(now, before, before))
    assert [each.found for each in found] == [
        "BLOCK 128 -> 96",
        "the grid has 4 programs along axis 1, the kernel never asks for it",
    ]
    assert all(each.remedy for each in found)
