"""Many solutions of many problems: one record for each, and what they amount to together."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from suite.gpus import find_gpu
from suite.lines import append_line, numbered_lines, skipped
from suite.problem import WHOLE_CHECK_TIER
from suite.records import decode, load_object
from suite.result import Result, Status, from_json, to_json
from suite.rows import Row, make_row
from suite.stats import Interval, geometric_mean

SCHEMA = 1
Key = tuple[str, str, str, str, str]
"""Problem, its sha256, solution, its sha256, device: what makes two evaluations the same."""
THRESHOLDS = (1.0, 1.5, 2.0)


@dataclass(frozen=True, slots=True)
class Evaluated:
    """One solution of one problem.

    `problem_sha256` is of the problem's reference and inputs: another problem of that name is evaluated anew.
    `error` says why there is no verdict: the file cannot be mapped, or the judge died over it.
    """

    problem: str
    problem_sha256: str
    solution: str
    sha256: str
    device: str
    wall_s: float
    results: tuple[Result, ...]
    error: str | None = None

    @property
    def key(self) -> Key:
        """See `Key`."""
        return self.problem, self.problem_sha256, self.solution, self.sha256, self.device

    @property
    def status(self) -> str:
        """That of the first result that is no pass, else "passed"; "error" without a verdict."""
        if self.error is not None or not self.results:
            return "error"
        failed = [result.status for result in self.results if result.status is not Status.PASSED]
        return failed[0].value if failed else Status.PASSED.value

    @property
    def reason(self) -> str | None:
        """Why it did not pass."""
        return self.error or next((result.reason for result in self.results if result.reason), None)

    @property
    def row(self) -> Row | None:
        """Latency, speedup and fraction of peak; None where it failed or was not timed."""
        timed = [result for result in self.results if result.latency_ms is not None]
        if self.status != Status.PASSED.value or not timed:
            return None
        environment = timed[0].environment
        gpu = find_gpu(environment.gpu, environment.sm_count) if environment.gpu else None
        return make_row(
            list(self.results), [r.workload for r in timed if r.workload != WHOLE_CHECK_TIER], gpu
        )


@dataclass(frozen=True, slots=True)
class Mean:
    """A geometric mean and how many values it rests on."""

    value: float | None
    count: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What all records amount to. Shares are of all solutions, the failed and unmapped ones included."""

    solutions: int
    correct: int
    problems: int
    solved: int
    """Problems with at least one correct solution."""
    timed: int
    fast: tuple[tuple[float, float], ...]
    """(p, the share that is correct and more than p times as fast as the reference); empty where
    nothing was timed."""
    curve: tuple[tuple[float, float], ...]
    """The same at every p where it falls, p ascending: from there on the share is the second number."""
    speedup: Mean
    fraction_of_peak: Mean


def summarize(records: Sequence[Evaluated], problems: int) -> Summary:
    """Shares, fast_p and means.

    A solution counts as more than p times as fast if the lower end of its speedup's interval is above p: a
    ratio that noise alone could have lifted over the line does not count. The means are over correct, timed
    solutions.
    """
    rows = [row for record in records if (row := record.row) is not None]
    lows = sorted(low for row in rows if (low := surely(row)) is not None)
    total = len(records)
    passed = [record for record in records if record.status == Status.PASSED.value]

    def share(p: float) -> float:
        return sum(low > p for low in lows) / total if total else 0.0

    fractions = [row.fraction_of_peak for row in rows if row.fraction_of_peak is not None]
    return Summary(
        solutions=total,
        correct=len(passed),
        problems=problems,
        solved=len({record.problem for record in passed}),
        timed=len(rows),
        fast=tuple((p, share(p)) for p in THRESHOLDS if rows),
        curve=tuple((p, share(p)) for p in dict.fromkeys([0.0, *lows])) if rows else (),
        speedup=_mean([row.speedup for row in rows if row.speedup is not None]),
        fraction_of_peak=_mean(fractions),
    )


def surely(row: Row) -> float | None:
    """The speedup that a row surely has: the lower end of its interval, or the ratio where it has none."""
    interval: Interval | None = row.speedup_ci
    return interval[0] if interval is not None else row.speedup


def append(path: Path, record: Evaluated) -> None:
    """Write one line, on disk when this returns."""
    values = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    values["results"] = [json.loads(to_json(result)) for result in record.results]
    append_line(path, json.dumps({"schema": SCHEMA, **values}))


def read(path: Path) -> tuple[list[Evaluated], list[str]]:
    """The records of a file, and a warning for each line that is none, such as one cut off by a kill."""
    records, warnings = [], []
    for number, line in numbered_lines(path) if path.exists() else ():
        try:
            records.append(_record(line))
        except ValueError as error:
            warnings.append(skipped(path, number, error))
    return records, warnings


def _record(line: bytes) -> Evaluated:
    values = load_object(line.decode(), SCHEMA)
    results = values.get("results")
    if not isinstance(results, list):
        raise ValueError("results: expected a list")
    record: Evaluated = decode(Evaluated, values | {"results": []})
    return dataclasses.replace(record, results=tuple(from_json(json.dumps(result)) for result in results))


def _mean(values: Sequence[float]) -> Mean:
    return Mean(geometric_mean(values) if values else None, len(values))
