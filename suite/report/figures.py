"""Plotly figures of a board, as HTML fragments that share one plotly.min.js.

Colours and symbols hold on light and on dark paper; the page's script sets text and grid to its own colours.
"""

from __future__ import annotations

import html
import math
from typing import Any

import plotly.graph_objects as go
import plotly.io
from markupsafe import Markup

from suite.leaderboard import Board
from suite.report.text import fraction, significant
from suite.rows import Row

CONFIG = {
    "displaylogo": False,
    # On by default in plotly.js 4: a button that uploads the figure to a server.
    "showSendToCloud": False,
    # The bar would cover the legend on a phone, and there is little to zoom into.
    "displayModeBar": False,
    "responsive": True,
}
# Told apart by lightness as well as by hue, each with at least 3:1 contrast on white and on near-black.
COLOURS = ("#3b82c4", "#c2620a", "#2a9d8f", "#b04a8f", "#8a7a1f", "#7b6fd0", "#c0504d", "#6b8e23")
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "x", "star", "hexagon")
ROOF_COLOURS = ("#d33f49", "#e08a2b", "#9467d1")
"""Of the speed of light, by precision class."""
MEASURED_COLOUR = "#5f8f3e"
"""Of the measured roof."""
_LONGEST_LABEL = 22


def fraction_figure(board: Board, div_id: str) -> Markup | None:
    """Fraction of peak of each solution, best first, with the speed of light at 1; None without fractions.

    A second mark on each bar's line shows where the card's measured roof stands for the row's workloads.
    """
    rows = [row for row in board.rows if row.fraction_of_peak is not None]
    if not rows:
        return None
    figure = go.Figure()
    classes = list(dict.fromkeys(row.precision for row in rows))
    for index, precision in enumerate(classes):
        peers = [row for row in rows if row.precision == precision]
        figure.add_trace(_fraction_bars(peers, COLOURS[index % len(COLOURS)], precision))
    measured = _measured_marks(rows)
    if measured is not None:
        figure.add_trace(measured)
    longest = max(1.0, *(row.fraction_of_peak or 0 for row in rows))
    has_legend = len(classes) > 1 or measured is not None
    figure.add_vline(x=1, line={"color": ROOF_COLOURS[0], "width": 2, "dash": "dash"})
    figure.add_annotation(
        x=1, y=1, yref="paper", yanchor="bottom", xanchor="right", text="speed of light", showarrow=False,
        font={"color": ROOF_COLOURS[0]},
    )  # fmt: skip
    figure.update_layout(
        **_layout(90 + 34 * len(rows) + 30 * has_legend),
        barmode="overlay",
        bargap=0.35,
        showlegend=has_legend,
        xaxis={"title": {"text": "fraction of peak"}, "range": [0, longest * 1.12], "zeroline": False},
        yaxis=_names_axis([row.solution for row in rows]),
    )
    return _fragment(figure, div_id)


def latency_figure(board: Board, div_id: str) -> Markup | None:
    """Latency of each solution on each workload against its speed of light; None if none was timed."""
    rows = [row for row in board.rows if row.cells]
    if not rows:
        return None
    figure = go.Figure()
    classes = list(dict.fromkeys(row.precision for row in rows))
    for index, precision in enumerate(classes):
        light = _speed_of_light([row for row in rows if row.precision == precision], precision, index)
        if light is not None:
            figure.add_trace(light)
    for index, row in enumerate(rows):
        figure.add_trace(_latency_marks(row, index))
    figure.update_layout(
        **_layout(150 + 44 * len(board.workloads) + 12 * len(rows)),
        xaxis={"title": {"text": "latency, ms (log scale)"}, "type": "log", "tickvals": _ticks(rows)},
        yaxis=_names_axis(list(board.workloads)),
    )
    return _fragment(figure, div_id)


def _fraction_bars(rows: list[Row], colour: str, precision: str | None) -> go.Bar:
    ends = [row.fraction_of_peak_ci or (0.0, 0.0) for row in rows]
    values = [row.fraction_of_peak or 0.0 for row in rows]
    return go.Bar(
        orientation="h",
        name=_label(precision or "all"),
        y=[_label(row.solution) for row in rows],
        x=values,
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [high - value for (_, high), value in zip(ends, values, strict=True)],
            "arrayminus": [value - low for (low, _), value in zip(ends, values, strict=True)],
            "color": "#888888",
        },
        marker={"color": colour, "pattern": {"shape": ["" if row.complete else "/" for row in rows]}},
        text=[_bar_label(row) for row in rows],
        # Beyond a long bar the label would meet the line at 1; on a hatched one it could not be read.
        textposition=["auto" if row.complete else "outside" for row in rows],
        insidetextanchor="end",
        insidetextfont={"color": "#ffffff"},
        textangle=0,
        cliponaxis=False,
        hovertemplate="%{y}: %{x:.3f}<extra></extra>",
    )


def _measured_marks(rows: list[Row]) -> go.Scatter | None:
    """Where each row would stand at the measured roof, as a fraction of the datasheet's peak."""
    places = [
        (row, row.fraction_of_peak / row.fraction_of_measured_roof)
        for row in rows
        if row.fraction_of_peak and row.fraction_of_measured_roof
    ]
    if not places:
        return None
    return go.Scatter(
        mode="markers",
        name="measured roof",
        x=[place for _, place in places],
        y=[_label(row.solution) for row, _ in places],
        marker={"symbol": "line-ns-open", "size": 24, "line": {"width": 3}, "color": MEASURED_COLOUR},
        hovertemplate="measured roof for %{y}: %{x:.3f}<extra></extra>",
    )


def _bar_label(row: Row) -> str:
    """Set off by spaces that HTML does not collapse, to clear the interval's end."""
    gap = "\N{NO-BREAK SPACE}" * 2
    return gap + fraction(row.fraction_of_peak) + ("" if row.complete else " (incomplete)") + gap


def _speed_of_light(rows: list[Row], precision: str | None, index: int) -> go.Scatter | None:
    lights = {
        cell.workload: cell.speed_of_light_ms
        for row in rows
        for cell in row.cells
        if cell.speed_of_light_ms is not None
    }
    if not lights:
        return None
    return go.Scatter(
        mode="markers",
        name=_label(f"speed of light ({precision})" if precision else "speed of light"),
        x=list(lights.values()),
        y=[_label(workload) for workload in lights],
        marker={"symbol": "line-ns-open", "size": 26, "line": {"width": 3}, "color": ROOF_COLOURS[index]},
        hovertemplate="speed of light on %{y}: %{x:.4g} ms<extra></extra>",
    )


def _latency_marks(row: Row, index: int) -> go.Scatter:
    return go.Scatter(
        mode="markers",
        name=_label(row.solution),
        x=[cell.latency_ms for cell in row.cells],
        y=[_label(cell.workload) for cell in row.cells],
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [cell.latency_ci_ms[1] - cell.latency_ms for cell in row.cells],
            "arrayminus": [cell.latency_ms - cell.latency_ci_ms[0] for cell in row.cells],
        },
        marker={"symbol": SYMBOLS[index % len(SYMBOLS)], "color": COLOURS[index % len(COLOURS)], "size": 11},
        customdata=[significant(cell.latency_ms) for cell in row.cells],
        hovertemplate="%{fullData.name} on %{y}: %{customdata} ms<extra></extra>",
    )


def _ticks(rows: list[Row]) -> list[float]:
    """Ticks 0.1, 0.2, 0.5, 1 ... or closer around the latencies: Plotly's own label 20 as a bare 2."""
    cells = [cell for row in rows for cell in row.cells]
    shown = [ms for cell in cells for ms in (cell.latency_ms, cell.speed_of_light_ms) if ms]
    digits = (1, 2, 5) if max(shown) > 5 * min(shown) else (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8)
    first, last = math.floor(math.log10(min(shown))), math.ceil(math.log10(max(shown)))
    return [float(f"{digit}e{power}") for power in range(first, last + 1) for digit in digits]


def _label(name: str) -> str:
    """A name as Plotly shows it: it reads tags, and takes `&lt;` for `<` but leaves `&quot;` alone."""
    return html.escape(name, quote=False)


def _names_axis(names: list[str]) -> dict[str, Any]:
    """A category axis, first name on top, with names short enough for a phone."""
    escaped = [_label(name) for name in names]
    short = [name if len(name) <= _LONGEST_LABEL else name[: _LONGEST_LABEL - 1] + "…" for name in names]
    return {
        "categoryorder": "array",
        "categoryarray": escaped,
        "tickvals": escaped,
        "ticktext": [_label(name) for name in short],
        "autorange": "reversed",
        "automargin": True,
        "type": "category",
    }


def _layout(height: int) -> dict[str, Any]:
    return {
        "template": "none",
        "height": height,
        "margin": {"l": 10, "r": 16, "t": 30, "b": 50},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 13},
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.06, "xanchor": "left", "x": 0},
        "dragmode": False,
    }


def _fragment(figure: go.Figure, div_id: str) -> Markup:
    """The div and script of a figure; the page loads plotly.min.js. Plotly escapes `<` in its JSON."""
    return Markup(  # noqa: S704 - every name in the figure is escaped above
        plotly.io.to_html(figure, config=CONFIG, include_plotlyjs=False, full_html=False, div_id=div_id)
    )
