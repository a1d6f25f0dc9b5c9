"""How the best of a problem on a device came about, from all results ever recorded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from suite import roofline
from suite.gpus import GpuSpec
from suite.leaderboard import Board
from suite.result import Result, Status
from suite.rows import looseness
from suite.stats import geometric_mean


@dataclass(frozen=True, slots=True)
class Step:
    """A moment at which the best became better."""

    created: str
    solution: str
    precision: str | None
    fraction_of_peak: float


def steps(results: Iterable[Result], board: Board) -> tuple[Step, ...]:
    """Each improvement of the best solution of each precision class, oldest first; references set no record.

    A file counts once it was timed on all workloads of the board, with the newest latency of each, and no
    longer from its first failure on. Empty where the card has no datasheet.
    """
    gpu, workloads = board.gpu, board.workloads
    if gpu is None or not workloads:
        return ()
    timed: dict[tuple[str, str], dict[str, Result]] = {}
    failed: set[tuple[str, str]] = set()
    best: dict[str | None, float] = {}
    found: list[Step] = []
    mine = (result for result in results if result.device == board.device and result.stage != "reference")
    for result in sorted(mine, key=lambda result: result.created):
        key = (result.solution, result.sha256)
        if result.status not in (Status.PASSED, Status.UNSUPPORTED):
            failed.add(key)
        if key in failed or result.latency_ms is None or result.workload not in workloads:
            continue
        cells = timed.setdefault(key, {})
        cells[result.workload] = result
        if len(cells) < len(workloads):
            continue
        fraction = _fraction([cells[name] for name in workloads], gpu)
        precision = max((cell.precision for cell in cells.values()), key=looseness)
        if fraction is not None and fraction > best.get(precision, 0):
            best[precision] = fraction
            found.append(Step(result.created, result.solution, precision, fraction))
    return tuple(found)


def _fraction(results: Sequence[Result], gpu: GpuSpec) -> float | None:
    """The geometric mean of the fractions of peak, or None where a byte count is missing."""
    precision = max((result.precision for result in results), key=looseness)
    fractions = []
    for result in results:
        if result.latency_ms is None or result.bytes_moved is None:
            return None
        flops = (result.flops or 0) if precision else 0
        light_ms = roofline.speed_of_light_ms(result.bytes_moved, flops, gpu, precision)
        fractions.append(light_ms / result.latency_ms)
    return geometric_mean(fractions)
