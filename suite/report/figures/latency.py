"""Latency of each solution on each workload against the speed of light."""

from __future__ import annotations

from typing import Any

from suite.leaderboard import Board
from suite.report.figures.style import (
    ROOFS,
    Figure,
    best,
    by_stage,
    layout,
    log_axis,
    look,
    names_axis,
    row_keys,
)
from suite.report.text import factor, fraction, interval, label, rounded, shown, significant
from suite.rows import Cell, Row
from suite.tables import Table


def latency_figure(board: Board) -> Figure | None:
    """None if nothing was timed."""
    rows, which = best(board.rows)
    if not rows:
        return None
    places = {workload: str(place) for place, workload in enumerate(board.workloads)}
    values = [
        ms for row in rows for cell in row.cells for ms in (cell.latency_ms, cell.speed_of_light_ms) if ms
    ]
    traces = [
        *_lights(rows, places),
        *(_marks(stage, own, places, row_keys(board)) for stage, own in by_stage(rows).items()),
    ]
    table, keys = _numbers(board, rows)
    return Figure(
        key="latency",
        title="Latency by workload",
        summary=_summary(board, rows) + which,
        traces=tuple(traces),
        layout=layout(
            150 + 46 * len(places),
            xaxis=log_axis("latency, ms", values),
            yaxis=names_axis(board.workloads),
        ),
        table=table,
        row_keys=keys,
    )


def _lights(rows: list[Row], places: dict[str, str]) -> list[dict[str, Any]]:
    """Where the speed of light of each precision class stands on each workload."""
    lights: dict[str | None, dict[str, float]] = {}
    for row in rows:
        for cell in row.cells:
            if cell.speed_of_light_ms is not None:
                lights.setdefault(row.precision, {})[cell.workload] = cell.speed_of_light_ms
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": label(f"speed of light ({precision})" if precision else "speed of light"),
            "x": [rounded(ms) for ms in at.values()],
            "y": [places[workload] for workload in at],
            "marker": {
                "symbol": "line-ns-open",
                "size": 26,
                "line": {"width": 3},
                "color": ROOFS.get(precision, ROOFS[None]),
            },
            "hovertemplate": "speed of light: %{x:.4g} ms<extra></extra>",
        }
        for precision, at in lights.items()
    ]


def _marks(stage: str, rows: list[Row], places: dict[str, str], keys: dict[str, str]) -> dict[str, Any]:
    cells = [(row, cell) for row in rows for cell in row.cells]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": stage,
        "x": [rounded(cell.latency_ms) for _, cell in cells],
        "y": [places[cell.workload] for _, cell in cells],
        "customdata": [keys[row.solution] for row, _ in cells],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [rounded(cell.latency_ci_ms[1] - cell.latency_ms) for _, cell in cells],
            "arrayminus": [rounded(cell.latency_ms - cell.latency_ci_ms[0]) for _, cell in cells],
            "thickness": 1.5,
            "width": 5,
        },
        "marker": look(stage),
        "text": [_hover(row, cell) for row, cell in cells],
        "hovertemplate": "%{text}<extra></extra>",
    }


def _hover(row: Row, cell: Cell) -> str:
    ends = interval(cell.latency_ci_ms)
    of_peak = f"<br>{fraction(cell.fraction_of_peak)} of peak" if cell.fraction_of_peak is not None else ""
    name, workload = label(row.solution), label(cell.workload)
    return f"<b>{name}</b> on {workload}<br>{significant(cell.latency_ms)} ms ({ends}){of_peak}"


def _numbers(board: Board, rows: list[Row]) -> tuple[Table, tuple[str, ...]]:
    """One row a workload and solution, fastest first."""
    headers = ("workload", "solution", "latency, ms", "95 % interval", "speed of light, ms",
               "fraction of peak", "of measured roof", "GB/s", "TFLOPS", "speedup")  # fmt: skip
    lines, keys = [], row_keys(board)
    for workload in board.workloads:
        cells = [(row, cell) for row in rows for cell in row.cells if cell.workload == workload]
        for row, cell in sorted(cells, key=lambda pair: pair[1].latency_ms):
            figures = (
                shown(workload),
                shown(row.solution),
                significant(cell.latency_ms),
                interval(cell.latency_ci_ms),
                significant(cell.speed_of_light_ms),
                fraction(cell.fraction_of_peak),
                fraction(cell.fraction_of_measured_roof),
                significant(cell.achieved_gb_per_s),
                significant(cell.achieved_tflops, 3),
                factor(cell.speedup),
            )
            lines.append((keys[row.solution], figures))
    table = Table(headers, tuple(figures for _, figures in lines), frozenset(headers[2:]))
    return table, tuple(key for key, _ in lines)


def _summary(board: Board, rows: list[Row]) -> str:
    """About the workload on which the leader is furthest from its speed of light."""
    solutions = [row for row in rows if row.stage != "reference"] or rows
    nearest: dict[str, tuple[float, Row, Cell]] = {}
    for row in solutions:
        for cell in row.cells:
            key = cell.fraction_of_peak if cell.fraction_of_peak is not None else 1 / cell.latency_ms
            if cell.workload not in nearest or key > nearest[cell.workload][0]:
                nearest[cell.workload] = (key, row, cell)
    workload = board.workloads[0]
    if workload not in nearest:
        workload = next(iter(nearest))
    _, row, cell = nearest[workload]
    if cell.fraction_of_peak is None:
        return (
            f"On {shown(workload)} {shown(row.solution)} is the fastest: {significant(cell.latency_ms)} ms."
        )
    least, worst = min((share, name) for name, (share, _, _) in nearest.items())
    closest = (
        f"On {shown(workload)} the speed of light is {significant(cell.speed_of_light_ms)} ms and "
        f"{shown(row.solution)} is nearest to it with {significant(cell.latency_ms)} ms"
    )
    if len(nearest) == 1:
        return f"{closest}."
    return f"{closest}; the most is left to gain on {shown(worst)}, where the best reaches {fraction(least)}."
