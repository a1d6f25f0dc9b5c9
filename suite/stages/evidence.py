"""What a solution is judged by in a stage, and what a check says of it."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from suite import roofline
from suite.analysis.inspection import Inspection, LaunchReport
from suite.counters import DRAM, SM
from suite.gpus import GpuSpec
from suite.profile import Profile
from suite.result import PRECISIONS, Result
from suite.stages.source import Kernel, Source


class Outcome(enum.StrEnum):
    """What became of a rule, the gravest first."""

    FAILED = "failed"
    NOT_MEASURED = "not measured"
    SHORT = "short, but rising"  # under its goal and nearer to it than before; the next stage has the rest
    PASSED = "passed"
    SHOWN = "shown"  # a number to look at, which fails nobody
    NOT_APPLICABLE = "does not apply"
    READER = "for a reader"  # no program can tell


@dataclass(frozen=True, slots=True)
class Found:
    """What one check saw. `where` and `remedy` are empty unless there is something to mend."""

    outcome: Outcome
    found: str
    where: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything known of one version of a solution on one workload.

    Its launches are those on the card of `inspection`; profile and results come from the card `measured_on`,
    which may be another.
    """

    name: str
    source: Source
    inspection: Inspection
    profile: Profile | None
    """With counters, of exactly this file; None: the profile rules cannot be judged."""
    results: tuple[Result, ...]
    """Of exactly this file on one device, one a workload."""
    measured_on: GpuSpec | None
    """None: nothing was measured, or there is no datasheet of that card."""

    @property
    def launches(self) -> tuple[LaunchReport, ...]:
        """The launches of a call; an autotuner's trials left out."""
        return tuple(report for report in self.inspection.reports if not report.launch.candidate)

    @property
    def trials(self) -> tuple[LaunchReport, ...]:
        """Configurations that an autotuner tried."""
        return tuple(report for report in self.inspection.reports if report.launch.candidate)

    def kernel(self, report: LaunchReport) -> Kernel | None:
        """The text of the kernel that a launch runs."""
        return self.source.kernel(report.launch.kernel)

    @property
    def precision(self) -> str | None:
        """The class that was measured, else the one that the tensor-core instructions stand for."""
        for result in self.results:
            if result.precision is not None:
                return result.precision
        opcodes = [op for r in self.launches if r.built for op in r.built.sass.tensor_cores]
        for precision in reversed(PRECISIONS):
            if any(precision.upper() in opcode.split(".") for opcode in opcodes):
                return precision
        work = self.inspection.work
        return work.classes[0] if work is not None and work.classes else None

    @property
    def bound(self) -> roofline.Bound:
        """Which resource binds the task on the card that measured it; memory where nothing is known."""
        work, gpu = self.inspection.work, self.measured_on or self.inspection.gpu
        if work is None or self.precision is None:
            return "memory"
        return roofline.bound(work.bytes_moved, work.flops, gpu, self.precision)

    @property
    def fraction_of_peak(self) -> float | None:
        """Speed of light over the measured latency of the inspected workload; None where one is not known."""
        work, gpu = self.inspection.work, self.measured_on
        for result in self.results:
            latency_ms = result.latency_ms
            if result.workload == self.inspection.workload and latency_ms and work is not None and gpu:
                flops = work.flops if self.precision is not None else 0  # of an exact task no rate binds
                return roofline.fraction_of_peak(latency_ms, work.bytes_moved, flops, gpu, self.precision)
        return None

    @property
    def binding_metric(self) -> str:
        """The metric of the resource that binds."""
        return DRAM if self.bound == "memory" else SM

    def value(self, metric: str) -> float | None:
        """A profile's metric; None without counters."""
        return None if self.profile is None else self.profile.value(metric)


@dataclass(frozen=True, slots=True)
class Case:
    """One solution in one stage. `parent` is the version that the stage started from, where it is known;
    `previous` is what its latency is held against.
    """

    mine: Evidence
    parent: Evidence | None
    previous: Evidence | None


def where(report: LaunchReport) -> str:
    """Where a launch stands in the solution."""
    line = f"line {report.launch.line}, " if report.launch.line else ""
    return f"{line}{report.launch.kernel}"


def all_of(found: Iterable[Found], passed: str) -> tuple[Found, ...]:
    """What was found, or that the rule is kept."""
    return tuple(found) or (Found(Outcome.PASSED, passed),)


def matched(mine: Evidence, before: Evidence) -> list[tuple[Kernel, Kernel]]:
    """Launched kernels of before and their counterparts now: (before, now).

    By name; a kernel whose name is gone by most constants in common with one whose name is new. A kernel
    without a counterpart is left out.
    """
    pairs = []
    now = _launched(mine)
    for old in _launched(before):
        if old.name in mine.source.kernels:
            best = [new for new in now if new.name == old.name]
        else:
            alike = sorted(now, key=lambda new: -len({*new.constants} & {*old.constants}))
            best = [
                new
                for new in alike
                if new.name not in before.source.kernels and {*new.constants} & {*old.constants}
            ]
        if best:
            pairs.append((old, best[0]))
    return pairs


def reports_of(evidence: Evidence, kernel: Kernel) -> list[LaunchReport]:
    """The launches of one kernel."""
    return [report for report in evidence.launches if evidence.kernel(report) is kernel]


def _launched(evidence: Evidence) -> list[Kernel]:
    found = {kernel.name: kernel for r in evidence.launches if (kernel := evidence.kernel(r)) is not None}
    return list(found.values())
