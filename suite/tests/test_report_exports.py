"""CSV, JSON, badge, benchmark-action and Markdown: what other programs read."""

import csv
import io
import json

from suite.report import SiteProblem, exports
from suite.report.records import collect
from suite.result import Status
from suite.tests.fake_results import fake_result
from suite.tests.fake_roofs import fake_roofs
from suite.tests.fake_site import problem

HOSTILE = "@everyone [x](http://e.example) <img src=x> `|`\n| 1 | 2 |"


def both(solution, seed_ms, last_dim_ms, **fields):
    return [
        fake_result(solution, "seed", seed_ms, **fields),
        fake_result(solution, "last_dim", last_dim_ms, **fields),
    ]


def collected(*results, roofs=True, **fields):
    return collect(problem(**fields), list(results), {"nvidia-h200": [fake_roofs()]} if roofs else {})


def parsed(pages):
    return list(csv.DictReader(io.StringIO(exports.to_csv(exports.records(pages)))))


class TestCsv:
    def test_one_line_a_solution_and_workload_failures_among_them(self):
        pages = collected(
            *both("final", 2.5, 4.0), fake_result("bad", "check", status=Status.TIMEOUT, reason="slow")
        )
        rows = parsed(pages)
        assert [(row["solution"], row["workload"], row["status"], row["rank"]) for row in rows] == [
            ("final", "seed", "passed", "1"),
            ("final", "last_dim", "passed", "1"),
            ("bad", "check", "timeout", ""),
        ]
        assert (rows[0]["fraction_of_peak"], rows[0]["latency_low_ms"], rows[0]["origin"]) == (
            "0.8",
            "2.49",
            "graded",
        )
        assert rows[0]["fraction_of_measured_roof"].startswith("0.8533")
        assert rows[2]["reason"] == "slow"

    def test_no_cell_is_a_formula_to_a_spreadsheet(self):
        pages = collected(
            fake_result("=1+1", author="+cmd", status=Status.TIMEOUT, reason='@SUM(A1)\nx, "y"')
        )
        (row,) = parsed(pages)
        assert (row["solution"], row["author"], row["reason"]) == ("'=1+1", "'+cmd", '\'@SUM(A1)\nx, "y"')

    def test_a_name_of_100_kb_is_whole(self):
        (row,) = parsed(collected(fake_result("x" * 100_000)))
        assert row["solution"] == "x" * 100_000


def test_json_holds_the_records_and_what_the_device_was():
    pages = collected(*both("final", 2.5, 4.0, flags=("noisy",)))
    whole = json.loads(exports.dumped(exports.to_json(pages, exports.records(pages))))
    assert (whole["schema"], whole["problem"], len(whole["records"])) == (1, "argmin", 2)
    assert whole["devices"]["nvidia-h200"]["card"] == "NVIDIA H200 SXM"
    assert whole["devices"]["nvidia-h200"]["read_roof_gb_per_s"] == 4500
    assert list(whole["records"][0]) == list(exports.COLUMNS)
    assert whole["records"][0]["flags"] == ["noisy"]


class TestBadge:
    def test_the_best_solution_s_fraction(self):
        found = exports.badge(collected(*both("reference", 2.0, 2.0), *both("final", 2.5, 2.5)))
        assert found == {
            "schemaVersion": 1,
            "label": "argmin",
            "message": "80.0% of NVIDIA H200 SXM peak",
            "color": "green",
        }

    def test_colours_go_down_with_the_fraction(self):
        colours = [exports.badge(collected(*both("a", ms, ms)))["color"] for ms in (2.1, 4.0, 20.0)]
        assert colours == ["brightgreen", "yellow", "orange"]

    def test_nothing_measured(self):
        assert exports.badge(collected())["message"] == "not measured"
        cpu = collected(fake_result("final", "check", None, gpu=None))
        assert exports.badge(cpu)["message"] == "not measured"


def test_github_action_benchmark_gets_a_latency_for_each_workload():
    found = exports.smaller_is_better([collected(*both("final", 2.5, 4.0))])
    assert found[0] == {
        "name": "argmin / final / seed (nvidia-h200)",
        "unit": "ms",
        "value": 2.5,
        "range": "± 0.01000",
        "extra": "fraction of peak: 0.800\nsha256: " + "0" * 64,
    }
    assert [entry["name"] for entry in found][1:] == ["argmin / final / last_dim (nvidia-h200)"]


class TestMarkdown:
    def test_a_ranking_and_the_failures_below(self):
        pages = collected(
            *both("final", 2.5, 2.5),
            *both("baseline", 8.0, 4.0),
            fake_result("bad", status=Status.TIMEOUT, reason="60 s"),
        )
        lines = exports.markdown(pages).splitlines()
        assert lines[0] == "## `argmin`"
        assert lines[2].startswith(
            "**NVIDIA H200 SXM** (driver 580.95.05, torch 2.11.0, Triton 3.6.0; newest result 2026"
        )
        assert lines[6:8] == [
            "| 1 | `final` | `tritonpeak` | exact | 2.500 | 0.800 | 0.853 | 3.81x | 1.60x |  |",
            "| 2 | `baseline` | `tritonpeak` | exact | 5.657 | 0.354 | 0.377 | 1.68x | 0.707x |  |",
        ]
        assert lines[-1] == "| `bad` | `seed` | timeout | `60 s` |"

    def test_a_stranger_s_text_is_code_and_stays_in_its_cell(self):
        pages = collected(
            fake_result(HOSTILE, author=HOSTILE), fake_result("bad", status=Status.TIMEOUT, reason=HOSTILE)
        )
        text = exports.markdown(pages)
        shown = "`@everyone [x](http://e.example) <img src=x> '\\|' \\| 1 \\| 2 \\|`"
        assert text.count(shown) == 3
        assert HOSTILE not in text

    def test_a_name_of_100_kb_is_cut_and_never_ends_in_half_an_escape(self):
        assert len(exports.markdown(collected(fake_result("|" * 100_000)))) < 1000
        assert "\\…" not in exports.markdown(collected(fake_result("x" * 78 + "|" * 10)))

    def test_only_one_device(self):
        pages = collected(fake_result(), fake_result("final", "check", None, gpu=None))
        assert "Passed, not timed: `final`." in exports.markdown(pages)
        assert "Passed" not in exports.markdown(pages, "nvidia-h200")
        assert exports.markdown(pages, "other") == "## `argmin`\n\nNo results.\n"


def test_printed_forms_of_one_problem_and_of_several():
    one, two = collected(fake_result()), collect(SiteProblem("argmax"), [], {})
    assert json.loads(exports.as_text([one], "json"))["problem"] == "argmin"
    assert [entry["label"] for entry in json.loads(exports.as_text([one, two], "badge"))] == [
        "argmin",
        "argmax",
    ]
    assert exports.as_text([one, two], "csv").count("\n") == 2
    assert exports.as_text([one, two], "markdown").count("## ") == 2
    assert len(json.loads(exports.as_text([one, two], "benchmark-action"))) == 1
