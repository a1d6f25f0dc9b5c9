"""Figures as data: what is drawn where, and that Plotly's own schema takes it."""

import math

import plotly.graph_objects as go
import pytest

from suite.leaderboard import board
from suite.report.figures.best import history_figure
from suite.report.figures.heat import heat_figure
from suite.report.figures.latency import latency_figure
from suite.report.figures.roofline import roofline_figure
from suite.report.figures.stages import ladder_figure
from suite.report.figures.style import MOST_ROWS, STAGES, best, log_ticks
from suite.report.history import Step
from suite.tests.fake_results import fake_result
from suite.tests.fake_roofs import fake_roofs

H200 = "nvidia-h200"
TWO = ("seed", "last_dim")
HOSTILE = '<a href="javascript:alert(1)">x</a>'
FLOPS = {"bytes_moved": 10**9, "flops": 10**11}
WORK = dict.fromkeys(TWO, (10**9, 10**11))


def both(solution, seed_ms, last_dim_ms, **fields):
    return [
        fake_result(solution, "seed", seed_ms, **fields),
        fake_result(solution, "last_dim", last_dim_ms, **fields),
    ]


def exact():
    return board(
        [*both("final", 2.5, 2.5), *both("baseline", 8.0, 4.0), fake_result("mine")],
        H200,
        TWO,
        [fake_roofs()],
    )


def product(*roofs):
    results = [
        *both("reference", 4.0, 4.0, precision="fp32", **FLOPS),
        *both("baseline", 8.0, 8.0, precision="tf32", **FLOPS),
        *both("grid", 4.0, 4.0, precision="tf32", **FLOPS),
        *both("final", 1.0, 1.0, precision="tf32", **FLOPS),
    ]
    return board(results, H200, TWO, roofs)


def by_name(figure):
    return {trace.get("name"): trace for trace in figure.traces}


def drawn(figure):
    """The figure as Plotly takes it; a key that its schema does not know raises."""
    return go.Figure(data=list(figure.traces), layout=figure.layout)


STEPS = (
    Step("2026-01-01T00:00:00+00:00", "a", None, 0.3),
    Step("2026-01-02T00:00:00+00:00", HOSTILE, "tf32", 0.5),
)


@pytest.mark.parametrize(
    "figure",
    [
        roofline_figure(exact(), dict.fromkeys(TWO, (9600000000, 0))),
        roofline_figure(product(fake_roofs()), WORK),
        latency_figure(exact()),
        latency_figure(product()),
        ladder_figure(exact()),
        heat_figure(exact()),
        history_figure(exact(), STEPS),
    ],
    ids=lambda figure: figure.key,
)
def test_plotly_takes_every_figure_and_each_has_its_words_and_numbers(figure):
    assert len(drawn(figure).data) == len(figure.traces)
    assert figure.summary.endswith(".")
    assert "\n" not in figure.summary
    assert figure.table.rows
    assert {len(row) for row in figure.table.rows} == {len(figure.table.headers)}
    assert len(figure.row_keys) in (0, len(figure.table.rows))


class TestRoofline:
    def test_points_stand_at_their_intensity_and_rate(self):
        traces = by_name(roofline_figure(product(), WORK))
        assert traces["final"]["x"] == [100.0, 100.0]
        assert traces["final"]["y"] == [100.0, 100.0]  # 10^11 flops in 1 ms
        assert traces["final"]["customdata"] == ["r1", "r1"]

    def test_both_roofs_are_drawn_each_class_with_its_own(self):
        traces = by_name(roofline_figure(product(fake_roofs()), WORK))
        roofs = {name: trace for name, trace in traces.items() if name.endswith("roof")}
        assert list(roofs) == [
            "datasheet, fp32 roof", "measured, fp32 roof", "datasheet, tf32 roof", "measured, tf32 roof",
        ]  # fmt: skip
        sheet = roofs["datasheet, tf32 roof"]
        assert sheet["x"][1] == pytest.approx(494.7e3 / 4800, rel=1e-4)
        assert sheet["y"] == pytest.approx([sheet["x"][0] * 4.8, 494.7, 494.7], rel=1e-4)
        assert roofs["measured, tf32 roof"]["y"][-1] == pytest.approx(400)

    def test_an_exact_problem_shows_the_memory_side_alone(self):
        figure = roofline_figure(exact(), dict.fromkeys(TWO, (9600000000, 0)))
        traces = by_name(figure)
        assert traces["datasheet roof"]["y"] == [4800, 4800]
        assert traces["measured roof"]["y"] == [4500, 4500]
        assert (traces["final"]["x"], traces["final"]["y"]) == ([9.6, 9.6], [3840.0, 3840.0])
        assert figure.summary == (
            "Nearest to its roof is mine on seed: 4800 GB/s of the datasheet's 4800 GB/s, 1.000 of the "
            "datasheet's roof and 1.067 of the measured roof. The task has no arithmetic to speak of, so "
            "this is the memory side alone."
        )

    def test_without_a_datasheet_or_a_byte_count_there_is_none(self):
        unknown = board(both("a", 2.0, 2.0, gpu="NVIDIA L40", sm_count=142), "nvidia-l40", TWO)
        assert roofline_figure(unknown, WORK) is None
        assert roofline_figure(exact(), {}) is None


class TestLatency:
    def test_every_workload_of_every_solution_is_a_point_with_its_interval(self):
        traces = by_name(latency_figure(exact()))
        final = traces["final"]
        assert (final["x"], final["y"]) == ([2.5, 2.5], ["0", "1"])
        assert final["error_x"]["array"] == pytest.approx([0.01, 0.01])
        assert traces["speed of light"]["x"] == [2.0, 2.0]
        assert traces["submitted"]["customdata"] == ["r2"]

    def test_its_sentence_names_the_nearest_and_what_is_left(self):
        assert latency_figure(exact()).summary == (
            "On seed the speed of light is 2.000 ms and mine is nearest to it with 2.000 ms; the most is "
            "left to gain on last_dim, where the best reaches 0.800."
        )

    def test_numbers_are_the_fastest_first_workload_by_workload(self):
        figure = latency_figure(exact())
        assert [row[:3] for row in figure.table.rows] == [
            ("seed", "mine", "2.000"),
            ("seed", "final", "2.500"),
            ("seed", "baseline", "8.000"),
            ("last_dim", "final", "2.500"),
            ("last_dim", "baseline", "4.000"),
        ]
        assert figure.row_keys == ("r2", "r0", "r1", "r0", "r1")

    def test_an_unknown_card_has_latencies_and_no_speed_of_light(self):
        unknown = board(both("a", 2.0, 3.0, gpu="NVIDIA L40", sm_count=142), "nvidia-l40", TWO)
        figure = latency_figure(unknown)
        assert [trace["name"] for trace in figure.traces] == ["submitted"]
        assert figure.summary == "On seed a is the fastest: 2.000 ms."


class TestLadder:
    def test_what_each_stage_gained(self):
        figure = ladder_figure(product(fake_roofs()))
        bars, texts, roof = figure.traces
        assert bars["x"] == pytest.approx([0.026, 0.0521, 0.2083], rel=1e-2)
        assert texts["text"] == ["0.026 · tf32", "0.052 · tf32 · 2.00x", "0.208 · tf32 · 4.00x"]
        assert roof["name"] == "measured roof"
        assert figure.summary == (
            "final is 8.00x as fast as baseline (geometric mean over 2 workloads): grid 2.00x, final 4.00x."
        )
        assert [row[6:] for row in figure.table.rows] == [("", "-"), ("baseline", "2.00x"), ("grid", "4.00x")]

    def test_two_files_of_a_stage_are_held_against_their_own_class(self):
        results = [
            *both("base32", 8.0, 8.0, stage="baseline", precision="fp32", **FLOPS),
            *both("base19", 4.0, 4.0, stage="baseline", precision="tf32", **FLOPS),
            *both("final32", 4.0, 4.0, stage="final", precision="fp32", **FLOPS),
            *both("final19", 1.0, 1.0, stage="final", precision="tf32", **FLOPS),
        ]
        figure = ladder_figure(board(results, H200, TWO))
        assert figure.layout["yaxis"]["ticktext"] == ["base32", "base19", "final32", "final19"]
        assert [row[6:] for row in figure.table.rows][2:] == [("base32", "2.00x"), ("base19", "4.00x")]
        assert figure.summary.endswith("): final32 2.00x, final19 4.00x.")

    def test_one_stage_is_no_ladder(self):
        assert ladder_figure(board(both("final", 2.0, 2.0), H200, TWO)) is None


class TestHeat:
    def test_cells_are_fractions_and_holes_stay_empty(self):
        (heat,) = heat_figure(exact()).traces
        assert heat["z"] == [[0.8, 0.8], [0.25, 0.5], [1.0, None]]
        assert heat["text"][2] == ["1.000", ""]
        assert heat["ids"] == ["r0", "r1", "r2"]

    def test_its_sentence_is_about_evenness(self):
        assert (
            heat_figure(exact()).summary == "The most even is final, from 0.800 on last_dim to 0.800 on seed."
        )

    def test_one_workload_needs_none(self):
        assert heat_figure(board(both("final", 2.0, 2.0), H200, ("seed",))) is None


def test_the_history_is_a_staircase_that_lasts_to_the_newest_result():
    figure = history_figure(exact(), STEPS[:1])
    (line,) = figure.traces
    assert line["x"] == ["2026-01-01T00:00:00", "2026-01-01T00:00:00"]
    assert line["y"] == [0.3, 0.3]
    assert line["line"]["shape"] == "hv"
    assert history_figure(exact(), ()) is None


def test_a_hostile_name_is_text_wherever_plotly_reads_tags():
    results = [*both(HOSTILE, 2.5, 2.5, stage="final"), *both("baseline", 8.0, 4.0)]
    standing = board(results, H200, TWO)
    steps = (Step("<b>2026-01-01", HOSTILE, None, 0.3),)
    work = dict.fromkeys(TWO, (9600000000, 0))
    figures = (
        roofline_figure(standing, work),
        latency_figure(standing),
        ladder_figure(standing),
        heat_figure(standing),
        history_figure(standing, steps),
    )
    for figure in figures:
        text = repr((figure.traces, figure.layout))
        assert "<a href" not in text, figure.key
        assert HOSTILE not in text, figure.key


def test_of_many_rows_the_best_are_drawn_and_the_fixed_stages_always():
    results = [r for number in range(50) for r in both(f"s{number:02}", 2.0 + number, 2.0 + number)]
    results += both("baseline", 90.0, 90.0)
    rows, which = best(board(results, H200, TWO).rows)
    assert len(rows) == MOST_ROWS
    assert [row.solution for row in rows][:2] == ["s00", "s01"]
    assert rows[-1].solution == "baseline"
    assert which == " Shown are 30 of 51 solutions."


def test_every_stage_has_a_colour_and_a_mark_of_its_own():
    assert len({colour for colour, _ in STAGES.values()}) == len({mark for _, mark in STAGES.values()}) == 6


def luminance(colour):
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("paper", ["#ffffff", "#12161a"])
def test_marks_stand_out_on_light_and_on_dark_paper(paper):
    for colour, _ in STAGES.values():
        light, dark = sorted((luminance(colour), luminance(paper)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 3, colour


def test_ticks_of_a_logarithmic_axis_are_round():
    assert log_ticks([0.5, 40]) == [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0]
    assert log_ticks([1, 5000]) == [1.0, 10.0, 100.0, 1000.0, 10000.0]
    assert all(math.isfinite(tick) for tick in log_ticks([2.0, 2.0]))
