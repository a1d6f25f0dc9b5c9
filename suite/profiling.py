"""The host's side of a profile: plan it, start a judge, turn its events into records."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite.gpus import slugify
from suite.judge.plan import Entry, Plan
from suite.judge.sandbox import BUBBLEWRAP, choose, find
from suite.logs import RunLogs
from suite.problem import Problem, ProblemFolderError, Workload
from suite.profile import KernelProfile, Profile
from suite.result import Environment, Status
from suite.runner import BrokenError, Progress, broken_text, new_run_id, verdicts
from suite.solution import Solution, read_solution


@dataclass(frozen=True, slots=True)
class Unfit:
    """A solution that could not be profiled: it failed, or its output was wrong."""

    solution: str
    workload: str
    status: Status
    reason: str


def profile(
    root: Path,
    problem: Problem,
    solutions: list[Solution],
    workload: Workload,
    on_progress: Callable[[Progress], None],
    *,
    sandbox: str = "auto",
    timeout_s: float = 60.0,
    save_logs: bool = True,
) -> Iterator[Profile | Unfit]:
    """Profile `solutions` on one workload of this machine's GPU, each as soon as it is known.

    Raises:
        SandboxError: the sandbox asked for does not work here.
        ProblemFolderError: the problem breaks its contract.
        JudgeError: the judge died; what it had measured was yielded before.
    """
    run_id = new_run_id()
    plan = _plan(root, problem, solutions, workload, run_id, sandbox, timeout_s)
    by_name = {solution.name: solution for solution in solutions}
    logs = RunLogs(root, run_id, save=save_logs)
    try:
        for environment, event in verdicts(root, plan, logs, on_progress):
            if event["event"] == "unfit":
                yield Unfit(event["solution"], event["workload"], Status(event["status"]), event["reason"])
            else:
                yield _profile(run_id, problem, by_name[event["solution"]], environment, event)
    except BrokenError as error:
        raise ProblemFolderError(broken_text(problem, str(error))) from error


def _plan(
    root: Path,
    problem: Problem,
    solutions: list[Solution],
    workload: Workload,
    run_id: str,
    sandbox: str,
    timeout_s: float,
) -> Plan:
    confinement = choose(sandbox, "cuda")[0]
    reference = read_solution(problem.reference, name="reference", stage="reference")
    return Plan(
        folder=str(problem.folder.resolve()),
        device="cuda",
        rival=_entry(reference),
        rival_is_judged=False,
        entries=tuple(_entry(solution) for solution in solutions),
        checks={},
        benches={workload.name: workload.axes},
        edge_cases=False,
        samples=(1, 1),
        timeout_s=timeout_s,
        profile=True,
        sandbox=confinement,
        sandbox_owner=find("cuda").owner if confinement == BUBBLEWRAP else None,
        log_folder=str(root / "reports" / "logs" / run_id),
    )


def _entry(solution: Solution) -> Entry:
    return Entry(solution.name, str(solution.path), solution.sha256, solution.class_name)


def _profile(
    run_id: str, problem: Problem, solution: Solution, environment: Environment, event: dict[str, Any]
) -> Profile:
    return Profile(
        run_id=run_id,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        problem=problem.name,
        workload=event["workload"],
        axes=event["axes"],
        solution=solution.name,
        sha256=solution.sha256,
        device=slugify(environment.gpu or "cpu"),
        source=event["source"],
        reason=event["reason"],
        calls=event["calls"],
        latency_ms=event["latency_ms"],
        kernels=tuple(_kernel(values) for values in event["kernels"]),
        sandbox=event["sandbox"],
        environment=environment,
    )


def _kernel(values: dict[str, Any]) -> KernelProfile:
    """The judge's own record, through JSON."""
    return KernelProfile(**{**values, "grid": tuple(values["grid"]), "block": tuple(values["block"])})
