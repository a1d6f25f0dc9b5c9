"""The stage ladder: from the baseline to the final solution, and what each step gained."""

from __future__ import annotations

from typing import Any

from suite.leaderboard import Board
from suite.report.figures.style import MEASURED, Figure, axis, layout, look, names_axis
from suite.report.names import GRADED
from suite.report.records import speedup_over
from suite.report.text import factor, fraction, interval, label, rounded, shown, significant
from suite.rows import Row
from suite.tables import Table


def ladder_figure(board: Board) -> Figure | None:
    """None with fewer than two graded solutions, or without fractions."""
    rungs = ladder(board)
    if len(rungs) < 2 or any(row.fraction_of_peak is None for row, _, _ in rungs):
        return None
    rows = [row for row, _, _ in rungs]
    longest = max(1.0, *(row.fraction_of_peak or 0 for row in rows))
    traces: list[dict[str, Any]] = [
        {
            "type": "bar",
            "orientation": "h",
            "name": "fraction of peak",
            "x": [rounded(row.fraction_of_peak) for row in rows],
            "y": [str(place) for place in range(len(rows))],
            "marker": {"color": [look(row.stage)["color"] for row in rows]},
            "text": [_bar_text(row, gain) for row, _, gain in rungs],
            "textposition": "none",
            "hovertemplate": "%{text}<extra></extra>",
        },
        {
            # In a column beyond the longest bar, where no mark meets it.
            "type": "scatter",
            "mode": "text",
            "x": [longest + 0.03] * len(rows),
            "y": [str(place) for place in range(len(rows))],
            "text": [_bar_text(row, gain) for row, _, gain in rungs],
            "textposition": "middle right",
            "cliponaxis": False,
            "hoverinfo": "skip",
        },
    ]
    marks = [
        (place, row.fraction_of_peak / row.fraction_of_measured_roof)
        for place, row in enumerate(rows)
        if row.fraction_of_peak and row.fraction_of_measured_roof
    ]
    if marks:
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": "measured roof",
                "x": [rounded(x) for _, x in marks],
                "y": [str(place) for place, _ in marks],
                "marker": {"symbol": "line-ns-open", "size": 28, "line": {"width": 3}, "color": MEASURED},
                "hovertemplate": "measured roof: %{x:.3f} of the datasheet's peak<extra></extra>",
            }
        )
    return Figure(
        key="ladder",
        title="Stage by stage",
        summary=_summary(board, rungs),
        traces=tuple(traces),
        layout=layout(
            120 + 46 * len(rows),
            showlegend=False,
            bargap=0.35,
            xaxis=axis(
                "fraction of peak", range=[0, longest * 1.35], tickvals=[place / 5 for place in range(6)]
            ),
            yaxis={**names_axis([_name(row, rows) for row in rows]), "showgrid": False},
        ),
        table=_numbers(rungs),
    )


def ladder(board: Board) -> list[tuple[Row, Row | None, float | None]]:
    """The graded rows in the order of their stages, each with the one before it and the gain over that.

    The one before is of the same precision class where there is one.
    """
    found: list[tuple[Row, Row | None, float | None]] = []
    before: list[Row] = []
    for stage in GRADED:
        own = [row for row in board.rows if row.stage == stage and row.cells]
        for row in own:
            alike = [other for other in before if other.precision == row.precision] or before
            previous = alike[0] if alike else None
            found.append((row, previous, speedup_over(previous, row) if previous else None))
        before = own or before
    return found


def _name(row: Row, rows: list[Row]) -> str:
    """The stage, or the file's own name where a stage has several."""
    return row.stage if [other.stage for other in rows].count(row.stage) == 1 else row.solution


def _bar_text(row: Row, gain: float | None) -> str:
    gained = f" · {factor(gain)}" if gain is not None else ""
    of_class = f" · {label(row.precision)}" if row.precision else ""
    return f"{fraction(row.fraction_of_peak)}{of_class}{gained}"


def _numbers(rungs: list[tuple[Row, Row | None, float | None]]) -> Table:
    headers = ("stage", "solution", "class", "mean latency, ms", "fraction of peak", "95 % interval",
               "against", "gain")  # fmt: skip
    rows = tuple(
        (
            row.stage,
            shown(row.solution),
            row.precision or "exact",
            significant(row.geomean_latency_ms),
            fraction(row.fraction_of_peak),
            interval(row.fraction_of_peak_ci, 3),
            shown(previous.solution) if previous else "",
            factor(gain),
        )
        for row, previous, gain in rungs
    )
    return Table(headers, rows, frozenset((*headers[3:6], "gain")))


def _summary(board: Board, rungs: list[tuple[Row, Row | None, float | None]]) -> str:
    rows = [row for row, _, _ in rungs]
    first, last = rows[0], rows[-1]
    whole = speedup_over(first, last)
    steps = [f"{_name(row, rows)} {factor(gain)}" for row, _, gain in rungs if gain is not None]
    over = (
        f"geometric mean over {len(board.workloads)} workloads"
        if len(board.workloads) > 1
        else "one workload"
    )
    total = (
        f"{_name(last, rows)} is {factor(whole)} as fast as {first.stage}" if whole else "Each stage's gain"
    )
    return f"{total} ({over}): {', '.join(steps)}."
