"""What all figures share: colours and marks that hold on light and on dark paper, axes, the record itself."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from suite.leaderboard import Board
from suite.report.text import label
from suite.rows import Row
from suite.tables import Table

# Told apart by lightness as well as by hue, each with at least 3:1 contrast on white and on near-black, and
# never by colour alone: every stage has a mark of its own.
STAGES = {
    "reference": ("#7d868f", "circle-open"),
    "baseline": ("#c2620a", "diamond"),
    "grid": ("#8a7a1f", "square"),
    "block": ("#2a9d8f", "triangle-up"),
    "final": ("#3b82c4", "circle"),
    "submitted": ("#b04a8f", "star"),
}
ROOFS = {None: "#d33f49", "fp32": "#d33f49", "tf32": "#c77419", "bf16": "#9467d1"}
"""The speed of light by precision class."""
MEASURED = "#4f8f3e"
"""The measured roof."""
MOST_ROWS = 30
"""Solutions in one figure; a page with hundreds says that it shows the best of them."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure and what stands beside it for who cannot see it."""

    key: str
    title: str
    summary: str
    """One sentence."""
    traces: tuple[dict[str, Any], ...]
    layout: dict[str, Any]
    table: Table
    """Its numbers."""
    row_keys: tuple[str, ...] = ()
    """Of the table's rows, the board row each is about; none where a filter must leave them alone."""


def row_keys(board: Board) -> dict[str, str]:
    """A short key for each row of a board, by its solution: names are too long to travel twice."""
    return {row.solution: f"r{place}" for place, row in enumerate(board.rows)}


def look(stage: str) -> dict[str, Any]:
    """The marker of a stage."""
    colour, symbol = STAGES.get(stage, STAGES["submitted"])
    return {"color": colour, "symbol": symbol, "size": 11, "line": {"width": 1.5, "color": colour}}


def best(rows: Sequence[Row]) -> tuple[list[Row], str]:
    """The rows that a figure shows, and what its sentence adds when that is not all of them.

    Of each precision class the first of the board; references and graded stages are always among them.
    """
    timed = [row for row in rows if row.cells]
    if len(timed) <= MOST_ROWS:
        return timed, ""
    fixed = [row for row in timed if row.stage in STAGES and row.stage != "submitted"]
    ranked = [row for row in timed if row not in fixed]
    ranked.sort(key=lambda row: (row.rank is None, row.rank or 0))
    kept = {id(row) for row in [*fixed, *ranked][:MOST_ROWS]}
    return [row for row in timed if id(row) in kept], f" Shown are {MOST_ROWS} of {len(timed)} solutions."


def by_stage(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows by stage, in the order of the legend."""
    found: dict[str, list[Row]] = {name: [] for name in STAGES}
    for row in rows:
        found[row.stage if row.stage in STAGES else "submitted"].append(row)
    return {stage: own for stage, own in found.items() if own}


def layout(height: int, **more: Any) -> dict[str, Any]:
    """What figures have in common; the script adds the page's colours."""
    return {
        "template": "none",
        "height": height,
        "margin": {"l": 8, "r": 14, "t": 34, "b": 46},
        "font": {"size": 13},
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.02, "xanchor": "left", "x": 0},
        "dragmode": False,
        "hoverlabel": {"align": "left"},
        **more,
    }


def axis(title: str, **more: Any) -> dict[str, Any]:
    """An axis that makes room for its own labels."""
    return {"title": {"text": title, "standoff": 8}, "automargin": True, "zeroline": False, **more}


def names_axis(names: Sequence[str]) -> dict[str, Any]:
    """A category axis, first name on top. Categories are the names' places: two may be shown alike."""
    places = [str(place) for place in range(len(names))]
    return {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": places,
        "tickvals": places,
        "ticktext": [label(name, 22) for name in names],
        "autorange": "reversed",
        "automargin": True,
        "zeroline": False,
    }


def log_ticks(values: Iterable[float]) -> list[float]:
    """Ticks 0.1, 0.2, 0.5, 1 ..., or decades alone, or closer: Plotly's own label 20 as a bare 2."""
    known = [value for value in values if value > 0]
    low, high = min(known), max(known)
    if high > 1000 * low:
        digits: tuple[float, ...] = (1,)
    elif high > 5 * low:
        digits = (1, 2, 5)
    else:
        digits = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [float(f"{digit}e{power}") for power in powers for digit in digits]


def log_axis(title: str, values: Sequence[float]) -> dict[str, Any]:
    """A logarithmic axis around `values`."""
    low, high = min(values), max(values)
    margin = max(0.05, 0.06 * math.log10(high / low)) if high > low else 0.2
    return axis(
        f"{title} (log scale)",
        type="log",
        tickvals=log_ticks(values),
        range=[round(math.log10(low) - margin, 4), round(math.log10(high) + margin, 4)],
    )
