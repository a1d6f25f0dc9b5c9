"""From the results of one problem to the records of its pages, in one pass: boards, views, solutions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from suite.gpus import RTX_4090, slugify
from suite.leaderboard import Board, board, latest, on_workload
from suite.problem import WHOLE_CHECK_TIER
from suite.report.names import origin, page_names
from suite.report.site import SiteProblem
from suite.result import PRECISIONS, Result
from suite.roofs import Roofs
from suite.rows import Row
from suite.solution import Solution
from suite.stats import geometric_mean

REFERENCE_CARD = slugify(RTX_4090.names[0])
"""The results folder of the card that every board is also held against."""


@dataclass(frozen=True, slots=True)
class Device:
    """A problem on one device."""

    board: Board
    views: Mapping[str, Board]
    """The board on each workload by itself."""
    results: tuple[Result, ...]
    """The newest of each workload and solution, from the newest file of each."""
    others: tuple[str, ...]
    """The reference rows other than the problem's own Model, for instance compiled or of a library."""

    @property
    def name(self) -> str:
        """The device's slug."""
        return self.board.device


@dataclass(frozen=True, slots=True)
class SolutionPage:
    """What is known of one solution on all devices."""

    name: str
    href: str
    """The page's file name, without its ending."""
    stage: str
    author: str | None
    sha256: str
    """Of the newest file that was measured, or of the one that is there."""
    created: str | None
    """When its newest result was made."""
    file: Solution | None
    """The file as it is there now; None for one that is not, or not at this name."""
    devices: tuple[tuple[Device, Row | None, tuple[Result, ...]], ...]
    """Where it was judged: the device, its row on that board, its results."""

    @property
    def origin(self) -> str:
        """Graded, submitted or reference."""
        return origin(self.stage)

    @property
    def is_current(self) -> bool:
        """Whether the file that is there is the one that was measured."""
        return self.file is not None and self.file.sha256 == self.sha256


@dataclass(frozen=True, slots=True)
class ProblemPages:
    """All pages of one problem."""

    problem: SiteProblem
    devices: tuple[Device, ...]
    """Cards by name, the interpreter last."""
    solutions: tuple[SolutionPage, ...]
    hrefs: Mapping[str, str]
    """The page's file name for each solution's name."""
    work: Mapping[str, tuple[int, int]]
    """Bytes and flops of each bench workload that was ever timed."""
    classes: tuple[str, ...]
    """The precision classes of its timed rows, tightest first; none for an exact problem."""


def collect(
    problem: SiteProblem, results: list[Result], roofs: Mapping[str, Sequence[Roofs]]
) -> ProblemPages:
    """The records of a problem's pages. All results are of that problem."""
    names = sorted({result.device for result in results}, key=lambda name: (name == "cpu", name))
    newest = latest(results)
    devices = tuple(_device(problem, newest, name, roofs.get(name, ())) for name in names)
    everyone = {result.solution for result in newest} | {solution.name for solution in problem.solutions}
    hrefs = page_names(everyone)
    classes = {row.precision for device in devices for row in device.board.rows if row.cells}
    return ProblemPages(
        problem=problem,
        devices=devices,
        solutions=tuple(_solutions(problem, devices, hrefs)),
        hrefs=hrefs,
        work={
            result.workload: (result.bytes_moved, result.flops or 0)
            for result in newest
            if result.latency_ms is not None and result.bytes_moved is not None
        },
        classes=tuple(name for name in PRECISIONS if name in classes),
    )


def _device(problem: SiteProblem, newest: list[Result], name: str, roofs: Sequence[Roofs]) -> Device:
    standing = board(newest, name, problem.bench_workloads, roofs)
    return Device(
        board=standing,
        views={workload: on_workload(standing, workload) for workload in standing.workloads},
        results=tuple(result for result in newest if result.device == name),
        others=tuple(
            row.solution for row in standing.rows if row.stage == "reference" and row.solution != "reference"
        ),
    )


def _solutions(
    problem: SiteProblem, devices: tuple[Device, ...], hrefs: Mapping[str, str]
) -> list[SolutionPage]:
    files = {solution.name: solution for solution in (*problem.variants, *problem.solutions)}
    order = (WHOLE_CHECK_TIER, *problem.bench_workloads)
    places = {workload: place for place, workload in enumerate(order)}
    found: dict[str, list[tuple[Device, Row | None, tuple[Result, ...]]]] = {name: [] for name in hrefs}
    for device in devices:
        rows = {row.solution: row for row in device.board.rows}
        own: dict[str, list[Result]] = {}
        for result in device.results:
            own.setdefault(result.solution, []).append(result)
        for name, results in own.items():
            results.sort(key=lambda result: (places.get(result.workload, len(order)), result.workload))
            found[name].append((device, rows.get(name), tuple(results)))
    return [_solution(name, hrefs[name], files.get(name), found[name]) for name in sorted(found)]


def _solution(
    name: str,
    href: str,
    file: Solution | None,
    devices: list[tuple[Device, Row | None, tuple[Result, ...]]],
) -> SolutionPage:
    results = [result for _, _, own in devices for result in own]
    newest = max(results, key=lambda result: result.created, default=None)
    known = newest or file
    assert known is not None
    return SolutionPage(
        name=name,
        href=href,
        stage=known.stage,
        author=known.author,
        sha256=known.sha256,
        created=newest.created if newest else None,
        file=file,
        devices=tuple(devices),
    )


def speedup_over(other: Row, row: Row) -> float | None:
    """How many times as fast as another row, as a geometric mean over the workloads that `row` was timed on.

    From the two medians, which were not taken in turn. None where `other` lacks one of the workloads.
    """
    theirs = {cell.workload: cell.latency_ms for cell in other.cells}
    if not row.cells or any(cell.workload not in theirs for cell in row.cells):
        return None
    return geometric_mean(theirs[cell.workload] / cell.latency_ms for cell in row.cells)
