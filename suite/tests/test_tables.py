from pathlib import Path

import pytest

from suite.finding import Finding
from suite.leaderboard import board
from suite.problem import find_problem
from suite.result import Correctness, Status
from suite.solution import Solution, find_solutions
from suite.tables import (
    Table,
    board_tables,
    check_table,
    findings_table,
    problems_table,
    solutions_table,
    workloads_table,
)
from suite.tests.fake_results import fake_result

WRONG = Solution("ada_x", Path("ada_x.py"), "submitted", "f" * 64, None, None)


def tables(results, workloads=("seed",)):
    return board_tables(board(results, results[0].device, workloads))


def column(table, header):
    at = table.headers.index(header)
    return [row[at] for row in table.rows]


def test_numbers_align_right():
    table = Table(("name", "count"), (("a", "1"),), frozenset({"count"}))
    assert table.alignment == ("left", "right")


def test_the_board_shows_latency_and_what_follows_from_it():
    # 9.6 GB take 2 ms at an H200's 4800 GB/s; an RTX 4090 has 1008 GB/s.
    results = [
        fake_result("final", latency_ms=2.5, half_width_ms=0.01),
        fake_result("baseline", latency_ms=5.0, half_width_ms=0.02),
    ]
    ((title, table),) = tables(results)
    assert title == "argmin on nvidia-h200: latency, GB/s and TFLOPS of seed, the rest means over seed"
    of_peak = next(header for header in table.headers if header.startswith("of "))
    assert "H200" in of_peak
    assert of_peak.endswith(" peak")
    assert column(table, "rank") == ["1", "2"]
    assert column(table, "solution") == ["final", "baseline"]
    assert column(table, "latency ms") == ["2.5000", "5.0000"]
    assert column(table, "+- ms") == ["0.0100", "0.0200"]
    assert column(table, of_peak) == ["80.0%", "40.0%"]
    assert column(table, "x RTX 4090 peak") == ["3.81", "1.90"]
    assert column(table, "GB/s") == ["3840", "1920"]
    assert column(table, "speedup") == ["1.60", "0.80"]
    assert column(table, "workloads") == ["1/1", "1/1"]
    assert {"rank", "latency ms", of_peak, "speedup"} <= table.right


def test_a_speedup_from_pairs_shows_half_the_width_of_its_interval():
    reference = tuple(3.0 + 0.2 * (index % 2) for index in range(30))
    ((_, table),) = tables([fake_result(samples_ms=(2.0,) * 30, reference_samples_ms=reference)])
    assert column(table, "speedup") == ["1.55 +-0.050"]


def test_columns_that_hold_nothing_are_left_out():
    ((_, table),) = tables([fake_result("final")])
    assert "class" not in table.headers
    assert "TFLOPS" not in table.headers
    assert "flags" not in table.headers


def test_a_compute_bound_board_shows_class_throughput_and_flags():
    result = fake_result("final", flops=68_719_476_736, precision="fp32", flags=("noisy",))
    ((_, table),) = tables([result])
    assert column(table, "class") == ["fp32"]
    assert column(table, "TFLOPS") == ["34.4"]
    assert column(table, "flags")[0].split()[0] == "noisy"


def test_failures_stand_in_a_table_of_their_own():
    results = [fake_result("final"), fake_result("ada_x", status=Status.TIMEOUT, reason="no answer")]
    (_, (title, table)) = tables(results)
    assert title == "failed"
    assert table.headers == ("solution", "stage", "status", "workload", "reason")
    assert table.rows == (("ada_x", "submitted", "timeout", "seed", "no answer"),)


def test_failures_alone():
    ((title, table),) = tables([fake_result("ada_x", status=Status.REJECTED, reason="rule")])
    assert (title, column(table, "status")) == ("failed", ["rejected"])


def test_a_card_without_a_datasheet_has_no_fractions():
    ((_, table),) = tables([fake_result("final", gpu="NVIDIA Titan Z")])
    assert not [header for header in table.headers if header.endswith("peak")]
    assert column(table, "GB/s") == ["4800"]


def test_correctness_alone():
    results = [
        fake_result(
            "bad",
            gpu=None,
            workload="check",
            status=Status.INCORRECT,
            reason="off by one",
            correctness=None,
            author=None,
        ),
        fake_result(
            "good", gpu=None, workload="check", latency_ms=None, correctness=Correctness(12, 3.21e-7, 4)
        ),
    ]
    table = check_table(results)
    assert table.headers == (
        "solution", "stage", "author", "status", "outputs checked", "hidden workloads",
        "largest error", "reason",
    )  # fmt: skip
    assert table.rows == (
        ("good", "submitted", "tritonpeak", "passed", "12", "4", "3.2e-07", ""),
        ("bad", "submitted", "", "incorrect", "", "", "", "off by one"),
    )
    assert table.alignment == ("left", "left", "left", "left", "right", "right", "right", "left")


def test_an_exact_problem_has_no_error_column():
    table = check_table([fake_result("good", gpu=None, workload="check", latency_ms=None)])
    assert table.headers == ("solution", "stage", "author", "status", "outputs checked")


@pytest.mark.parametrize("make", [check_table, problems_table, solutions_table, findings_table])
def test_nothing_to_show(make):
    assert make([]).rows == ()


def test_problems_workloads_and_solutions(tiny_root):
    problem = find_problem(tiny_root, "row_argmin")
    solutions = find_solutions(tiny_root, problem)
    assert problems_table([(problem, solutions)]) == Table(
        ("problem", "bench workloads", "check workloads", "solutions"),
        (("row_argmin", "1", "2", "tests_right"),),
        frozenset({"bench workloads", "check workloads"}),
    )
    assert workloads_table(problem).rows == (
        ("seed", "bench", "rows=65536, cols=4096"),
        ("small", "check", "rows=5, cols=37"),
        ("wide", "check", "rows=2, cols=129"),
    )
    table = solutions_table([*solutions, WRONG])
    assert table.headers == ("solution", "stage", "author", "idea", "sha256")
    assert table.rows[0][:4] == ("reference", "reference", "torch", "")
    assert table.rows[1][:4] == ("tests_right", "submitted", "tests", "one row a program")
    assert table.rows[1][4] == solutions[1].sha256[:12]
    assert table.rows[2] == ("ada_x", "submitted", "", "", "f" * 12)


def test_findings():
    findings = [Finding("python", "ok", "3.11.2"), Finding("disk", "warning", "1 GB free", "free some")]
    assert findings_table(findings) == Table(
        ("", "what", "found", "what to do"),
        (("ok", "python", "3.11.2", ""), ("warning", "disk", "1 GB free", "free some")),
    )
