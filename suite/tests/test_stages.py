"""The stages as data, and each of their checks on made-up evidence."""

import pytest

from suite.analysis.facts import Work
from suite.counters import DRAM, GRID, MEMORY_STALLS, SM
from suite.result import Status
from suite.stages.checks import run_check
from suite.stages.evidence import Case, Outcome
from suite.stages.report import before_running, grade_stage, to_json
from suite.stages.stage import BLOCK, GRADED, MEMORY, MICRO, STAGES, Check, stage_named
from suite.stages.stage import GRID as GRID_STAGE
from suite.tests.fake_evidence import evidence, fake_profile, kernel_profile, launch
from suite.tests.fake_results import fake_result

KERNEL = """
@triton.jit
def k(x, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(x + i, 0.0, mask=i < n)

def f(x):
    k[(64,)](x, x.numel(), BLOCK=128)
"""
MATMUL = """
@triton.jit
def mm(a, b, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr):
    m = tl.program_id(axis=0) * BLOCK_M + tl.arange(0, BLOCK_M)
    n = tl.program_id(axis=1) * BLOCK_N
    tl.dot(a, b)
"""
COMPUTE = Work(1_000_000, 10**13, ("tf32",), ())


def check(which, mine, parent=None, previous=None, may_fall_short=False):
    """(outcome, where, found) of everything that a check finds."""
    case = Case(mine, parent, previous or parent)
    return [
        (found.outcome, found.where, found.found)
        for found in run_check(which, case, may_fall_short=may_fall_short)
    ]


def only(which, mine, *others, **fields):
    (found,) = check(which, mine, *others, **fields)
    return found


PASSED, FAILED, SHORT, SHOWN = Outcome.PASSED, Outcome.FAILED, Outcome.SHORT, Outcome.SHOWN
UNMEASURED, APART = Outcome.NOT_MEASURED, Outcome.NOT_APPLICABLE


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
    assert only(Check.TILE_POWER_OF_TWO, evidence(KERNEL, launch(BLOCK=128)))[0] is PASSED


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


TUNED = """
@triton.autotune([triton.Config({"BLOCK": 64}, num_warps=2), triton.Config({"BLOCK": 128})], key=["n"])
@triton.jit
def k(x, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)

def f(x):
    grid = lambda META: (META["BLOCK"],)
    k[grid](x, x.numel())
"""


def trials(*configurations):
    return [
        launch(BLOCK=block, warps=warps, stages=stages, candidate=True)
        for block, warps, stages in configurations
    ]


def test_autotune_varies_one_kind():
    both = evidence(TUNED, *trials((64, 2, 3), (128, 4, 3)), launch(BLOCK=64))
    assert only(Check.AUTOTUNE_ONE_KIND, both) == (
        FAILED,
        "line 20, k",
        "the configurations vary the tile and (num_warps, num_stages) (2 tried)",
    )
    tiles = evidence(TUNED, *trials((64, 4, 3), (128, 4, 3)), launch(BLOCK=64))
    assert only(Check.AUTOTUNE_ONE_KIND, tiles) == (PASSED, "", "k: 2 tried")
    assert only(Check.AUTOTUNE_ONE_KIND, evidence(KERNEL, launch(BLOCK=128)))[0] is APART


def test_how_many_configurations():
    one = evidence(TUNED, *trials((64, 4, 3)), launch(BLOCK=64))
    assert only(Check.AUTOTUNE_2_TO_4, one)[::2] == (FAILED, "not 2 to 4 configurations (1 tried)")
    five = evidence(TUNED, *trials(*((2**i, 4, 3) for i in range(5, 10))), launch(BLOCK=64))
    assert only(Check.AUTOTUNE_2_TO_4, five)[::2] == (FAILED, "not 2 to 4 configurations (5 tried)")
    assert only(Check.AUTOTUNE_3_TO_6, five)[0] is PASSED


def test_the_original_is_among_the_configurations():
    before = evidence(KERNEL, launch(BLOCK=128, warps=8))
    without = evidence(TUNED, *trials((128, 2, 3), (128, 4, 3), (128, 16, 3)), launch(BLOCK=128))
    assert check(Check.AUTOTUNE_3_TO_6, without, before)[1:] == [
        (FAILED, "line 20, k", "the configuration of the stage before is not among those tried")
    ]
    with_it = evidence(TUNED, *trials((128, 2, 3), (128, 8, 3), (128, 16, 3)), launch(BLOCK=128))
    assert [outcome for outcome, *_ in check(Check.AUTOTUNE_3_TO_6, with_it, before)] == [PASSED]


def test_a_tuned_tile_needs_a_grid_that_follows_it():
    assert only(Check.AUTOTUNE_GRID, evidence(TUNED)) == (PASSED, "", "the grid follows the tile")
    fixed = TUNED.replace('lambda META: (META["BLOCK"],)', "(64,)")
    assert only(Check.AUTOTUNE_GRID, evidence(fixed)) == (
        FAILED,
        "line 13",
        "k is tuned over its tile, its grid is fixed",
    )
    warps = TUNED.replace('{"BLOCK": 64}', "{}").replace('{"BLOCK": 128}', "{}")
    assert only(Check.AUTOTUNE_GRID, evidence(warps))[0] is APART


def test_a_tile_is_defined_once():
    assert only(Check.TILE_DEFINED_ONCE, evidence(TUNED))[0] is PASSED
    twice = TUNED.replace("x.numel())", "x.numel(), BLOCK=64)")
    assert only(Check.TILE_DEFINED_ONCE, evidence(twice)) == (
        FAILED,
        "line 13",
        "BLOCK is set by the launch and by the configurations of line 6",
    )
    inside = KERNEL.replace("    i = ", "    BLOCK = 64\n    i = ", 1)
    assert only(Check.TILE_DEFINED_ONCE, evidence(inside)) == (
        FAILED,
        "line 8",
        "k assigns its own parameter BLOCK",
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TUNED, PASSED),
        (KERNEL, APART),
        (KERNEL + "t = triton.autotune([], key=[])(k)\n", PASSED),
        (KERNEL.replace("def f", "@triton.autotune([], key=[])\ndef f"), FAILED),
        (KERNEL.replace("def k", "@triton.autotune([], key=[])\ndef k"), FAILED),  # below @triton.jit
        (KERNEL + "t = triton.autotune([], key=[])(f)\n", FAILED),
    ],
)
def test_autotune_stands_on_the_kernel(text, expected):
    assert only(Check.AUTOTUNE_ON_JIT, evidence(text))[0] is expected


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


def profiled(work=None, **values):
    return evidence(KERNEL, launch(BLOCK=128), profile=fake_profile(kernel_profile(**values)), work=work)


def test_a_memory_bound_kernel_is_graded_on_dram_and_its_sm_throughput_is_shown():
    mine = profiled(sm=8.69, dram=81.17)
    assert only(Check.BINDING_GOAL, mine) == (PASSED, "", "memory-bound, DRAM 81.2 % (> 60 %)")
    assert only(Check.SM_SHOWN, mine) == (SHOWN, "", "8.7 %")


def test_a_compute_bound_kernel_is_graded_on_sm_throughput():
    mine = profiled(COMPUTE, sm=40.0, dram=81.17)
    assert only(Check.BINDING_GOAL, mine) == (FAILED, "", "compute-bound, SM 40.0 % (> 60 %)")
    assert check(Check.SM_SHOWN, mine) == []


def test_the_card_that_measured_decides_what_binds():
    # 68.7 GFLOP over 1.07 GB: in float32 an H200's memory takes 0.22 ms, its CUDA cores 1.03 ms.
    work = Work(1_073_741_824, 68_719_476_736, ("fp32", "tf32"), ())
    mine = evidence(KERNEL, launch(BLOCK=128), work=work, results=[fake_result(precision="fp32")])
    assert mine.bound == "compute"
    tf32 = evidence(KERNEL, launch(BLOCK=128), work=work, results=[fake_result(precision="tf32")])
    assert tf32.bound == "memory"
    unmeasured = launch(tensor_cores=["HGMMA.64x128x8.F32.TF32"], BLOCK=128)
    assert evidence(KERNEL, unmeasured, work=work).precision == "tf32"


def test_short_of_its_goal_a_stage_must_at_least_rise_and_the_last_must_reach_it():
    low, higher = profiled(dram=1.9), profiled(dram=14.2)
    short = (SHORT, "", "memory-bound, DRAM 1.9 % -> 14.2 % (> 60 %)")
    assert only(Check.BINDING_GOAL, higher, low, may_fall_short=True) == short
    assert only(Check.BINDING_GOAL, higher, low)[0] is FAILED
    assert only(Check.BINDING_GOAL, low, higher, may_fall_short=True)[0] is FAILED
    assert [stage.may_fall_short for stage in STAGES] == [True, True, False, False]


def test_occupancy_is_a_means():
    assert only(Check.OCCUPANCY_GOAL, profiled(warps=88.9))[:2] == (PASSED, "")
    assert only(Check.OCCUPANCY_GOAL, profiled(warps=25.0, dram=30.0), profiled(warps=12.0))[0] is SHORT
    assert only(Check.OCCUPANCY_GOAL, profiled(warps=12.0, dram=30.0), profiled(warps=25.0)) == (
        FAILED,
        "",
        "25.0 % -> 12.0 % (> 50 %)",
    )
    assert only(Check.OCCUPANCY_GOAL, profiled(warps=25.0, dram=92.0), profiled(warps=60.0)) == (
        SHOWN,
        "",
        "60.0 % -> 25.0 % (> 50 %); DRAM is at 92.0 % all the same",
    )


def test_stalls_are_a_means():
    assert only(Check.STALLS_GOAL, profiled(stalls=12.0)) == (PASSED, "", "12.0 % (< 20 %)")
    assert only(Check.STALLS_GOAL, profiled(stalls=70.0, dram=92.0))[0] is SHOWN
    assert only(Check.STALLS_GOAL, profiled(stalls=70.0, dram=30.0)) == (FAILED, "", "70.0 % (< 20 %)")


def test_counted_grids_are_shown_else_captured_ones():
    assert only(Check.GRID_SHOWN, profiled(grid=4096)) == (SHOWN, "", "4096")
    captured = evidence(KERNEL, launch(BLOCK=128, times=8))
    assert only(Check.GRID_SHOWN, captured) == (SHOWN, "", "8 x 64 (captured, not counted)")


def timed(seed_ms, other_ms=1.0, **fields):
    results = [
        fake_result(latency_ms=seed_ms, **fields),
        fake_result(workload="last_dim", latency_ms=other_ms),
    ]
    return evidence(KERNEL, launch(BLOCK=128), results=results)


def test_slower_beyond_the_interval_fails():
    assert only(Check.NOT_SLOWER, timed(2.0), timed(3.0)) == (
        PASSED,
        "",
        "seed 3.0000 -> 2.0000 ms, mean over 2 1.7321 -> 1.4142 ms",
    )
    assert only(Check.NOT_SLOWER, timed(2.005), timed(2.0))[0] is PASSED  # the intervals are +-0.01 ms
    assert check(Check.NOT_SLOWER, timed(2.1), timed(2.0)) == [
        (FAILED, "seed", "seed 2.0000 -> 2.1000 ms"),
        (FAILED, "all workloads", "mean over 2 workloads 1.4142 -> 1.4491 ms"),
    ]


def test_one_workload_may_lose_where_the_mean_gains():
    assert only(Check.NOT_SLOWER, timed(2.0, 1.2), timed(3.0, 1.0))[2].endswith("; slower on last_dim")
    assert check(Check.NOT_SLOWER, timed(2.0, 3.0), timed(3.0, 1.0))[0][1] == "all workloads"


def test_a_gain_below_one_percent_is_reverted():
    assert only(Check.WORTH_IT, timed(1.99), timed(2.0)) == (FAILED, "seed", "seed: 0.5% faster")
    assert only(Check.WORTH_IT, timed(1.9), timed(2.0)) == (PASSED, "", "seed: 5.0% faster")


def test_a_failed_result_fails_the_stage():
    wrong = fake_result(workload="many", status=Status.INCORRECT, reason="3 of 9 elements differ")
    mine = evidence(KERNEL, launch(BLOCK=128), results=[fake_result(), wrong])
    assert only(Check.CORRECT, mine) == (FAILED, "many", "incorrect: 3 of 9 elements differ")


def test_what_an_answer_breaks_is_known_before_it_runs():
    before = evidence(KERNEL, launch(BLOCK=128))
    now = evidence(KERNEL, launch(grid=(64, 4), BLOCK=96))
    found = before_running(GRID_STAGE, Case(now, before, before))
    assert [each.found for each in found] == [
        "BLOCK 128 -> 96",
        "the grid has 4 programs along axis 1, the kernel never asks for it",
    ]
    assert all(each.remedy for each in found)


def test_a_report_as_json():
    values = to_json(grade_stage(BLOCK, Case(profiled(warps=88.9), None, None)))
    assert (values["stage"], values["solution"]) == ("block", "mine")
    assert values["rules"][0] == {
        "part": "metric",
        "text": "sm__warps_active.avg.pct_of_peak_sustained_active (>50%)",
        "outcome": "passed",
        "found": [{"outcome": "passed", "found": "88.9 % (> 50 %)", "where": "", "remedy": ""}],
    }


def test_a_profile_over_several_kernels_weighs_by_time():
    slow = kernel_profile("a", 3.0, dram=90.0, stalls=80.0, grid=100)
    fast = kernel_profile("b", 1.0, launches=2, dram=10.0, stalls=40.0, grid=10)
    profile = fake_profile(slow, fast)
    assert profile.value(DRAM) == pytest.approx(70.0)
    assert profile.value(MEMORY_STALLS) == pytest.approx(70.0)
    assert profile.value(GRID) == 120
    assert profile.main is slow
    blind = fake_profile(slow, kernel_profile("b", 1.0, sm=None))
    assert blind.value(SM) is None
