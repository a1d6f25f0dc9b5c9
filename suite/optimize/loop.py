"""Stage by stage: ask, hold the answer against the rules, judge it, keep it if it is correct and faster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from suite import profile as profiles
from suite.ab import Verdict as AbVerdict
from suite.analysis.inspection import Inspection
from suite.optimize.command import NoAnswerError
from suite.optimize.record import Compared, Outcome, RunError, RunFolder, Settings, Step, Verdict, write
from suite.optimize.workshop import Workshop
from suite.problem import SEED, Problem
from suite.profile import Profile
from suite.result import Result, Status
from suite.solution import Solution, read_solution
from suite.stages.answer import AnswerError, code_of
from suite.stages.evidence import Case, Evidence
from suite.stages.output_rules import breaches
from suite.stages.prompt import Repair, compose, metrics_of, to_markdown
from suite.stages.report import before_running
from suite.stages.source import read_source
from suite.stages.stage import Stage, stage_named
from suite.stages.tables import sentence
from suite.stats import geometric_mean, geometric_mean_interval

UNFOLLOWED = "cannot be followed without data"
UNTIMED = "latency was not compared: that needs an NVIDIA GPU"

Ask = Callable[[Path, Path, dict[str, str]], str]
"""Gives the answer to the prompt in a file; the second path is for the command's own words."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the code."""

    solution: Solution
    code: str


class Loop:
    """One run. What its folder holds is not done again."""

    def __init__(
        self, problem: Problem, settings: Settings, folder: RunFolder, workshop: Workshop, ask: Ask
    ) -> None:
        self._problem = problem
        self._settings = settings
        self._folder = folder
        self._workshop = workshop
        self._ask = ask
        self._inspections: dict[str, Inspection] = {}
        self._current = _version(folder.start, settings.solution)

    @property
    def current(self) -> Solution:
        """The version that stands."""
        return self._current.solution

    def run(self) -> Iterator[Verdict]:
        """The verdicts, those of an earlier start of the run included.

        Raises:
            RunError: the code to start from does not pass.
        """
        self._require_start()
        for place, name in enumerate(self._settings.stages, start=1):
            yield from self._stage(place, stage_named(name))

    def _require_start(self) -> None:
        """Nothing can be compared with code that is wrong."""
        checked = self._folder.folder / "start.checked"
        if not checked.is_file():
            failed = _failures(self._workshop.check(self._current.solution))
            if failed:
                raise RunError(f"{self._settings.solution} does not pass itself: {'; '.join(failed)}")
            write(checked, "passed\n")

    def _stage(self, place: int, stage: Stage) -> Iterator[Verdict]:
        repair: Repair | None = None
        for turn in range(1, self._settings.rounds + 1):
            step = self._folder.step(stage.name, place, turn)
            verdict = step.verdict()
            if verdict is None:
                verdict = self._round(stage, step, repair)
                step.keep_verdict(verdict)
            if verdict.outcome is Outcome.KEPT:
                write(self._folder.best, step.code.read_text(encoding="utf-8"))
                self._current = _version(step.code, step.code.stem)
            yield verdict
            if verdict.outcome in (Outcome.KEPT, Outcome.UNCHANGED):
                return
            repair = _repair(step, verdict) or repair

    def _round(self, stage: Stage, step: Step, repair: Repair | None) -> Verdict:
        def verdict(outcome: Outcome, *reasons: str, compared: tuple[Compared, ...] = ()) -> Verdict:
            note = None if self._workshop.times or outcome is not Outcome.KEPT else UNTIMED
            return Verdict(stage.name, step.turn, outcome, reasons, compared, note)

        try:
            code = code_of(self._answer(stage, step, repair))
        except NoAnswerError as error:
            return verdict(Outcome.UNANSWERED, str(error))
        except AnswerError as error:
            return verdict(Outcome.REFUSED, str(error))
        write(step.code, code)
        if code.strip() == self._current.code.strip():
            return verdict(Outcome.UNCHANGED)
        broken = [str(breach) for breach in breaches(code)]
        if broken:
            return verdict(Outcome.REFUSED, *broken)
        version = _version(step.code, step.code.stem)
        solution = version.solution
        broken = self._stage_breaches(stage, version)
        if broken:
            return verdict(Outcome.REFUSED, *broken)
        failed = _failures(self._workshop.check(solution))
        if failed:
            return verdict(Outcome.FAILED, *failed)
        if not self._workshop.times:
            return verdict(Outcome.KEPT)
        results, compared = self._workshop.compare(solution, self._current.solution)
        failed = _failures(results)
        if failed:
            return verdict(Outcome.FAILED, *failed, compared=tuple(compared))
        reasons = not_faster(compared)
        outcome = Outcome.NOT_FASTER if reasons else Outcome.KEPT
        return verdict(outcome, *reasons, compared=tuple(compared))

    def _answer(self, stage: Stage, step: Step, repair: Repair | None) -> str:
        """The answer to this step's prompt; asked for once."""
        held = step.answer()
        if held is not None:
            return held
        write(step.prompt, self._prompt(stage, repair))
        variables = {"BENCH_STAGE": stage.name, "BENCH_ROUND": str(step.turn)}
        answer = self._ask(step.prompt, step.folder / "command.log", variables)
        step.keep_answer(answer)
        return answer

    def _prompt(self, stage: Stage, repair: Repair | None) -> str:
        profile = self._profile(self._current)
        unmeasured = "no GPU here" if profile is None else profile.reason or ""
        metrics = None if profile is None else metrics_of(profile)
        evidence = self._evidence(self._current, profile)
        code = self._current.code
        return to_markdown(compose(self._problem, evidence, stage, code, metrics, unmeasured, repair))

    def _stage_breaches(self, stage: Stage, version: Version) -> list[str]:
        """What the answer breaks of the stage's rules before it runs. Unfollowed launches prove nothing."""
        mine = self._evidence(version, None)
        if (mine.inspection.failure or "").startswith(UNFOLLOWED):
            return []
        parent = self._evidence(self._current, self._profile(self._current))
        return [sentence(found) for found in before_running(stage, Case(mine, parent, parent))]

    def _evidence(self, version: Version, profile: Profile | None) -> Evidence:
        solution = version.solution
        if solution.sha256 not in self._inspections:
            self._inspections[solution.sha256] = self._workshop.inspect(solution)
        counted = profile if profile is not None and profile.source == profiles.NCU else None
        inspection = self._inspections[solution.sha256]
        return Evidence(solution.name, read_source(version.code), inspection, counted, (), None)

    def _profile(self, version: Version) -> Profile | None:
        """A version's counters, taken once and kept beside it; None where nothing can be read."""
        path = version.solution.path
        kept = path.with_name(f"{path.stem}.profile.json")
        if kept.is_file():
            return profiles.from_json(kept.read_text(encoding="utf-8"))
        profile = self._workshop.profile(version.solution)
        if profile is not None:
            write(kept, profiles.to_json(profile) + "\n")
        return profile


def _version(path: Path, name: str) -> Version:
    return Version(read_solution(path, name=name), path.read_text(encoding="utf-8"))


def not_faster(compared: list[Compared]) -> tuple[str, ...]:
    """Why a correct version is not kept: no gain on the seed workload, or a loss in the mean over all."""
    reasons = []
    seed = next((item for item in compared if item.workload == SEED), None)
    if seed is None or seed.verdict != AbVerdict.FASTER:
        told = "was not timed" if seed is None else f"{seed.verdict} ({_ratio(seed)})"
        reasons.append(f"correct, but no gain on {SEED}: {told}")
    if len(compared) > 1:
        ratios = [item.ratio for item in compared]
        low, high = geometric_mean_interval(ratios, [item.interval for item in compared])
        if low > 1:
            mean = f"{geometric_mean(ratios):.3f} times as long, {low:.3f} to {high:.3f}"
            slow = ", ".join(f"{item.workload} {item.ratio:.2f}" for item in compared if item.ratio > 1)
            reasons.append(f"correct, but slower in the mean over {len(compared)} workloads: {mean} ({slow})")
    return tuple(reasons)


def _ratio(item: Compared) -> str:
    return f"{item.ratio:.4f} of the time before, {item.interval[0]:.4f} to {item.interval[1]:.4f}"


def _failures(results: list[Result]) -> list[str]:
    if not results:
        return ["the judge gave no result"]
    return [f"{r.workload}: {r.status.value}: {r.reason}" for r in results if r.status is not Status.PASSED]


def _repair(step: Step, verdict: Verdict) -> Repair | None:
    """What the next round is told of this one; nothing of a command that gave no answer."""
    if verdict.outcome is Outcome.UNANSWERED:
        return None
    code = step.code.read_text(encoding="utf-8") if step.code.is_file() else None
    return Repair(code, verdict.reasons)
