"""What the page of one solution shows of its source and its results."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from suite.report.names import GRADED
from suite.report.records import ProblemPages, SolutionPage
from suite.report.source import difference, highlighted, read_text
from suite.report.templating import script
from suite.report.text import clipped, rounded, shown, significant
from suite.result import Correctness, Result
from suite.tables import Table


def solution_context(pages: ProblemPages, solution: SolutionPage) -> dict[str, Any]:
    """Source, difference and correctness, for the template."""
    text = _text(solution)
    before = _stage_before(pages, solution)
    old = _text(before) if before else None
    return {
        "source": highlighted(text) if text is not None else None,
        "before": before,
        "difference": difference(old, text, f"{before.name}.py", f"{solution.name}.py")
        if before and old is not None and text is not None
        else None,
        "correctness": [correctness_table(own) for _, _, own in solution.devices],
        "samples": [_samples_sentences(own) for _, _, own in solution.devices],
    }


def correctness_table(results: Iterable[Result]) -> Table:
    """What was compared, workload by workload; whatever a record of correctness holds has a column."""
    known = list(results)
    names = [field.name for field in dataclasses.fields(Correctness)]
    headers = ("workload", "status", *(name.replace("_", " ") for name in names), "sandbox", "reason")
    rows = [
        (
            shown(result.workload),
            result.status.value,
            *(_value(getattr(result.correctness, name)) if result.correctness else "" for name in names),
            shown(result.sandbox),
            clipped(result.reason),
        )
        for result in known
    ]
    used = [place for place in range(len(headers)) if place < 2 or any(row[place] for row in rows)]
    return Table(
        tuple(headers[place] for place in used),
        tuple(tuple(row[place] for place in used) for row in rows),
        frozenset(name.replace("_", " ") for name in names),
    )


def render_solution_data(pages: ProblemPages, solution: SolutionPage) -> str:
    """The samples and the source as a script: a page from disk can load that, and cannot load JSON."""
    text = _text(solution)
    devices = {
        device.name: {
            "label": device.board.gpu.name if device.board.gpu else device.name,
            "workloads": {
                result.workload: _measured(result) for result in own if result.latency_ms is not None
            },
            "failed": [[result.workload, result.status.value] for result in own if result.reason],
        }
        for device, _, own in solution.devices
    }
    data = {
        "name": shown(solution.name),
        "href": solution.href,
        "stage": shown(solution.stage),
        "author": shown(solution.author),
        "sha256": solution.sha256,
        "created": solution.created,
        "devices": devices,
        "source": None if text is None else clipped(text, 100_000),
    }
    return script("tritonpeak.take", f"{pages.problem.name}/{solution.href}", data)


def _measured(result: Result) -> dict[str, Any]:
    low_ms, high_ms = result.latency_ci_ms or (result.latency_ms, result.latency_ms)
    clocks = result.clocks
    return {
        "latency": [rounded(value) for value in (result.latency_ms, low_ms, high_ms)],
        "samples": [rounded(value, 5) for value in result.samples_ms],
        "reference": [rounded(value, 5) for value in result.reference_samples_ms],
        "sm_mhz": list(clocks.sm_mhz) if clocks else [],
        "power_w": [round(value) for value in clocks.power_w] if clocks else [],
        "precision": result.precision,
    }


def _samples_sentences(results: Iterable[Result]) -> list[tuple[str, str]]:
    """(workload, one sentence) of each timed workload."""
    return [(result.workload, _sentence(result)) for result in results if result.latency_ms is not None]


def _sentence(result: Result) -> str:
    count = len(result.samples_ms)
    ends = (
        f", {significant(min(result.samples_ms))} to {significant(max(result.samples_ms))} ms"
        if count
        else ""
    )
    clocks = ""
    if result.clocks and result.clocks.sm_mhz:
        low, high = min(result.clocks.sm_mhz), max(result.clocks.sm_mhz)
        clocks = f"; SM clock {low} MHz throughout" if low == high else f"; SM clock {low} to {high} MHz"
    return f"{count} samples, median {significant(result.latency_ms)} ms{ends}{clocks}."


def _stage_before(pages: ProblemPages, solution: SolutionPage) -> SolutionPage | None:
    """The graded solution of the nearest earlier stage; the baseline has none, nor have submitted files."""
    if solution.stage not in GRADED:
        return None
    for stage in reversed(GRADED[: GRADED.index(solution.stage)]):
        for other in pages.solutions:
            if other.stage == stage and other.file is not None:
                return other
    return None


def _text(solution: SolutionPage) -> str | None:
    """The source of exactly what was measured, or of a file that was not measured yet."""
    if solution.file is None or not solution.is_current:
        return None
    try:
        return read_text(solution.file.path)
    except OSError:
        return None


def _value(value: object) -> str:
    """A value of a record of correctness, whatever it is: numbers short, records as name and value."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.2e}"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
        return ", ".join(
            f"{name.replace('_', ' ')} {_value(part)}" for name, part in parts if part is not None
        )
    if isinstance(value, (list, tuple)):
        return "; ".join(map(_value, value))
    if isinstance(value, dict):
        return "; ".join(f"{shown(str(name))} {_value(part)}" for name, part in value.items())
    return clipped(str(value))
