"""From results to the records of pages: boards, views, solutions, history, the card nobody measured."""

import pytest

from suite.gpus import RTX_4090
from suite.leaderboard import board
from suite.published import Published, PublishedFigure
from suite.report.card import reference_card
from suite.report.history import steps
from suite.report.method import evidence, timed
from suite.report.records import collect, speedup_over
from suite.report.summary import summarize
from suite.report.views import device_view, page_data, values_of
from suite.result import Audit, Status, Timing
from suite.tests import fake_results
from suite.tests.fake_results import fake_result
from suite.tests.fake_roofs import fake_roofs
from suite.tests.fake_site import problem

H200 = "nvidia-h200"
TWO = ("seed", "last_dim")


def both(solution, seed_ms, last_dim_ms, **fields):
    return [
        fake_result(solution, "seed", seed_ms, **fields),
        fake_result(solution, "last_dim", last_dim_ms, **fields),
    ]


def collected(results, roofs=None, **fields):
    return collect(problem(**fields), results, roofs or {})


class TestRecords:
    def test_devices_come_by_name_and_the_interpreter_last(self):
        results = [
            fake_result("final", "check", None, gpu=None),
            fake_result(),
            fake_result(gpu=fake_results.RTX_4090, sm_count=128, latency_ms=12.0),
        ]
        pages = collected(results)
        assert [device.name for device in pages.devices] == ["nvidia-geforce-rtx-4090", H200, "cpu"]
        assert [[device.name for device, _, _ in page.devices] for page in pages.solutions] == [
            ["nvidia-geforce-rtx-4090", H200, "cpu"]
        ]

    def test_a_solution_s_results_come_check_first_then_in_the_problem_s_order(self):
        results = [fake_result(workload=name) for name in ("last_dim", "seed", "older_name")]
        pages = collected([*results, fake_result(workload="check", latency_ms=None)])
        (page,) = pages.solutions
        assert [result.workload for _, _, own in page.devices for result in own] == [
            "check", "seed", "last_dim", "older_name",
        ]  # fmt: skip

    def test_a_failed_solution_has_a_page_and_no_row(self):
        (page,) = collected([fake_result("bad", status=Status.INCORRECT)]).solutions
        assert [row for _, row, _ in page.devices] == [None]

    def test_work_and_classes_come_from_what_was_timed(self):
        fields = {"bytes_moved": 10**9, "flops": 10**12}
        pages = collected(
            [
                fake_result("fast", precision="tf32", **fields),
                fake_result("exact", precision="fp32", **fields),
                fake_result("bad", "last_dim", status=Status.INCORRECT, precision="bf16", **fields),
            ]
        )
        assert pages.work == {"seed": (10**9, 10**12)}
        assert pages.classes == ("fp32", "tf32")

    def test_speedup_over_another_row_is_a_mean_over_shared_workloads(self):
        results = [*both("slow", 8.0, 2.0), *both("quick", 2.0, 2.0), fake_result("half", latency_ms=1.0)]
        rows = {row.solution: row for row in board(results, H200, TWO).rows}
        assert speedup_over(rows["slow"], rows["quick"]) == pytest.approx(2.0)
        assert speedup_over(rows["slow"], rows["half"]) == pytest.approx(8.0)
        assert speedup_over(rows["half"], rows["slow"]) is None


class TestViews:
    def test_the_values_of_a_row(self):
        results = both("final", 2.5, 2.5)
        roofs = {H200: [fake_roofs()]}
        (row,) = collected(results, roofs).devices[0].board.rows
        # Half an interval of 0.01 on each of two workloads: 0.01 / sqrt(2) on their mean.
        *known, low, high = values_of(row, [])
        assert known == pytest.approx(
            [1, 2.5, 2.4929, 2.5071, 0.8, 4500 / 4800, 0.85333, 3.8095, 1.6], rel=1e-4
        )
        assert (low, high) == (None, None)

    def test_each_workload_has_its_own_ranks_and_numbers(self):
        pages = collected([*both("a", 2.0, 8.0), *both("b", 4.0, 2.0)])
        data = page_data(device_view(pages, pages.devices[0], ()))
        ranks = {
            view: {key: values[0] for key, values in rows.items()} for view, rows in data["views"].items()
        }
        assert ranks == {
            "": {"r0": 1, "r1": 2},
            "seed": {"r1": 1, "r0": 2},
            "last_dim": {"r0": 1, "r1": 2},
        }
        # The defect of the first page: a latency of one workload beside means of all of them.
        assert data["views"][""]["r1"][1] == 4.0
        assert data["views"]["seed"]["r1"][1] == 2.0
        assert data["views"]["last_dim"]["r1"][8] == 0.5

    def test_other_references_become_speedups_of_their_own(self):
        results = [
            *both("reference", 4.0, 4.0),
            *both("torch_compile", 2.0, 8.0, stage="reference"),
            *both("final", 1.0, 4.0),
        ]
        pages = collected(results)
        device = pages.devices[0]
        assert device.others == ("torch_compile",)
        view = device_view(pages, device, ())
        assert {entry.row.solution: entry.values[11] for entry in view.rows} == {
            "final": 2.0, "reference": 1.0, "torch_compile": 1.0,
        }  # fmt: skip
        assert page_data(view)["views"]["seed"]["r0"][11] == 2.0

    def test_a_table_of_thousands_is_cut_and_counted(self):
        results = [fake_result(f"s{number}", latency_ms=2.0 + number) for number in range(700)]
        results += [fake_result(f"f{number}", status=Status.TIMEOUT) for number in range(600)]
        pages = collected(results)
        view = device_view(pages, pages.devices[0], ())
        assert (len(view.rows), view.n_rows, len(view.failures), view.n_failures) == (500, 700, 500, 600)
        assert [len(rows) for rows in page_data(view)["views"].values()] == [500, 500]
        assert len(view.figures) == 2
        assert view.figures[0].summary.endswith(" Shown are the first 500 of 700 solutions.")
        assert view.figures[1].summary.endswith(" Shown are 30 of 700 solutions.")

    def test_more_devices_and_workloads_have_shorter_tables_each(self):
        workloads = tuple(f"w{number}" for number in range(10))
        results = [
            fake_result(f"s{number:03}", name, 4.0 + number, gpu=gpu)
            for gpu in (fake_results.H200, "NVIDIA H100 80GB HBM3")
            for number in range(260)
            for name in workloads
        ]
        pages = collected(results, bench_workloads=workloads)
        assert [len(device_view(pages, device, ()).rows) for device in pages.devices] == [250, 250]


def at(second, solution, seed_ms, last_dim_ms, **fields):
    return both(solution, seed_ms, last_dim_ms, created=f"2026-01-01T00:00:{second:02}+00:00", **fields)


class TestHistory:
    def stood(self, results):
        return [
            (step.solution, round(step.fraction_of_peak, 3))
            for step in steps(results, board(results, H200, TWO))
        ]

    def test_each_improvement_is_a_step(self):
        results = [*at(3, "c", 4.0, 4.0), *at(1, "a", 8.0, 8.0), *at(2, "b", 9.0, 9.0), *at(4, "a", 2.0, 8.0)]
        assert self.stood(results) == [("a", 0.25), ("c", 0.5)]

    def test_older_files_of_a_solution_count(self):
        results = [*at(1, "a", 4.0, 4.0, sha256="1" * 64), *at(2, "a", 2.0, 2.0, sha256="2" * 64)]
        assert self.stood(results) == [("a", 0.5), ("a", 1.0)]

    def test_incomplete_failed_and_reference_rows_set_no_record(self):
        results = [
            *at(1, "reference", 2.0, 2.0),
            at(2, "half", 2.0, 2.0)[0],
            fake_result("bad", status=Status.INCORRECT, created="2026-01-01T00:00:03+00:00"),
            *at(4, "bad", 2.0, 2.0),
            *at(5, "good", 4.0, 4.0),
        ]
        assert self.stood(results) == [("good", 0.5)]

    def test_classes_stand_apart(self):
        fields = {"bytes_moved": 10**9, "flops": 10**12}
        results = [*at(1, "fast", 5.0, 5.0, precision="tf32", **fields),
                   *at(2, "exact", 20.0, 20.0, precision="fp32", **fields)]  # fmt: skip
        found = steps(results, board(results, H200, TWO))
        assert [(step.precision, step.solution) for step in found] == [("tf32", "fast"), ("fp32", "exact")]

    def test_without_a_datasheet_there_is_none(self):
        results = both("a", 2.0, 2.0, gpu="NVIDIA L40", sm_count=142)
        assert steps(results, board(results, "nvidia-l40", TWO)) == ()


PUBLISHED = Published(
    "rtx-4090", "seed", "somebody, 2025", "a loop",
    (PublishedFigure("torch eager", 20.0), PublishedFigure("candidate", 10.0)),
)  # fmt: skip


class TestReferenceCard:
    def test_it_shows_the_datasheet_and_what_others_published(self):
        view = reference_card(None, collected([fake_result(bytes_moved=1008 * 10**6)], published=PUBLISHED))
        (light,) = view.lights
        assert (light.workload, light.speed_of_light_ms, light.bound, light.precision) == (
            "seed",
            1.0,
            "memory",
            None,
        )
        assert [(row.solution, row.fraction_of_peak) for row in view.rows] == [
            ("candidate", 0.1),
            ("torch eager", 0.05),
        ]
        assert view.gpu is RTX_4090
        assert view.section is None

    def test_of_two_classes_the_shorter_speed_of_light_counts(self):
        fields = {"bytes_moved": 10**6, "flops": 826 * 10**9}
        results = [fake_result("a", precision="fp32", **fields), fake_result("b", precision="bf16", **fields)]
        view = reference_card(None, collected(results, published=PUBLISHED))
        assert [(light.precision, round(light.speed_of_light_ms, 3)) for light in view.lights] == [
            ("fp32", 10.0), ("bf16", 5.0),
        ]  # fmt: skip
        assert view.rows[0].fraction_of_peak == pytest.approx(0.5)

    def test_there_is_none_where_the_card_was_measured(self):
        results = [fake_result(gpu=fake_results.RTX_4090, sm_count=128, latency_ms=12.0)]
        assert reference_card(None, collected(results, published=PUBLISHED)) is None

    def test_there_is_none_where_nothing_is_known(self):
        assert reference_card(None, collected([])) is None

    def test_published_figures_alone_are_shown_without_fractions(self):
        view = reference_card(None, collected([], published=PUBLISHED))
        assert [(row.latency_ms, row.fraction_of_peak) for row in view.rows] == [(10.0, None), (20.0, None)]


def test_the_summary_for_the_index():
    results = [
        *both("final", 2.5, 2.5),
        *both("baseline", 8.0, 4.0),
        fake_result("bad", status=Status.TIMEOUT),
    ]
    pages = collected(results, {H200: [fake_roofs()]}, published=PUBLISHED)
    views = [device_view(pages, pages.devices[0], ())]
    summary = summarize(pages, views, reference_card(None, pages))
    panel, reference = summary.panels
    assert (panel.n_passed, panel.n_failed, panel.is_timed) == (2, 1, True)
    (leader,) = panel.leaders
    assert (leader.names, leader.fraction_of_peak, leader.roof) == (
        ("final",),
        0.8,
        pytest.approx(4500 / 4800),
    )
    assert [entry.name for entry in summary.entries] == ["bad", "baseline", "final"]
    assert (reference.is_timed, reference.facts) == (
        False,
        (
            ("speed of light, seed", "9.524 ms"),
            ("candidate, seed", "10.00 ms"),
            ("torch eager, seed", "20.00 ms"),
        ),
    )


class TestMethod:
    def test_figures_of_the_clock_come_from_the_results(self):
        timing = Timing("events", 0, 0.0012, 3)
        results = [fake_result(timing=timing, half_width_ms=0.002), fake_result("other", half_width_ms=0.02)]
        ((entry,), _) = evidence(None, {}, [timed(H200, results)])
        assert entry.facts == (
            ("empty event pair", "1.20 us", "median over 1 results; subtracted from every sample"),
            ("95 % interval of a median", "± 0.55%, at most ± 1.00%", "over 2 results"),
            ("samples taken again", "3 of 9", "because the card had lowered its clocks"),
        )

    def test_the_evidence_on_disk_is_read(self, tmp_path):
        from suite.result import to_json

        folder = tmp_path / "reports" / "clock" / H200
        folder.mkdir(parents=True)
        repeat = [fake_result(latency_ms=ms) for ms in (2.0, 2.002, 2.004)]
        (folder / "repeat.jsonl").write_text("".join(to_json(result) + "\n" for result in repeat))
        (folder / "same.jsonl").write_text('{"verdict": "SAME"}\n{"verdict": "FASTER"}\nnot JSON\n')
        (folder / "differ.jsonl").write_text('{"verdict": "SLOWER"}\n{"verdict": "UNDECIDED"}\n' * 2)
        audited = fake_result(latency_ms=0.02, half_width_ms=0.001, audit=Audit("ncu", 0.0202, 5))
        (folder / "audit.jsonl").write_text(to_json(audited) + "\n")
        ((entry,), (warning,)) = evidence(tmp_path, {H200: [fake_roofs()]}, [])
        assert [fact[:2] for fact in entry.facts] == [
            ("3 measurements of one kernel", "within 0.20%"),
            ("a kernel compared with itself", "1 of 2 SAME"),
            ("... with one that reads 2 % less", "2 of 4 SLOWER"),
            ("against a second clock", "1.0% apart (median), at most 1.0%"),
        ]
        assert entry.roofs_table.rows[0][:2] == ("read", "4500")
        assert warning.startswith(f"{folder / 'same.jsonl'}:3: skipped, ")

    def test_a_device_of_which_nothing_is_known_is_left_out(self):
        assert evidence(None, {}, [timed("cpu", [])]) == ([], [])
