"""How well this suite measures, in its own figures: spread, overhead of the events, roofs, second clock."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from suite import stats
from suite.lines import numbered_lines, skipped
from suite.report.text import shown, significant
from suite.result import Result, from_json
from suite.roofs import Roofs, newest
from suite.tables import Table, roofs_table

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one device showed."""

    device: str
    roofs: Roofs | None
    roofs_table: Table | None
    facts: tuple[tuple[str, str, str], ...]
    """(what, figure, how it was found)."""


@dataclass(frozen=True, slots=True)
class Timed:
    """What the results of a device say of the clock, added up over its problems."""

    device: str
    event_overheads_ms: tuple[float, ...]
    half_widths: tuple[float, ...]
    """Half the interval of the median, over the median."""
    n_samples: int
    n_discarded: int


def timed(device: str, results: Iterable[Result]) -> Timed:
    """What one problem's results on a device say."""
    known = [result for result in results if result.latency_ms is not None]
    return Timed(
        device,
        tuple(result.timing.event_overhead_ms for result in known if result.timing),
        tuple(
            stats.relative_half_width(result.latency_ci_ms, result.latency_ms)
            for result in known
            if result.latency_ci_ms and result.latency_ms
        ),
        sum(len(result.samples_ms) for result in known),
        sum(result.timing.discarded for result in known if result.timing),
    )


def evidence(
    root: Path | None, roofs: Mapping[str, Sequence[Roofs]], found: Iterable[Timed]
) -> tuple[list[Evidence], list[str]]:
    """All that is known of each device's clock, devices by name; and a warning for each line that is none."""
    by_device: dict[str, list[Timed]] = {name: [] for name in roofs}
    for entry in found:
        by_device.setdefault(entry.device, []).append(entry)
    records: list[Evidence] = []
    warnings: list[str] = []
    for device in sorted(by_device):
        measured = newest(roofs.get(device, ()), None)
        facts = [*_timing_facts(by_device[device])]
        if root is not None:
            facts += _clock_facts(root / "reports" / "clock" / device, warnings)
        if measured or facts:
            table = roofs_table(measured) if measured else None
            records.append(Evidence(device, measured, table, tuple(facts)))
    return records, warnings


def _timing_facts(found: list[Timed]) -> Iterable[tuple[str, str, str]]:
    overheads = [value for entry in found for value in entry.event_overheads_ms]
    widths = [value for entry in found for value in entry.half_widths]
    samples, discarded = sum(e.n_samples for e in found), sum(e.n_discarded for e in found)
    if overheads:
        yield (
            "empty event pair",
            f"{significant(1e3 * stats.median(overheads), 3)} us",
            f"median over {len(overheads)} results; subtracted from every sample",
        )
    if widths:
        yield (
            "95 % interval of a median",
            f"± {stats.median(widths):.2%}, at most ± {max(widths):.2%}",
            f"over {len(widths)} results",
        )
    if samples:
        yield (
            "samples taken again",
            f"{discarded} of {samples + discarded}",
            "because the card had lowered its clocks",
        )


def _clock_facts(folder: Path, warnings: list[str]) -> list[tuple[str, str, str]]:
    """From what `scripts/clock_evidence.py` left in reports/clock."""
    facts = []
    repeated = [
        result for result in _results(folder / "repeat.jsonl", warnings) if result.latency_ms is not None
    ]
    if len(repeated) > 1:
        medians = [result.latency_ms for result in repeated if result.latency_ms is not None]
        facts.append(
            (
                f"{len(medians)} measurements of one kernel",
                f"within {(max(medians) - min(medians)) / stats.median(medians):.2%}",
                f"{shown(repeated[0].problem)}, {shown(repeated[0].solution)}: "
                f"{significant(min(medians))} to {significant(max(medians))} ms, "
                "every second one right after load",
            )
        )
    for file, due, what in (
        ("same.jsonl", "SAME", "a kernel compared with itself"),
        ("differ.jsonl", "SLOWER", "... with one that reads 2 % less"),
    ):
        verdicts = [entry["verdict"] for entry in _objects(folder / file, warnings) if entry.get("verdict")]
        if verdicts:
            found = f"{verdicts.count(due)} of {len(verdicts)} {due}"
            facts.append((what, found, "bench compare, samples in turn"))
    audits = [
        result for result in _results(folder / "audit.jsonl", warnings) if result.audit and result.latency_ms
    ]
    if audits:
        apart = [abs(r.latency_ms / r.audit.latency_ms - 1) for r in audits if r.audit and r.latency_ms]
        shortest = min(r.latency_ms for r in audits if r.latency_ms)
        clocks = ", ".join(sorted({r.audit.clock for r in audits if r.audit}))
        facts.append(
            (
                "against a second clock",
                f"{stats.median(apart):.1%} apart (median), at most {max(apart):.1%}",
                f"{clocks}, {len(audits)} kernels, the shortest of {significant(1e3 * shortest, 3)} us",
            )
        )
    return facts


def _results(path: Path, warnings: list[str]) -> list[Result]:
    return _read(path, lambda line: from_json(line.decode()), warnings)


def _objects(path: Path, warnings: list[str]) -> list[dict[str, Any]]:
    return _read(path, _object, warnings)


def _object(line: bytes) -> dict[str, Any]:
    value = json.loads(line)
    if not isinstance(value, dict):
        raise ValueError("no JSON object")
    return value


def _read(path: Path, one: Callable[[bytes], T], warnings: list[str]) -> list[T]:
    found = []
    for number, line in numbered_lines(path) if path.is_file() else ():
        try:
            found.append(one(line))
        except (ValueError, RecursionError) as error:
            warnings.append(skipped(path, number, error))
    return found
