"""What is done to a version: follow it, judge it, time it against the one before, profile it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from suite import ab
from suite.analysis.inspection import Inspection, inspect
from suite.gpus import GpuSpec
from suite.optimize.record import Compared, Settings
from suite.problem import SEED, WHOLE_CHECK_TIER, Problem
from suite.profile import Profile
from suite.profiling import Unfit, profile
from suite.result import Result
from suite.runner import Progress, RunOptions, run
from suite.solution import Solution


class Workshop:
    """The machine's own means; without a GPU nothing is timed or profiled."""

    def __init__(
        self,
        root: Path,
        problem: Problem,
        gpu: GpuSpec,
        settings: Settings,
        on_progress: Callable[[Progress], None],
    ) -> None:
        self._root = root
        self._problem = problem
        self._gpu = gpu
        self._settings = settings
        self._on_progress = on_progress

    @property
    def times(self) -> bool:
        """Can versions be timed here?"""
        return self._settings.device == "cuda"

    def inspect(self, solution: Solution) -> Inspection:
        """Its launches on the seed workload."""
        self._on_progress(Progress(solution.name, "following its launches", 0, 1))
        return inspect(self._problem, self._problem.workload(SEED), solution, self._gpu)

    def check(self, solution: Solution) -> list[Result]:
        """The whole check tier, edge cases included."""
        return self._run(solution, (WHOLE_CHECK_TIER,), None)

    def compare(self, solution: Solution, before: Solution) -> tuple[list[Result], list[Compared]]:
        """Both timed in turn on the bench workloads, every output of both checked."""
        results = self._run(solution, self._settings.workloads, before)
        compared = []
        for result in results:
            if result.latency_ms is not None:
                found = ab.compare(result.samples_ms, result.reference_samples_ms)
                compared.append(Compared(result.workload, found.ratio, found.interval, found.verdict.value))
        return results, compared

    def profile(self, solution: Solution) -> Profile | None:
        """Its counters on the seed workload; None where nothing can be read."""
        if not self.times:
            return None
        (found,) = profile(
            self._root,
            self._problem,
            [solution],
            self._problem.workload(SEED),
            self._on_progress,
            sandbox=self._settings.sandbox,
            timeout_s=self._settings.timeout_s,
        )
        return None if isinstance(found, Unfit) else found

    def _run(self, solution: Solution, workloads: tuple[str, ...], rival: Solution | None) -> list[Result]:
        options = RunOptions(
            self._settings.device,
            workloads,
            timeout_s=self._settings.timeout_s,
            rival=rival,
            sandbox=self._settings.sandbox,
        )
        return list(run(self._root, self._problem, [solution], options, self._on_progress))
