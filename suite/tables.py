"""What the terminal tables show, as plain headers and rows of text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from suite.ab import Comparison
from suite.finding import Finding
from suite.gpus import find_gpu
from suite.leaderboard import Board
from suite.problem import Problem
from suite.result import Result, Status
from suite.roofs import MEMORY_PROBES, Roofs
from suite.rows import UNCONFINED, Row
from suite.solution import Solution
from suite.stats import drift, quartiles


@dataclass(frozen=True, slots=True)
class Table:
    """Headers and rows; columns named in `right` hold numbers and align right."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: frozenset[str] = frozenset()

    @property
    def alignment(self) -> tuple[str, ...]:
        """One of "left" and "right" for each column."""
        return tuple("right" if header in self.right else "left" for header in self.headers)


def board_tables(board: Board) -> list[tuple[str, Table]]:
    """The ranked rows and, below them, the failures; each with its title."""
    peak = f"{board.gpu.name} peak" if board.gpu else "peak"
    fractions = (f"of {peak}", "of measured roof", "x RTX 4090 peak")
    numbers = ("rank", "latency ms", "+- ms", *fractions, "GB/s", "TFLOPS", "speedup", "workloads")
    headers = ("rank", "solution", "stage", "author", "class", *numbers[1:], "flags")
    rows = tuple(_board_row(row, len(board.workloads)) for row in board.rows)
    table = without_empty(Table(headers, rows, frozenset(numbers)), keep=("rank", "solution"))
    names = ", ".join(board.workloads)
    title = (
        f"{board.problem} on {board.device}: latency, GB/s and TFLOPS of seed, the rest means over {names}"
    )
    titled = [(title, table)] if board.rows else []
    if board.failures:
        failed = tuple((f.solution, f.stage, f.status.value, f.workload, f.reason) for f in board.failures)
        titled.append(("failed", Table(("solution", "stage", "status", "workload", "reason"), failed)))
    return titled


def check_table(results: Sequence[Result]) -> Table:
    """Correctness alone, one row a result: what a machine without a GPU can say."""
    headers = (
        "solution",
        "stage",
        "author",
        "status",
        "outputs checked",
        "hidden workloads",
        "largest error",
        "sandbox",
        "reason",
    )
    rows = tuple(
        (
            result.solution,
            result.stage,
            result.author or "",
            result.status.value,
            str(result.correctness.outputs_checked) if result.correctness else "",
            _hidden(result),
            _error(result),
            "none" if result.sandbox == UNCONFINED else "",
            result.reason or "",
        )
        for result in sorted(results, key=lambda result: result.status is not Status.PASSED)
    )
    return without_empty(
        Table(headers, rows, frozenset(("outputs checked", "hidden workloads", "largest error"))),
        keep=("solution",),
    )


def problems_table(listed: Sequence[tuple[Problem, Sequence[Solution]]]) -> Table:
    """One row a problem."""
    headers = ("problem", "bench workloads", "check workloads", "solutions")
    rows = []
    for problem, solutions in listed:
        tiers = [workload.tier for workload in problem.workloads]
        names = ", ".join(s.name for s in solutions if s.stage != "reference")
        rows.append((problem.name, str(tiers.count("bench")), str(tiers.count("check")), names))
    return Table(headers, tuple(rows), frozenset(headers[1:3]))


def workloads_table(problem: Problem) -> Table:
    """One row a workload."""
    rows = tuple(
        (workload.name, workload.tier, ", ".join(f"{name}={value}" for name, value in workload.axes.items()))
        for workload in problem.workloads
    )
    return Table(("workload", "tier", "axes"), rows)


def solutions_table(solutions: Sequence[Solution]) -> Table:
    """One row a solution."""
    rows = tuple((s.name, s.stage, s.author or "", s.idea or "", s.sha256[:12]) for s in solutions)
    return Table(("solution", "stage", "author", "idea", "sha256"), rows)


def findings_table(findings: Sequence[Finding]) -> Table:
    """One row a finding."""
    rows = tuple((f.state, f.subject, f.text, f.remedy) for f in findings)
    return Table(("", "what", "found", "what to do"), rows)


def roofs_table(roofs: Roofs) -> Table:
    """One row a probe: what the card reached, beside its datasheet."""
    gpu = find_gpu(roofs.gpu, roofs.sm_count)
    rows = []
    for name, probe in roofs.probes().items():
        if probe is None:
            rows.append((name, "no units for it", "", "", "", "", "", "", ""))
            continue
        in_memory = name in MEMORY_PROBES
        measured = probe.gb_per_s if in_memory else probe.tflops
        sheet = None if gpu is None else getattr(gpu, "peak_gb_per_s" if in_memory else f"{name}_tflops")
        low, high = probe.relative_ci
        rows.append(
            (
                name,
                _number(measured, ".0f" if in_memory else ".1f"),
                f"{(high - low) / 2:.2%}",
                "GB/s" if in_memory else "TFLOPS",
                _number(sheet, ".0f" if in_memory else ".1f"),
                _number(measured / sheet if sheet else None, ".1%"),
                "" if probe.sm_mhz is None else str(probe.sm_mhz),
                str(len(probe.samples_ms)),
                probe.how + (", unstable" if probe.unstable else ""),
            )
        )
    numbers = ("measured", "+-", "datasheet", "fraction", "SM MHz", "samples")
    headers = ("roof", *numbers[:2], "unit", *numbers[2:], "how")
    return without_empty(Table(headers, tuple(rows), frozenset(numbers)), keep=("roof", "measured"))


def _board_row(row: Row, n_workloads: int) -> tuple[str, ...]:
    half_width_ms = (row.latency_ci_ms[1] - row.latency_ci_ms[0]) / 2 if row.latency_ci_ms else None
    return (
        str(row.rank) if row.rank is not None else "-",
        row.solution,
        row.stage,
        row.author or "",
        row.precision or "",
        _number(row.latency_ms, ".4f"),
        _number(half_width_ms, ".4f"),
        _number(row.fraction_of_peak, ".1%"),
        _number(row.fraction_of_measured_roof, ".1%"),
        _number(row.fraction_of_rtx_4090_peak, ".2f"),
        _number(row.achieved_gb_per_s, ".0f"),
        _number(row.achieved_tflops, ".1f"),
        _speedup(row),
        f"{row.n_workloads}/{n_workloads}" if n_workloads else "",
        " ".join(row.flags),
    )


def _speedup(row: Row) -> str:
    if row.speedup is None or row.speedup_ci is None:
        return _number(row.speedup, ".2f")
    low, high = row.speedup_ci
    return f"{row.speedup:.2f} +-{(high - low) / 2:.3f}"


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _hidden(result: Result) -> str:
    """Empty where there were none, so that the column goes when nobody had any."""
    count = result.correctness.hidden_workloads if result.correctness else None
    return str(count) if count else ""


def _error(result: Result) -> str:
    error = result.correctness.max_relative_error if result.correctness else None
    return _number(error, ".1e")


def without_empty(table: Table, keep: tuple[str, ...]) -> Table:
    """The table without columns that hold nothing."""
    used = [
        i for i, header in enumerate(table.headers) if header in keep or any(row[i] for row in table.rows)
    ]
    rows = tuple(tuple(row[i] for i in used) for row in table.rows)
    return Table(tuple(table.headers[i] for i in used), rows, table.right)


def samples_table(results: Sequence[Result]) -> Table:
    """One row a timed workload: how its samples fell and what the card did meanwhile.

    The p of the drift says how often samples without any drift would rise or fall as much with their order.
    """
    numbers = (
        "median ms",
        "from",
        "to",
        "q1",
        "q3",
        "min",
        "samples",
        "discarded",
        "empty pair ms",
        "drift p",
    )
    headers = ("workload", "solution", *numbers, "SM MHz", "clock", "second clock", "flags")
    rows = tuple(_samples_row(result) for result in results if result.latency_ms is not None)
    return without_empty(Table(headers, rows, frozenset(numbers)), keep=("workload", "solution"))


def _samples_row(result: Result) -> tuple[str, ...]:
    low_ms, high_ms = result.latency_ci_ms or (None, None)
    timing, clocks = result.timing, result.clocks
    figures = (result.latency_ms, low_ms, high_ms, *quartiles(result.samples_ms), min(result.samples_ms))
    return (
        result.workload,
        result.solution,
        *(_number(figure, ".4f") for figure in figures),
        str(len(result.samples_ms)),
        str(timing.discarded) if timing else "",
        _number(timing.event_overhead_ms, ".5f") if timing else "",
        _number(drift(result.samples_ms).p, ".2f") if len(result.samples_ms) > 2 else "",
        f"{min(clocks.sm_mhz)}-{max(clocks.sm_mhz)}" if clocks else "unknown",
        timing.method if timing else "",
        f"{result.audit.clock} x{result.latency_ms / result.audit.latency_ms:.3f}"
        if result.audit and result.latency_ms
        else "",
        " ".join(result.flags),
    )


def comparison_table(a: str, b: str, compared: Sequence[tuple[Result, Comparison]]) -> Table:
    """One row a workload: A against B."""
    headers = ("workload", f"{a} ms", f"{b} ms", "ratio", "from", "to", "verdict")
    rows = tuple(
        (
            result.workload,
            _number(result.latency_ms, ".4f"),
            _number(result.reference_latency_ms, ".4f"),
            _number(comparison.ratio, ".4f"),
            *(_number(end, ".4f") for end in comparison.interval),
            f"{a} is {comparison.verdict.value}",
        )
        for result, comparison in compared
    )
    return Table(headers, rows, frozenset(headers[1:6]))
