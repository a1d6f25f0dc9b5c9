"""A stage's rules, one by one, and what became of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from suite.stages.checks import OF_SOURCE_AND_LAUNCHES, run_check
from suite.stages.evidence import Case, Found, Outcome
from suite.stages.stage import Check, Line, Metric, Stage

_FOR_A_READER = (Found(Outcome.READER, ""),)
_GRAVEST_FIRST = list(Outcome)


@dataclass(frozen=True, slots=True)
class RuleReport:
    """One line of a stage and what its checks found."""

    part: str
    """"metric", "rule", "safety", "autotune" or "ours"."""
    text: str
    found: tuple[Found, ...]

    @property
    def outcome(self) -> Outcome:
        """The gravest of what was found."""
        return min((found.outcome for found in self.found), key=_GRAVEST_FIRST.index)


@dataclass(frozen=True, slots=True)
class StageReport:
    """One solution against one stage."""

    stage: str
    solution: str
    rules: tuple[RuleReport, ...]

    def with_outcome(self, outcome: Outcome) -> tuple[RuleReport, ...]:
        """The rules that came out so."""
        return tuple(rule for rule in self.rules if rule.outcome is outcome)


def grade_stage(stage: Stage, case: Case) -> StageReport:
    """Every metric, rule and limit of `stage` against a solution and what is known of it."""
    return StageReport(stage.name, case.mine.name, tuple(_rules(stage, case)))


def before_running(stage: Stage, case: Case) -> list[Found]:
    """What an answer breaks of the rules that its text and its launches show, each thing once."""
    checks = {
        check: None for _, _, named in _lines(stage) for check in named if check in OF_SOURCE_AND_LAUNCHES
    }
    found = [each for check in checks for each in run_check(check, case, may_fall_short=stage.may_fall_short)]
    return list(dict.fromkeys(each for each in found if each.outcome is Outcome.FAILED))


def to_json(report: StageReport) -> dict[str, Any]:
    """A plain object."""
    return {
        "stage": report.stage,
        "solution": report.solution,
        "rules": [
            {
                "part": r.part,
                "text": r.text,
                "outcome": r.outcome,
                "found": [dataclasses.asdict(f) for f in r.found],
            }
            for r in report.rules
        ],
    }


def _rules(stage: Stage, case: Case) -> Iterator[RuleReport]:
    for part, text, checks in _lines(stage):
        found = [
            each for check in checks for each in run_check(check, case, may_fall_short=stage.may_fall_short)
        ]
        yield RuleReport(part, text, tuple(found) or _FOR_A_READER)


def _lines(stage: Stage) -> Iterator[tuple[str, str, tuple[Check, ...]]]:
    parts: tuple[tuple[str, tuple[Metric | Line, ...]], ...] = (
        ("metric", stage.metrics),
        ("rule", stage.rules),
        ("safety", stage.safety),
        ("autotune", stage.autotune),
        ("ours", stage.ours),
    )
    for part, lines in parts:
        for line in lines:
            yield part, line.text, line.checks
