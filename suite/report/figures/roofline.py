"""The roofline: what was achieved against both roofs, datasheet and measured, on logarithmic axes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from suite.leaderboard import Board
from suite.report.figures.style import (
    MEASURED,
    ROOFS,
    Figure,
    best,
    by_stage,
    layout,
    log_axis,
    look,
    row_keys,
)
from suite.report.text import fraction, label, rounded, shown, significant
from suite.roofline import arithmetic_intensity, peak_tflops
from suite.rows import Cell, Row
from suite.tables import Table

Work = dict[str, tuple[int, int]]
Point = tuple[Row, Cell, float, float]
"""A cell and its place: x is flops a byte, or GB of the task; y is TFLOPS, or GB/s."""


def roofline_figure(board: Board, work: Work) -> Figure | None:
    """None without a datasheet, or where nothing was timed.

    An exact problem has no flops to place it by: its plot is the memory side alone, bandwidth over the size
    of the task. `work` gives bytes and flops of each workload.
    """
    if board.gpu is None:
        return None
    in_flops = any(row.precision for row in board.rows)
    points = [point for row in board.rows for point in _points(row, work, in_flops)]
    if not points:
        return None
    roofs = list(_flop_roofs(board, points) if in_flops else _memory_roofs(board, points))
    marks = [_marks(board, stage, rows, points, in_flops) for stage, rows in by_stage(board.rows).items()]
    traces = [*roofs, *(trace for trace in marks if trace["x"])]
    xs = [x for _, _, x, _ in points] + [x for trace in roofs for x in trace["x"]]
    ys = [y for _, _, _, y in points] + [y for trace in roofs for y in trace["y"]]
    table, keys = _numbers(board, points, in_flops)
    return Figure(
        key="roofline",
        title="Roofline",
        summary=_summary(board, points, in_flops),
        traces=tuple(traces),
        layout=layout(
            460,
            xaxis=log_axis("arithmetic intensity, flop/byte" if in_flops else "bytes of the task, GB", xs),
            yaxis=log_axis("TFLOPS" if in_flops else "GB/s", ys),
        ),
        table=table,
        row_keys=keys,
    )


def _points(row: Row, work: Work, in_flops: bool) -> Iterable[Point]:
    for cell in row.cells:
        if cell.workload not in work or cell.achieved_gb_per_s is None:
            continue
        bytes_moved, flops = work[cell.workload]
        if not bytes_moved:
            continue
        if not in_flops:
            yield row, cell, bytes_moved / 1e9, cell.achieved_gb_per_s
        elif flops and cell.achieved_tflops is not None:
            yield row, cell, arithmetic_intensity(bytes_moved, flops), cell.achieved_tflops


def _flop_roofs(board: Board, points: list[Point]) -> Iterable[dict[str, Any]]:
    """Per class the datasheet's roof and the measured one: the slope of the memory, then the peak rate."""
    assert board.gpu is not None
    low, high = min(x for _, _, x, _ in points) / 3, max(x for _, _, x, _ in points) * 4
    for precision in dict.fromkeys(row.precision for row, *_ in points):
        if precision is None:
            continue
        colour = ROOFS.get(precision, ROOFS[None])
        peak = peak_tflops(board.gpu, precision)
        yield _roof(f"datasheet, {precision}", board.gpu.peak_gb_per_s, peak, low, high, colour, "solid")
        probe = board.roofs.probes().get(precision) if board.roofs else None
        if board.roofs and probe:
            measured = board.roofs.read_gb_per_s
            yield _roof(f"measured, {precision}", measured, probe.tflops, low, high, colour, "dot")


def _roof(
    name: str, gb_per_s: float, tflops: float, low: float, high: float, colour: str, dash: str
) -> dict[str, Any]:
    ridge = tflops * 1e3 / gb_per_s
    xs = sorted({low, ridge, max(high, 2 * ridge)}) if ridge > low else [low, high]
    return _line(name, xs, [min(x * gb_per_s / 1e3, tflops) for x in xs], colour, dash)


def _memory_roofs(board: Board, points: list[Point]) -> Iterable[dict[str, Any]]:
    assert board.gpu is not None
    ends = [min(x for _, _, x, _ in points) / 1.3, max(x for _, _, x, _ in points) * 1.3]
    yield _line("datasheet", ends, [board.gpu.peak_gb_per_s] * 2, ROOFS[None], "solid")
    if board.roofs:
        yield _line("measured", ends, [board.roofs.read_gb_per_s] * 2, MEASURED, "dot")


def _line(name: str, xs: list[float], ys: list[float], colour: str, dash: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": label(f"{name} roof"),
        "x": [rounded(x) for x in xs],
        "y": [rounded(y) for y in ys],
        "line": {"color": colour, "width": 2, "dash": dash},
        "hovertemplate": f"{label(name)} roof: %{{y:.4g}}<extra></extra>",
    }


def _marks(board: Board, stage: str, rows: list[Row], points: list[Point], in_flops: bool) -> dict[str, Any]:
    own, keys = {id(row) for row in rows}, row_keys(board)
    mine = [point for point in points if id(point[0]) in own]
    unit = "TFLOPS" if in_flops else "GB/s"
    return {
        "type": "scatter",
        "mode": "markers",
        "name": stage,
        "x": [rounded(x) for _, _, x, _ in mine],
        "y": [rounded(y) for *_, y in mine],
        "customdata": [keys[row.solution] for row, *_ in mine],
        "marker": look(stage),
        "text": [
            f"<b>{label(row.solution)}</b> on {label(cell.workload)}<br>{significant(y)} {unit}, "
            f"{fraction(cell.fraction_of_peak)} of peak"
            for row, cell, _, y in mine
        ],
        "hovertemplate": "%{text}<extra></extra>",
    }


def _numbers(board: Board, points: list[Point], in_flops: bool) -> tuple[Table, tuple[str, ...]]:
    """One row a workload and solution of the best; the downloads have all."""
    kept, keys = {id(row) for row in best(board.rows)[0]}, row_keys(board)
    columns = ("flop/byte", "TFLOPS") if in_flops else ("GB", "GB/s")
    headers = ("workload", "solution", "class", *columns, "fraction of peak", "of measured roof")
    lines = [
        (
            keys[row.solution],
            (
                shown(cell.workload),
                shown(row.solution),
                row.precision or "exact",
                significant(x),
                significant(y),
                fraction(cell.fraction_of_peak),
                fraction(cell.fraction_of_measured_roof),
            ),
        )
        for row, cell, x, y in points
        if id(row) in kept
    ]
    table = Table(headers, tuple(cells for _, cells in lines), frozenset(headers[3:]))
    return table, tuple(key for key, _ in lines)


def _summary(board: Board, points: list[Point], in_flops: bool) -> str:
    row, cell, _, y = max(points, key=lambda point: point[1].fraction_of_peak or 0)
    assert board.gpu is not None
    bound = "" if in_flops else f" of the datasheet's {significant(board.gpu.peak_gb_per_s)} GB/s"
    measured = f" and {fraction(cell.fraction_of_measured_roof)} of the measured roof" if board.roofs else ""
    share = f"{fraction(cell.fraction_of_peak)} of the datasheet's roof{measured}"
    task = "" if in_flops else " The task has no arithmetic to speak of, so this is the memory side alone."
    unit = "TFLOPS" if in_flops else "GB/s"
    where = f"{shown(row.solution)} on {shown(cell.workload)}"
    return f"Nearest to its roof is {where}: {significant(y)} {unit}{bound}, {share}.{task}"
