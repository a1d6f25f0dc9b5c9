"""Results to ranked rows. The one place that ranks; tables and pages only show what stands in a `Board`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from suite.gpus import GpuSpec, find_gpu
from suite.problem import WHOLE_CHECK_TIER
from suite.result import Environment, Result, Status
from suite.roofs import Roofs, newest
from suite.rows import Row, latency_ci, looseness, make_row, on_cell
from suite.stats import shared_ranks

BOARD_FLAG = "board-"
"""Begins the flag that names the board of a row, where a table has rows of several."""
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Failure:
    """One workload that a solution did not pass."""

    solution: str
    author: str | None
    stage: str
    status: Status
    workload: str
    reason: str


@dataclass(frozen=True, slots=True)
class Board:
    """The standing of one problem on one device."""

    problem: str
    device: str
    gpu: GpuSpec | None
    workloads: tuple[str, ...]
    """The bench workloads that at least one row was timed on."""
    rows: tuple[Row, ...]
    """Each precision class apart, tightest first: its ranked rows, then its incomplete and untimed ones."""
    failures: tuple[Failure, ...]
    notes: tuple[str, ...]
    newest: str
    """When the newest result was made."""
    environment: Environment
    """Of the newest result."""
    roofs: Roofs | None = None
    """What the probes reached on the board of the newest result, else on another of the model."""


def latest(results: Iterable[Result]) -> list[Result]:
    """The newest result of each workload, from the newest version of each solution's file alone.

    "Newest" is by `created`, then by position: what an older file did on a workload says nothing about the
    newer file.
    """
    results = list(results)
    files: dict[tuple[str, str, str], Result] = {}
    for result in results:
        key = (result.device, result.problem, result.solution)
        if key not in files or result.created >= files[key].created:
            files[key] = result
    newest: dict[tuple[str, str, str, str], Result] = {}
    for result in results:
        key = (result.device, result.problem, result.solution)
        if result.sha256 == files[key].sha256:
            cell = (*key, result.workload)
            if cell not in newest or result.created >= newest[cell].created:
                newest[cell] = result
    return list(newest.values())


def board(
    results: Iterable[Result], device: str, workloads: Sequence[str], roofs: Sequence[Roofs] = ()
) -> Board:
    """The board of one problem on one device, over the named bench workloads.

    A solution that failed anything is a failure and no row: correct before fast. `unsupported` is the
    exception, it says nothing about the solution and only leaves its row without that workload. `roofs` of
    another device, or of another slice of it, are left aside; each result stands against those of its own
    board where there are some.

    Raises:
        ValueError: there is no result for `device`, or there are results of several problems.
    """
    mine = [result for result in latest(results) if result.device == device]
    problems = sorted({result.problem for result in mine})
    if len(problems) != 1:
        found = ", ".join(problems) or "none"
        raise ValueError(f"a board needs results of one problem on {device!r}, got {found}")
    last = max(mine, key=lambda result: result.created)
    relevant = [result for result in mine if result.workload in (WHOLE_CHECK_TIER, *workloads)]
    by_solution: dict[str, list[Result]] = {}
    for result in relevant:
        by_solution.setdefault(result.solution, []).append(result)
    gpu, notes = _card_of(relevant)
    roofs = [record for record in roofs if _fits(record, device, relevant)]
    rows = [make_row(own, workloads, gpu, roofs) for own in by_solution.values() if _qualifies(own)]
    shown = newest(roofs, last.environment.board)
    notes += tuple(_board_notes(rows, shown))
    rows = [_with_boards(row) for row in rows] if len(_boards(rows)) > 1 else rows
    timed = {cell.workload for row in rows for cell in row.cells}
    return Board(
        problem=problems[0],
        device=device,
        gpu=gpu,
        workloads=tuple(name for name in workloads if name in timed),
        rows=tuple(_ranked(rows, len(timed))),
        failures=tuple(_failures(by_solution, workloads)),
        notes=notes,
        newest=last.created,
        environment=last.environment,
        roofs=shown,
    )


def on_workload(standing: Board, workload: str) -> Board:
    """The board as it stands on one of its workloads: rows without it left out, the others ranked anew."""
    rows = [on_cell(row, cell) for row in standing.rows for cell in row.cells if cell.workload == workload]
    return dataclasses.replace(standing, workloads=(workload,), rows=tuple(_ranked(rows, 1)))


def _card_of(results: list[Result]) -> tuple[GpuSpec | None, tuple[str, ...]]:
    """The datasheet that all timed results share, or None and a note that says why there is none."""
    cards = {
        (result.environment.gpu or "an unnamed card", result.environment.sm_count)
        for result in results
        if result.latency_ms is not None
    }
    if not cards:
        return None, ("No timed results: correctness only.",)
    specs = {find_gpu(name, sm_count) for name, sm_count in cards}
    gpu = specs.pop() if len(specs) == 1 else None
    if gpu is not None:
        return gpu, ()
    names = ", ".join(sorted(f"{name} ({sm_count} SMs)" for name, sm_count in cards))
    return None, (f"No datasheet peaks for {names}: fractions are unknown, rows are ranked by latency.",)


def _boards(rows: list[Row]) -> list[str | None]:
    """The boards that rows were timed on, an unknown one last."""
    return sorted({board for row in rows for board in row.boards}, key=lambda board: (board is None, board))


def _board_notes(rows: list[Row], roofs: Roofs | None) -> Iterator[str]:
    boards = _boards(rows)
    known = [board for board in boards if board is not None]
    if len(boards) > 1:
        names = ", ".join(board or UNKNOWN for board in boards)
        yield (
            f"Timed on several boards of this card ({names}), which may differ by a few per cent: a smaller "
            "lead over a row of another board may be the board's. Flags name each row's; `bench compare` "
            "times two solutions on one."
        )
    if roofs is not None and roofs.board is not None and known and roofs.board not in known:
        yield (
            f"The measured roof is of another board of this card ({roofs.board}); "
            "`bench calibrate` measures that of this one."
        )


def _with_boards(row: Row) -> Row:
    """The row with a flag for each board that it was timed on."""
    flags = (f"{BOARD_FLAG}{board or UNKNOWN}" for board in row.boards)
    return dataclasses.replace(row, flags=(*row.flags, *flags))


def _fits(roofs: Roofs, device: str, results: list[Result]) -> bool:
    """Were they measured on the card, all of it, that timed these results?"""
    counts = {result.environment.sm_count for result in results if result.latency_ms is not None}
    return roofs.device == device and counts <= {roofs.sm_count}


def _qualifies(results: list[Result]) -> bool:
    statuses = {result.status for result in results}
    return Status.PASSED in statuses and statuses <= {Status.PASSED, Status.UNSUPPORTED}


def _ranked(rows: list[Row], n_workloads: int) -> Iterator[Row]:
    """The rows in board order, complete ones ranked within their precision class."""
    by_class: dict[str | None, list[Row]] = {}
    for row in sorted(rows, key=lambda row: (looseness(row.precision), row.solution)):
        by_class.setdefault(row.precision, []).append(row)
    for peers in by_class.values():
        complete = [row for row in peers if row.cells and row.n_workloads == n_workloads]
        yield from _ranked_peers(complete)
        rest = [row for row in peers if row not in complete]
        yield from sorted(rest, key=lambda row: -row.n_workloads)


def _ranked_peers(rows: list[Row]) -> Iterator[Row]:
    """Rows of one class over the same workloads: by fraction, or by latency where a fraction is unknown."""
    standings = [(row, row.fraction_of_peak_ci) for row in rows if row.fraction_of_peak_ci is not None]
    standings.sort(key=lambda standing: -(standing[0].fraction_of_peak or 0))
    if len(standings) < len(rows):
        standings = [(row, latency_ci(row.cells)) for row in rows]
        standings.sort(key=lambda standing: standing[0].geomean_latency_ms or 0)
    ranks = shared_ranks([interval for _, interval in standings])
    for (row, _), rank in zip(standings, ranks, strict=True):
        yield dataclasses.replace(row, rank=rank, complete=True)


def _failures(by_solution: dict[str, list[Result]], workloads: Sequence[str]) -> Iterator[Failure]:
    order = (WHOLE_CHECK_TIER, *workloads)
    for solution in sorted(by_solution):
        for result in sorted(by_solution[solution], key=lambda result: order.index(result.workload)):
            if result.status is not Status.PASSED:
                yield Failure(
                    solution=solution,
                    author=result.author,
                    stage=result.stage,
                    status=result.status,
                    workload=result.workload,
                    reason=result.reason or "",
                )
