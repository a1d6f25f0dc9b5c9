"""Brings together what is known of a solution: its text, its launches, its profile, its results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from suite.analysis.inspection import Inspection
from suite.gpus import GpuSpec
from suite.profile import NCU, Profile
from suite.profile_store import latest as latest_profile
from suite.result import Result
from suite.solution import Solution, python_text
from suite.stages.evidence import Case, Evidence
from suite.stages.report import StageReport, grade_stage
from suite.stages.source import read_source
from suite.stages.stage import GRADED


@dataclass(frozen=True, slots=True)
class Records:
    """What was measured of one problem on one device."""

    results: Sequence[Result]
    profiles: Sequence[Profile]
    gpu: GpuSpec | None
    """The device's datasheet."""

    def of(self, sha256: str) -> tuple[Result, ...]:
        """The newest result of exactly that file on each workload."""
        newest: dict[str, Result] = {}
        for result in self.results:
            held = newest.get(result.workload)
            if result.sha256 == sha256 and (held is None or result.created >= held.created):
                newest[result.workload] = result
        return tuple(newest.values())


def gather(solution: Solution, inspection: Inspection, records: Records) -> Evidence:
    """The evidence of one solution on the workload and card of `inspection`.

    Raises:
        SolutionFileError: the file cannot be read, or it is no Python.
    """
    profile = latest_profile(records.profiles, solution.sha256, inspection.workload)
    return Evidence(
        name=solution.name,
        source=read_source(python_text(solution.path)),
        inspection=inspection,
        profile=profile if profile is not None and profile.source == NCU else None,
        results=records.of(solution.sha256),
        measured_on=records.gpu,
    )


def grade(graded: Iterable[tuple[Solution, Evidence]]) -> list[StageReport]:
    """The stage reports of a problem's graded solutions, given in the order of their stages.

    The memory and the micro stage share one file, so that nothing is known of what lay between them: what the
    micro stage started from is no file, and its rules that need one do not apply.
    """
    reports = []
    for solution, evidence, before in with_before(graded):
        for place, stage in enumerate(GRADED[solution.stage]):
            parent = before if place == 0 else None
            reports.append(grade_stage(stage, Case(evidence, parent, before)))
    return reports


def with_before(
    graded: Iterable[tuple[Solution, Evidence]],
) -> Iterator[tuple[Solution, Evidence, Evidence | None]]:
    """Each with the one of the stage before it; of two finals, both follow the same one."""
    before: Evidence | None = None
    latest: tuple[Solution, Evidence] | None = None
    for solution, evidence in graded:
        if latest is not None and latest[0].stage != solution.stage:
            before = latest[1]
        yield solution, evidence, before
        latest = (solution, evidence)
