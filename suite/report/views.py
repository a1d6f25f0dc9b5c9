"""What the templates and the pages' script get of a board: rows with their values, view by view."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from suite.leaderboard import Board, Failure
from suite.report.figures.best import history_figure
from suite.report.figures.heat import heat_figure
from suite.report.figures.latency import latency_figure
from suite.report.figures.roofline import roofline_figure
from suite.report.figures.stages import ladder_figure
from suite.report.figures.style import Figure, row_keys
from suite.report.history import Step
from suite.report.names import origin
from suite.report.records import Device, ProblemPages, speedup_over
from suite.report.text import card, rounded
from suite.rows import Row, latency_ci

MOST_ROWS = 500
"""Rows of one table, and failures of one list: a page stays quick. The downloads have all."""
MOST_CELLS = 5_000
"""Rows times workloads of all tables of a page: it stays under 3 MB however many devices there are."""
MOST_FAILURES = 600
"""Failures listed on one page."""


@dataclass(frozen=True, slots=True)
class RowView:
    """A row of the table."""

    key: str
    row: Row
    href: str
    origin: str
    values: list[float | int | None]
    """See `values_of`."""


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A problem's section of one device."""

    device: Device
    label: str
    rows: tuple[RowView, ...]
    classes: tuple[str | None, ...]
    """Precision classes in board order."""
    n_rows: int
    failures: tuple[Failure, ...]
    n_failures: int
    figures: tuple[Figure, ...]
    steps: tuple[Step, ...]

    @property
    def board(self) -> Board:
        """The device's board."""
        return self.device.board


def device_view(pages: ProblemPages, device: Device, steps: tuple[Step, ...]) -> DeviceView:
    """The section of one device."""
    standing = device.board
    keys = row_keys(standing)
    rows = standing.rows[: _most_rows(pages)]
    failures = standing.failures[: min(MOST_ROWS, MOST_FAILURES // len(pages.devices))]
    figures = (
        _roofline(pages, standing, rows),
        latency_figure(standing),
        ladder_figure(standing),
        heat_figure(standing),
        history_figure(standing, steps),
    )
    return DeviceView(
        device=device,
        label=card(standing),
        rows=tuple(
            RowView(
                keys[row.solution],
                row,
                pages.hrefs[row.solution],
                origin(row.stage),
                values_of(row, _others(device, standing)),
            )
            for row in rows
        ),
        classes=tuple(dict.fromkeys(row.precision for row in rows)),
        n_rows=len(standing.rows),
        failures=failures,
        n_failures=len(standing.failures),
        figures=tuple(figure for figure in figures if figure is not None),
        steps=steps,
    )


def _most_rows(pages: ProblemPages) -> int:
    """Of each device's table."""
    n_cells = sum(len(device.board.workloads) for device in pages.devices)
    return min(MOST_ROWS, MOST_CELLS // max(n_cells, 1))


def _roofline(pages: ProblemPages, standing: Board, rows: tuple[Row, ...]) -> Figure | None:
    """Every solution that the table shows."""
    figure = roofline_figure(dataclasses.replace(standing, rows=rows), dict(pages.work))
    if figure is None or len(rows) == len(standing.rows):
        return figure
    which = f" Shown are the first {len(rows)} of {len(standing.rows)} solutions."
    return dataclasses.replace(figure, summary=figure.summary + which)


def values_of(row: Row, others: Iterable[Row | None]) -> list[float | int | None]:
    """The numbers of a row, geometric means where there are several workloads.

    In order: rank; latency and both ends of its interval, ms; fraction of peak; the measured roof as such a
    fraction; fraction of the measured roof; times an RTX 4090's peak; speedup over the reference and both
    ends of its interval; speedup over each of `others`.
    """
    low, high = latency_ci(row.cells) if row.cells else (None, None)
    share, of_roof = row.fraction_of_peak, row.fraction_of_measured_roof
    ends = row.speedup_ci or (None, None)
    known = [
        row.geomean_latency_ms,
        low,
        high,
        share,
        share / of_roof if share and of_roof else None,
        of_roof,
        row.fraction_of_rtx_4090_peak,
        row.speedup,
        *ends,
        *(speedup_over(other, row) if other else None for other in others),
    ]
    return [row.rank, *(rounded(value, 5) for value in known)]


def page_data(view: DeviceView) -> dict[str, Any]:
    """What the script needs of a section: the values of each workload, and the figures."""
    shown = {entry.row.solution: entry.key for entry in view.rows}
    views: dict[str, Mapping[str, Any]] = {"": {entry.key: entry.values for entry in view.rows}}
    for workload, standing in view.device.views.items():
        others = _others(view.device, standing)
        views[workload] = {
            shown[row.solution]: values_of(row, others) for row in standing.rows if row.solution in shown
        }
    return {
        "views": views,
        "figures": {figure.key: {"data": figure.traces, "layout": figure.layout} for figure in view.figures},
    }


def _others(device: Device, standing: Board) -> list[Row | None]:
    rows = {row.solution: row for row in standing.rows}
    return [rows.get(name) for name in device.others]
