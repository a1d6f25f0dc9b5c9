"""Where the samples of benchmarks come from: a run of the judge, or the records of earlier runs.

Imports neither torch nor pytest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from suite import store
from suite.benchmarks import AbsentError, Case, FailedError
from suite.judge_process import JudgeError
from suite.leaderboard import latest
from suite.machine import board_of, gpu_conditions, gpu_states
from suite.names import did_you_mean
from suite.problem import WHOLE_CHECK_TIER, Problem, UnknownNameError, find_problem
from suite.result import Result
from suite.runner import RunOptions, run
from suite.solution import find_solutions
from suite.versions import torch_versions, triton_version

NO_GPU = "needs an NVIDIA GPU, none answers here; --from-results replays recorded samples"


@dataclass(slots=True)
class Measured:
    """Samples of a run of the judge, one run a problem, started when its first sample is asked for."""

    root: Path
    selected: list[Case] = field(default_factory=list)
    """What to time; the check tier runs too."""
    _results: dict[str, list[Result]] = field(default_factory=dict)
    _ended: dict[str, str] = field(default_factory=dict)

    def results(self, problem: str) -> list[Result]:
        """All results of the problem's run, or of its part before the judge died."""
        if not gpu_states():
            raise AbsentError(NO_GPU)
        if problem not in self._results:
            self._results[problem] = []
            try:
                self._measure(find_problem(self.root, problem))
            except JudgeError as error:
                self._ended[problem] = str(error)
        return self._results[problem]

    def _measure(self, problem: Problem) -> None:
        mine = [case for case in self.selected if case.problem == problem.name]
        names = {case.solution for case in mine}
        solutions = [one for one in find_solutions(self.root, problem) if one.name in names]
        options = RunOptions("cuda", (WHOLE_CHECK_TIER, *dict.fromkeys(case.workload for case in mine)))
        for result in run(self.root, problem, solutions, options, lambda progress: None):
            self._results[problem.name].append(result)

    def why_missing(self, case: Case) -> Exception:
        """The judge should have said something about it."""
        return FailedError(self._ended.get(case.problem, f"no result of {case.solution} on {case.workload}"))

    def machine(self) -> dict[str, Any]:
        """Of this machine, with the first GPU, without importing torch."""
        state = next(iter(gpu_states()), None)
        condition = next(iter(gpu_conditions()), None)
        torch, cuda = torch_versions()
        return {
            "gpu": state.name if state else None,
            "board": board_of(state.uuid) if state else None,
            "driver": state.driver if state else None,
            "cuda": cuda,
            "torch": torch,
            "triton": triton_version(),
            "clocks": {"highest_sm_mhz": condition.top_sm_mhz if condition else None},
        }


@dataclass(slots=True)
class Recorded:
    """The newest samples under reports/results of one card."""

    device: str
    """The card's slug."""
    known: list[Result]
    """All that is recorded of it."""
    warnings: list[str]
    """One for each line that is no result."""

    def results(self, problem: str) -> list[Result]:
        """The newest result of each solution on each workload."""
        return latest(result for result in self.known if result.problem == problem)

    def why_missing(self, case: Case) -> Exception:
        """Nobody has measured it."""
        return AbsentError(f"no record of {case.solution} on {case.workload} on {self.device}")

    def machine(self) -> dict[str, Any]:
        """As the newest record says; the clock is the highest that any record has seen."""
        newest = max(self.known, key=lambda result: result.created).environment
        clocks_mhz = [max(result.clocks.sm_mhz) for result in self.known if result.clocks is not None]
        return {
            "gpu": newest.gpu,
            "board": newest.board,
            "driver": newest.driver,
            "cuda": newest.cuda,
            "torch": newest.torch,
            "triton": newest.triton,
            "clocks": {"highest_sm_mhz": max(clocks_mhz, default=None)},
        }


def recorded(root: Path, device: str | None) -> Recorded:
    """The records of a card; without a slug, of the only card that there are records of.

    Raises:
        UnknownNameError: there are no records of that card, or of none or several and no slug.
    """
    folder = root / "reports" / "results"
    results, warnings = store.read(folder)
    cards = sorted({result.device for result in results} - {"cpu"})
    chosen = cards[0] if device is None and len(cards) == 1 else device
    if chosen in cards:
        return Recorded(chosen, [result for result in results if result.device == chosen], warnings)
    if not cards:
        raise UnknownNameError(f"{folder} holds no results of a GPU; run `bench run` on one")
    if device is None:
        raise UnknownNameError(f"{folder} holds results of {', '.join(cards)}: choose with --device-slug")
    raise UnknownNameError(f"{folder} holds no results of {device!r}{did_you_mean(device, cards)}")
