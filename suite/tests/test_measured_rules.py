"""The rules of the stages that a profile or latencies decide."""

import pytest

from suite.analysis.facts import Work
from suite.counters import DRAM, GRID, MEMORY_STALLS, SM
from suite.result import Status
from suite.stages.evidence import Case
from suite.stages.report import grade_stage, to_json
from suite.stages.stage import BLOCK, STAGES, Check
from suite.tests.fake_evidence import evidence, fake_profile, kernel_profile, launch
from suite.tests.fake_results import fake_result
from suite.tests.stage_cases import COMPUTE, FAILED, KERNEL, PASSED, SHORT, SHOWN, check, only


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


@pytest.mark.parametrize(
    ("latency_ms", "found"),
    [  # 68.7 GFLOP take an H200's CUDA cores 1.0257 ms
        (
            1.0,
            (PASSED, "", "compute-bound, SM 58.9 % (> 60 %); 102.6% of the peak of its class all the same"),
        ),
        (1.03, (FAILED, "", "compute-bound, SM 58.9 % (> 60 %)")),
    ],
)
def test_who_beats_the_roof_of_its_class_is_not_asked_how_busy_that_unit_is(latency_ms, found):
    work = Work(1_073_741_824, 68_719_476_736, ("fp32", "tf32"), ())
    result = fake_result(workload="seed", precision="fp32", latency_ms=latency_ms)
    profile = fake_profile(kernel_profile(sm=58.9))
    mine = evidence(KERNEL, launch(BLOCK=128), profile=profile, work=work, results=[result])
    assert only(Check.BINDING_GOAL, mine) == found
    elsewhere = fake_result(workload="wide", precision="fp32", latency_ms=latency_ms)
    mine = evidence(KERNEL, launch(BLOCK=128), profile=profile, work=work, results=[elsewhere])
    assert only(Check.BINDING_GOAL, mine)[0] is FAILED


def test_an_exact_task_has_no_roof_of_a_class_though_its_operations_are_counted():
    work = Work(4_800_000_000, 1_200_000_000, (), ())
    profile = fake_profile(kernel_profile(dram=20.0))
    results = [fake_result(workload="seed", precision=None, latency_ms=2.0)]
    mine = evidence(KERNEL, launch(BLOCK=128), profile=profile, work=work, results=results)
    assert mine.fraction_of_peak == pytest.approx(0.5)
    assert only(Check.BINDING_GOAL, mine) == (FAILED, "", "memory-bound, DRAM 20.0 % (> 60 %)")


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
