"""What the terminal shows of stage reports."""

from __future__ import annotations

from collections.abc import Sequence

from suite.counters import DRAM, L2_HITS, MEMORY_STALLS, SM, WARPS
from suite.problem import SEED
from suite.result import Result
from suite.stages.evidence import Evidence, Found, Outcome
from suite.stages.report import RuleReport, StageReport
from suite.tables import Table

_METRICS = {
    "SM %": SM,
    "warps %": WARPS,
    "DRAM %": DRAM,
    "L2 hit %": L2_HITS,
    "memory stalls %": MEMORY_STALLS,
}


def staircase_table(graded: Sequence[tuple[Evidence, Evidence | None]]) -> Table:
    """One row a solution, in the order of the stages, each beside the one before it: latency and metrics."""
    headers = ("solution", "latency ms", "+- ms", "of before", *_METRICS, "bound")
    rows = []
    for evidence, before in graded:
        result, earlier = seed_result(evidence), seed_result(before) if before is not None else None
        latency_ms = result.latency_ms if result is not None else None
        before_ms = earlier.latency_ms if earlier is not None else None
        interval = result.latency_ci_ms if result is not None else None
        ratio = latency_ms / before_ms if latency_ms is not None and before_ms is not None else None
        rows.append(
            (
                evidence.name,
                "" if latency_ms is None else f"{latency_ms:.4f}",
                "" if interval is None else f"{(interval[1] - interval[0]) / 2:.4f}",
                "" if ratio is None else f"{ratio:.1%}",
                *(_percent(evidence, metric) for metric in _METRICS.values()),
                evidence.bound,
            )
        )
    return Table(headers, tuple(rows), frozenset(headers[1:-1]))


def seed_result(evidence: Evidence) -> Result | None:
    """The timed result on the seed workload, if there is one."""
    return next((r for r in evidence.results if r.workload == SEED and r.latency_ms is not None), None)


def rules_table(report: StageReport) -> Table:
    """One row a rule: what became of it and why."""
    rows = tuple((rule.outcome.value, _text(rule), "; ".join(_told(rule))) for rule in report.rules)
    return Table(("", "rule", "found"), rows)


def tally(report: StageReport) -> str:
    """ "14 passed, 2 not measured": every outcome that there is, the gravest first."""
    counts = {outcome: len(report.with_outcome(outcome)) for outcome in Outcome}
    return ", ".join(f"{count} {outcome.value}" for outcome, count in counts.items() if count)


def sentence(found: Found) -> str:
    """A breach as one line: where, what, and what to do."""
    where = f"{found.where}: " if found.where else ""
    remedy = f"; {found.remedy}" if found.remedy else ""
    return f"{where}{found.found}{remedy}"


def _text(rule: RuleReport) -> str:
    return rule.text if rule.part == "ours" else f"{rule.part}: {rule.text}"


def _told(rule: RuleReport) -> list[str]:
    return list(dict.fromkeys(text for found in rule.found if (text := sentence(found))))


def _percent(evidence: Evidence, metric: str) -> str:
    value = evidence.value(metric)
    return "" if value is None else f"{value:.1f}"
