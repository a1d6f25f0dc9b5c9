"""Judges many solutions of many problems, and keeps each verdict as soon as it is known."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from suite.evaluation import Evaluated, Key
from suite.foreign import as_solution
from suite.judge_process import JudgeError
from suite.problem import Problem, ProblemFolderError
from suite.result import Result, Status
from suite.runner import Progress, RunOptions, make_plan, new_run_id, run
from suite.solution import Solution, SolutionFileError, read_solution

ATTEMPTS = 2
"""A judge that dies over the same solution so often is not started for it again."""


class StoppedError(Exception):
    """The caller wants no more."""


@dataclass(frozen=True, slots=True)
class Work:
    """The solutions of one problem that have no verdict yet. `paths` go by their names below one folder."""

    problem: Problem
    problem_sha256: str
    paths: dict[str, Path]


@dataclass(slots=True)
class Evaluator:
    """Works through problems, a few at a time.

    `on_record` is called from one thread at a time.
    """

    root: Path
    options: RunOptions
    on_record: Callable[[Evaluated], None]
    on_progress: Callable[[Progress], None] = lambda _progress: None
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def evaluate(self, works: list[Work], jobs: int) -> None:
        """Judge everything; with one job in this thread, so that an interruption is heard at once."""
        if jobs == 1:
            for work in works:
                self._problem(work)
            return
        with ThreadPoolExecutor(jobs) as pool:
            try:
                for done in as_completed([pool.submit(self._problem, work) for work in works]):
                    done.result()
            except BaseException:
                self._stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def _problem(self, work: Work) -> None:
        waiting = self._mapped(work)
        deaths: Counter[str] = Counter()
        while waiting:
            try:
                for name, results, wall_s in self._judged(work.problem, dict(waiting)):
                    del waiting[name]
                    self._keep(work, name, wall_s, results)
                reason = "the judge ended without a verdict"
            except ProblemFolderError as error:
                reason = str(error)
            except JudgeError as error:
                name = next(iter(waiting))
                deaths[name] += 1
                if deaths[name] >= ATTEMPTS:
                    del waiting[name]
                    self._keep(work, name, 0.0, error=str(error))
                continue
            for name in waiting:
                self._keep(work, name, 0.0, error=reason)
            return

    def _mapped(self, work: Work) -> dict[str, Solution]:
        """The solutions that can be judged, by the names of their files; of the others a record is kept."""
        solutions: dict[str, Solution] = {}
        for place, (name, path) in enumerate(work.paths.items()):
            try:
                chosen = as_solution(self.root, work.problem, str(path))
                # Two files may have one name in two folders; results go by the name.
                solutions[name] = read_solution(Path(chosen), name=f"{place}-{path.stem}")
            except SolutionFileError as error:
                self._keep(work, name, 0.0, error=str(error))
        return solutions

    def _judged(
        self, problem: Problem, waiting: dict[str, Solution]
    ) -> Iterator[tuple[str, tuple[Result, ...], float]]:
        """Each verdict as soon as it is known: a file's name, its results, and the seconds that it took."""
        solutions = list(waiting.values())
        plan = make_plan(self.root, problem, solutions, self.options, new_run_id())
        due = bool(plan.checks or plan.edge_cases) + len(plan.benches)
        names = {solution.name: name for name, solution in waiting.items()}
        found: dict[str, list[Result]] = {}
        started = time.monotonic()
        for result in run(self.root, problem, solutions, self.options, self._heard):
            results = found.setdefault(result.solution, [])
            results.append(result)
            if result.status is not Status.PASSED or len(results) == due:
                now = time.monotonic()
                yield names[result.solution], tuple(results), now - started
                started = now

    def _heard(self, progress: Progress) -> None:
        if self._stop.is_set():
            raise StoppedError
        with self._lock:
            self.on_progress(progress)

    def _keep(
        self, work: Work, name: str, wall_s: float, results: tuple[Result, ...] = (), error: str | None = None
    ) -> None:
        record = Evaluated(
            problem=work.problem.name,
            problem_sha256=work.problem_sha256,
            solution=name,
            sha256=_sha256(work.paths[name]),
            device=self.options.device,
            wall_s=round(wall_s, 3),
            results=results,
            error=error,
        )
        with self._lock:
            self.on_record(record)


def problem_sha256(problem: Problem) -> str:
    """Of what makes a problem: its reference and its inputs."""
    content = problem.reference.read_bytes() + (problem.folder / "inputs.py").read_bytes()
    return hashlib.sha256(content).hexdigest()


def divided(
    problem: Problem, paths: dict[str, Path], device: str, known: dict[Key, Evaluated]
) -> tuple[Work, list[Evaluated]]:
    """What is left to judge of a problem's solutions, and the records that there are of the others."""
    sha256 = problem_sha256(problem)
    keys: dict[str, Key] = {
        name: (problem.name, sha256, name, _sha256(path), device) for name, path in paths.items()
    }
    left = {name: path for name, path in paths.items() if keys[name] not in known}
    return Work(problem, sha256, left), [known[key] for key in keys.values() if key in known]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
