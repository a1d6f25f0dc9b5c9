"""What one solution's results amount to: latencies against the roofline, workload by workload and as means.

Derived from the stored measurements on every reading, so that a corrected peak changes history without a new
run.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from suite import ab, roofline
from suite.gpus import RTX_4090, GpuSpec
from suite.problem import SEED
from suite.result import PRECISIONS, Result
from suite.roofs import Roofs, newest
from suite.stats import Interval, geometric_mean, geometric_mean_interval

ABOVE_PEAK = "above-peak"
"""The flag of a row with a fraction above 1 on some workload: a wrong count or data out of a cache."""

UNCONFINED = "none"
"""How a result names that nothing confined its worker."""
NO_SANDBOX = "no-sandbox"
"""The flag of a row with a result that was judged without a sandbox."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One solution on one bench workload. Fractions are None without a datasheet peak or a byte count."""

    workload: str
    latency_ms: float
    latency_ci_ms: Interval
    speed_of_light_ms: float | None
    fraction_of_peak: float | None
    fraction_of_rtx_4090_peak: float | None
    fraction_of_measured_roof: float | None
    achieved_gb_per_s: float | None
    achieved_tflops: float | None
    speedup: float | None
    """Latency of the reference / latency of the solution, from the samples that were taken in turn."""
    speedup_ci: Interval | None
    """None where too few samples are stored."""


@dataclass(frozen=True, slots=True)
class Row:
    """One solution on a board. A mean over workloads is geometric, and None where any of its parts is."""

    rank: int | None
    """Shared by rows whose intervals overlap; None for incomplete and for untimed rows."""
    solution: str
    author: str | None
    stage: str
    precision: str | None
    """The loosest class over the row's workloads; its peak is the one that all of them are held against."""
    latency_ms: float | None
    """Of the seed workload, or of the only one; likewise the interval and the two achieved rates."""
    latency_ci_ms: Interval | None
    geomean_latency_ms: float | None
    fraction_of_peak: float | None
    fraction_of_peak_ci: Interval | None
    fraction_of_rtx_4090_peak: float | None
    """The same bytes and flops against an RTX 4090's datasheet: a factor, above 1 on a larger card."""
    fraction_of_measured_roof: float | None
    """Against what this card's own probes reached; None where it was not calibrated."""
    achieved_gb_per_s: float | None
    achieved_tflops: float | None
    speedup: float | None
    speedup_ci: Interval | None
    complete: bool
    """Whether the row has every workload that any row of its board has."""
    flags: tuple[str, ...]
    cells: tuple[Cell, ...]
    """In the order of the board's workloads."""
    sha256: str
    """Of the newest file, whose results these are."""
    created: str
    """When the newest of them was made."""
    boards: tuple[str | None, ...] = ()
    """The boards that its workloads were timed on; None stands for one that was not recorded."""

    @property
    def n_workloads(self) -> int:
        """How many bench workloads were timed."""
        return len(self.cells)


def make_row(
    results: list[Result], workloads: Sequence[str], gpu: GpuSpec | None, roofs: Sequence[Roofs] = ()
) -> Row:
    """The row of one solution, not ranked yet; each result is held against the roof of its own board."""
    last = max(results, key=lambda result: result.created)
    by_name = {result.workload: result for result in results if result.latency_ms is not None}
    timed = [by_name[name] for name in workloads if name in by_name]
    precision = max((result.precision for result in timed or results), key=looseness)
    cells = tuple(_cell(result, precision, gpu, roofs) for result in timed)
    shown = next((cell for cell in cells if cell.workload == SEED), cells[0] if len(cells) == 1 else None)
    flags = [flag for result in timed for flag in result.flags]
    if any(result.sandbox == UNCONFINED for result in results):
        flags.append(NO_SANDBOX)
    if any(cell.fraction_of_peak is not None and cell.fraction_of_peak > 1 for cell in cells):
        flags.append(ABOVE_PEAK)
    return Row(
        rank=None,
        solution=last.solution,
        author=last.author,
        stage=last.stage,
        precision=precision,
        latency_ms=shown.latency_ms if shown else None,
        latency_ci_ms=shown.latency_ci_ms if shown else None,
        geomean_latency_ms=_mean(cell.latency_ms for cell in cells),
        fraction_of_peak=_mean(cell.fraction_of_peak for cell in cells),
        fraction_of_peak_ci=_fraction_ci(cells),
        fraction_of_rtx_4090_peak=_mean(cell.fraction_of_rtx_4090_peak for cell in cells),
        fraction_of_measured_roof=_mean(cell.fraction_of_measured_roof for cell in cells),
        achieved_gb_per_s=shown.achieved_gb_per_s if shown else None,
        achieved_tflops=shown.achieved_tflops if shown else None,
        speedup=_mean(cell.speedup for cell in cells),
        speedup_ci=_speedup_ci(cells),
        complete=False,
        flags=tuple(dict.fromkeys(flags)),
        cells=cells,
        sha256=last.sha256,
        created=last.created,
        boards=tuple(dict.fromkeys(result.environment.board for result in timed)),
    )


def on_cell(row: Row, cell: Cell) -> Row:
    """The row as it stands on one of its workloads, not ranked yet; its class and its flags stay."""
    return dataclasses.replace(
        row,
        rank=None,
        latency_ms=cell.latency_ms,
        latency_ci_ms=cell.latency_ci_ms,
        geomean_latency_ms=cell.latency_ms,
        fraction_of_peak=cell.fraction_of_peak,
        fraction_of_peak_ci=_fraction_ci((cell,)),
        fraction_of_rtx_4090_peak=cell.fraction_of_rtx_4090_peak,
        fraction_of_measured_roof=cell.fraction_of_measured_roof,
        achieved_gb_per_s=cell.achieved_gb_per_s,
        achieved_tflops=cell.achieved_tflops,
        speedup=cell.speedup,
        speedup_ci=cell.speedup_ci,
        complete=False,
        cells=(cell,),
    )


def _cell(result: Result, precision: str | None, gpu: GpuSpec | None, roofs: Sequence[Roofs]) -> Cell:
    """What follows from one timed result; an exact problem (no class) is held against memory alone."""
    latency_ms = result.latency_ms
    if latency_ms is None:
        raise ValueError(f"{result.solution!r} on {result.workload!r} was not timed")
    bytes_moved, flops = result.bytes_moved, (result.flops or 0) if precision else 0
    roof_ms = light_ms = fraction = fraction_4090 = gb_per_s = None
    speedup, speedup_ci = _speedup(result)
    if bytes_moved:  # none: the problem counts none, and nothing is a fraction of it
        gb_per_s = roofline.achieved_gb_per_s(latency_ms, bytes_moved)
        measured = newest(roofs, result.environment.board)
        roof_ms = measured.roof_ms(bytes_moved, flops, precision) if measured is not None else None
    if gpu is not None and bytes_moved:
        light_ms = roofline.speed_of_light_ms(bytes_moved, flops, gpu, precision)
        fraction = light_ms / latency_ms
        fraction_4090 = roofline.fraction_of_peak(latency_ms, bytes_moved, flops, RTX_4090, precision)
    return Cell(
        workload=result.workload,
        latency_ms=latency_ms,
        latency_ci_ms=result.latency_ci_ms or (latency_ms, latency_ms),
        speed_of_light_ms=light_ms,
        fraction_of_peak=fraction,
        fraction_of_rtx_4090_peak=fraction_4090,
        fraction_of_measured_roof=None if roof_ms is None else roof_ms / latency_ms,
        achieved_gb_per_s=gb_per_s,
        achieved_tflops=roofline.achieved_tflops(latency_ms, flops) if flops else None,
        speedup=speedup,
        speedup_ci=speedup_ci,
    )


def _speedup(result: Result) -> tuple[float | None, Interval | None]:
    """The ratio of the paired samples, else that of the two medians, which has no interval."""
    reference_ms, samples_ms = result.reference_samples_ms, result.samples_ms
    if len(reference_ms) == len(samples_ms) >= ab.FEWEST_BLOCKS and min(*reference_ms, *samples_ms) > 0:
        block = min(ab.BLOCK_ROUNDS, len(samples_ms) // ab.FEWEST_BLOCKS)
        found = ab.compare(reference_ms, samples_ms, block=block)
        return found.ratio, found.interval
    if result.reference_latency_ms is None or result.latency_ms is None:
        return None, None
    return result.reference_latency_ms / result.latency_ms, None


def _speedup_ci(cells: tuple[Cell, ...]) -> Interval | None:
    known = [(cell.speedup, cell.speedup_ci) for cell in cells if cell.speedup and cell.speedup_ci]
    if not known or len(known) < len(cells):
        return None
    return geometric_mean_interval([speedup for speedup, _ in known], [ci for _, ci in known])


def _fraction_ci(cells: tuple[Cell, ...]) -> Interval | None:
    fractions, intervals = [], []
    for cell in cells:
        if cell.fraction_of_peak is None or cell.speed_of_light_ms is None:
            return None
        low_ms, high_ms = cell.latency_ci_ms
        fractions.append(cell.fraction_of_peak)
        intervals.append((cell.speed_of_light_ms / high_ms, cell.speed_of_light_ms / low_ms))
    return geometric_mean_interval(fractions, intervals) if fractions else None


def latency_ci(cells: tuple[Cell, ...]) -> Interval:
    """The interval of the geometric-mean latency, ms."""
    return geometric_mean_interval(
        [cell.latency_ms for cell in cells], [cell.latency_ci_ms for cell in cells]
    )


def _mean(values: Iterable[float | None]) -> float | None:
    """The geometric mean, or None where there is nothing to take it of or a part is unknown."""
    known = []
    for value in values:
        if value is None:
            return None
        known.append(value)
    return geometric_mean(known) if known else None


def looseness(precision: str | None) -> int:
    """Where a precision class stands: exact (None) first, then the tightest."""
    return -1 if precision is None else PRECISIONS.index(precision)
