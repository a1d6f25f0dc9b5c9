"""The best over time."""

from __future__ import annotations

from typing import Any

from suite.leaderboard import Board
from suite.report.figures.style import STAGES, Figure, axis, layout
from suite.report.history import Step
from suite.report.text import fraction, label, rounded, shown
from suite.tables import Table

LINES = {
    None: ("solid", STAGES["final"][0]),
    "fp32": ("solid", STAGES["final"][0]),
    "tf32": ("dash", STAGES["baseline"][0]),
    "bf16": ("dot", STAGES["submitted"][0]),
}
"""Dash and colour of each precision class."""


def history_figure(board: Board, steps: tuple[Step, ...]) -> Figure | None:
    """None without a step."""
    if not steps:
        return None
    traces: list[dict[str, Any]] = []
    for precision in dict.fromkeys(step.precision for step in steps):
        own = [step for step in steps if step.precision == precision]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": precision or "best",
                # Drawn on to the newest result: the record still stands.
                "x": [*(_instant(step.created) for step in own), _instant(board.newest)],
                "y": [*(rounded(step.fraction_of_peak) for step in own), rounded(own[-1].fraction_of_peak)],
                "line": {
                    "shape": "hv",
                    "width": 2,
                    "dash": LINES[precision][0],
                    "color": LINES[precision][1],
                },
                "marker": {"size": [*(9 for _ in own), 0.1]},
                "text": [
                    *(f"<b>{label(step.solution)}</b><br>{fraction(step.fraction_of_peak)}" for step in own),
                    "",
                ],
                "hovertemplate": "%{text}<br>%{x|%Y-%m-%d %H:%M}<extra></extra>",
            }
        )
    last = steps[-1]
    first = steps[0]
    headers = ("when (UTC)", "solution", "class", "fraction of peak")
    return Figure(
        key="history",
        title="Best over time",
        summary=(
            f"{len(steps)} {'step' if len(steps) == 1 else 'steps'} from {fraction(first.fraction_of_peak)} "
            f"({shown(first.solution)}, {first.created[:10]}) to the last, {fraction(last.fraction_of_peak)} "
            f"({shown(last.solution)}, {last.created[:10]}); references set no record."
        ),
        traces=tuple(traces),
        layout=layout(
            320,
            showlegend=len(traces) > 1,
            # Room for words at the side would change how many ticks there are, and these the room.
            xaxis=axis("when (UTC)", type="date", automargin="height"),
            yaxis=axis("fraction of peak", rangemode="tozero"),
        ),
        table=Table(
            headers,
            tuple(
                (
                    shown(step.created),
                    shown(step.solution),
                    step.precision or "exact",
                    fraction(step.fraction_of_peak),
                )
                for step in steps
            ),
            frozenset(headers[3:]),
        ),
    )


def _instant(created: str) -> str:
    """An ISO time as Plotly takes it: without the zone, which is UTC throughout."""
    return label(created[:19], 19)
