"""The heat map: fraction of peak of each solution on each workload."""

from __future__ import annotations

from suite.leaderboard import Board
from suite.report.figures.style import Figure, axis, best, layout, names_axis, row_keys
from suite.report.text import fraction, label, rounded, shown
from suite.tables import Table

# From dark to light through lightness alone, as cividis does: it reads the same to every eye and in print.
SCALE = [[0, "#00204c"], [0.25, "#31446b"], [0.5, "#666870"], [0.75, "#b3a65f"], [1, "#ffe945"]]


def heat_figure(board: Board) -> Figure | None:
    """None without fractions, or with a single workload."""
    rows, which = best(board.rows)
    rows = [row for row in rows if any(cell.fraction_of_peak is not None for cell in row.cells)]
    if not rows or len(board.workloads) < 2:
        return None
    cells = [{cell.workload: cell.fraction_of_peak for cell in row.cells} for row in rows]
    grid = [[rounded(own.get(name), 4) for name in board.workloads] for own in cells]
    texts = [
        [fraction(own[name]) if own.get(name) is not None else "" for name in board.workloads]
        for own in cells
    ]
    columns = [label(name, 18) for name in board.workloads]
    places = [str(place) for place in range(len(columns))]
    names = [shown(row.solution) for row in rows]
    keys = [row_keys(board)[row.solution] for row in rows]
    return Figure(
        key="heat",
        title="Where each solution is strong and weak",
        summary=_summary(board) + which,
        traces=(
            {
                "type": "heatmap",
                "x": places,
                "y": [str(place) for place in range(len(rows))],
                "z": grid,
                "ids": keys,
                "text": texts,
                "texttemplate": "%{text}",
                "textfont": {"size": 12},
                "hovertext": [
                    [f"<b>{label(row.solution)}</b> on {name}" for name in columns] for row in rows
                ],
                "hovertemplate": "%{hovertext}: %{z:.3f} of peak<extra></extra>",
                "zmin": 0,
                "zmax": 1,
                "colorscale": SCALE,
                "xgap": 2,
                "ygap": 2,
                "showscale": False,  # each cell says its number
            },
        ),
        layout=layout(
            130 + 30 * len(rows),
            xaxis=axis("", type="category", tickvals=places, ticktext=columns, tickangle=-35, side="bottom"),
            yaxis=names_axis(names),
        ),
        table=Table(
            ("solution", *map(shown, board.workloads)),
            tuple((name, *(text or "-" for text in line)) for name, line in zip(names, texts, strict=True)),
            frozenset(map(shown, board.workloads)),
        ),
        row_keys=tuple(keys),
    )


def _summary(board: Board) -> str:
    """The widest gap between a solution's best and worst workload, and the narrowest."""
    spans = []
    for row in board.rows:
        known = [
            (cell.fraction_of_peak, cell.workload) for cell in row.cells if cell.fraction_of_peak is not None
        ]
        if len(known) > 1 and row.stage != "reference":
            (low, worst), (high, strong) = min(known), max(known)
            spans.append((low / high, row, low, worst, high, strong))
    if not spans:
        return "Fraction of peak of each solution on each workload."
    _, even, low, worst, high, strong = max(spans, key=lambda span: (span[0], span[1].solution))
    ends = f"from {fraction(low)} on {shown(worst)} to {fraction(high)} on {shown(strong)}"
    return f"The most even is {shown(even.solution)}, {ends}."
