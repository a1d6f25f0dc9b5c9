import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.leaderboard import board, latest, on_workload
from suite.result import Status
from suite.tests.fake_results import RTX_4090, fake_environment, fake_result, on_board

H200 = "nvidia-h200"
TWO = ("seed", "last_dim")


def ranks(standing):
    return [(row.rank, row.solution) for row in standing.rows]


def both(solution, seed_ms, last_dim_ms, **fields):
    return [
        fake_result(solution, "seed", seed_ms, **fields),
        fake_result(solution, "last_dim", last_dim_ms, **fields),
    ]


@given(
    latencies_ms=st.lists(st.floats(0.5, 50), min_size=1, max_size=6),
    half_width_ms=st.floats(1e-6, 0.4),
    order=st.randoms(),
)
def test_ranks_follow_the_fractions_whatever_the_order_of_the_results(latencies_ms, half_width_ms, order):
    results = [
        fake_result(f"s{place}", latency_ms=latency_ms, half_width_ms=half_width_ms)
        for place, latency_ms in enumerate(latencies_ms)
    ]
    standing = board(results, H200, ("seed",))
    order.shuffle(results)
    assert board(results, H200, ("seed",)).rows == standing.rows
    fractions = [row.fraction_of_peak for row in standing.rows]
    assert fractions == sorted(fractions, reverse=True)
    found = [row.rank for row in standing.rows]
    assert found[0] == 1
    for place, (before, rank) in enumerate(pairwise(found), start=2):
        leader = standing.rows[before - 1].fraction_of_peak_ci
        meets = standing.rows[place - 1].fraction_of_peak_ci[1] >= leader[0]
        assert rank == (before if meets else place)


@pytest.mark.parametrize("bytes_moved", [0, None])
def test_a_problem_that_counts_no_bytes_has_a_latency_and_no_fractions(bytes_moved):
    (row,) = board([fake_result(bytes_moved=bytes_moved)], H200, ("seed",)).rows
    assert (row.rank, row.latency_ms) == (1, 2.0)
    assert row.fraction_of_peak is row.fraction_of_rtx_4090_peak is row.achieved_gb_per_s is None


class TestLatest:
    def test_keeps_the_newest_of_each_workload(self):
        old = fake_result(latency_ms=3.0, created="2026-01-01T00:00:00+00:00")
        new = fake_result(latency_ms=2.0, created="2026-01-02T00:00:00+00:00")
        other = fake_result(workload="last_dim", created="2026-01-01T00:00:00+00:00")
        assert latest([new, old, other]) == [new, other]

    def test_of_two_in_one_second_the_later_line_is_newer(self):
        first, second = fake_result(run_id="1"), fake_result(run_id="2")
        assert latest([first, second]) == [second]

    def test_an_older_file_does_not_mix_with_a_newer_one(self):
        older = fake_result(workload="last_dim", sha256="a" * 64, created="2026-01-01T00:00:00+00:00")
        newer = fake_result(sha256="b" * 64, created="2026-01-02T00:00:00+00:00")
        assert latest([older, newer]) == [newer]

    def test_a_file_that_was_put_back_counts_again(self):
        """Version a, then b, then a: the newest file is a, and what a did at first still holds."""
        a_then = fake_result(workload="last_dim", sha256="a" * 64, created="2026-01-01T00:00:00+00:00")
        b = fake_result(sha256="b" * 64, created="2026-01-02T00:00:00+00:00")
        a_now = fake_result(sha256="a" * 64, created="2026-01-03T00:00:00+00:00")
        assert latest([a_then, b, a_now]) == [a_then, a_now]

    def test_devices_problems_and_solutions_stand_apart(self):
        results = [
            fake_result(),
            fake_result("block"),
            fake_result(problem="argmax"),
            fake_result(gpu=RTX_4090, sm_count=128),
        ]
        assert latest(results) == results


class TestNumbers:
    def test_one_solution_on_one_workload(self):
        (row,) = board([fake_result(latency_ms=2.5, half_width_ms=0.1)], H200, TWO).rows
        assert (row.rank, row.solution, row.author, row.stage) == (1, "final", "tritonpeak", "final")
        assert (row.latency_ms, row.latency_ci_ms) == (2.5, (2.4, 2.6))
        assert row.fraction_of_peak == pytest.approx(0.8)
        assert row.fraction_of_peak_ci == pytest.approx((2.0 / 2.6, 2.0 / 2.4))
        assert row.fraction_of_rtx_4090_peak == pytest.approx(9600 / 1008 / 2.5)
        assert row.achieved_gb_per_s == pytest.approx(3840)
        assert row.achieved_tflops is None
        assert row.speedup == pytest.approx(1.6)
        assert (row.n_workloads, row.complete, row.flags) == (1, True, ())

    def test_means_over_workloads_are_geometric(self):
        (row,) = board(both("final", 2.0, 8.0, half_width_ms=0.0), H200, TWO).rows
        assert row.fraction_of_peak == pytest.approx(0.5)
        assert row.geomean_latency_ms == pytest.approx(4.0)
        assert row.speedup == pytest.approx(1.0)
        assert row.latency_ms == 2.0
        assert [cell.fraction_of_peak for cell in row.cells] == pytest.approx([1.0, 0.25])
        assert [cell.speed_of_light_ms for cell in row.cells] == pytest.approx([2.0, 2.0])

    def test_intervals_combine_in_quadrature_over_workloads(self):
        results = [
            fake_result("final", name, 4.0, latency_ci_ms=(4 / math.exp(0.04), 4 * math.exp(0.04)))
            for name in TWO
        ]
        low, high = board(results, H200, TWO).rows[0].fraction_of_peak_ci
        assert math.log(high / 0.5) == pytest.approx(0.04 / math.sqrt(2))
        assert math.log(0.5 / low) == pytest.approx(0.04 / math.sqrt(2))

    def test_a_product_is_held_against_the_peak_of_its_class(self):
        fields = {"problem": "matmul_large_k", "bytes_moved": 1_074_003_968, "flops": 68_719_476_736}
        results = [
            fake_result("exact", latency_ms=2.0, precision="fp32", **fields),
            fake_result("fast", latency_ms=0.5, precision="tf32", **fields),
        ]
        exact, fast = board(results, H200, TWO).rows
        assert exact.fraction_of_peak == pytest.approx(1.025664 / 2.0, rel=1e-5)
        assert fast.fraction_of_peak == pytest.approx(0.2237508 / 0.5, rel=1e-5)
        assert exact.achieved_tflops == pytest.approx(34.359738)
        assert fast.fraction_of_rtx_4090_peak == pytest.approx(1.065480 / 0.5, rel=1e-5)

    def test_the_loosest_class_of_a_solution_is_its_class(self):
        fields = {"bytes_moved": 1_000_000, "flops": 10**12}
        results = [
            fake_result("final", "seed", 30.0, precision="fp32", **fields),
            fake_result("final", "last_dim", 30.0, precision="tf32", **fields),
        ]
        (row,) = board(results, H200, TWO).rows
        assert row.precision == "tf32"
        assert [cell.fraction_of_peak for cell in row.cells] == pytest.approx([1000 / 494.7 / 30] * 2)

    def test_without_seed_the_only_workload_is_shown_and_of_several_none(self):
        (row,) = board([fake_result(workload="last_dim")], H200, TWO).rows
        assert row.latency_ms == 2.0
        (row,) = board([fake_result(workload="a"), fake_result(workload="b")], H200, ("a", "b")).rows
        assert (row.latency_ms, row.achieved_gb_per_s, row.n_workloads) == (None, None, 2)

    def test_a_fraction_above_one_is_shown_and_flagged(self):
        (row,) = board([fake_result(latency_ms=1.0, flags=("noisy",))], H200, TWO).rows
        assert row.fraction_of_peak == pytest.approx(2.0)
        assert row.flags == ("noisy", "above-peak")

    def test_without_reference_there_is_no_speedup(self):
        results = [fake_result(), fake_result(workload="last_dim", reference_latency_ms=None)]
        assert board(results, H200, TWO).rows[0].speedup is None

    def test_speedup_is_the_ratio_of_samples_taken_in_turn(self):
        """The clock falls by half for the second half of the run: the medians mislead, the pairs do not."""
        clock = [1.0] * 16 + [2.0] * 24
        pairs = {
            "samples_ms": tuple(2.0 * level for level in clock),
            "reference_samples_ms": tuple((5.0 + 0.01 * (i % 3)) * level for i, level in enumerate(clock)),
        }
        (row,) = board([fake_result(reference_latency_ms=4.0, **pairs)], H200, TWO).rows
        assert row.speedup == pytest.approx(2.505)
        low, high = row.speedup_ci
        assert 2.5 <= low < 2.505 < high <= 2.51
        assert row.cells[0].speedup == pytest.approx(row.speedup)
        assert row.cells[0].speedup_ci == pytest.approx(row.speedup_ci)

    @pytest.mark.parametrize("count", [10, 15, 30, 39, 200])
    def test_ten_pairs_are_enough_for_an_interval(self, count):
        pairs = {"samples_ms": (2.0,) * count, "reference_samples_ms": (3.0,) * count}
        (row,) = board([fake_result(**pairs)], H200, TWO).rows
        assert (row.speedup, *row.speedup_ci) == pytest.approx((1.5, 1.5, 1.5))

    @pytest.mark.parametrize("reference", [(), (3.0,) * 9, (3.0,) * 31])
    def test_without_pairs_speedup_is_the_ratio_of_the_medians(self, reference):
        count = 9 if len(reference) == 9 else 30
        results = [fake_result(samples_ms=(2.0,) * count, reference_samples_ms=reference)]
        (row,) = board(results, H200, TWO).rows
        assert (row.speedup, row.speedup_ci) == (2.0, None)

    def test_a_mean_of_speedups_has_an_interval_where_each_has_one(self):
        with_pairs = {"samples_ms": (2.0,) * 30, "reference_samples_ms": (3.0,) * 30}
        results = [fake_result(**with_pairs), fake_result(workload="last_dim", **with_pairs)]
        assert board(results, H200, TWO).rows[0].speedup_ci == pytest.approx((1.5, 1.5))
        results[1] = fake_result(workload="last_dim")
        assert board(results, H200, TWO).rows[0].speedup_ci is None


class TestRanks:
    def test_ranks_by_fraction_and_shares_ranks_where_intervals_overlap(self):
        results = [
            fake_result("baseline", latency_ms=4.0),
            fake_result("block", latency_ms=2.51, half_width_ms=0.02),
            fake_result("final", latency_ms=2.5, half_width_ms=0.02),
            fake_result("reference", latency_ms=3.0),
        ]
        assert ranks(board(results, H200, TWO)) == [
            (1, "final"),
            (1, "block"),
            (3, "reference"),
            (4, "baseline"),
        ]

    def test_does_not_depend_on_the_order_of_results(self):
        results = [fake_result(name, latency_ms=2 + index) for index, name in enumerate("abcd")]
        assert board(results, H200, TWO) == board(results[::-1], H200, TWO)

    def test_each_precision_class_is_ranked_apart_tightest_first(self):
        results = [
            fake_result("c", latency_ms=3.0, precision="tf32"),
            fake_result("b", latency_ms=2.0, precision="tf32"),
            fake_result("a", latency_ms=4.0, precision="fp32"),
            fake_result("d", latency_ms=1.0, precision="bf16"),
        ]
        assert ranks(board(results, H200, TWO)) == [(1, "a"), (1, "b"), (2, "c"), (1, "d")]

    def test_a_row_with_fewer_workloads_is_listed_after_and_not_ranked(self):
        results = [*both("baseline", 8.0, 8.0), fake_result("final", latency_ms=2.0)]
        standing = board(results, H200, ("seed", "last_dim", "never_measured"))
        assert ranks(standing) == [(1, "baseline"), (None, "final")]
        assert [row.complete for row in standing.rows] == [True, False]
        assert standing.workloads == TWO

    def test_a_workload_that_left_the_problem_is_not_missed(self):
        results = [*both("baseline", 8.0, 8.0), fake_result("final", latency_ms=2.0)]
        assert ranks(board(results, H200, ("seed",))) == [(1, "final"), (2, "baseline")]


class TestFailures:
    @pytest.mark.parametrize(
        "status", [status for status in Status if status.value not in ("passed", "unsupported")]
    )
    def test_whoever_fails_a_workload_has_no_row(self, status):
        results = [
            fake_result(),
            fake_result(workload="last_dim", status=status, reason="why"),
            fake_result("block"),
        ]
        standing = board(results, H200, TWO)
        assert ranks(standing) == [(1, "block")]
        (failure,) = standing.failures
        assert (failure.solution, failure.status, failure.workload) == ("final", status, "last_dim")
        assert (failure.reason, failure.stage, failure.author) == ("why", "final", "tritonpeak")

    def test_whoever_fails_the_check_tier_has_no_row_however_fast(self):
        results = [fake_result(latency_ms=2.0), fake_result(workload="check", status=Status.INCORRECT)]
        standing = board(results, H200, TWO)
        assert standing.rows == ()
        assert [(failure.workload, failure.reason) for failure in standing.failures] == [
            ("check", "output 0 differs")
        ]

    def test_unsupported_says_nothing_about_the_solution(self):
        results = [
            *both("baseline", 8.0, 8.0),
            fake_result(),
            fake_result(workload="last_dim", status=Status.UNSUPPORTED, reason="needs sm_90"),
        ]
        standing = board(results, H200, TWO)
        assert ranks(standing) == [(1, "baseline"), (None, "final")]
        assert [failure.status for failure in standing.failures] == [Status.UNSUPPORTED]

    def test_a_mended_file_is_a_failure_no_more(self):
        results = [
            fake_result(workload="check", status=Status.INCORRECT, sha256="a" * 64),
            fake_result(sha256="b" * 64, created="2026-01-02T00:00:00+00:00"),
        ]
        standing = board(results, H200, TWO)
        assert ranks(standing) == [(1, "final")]
        assert standing.failures == ()

    def test_failures_come_by_solution_then_check_then_workload(self):
        results = [
            fake_result("b", "last_dim", status=Status.TIMEOUT),
            fake_result("b", "check", status=Status.INCORRECT),
            fake_result("a", "seed", status=Status.RUNTIME_ERROR),
        ]
        failures = board(results, H200, TWO).failures
        assert [(failure.solution, failure.workload) for failure in failures] == [
            ("a", "seed"),
            ("b", "check"),
            ("b", "last_dim"),
        ]


class TestDevices:
    def test_on_a_cpu_rows_are_passed_and_nothing_more(self):
        results = [
            fake_result("final", "check", None, gpu=None),
            fake_result("block", "check", gpu=None, status=Status.INCORRECT, latency_ms=None),
        ]
        standing = board(results, "cpu", TWO)
        (row,) = standing.rows
        assert (row.rank, row.solution, row.complete, row.n_workloads) == (None, "final", False, 0)
        assert (row.latency_ms, row.fraction_of_peak, row.speedup, row.geomean_latency_ms) == (None,) * 4
        assert [failure.solution for failure in standing.failures] == ["block"]
        assert standing.workloads == ()
        assert standing.notes == ("No timed results: correctness only.",)

    def test_an_unknown_card_has_no_fractions_and_is_ranked_by_latency(self):
        card = {"gpu": "NVIDIA L40", "sm_count": 142}
        results = [
            *both("baseline", 8.0, 2.0, **card),
            *both("final", 2.0, 4.0, **card),
        ]
        standing = board(results, "nvidia-l40", TWO)
        assert ranks(standing) == [(1, "final"), (2, "baseline")]
        row = standing.rows[0]
        assert (row.fraction_of_peak, row.fraction_of_rtx_4090_peak, row.fraction_of_peak_ci) == (None,) * 3
        assert row.geomean_latency_ms == pytest.approx(math.sqrt(8))
        assert row.achieved_gb_per_s == pytest.approx(4800)
        assert standing.gpu is None
        assert standing.notes == (
            "No datasheet peaks for NVIDIA L40 (142 SMs): fractions are unknown, rows are ranked by latency.",
        )

    def test_a_slice_of_a_known_card_has_no_fractions(self):
        standing = board([fake_result(sm_count=16)], H200, TWO)
        assert standing.rows[0].fraction_of_peak is None
        assert standing.notes == (
            "No datasheet peaks for NVIDIA H200 (16 SMs): fractions are unknown, rows are ranked by latency.",
        )

    def test_rows_of_several_boards_are_named_and_said(self):
        """Among the rows is one timed on two of them, and one that was recorded before boards were."""
        results = [
            *both("final", 2.0, 4.0, environment=on_board("a" * 8)),
            fake_result("mine", "seed", 3.0, environment=on_board("a" * 8), flags=("noisy",)),
            fake_result("mine", "last_dim", 3.0, environment=on_board("b" * 8)),
            *both("old", 4.0, 4.0),
        ]
        standing = board(results, H200, TWO)
        assert {row.solution: row.flags for row in standing.rows} == {
            "final": ("board-aaaaaaaa",),
            "mine": ("noisy", "board-aaaaaaaa", "board-bbbbbbbb"),
            "old": ("board-unknown",),
        }
        assert standing.notes == (
            "Timed on several boards of this card (aaaaaaaa, bbbbbbbb, unknown), which may differ by a few "
            "per cent: a smaller lead over a row of another board may be the board's. Flags name each row's; "
            "`bench compare` times two solutions on one.",
        )

    @pytest.mark.parametrize("names", [("a" * 8, "a" * 8), (None, None)])
    def test_rows_of_one_board_need_no_names(self, names):
        results = [
            fake_result(f"s{place}", environment=on_board(name) if name else fake_environment())
            for place, name in enumerate(names)
        ]
        standing = board(results, H200, TWO)
        assert [row.flags for row in standing.rows] == [(), ()]
        assert standing.notes == ()

    def test_on_an_rtx_4090_both_fractions_agree(self):
        (row,) = board(
            [fake_result(latency_ms=12.0, gpu=RTX_4090, sm_count=128)], "nvidia-geforce-rtx-4090", TWO
        ).rows
        assert row.fraction_of_peak == row.fraction_of_rtx_4090_peak == pytest.approx(0.793651, rel=1e-5)

    def test_knows_the_card_and_the_newest_environment(self):
        results = [fake_result(), fake_result("block", created="2026-03-01T00:00:00+00:00")]
        standing = board(results, H200, TWO)
        assert (standing.gpu.slug, standing.newest) == ("h200", "2026-03-01T00:00:00+00:00")
        assert standing.environment == results[1].environment

    def test_needs_results_of_one_problem(self):
        with pytest.raises(ValueError, match=r"^a board needs results of one problem on 'cpu', got none$"):
            board([fake_result()], "cpu", TWO)
        with pytest.raises(
            ValueError, match=r"^a board needs results of one problem on 'nvidia-h200', got argmax, argmin$"
        ):
            board([fake_result(), fake_result(problem="argmax")], H200, TWO)


class TestOneWorkload:
    def test_rows_are_ranked_by_what_they_do_on_it_alone(self):
        standing = board([*both("a", 2.0, 8.0), *both("b", 4.0, 2.0)], H200, TWO)
        assert ranks(standing) == [(1, "b"), (2, "a")]
        seed = on_workload(standing, "seed")
        assert (ranks(seed), seed.workloads) == ([(1, "a"), (2, "b")], ("seed",))
        assert [row.fraction_of_peak for row in seed.rows] == [1.0, 0.5]
        assert [row.latency_ms for row in on_workload(standing, "last_dim").rows] == [2.0, 8.0]

    def test_a_row_without_it_is_left_out_and_one_with_it_alone_is_ranked(self):
        standing = board([fake_result("a", "last_dim"), fake_result("b", "seed")], H200, TWO)
        assert [(row.rank, row.complete) for row in standing.rows] == [(None, False), (None, False)]
        assert ranks(on_workload(standing, "seed")) == [(1, "b")]

    def test_a_class_stays_that_of_all_workloads(self):
        fields = {"bytes_moved": 10**9, "flops": 10**12}
        results = [
            fake_result("a", "seed", 20.0, precision="fp32", **fields),
            fake_result("a", "last_dim", 20.0, precision="tf32", **fields),
        ]
        (row,) = on_workload(board(results, H200, TWO), "seed").rows
        assert row.precision == "tf32"
