"""The host's side of a run: plan it, start a judge, turn its events into results."""

from __future__ import annotations

import dataclasses
import datetime
import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite.gpus import slugify
from suite.judge.plan import Entry, Plan
from suite.judge.sandbox import BUBBLEWRAP, choose, find
from suite.judge_process import JudgeError, JudgeProcess
from suite.logs import RunLogs
from suite.machine import used_memory_mb
from suite.problem import EDGE_CASES, SEED, WHOLE_CHECK_TIER, Problem, ProblemFolderError, Workload
from suite.result import Audit, Clocks, Correctness, Environment, Result, Status, Timing
from suite.solution import Solution, read_solution

FULL_SAMPLES = (30, 200)
QUICK_SAMPLES = (15, 15)
COMPARE_SAMPLES = (60, 60)
QUICK_CHECKS = 4
HIDDEN_WORKLOADS = 4


class NothingToRunError(ValueError):
    """What was asked for needs another device; the message says what this one can do."""


class BrokenError(Exception):
    """The judge refuses the problem; the message is its reason."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run: which workloads (none: all), and how thoroughly."""

    device: str
    """"cuda" or "cpu"."""
    workloads: tuple[str, ...] = ()
    quick: bool = False
    timeout_s: float = 60.0
    audit: bool = False
    """Time a few calls under a second clock too."""
    rival: Solution | None = None
    """What each solution is timed in turn with; None: the reference."""
    axes: dict[str, Any] | None = None
    """Check these axes alone: a workload that the problem does not declare."""
    sandbox: str = "auto"
    """How to confine workers: "auto", "bubblewrap" or "none"; see `suite.judge.sandbox.choose`."""
    save_logs: bool = True
    """Keep the logs in the checkout; else in a temporary folder, see `suite.logs`."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What the judge is doing now."""

    solution: str
    text: str
    done: int
    total: int


def make_plan(
    root: Path, problem: Problem, solutions: list[Solution], options: RunOptions, run_id: str
) -> Plan:
    """Which workloads are checked and which are timed.

    Named workloads are run alone, and so are axes. Otherwise a GPU runs the check tier with its edge cases
    and hidden workloads, then the bench tier; `quick` leaves the seed workload there. A CPU runs the check
    tier, `quick` its first few. Variants of the reference run the bench tier alone.

    Raises:
        UnknownNameError: a named workload does not exist.
        SandboxError: the sandbox asked for does not work here.
        NothingToRunError: only bench workloads are named, and the device is the CPU; or a variant of the
        reference is to run, and no bench workload is.
    """
    chosen = _chosen(problem, options)
    benches = [workload for workload in chosen if workload.tier == "bench" and options.device == "cuda"]
    checks = [workload for workload in chosen if workload.tier == "check"]
    whole_tier = options.axes is None and (
        WHOLE_CHECK_TIER in options.workloads or not (options.workloads or options.quick)
    )
    edge_cases = whole_tier or EDGE_CASES in options.workloads
    if not (checks or benches or edge_cases):
        raise NothingToRunError(
            "nothing to run: bench workloads are timed, which needs an NVIDIA GPU; "
            "on the CPU leave --workload out or use --workload check"
        )
    variants = [solution.name for solution in solutions if solution.variant is not None]
    if variants and not benches:
        raise NothingToRunError(
            f"nothing to run: {', '.join(variants)} would only be timed, on bench workloads and an NVIDIA GPU"
        )
    confinement = choose(options.sandbox, options.device)[0]
    return Plan(
        folder=str(problem.folder.resolve()),
        device=options.device,
        rival=_rival(problem, options),
        rival_is_judged=options.rival is not None,
        entries=tuple(Entry(s.name, str(s.path), s.sha256, s.class_name, s.variant) for s in solutions),
        checks=_axes(checks),
        benches=_axes(benches),
        edge_cases=edge_cases,
        samples=_samples(options),
        timeout_s=options.timeout_s,
        audit=options.audit,
        sandbox=confinement,
        sandbox_owner=find(options.device).owner if confinement == BUBBLEWRAP else None,
        hidden=HIDDEN_WORKLOADS if whole_tier else 0,
        deals=options.axes is None,
        log_folder=str(root / "reports" / "logs" / run_id),
        used_mb=used_memory_mb() if options.device == "cuda" else {},
    )


def _chosen(problem: Problem, options: RunOptions) -> list[Workload]:
    if options.axes is not None:
        return [Workload("axes", "check", options.axes)]
    everything = list(problem.workloads)
    checks = [workload for workload in everything if workload.tier == "check"]
    if options.workloads:
        tiers = (WHOLE_CHECK_TIER, EDGE_CASES)
        named = [problem.workload(name) for name in options.workloads if name not in tiers]
        return named + (checks if WHOLE_CHECK_TIER in options.workloads else [])
    if options.quick and options.device == "cuda":
        return [problem.workload(SEED)]
    return checks[:QUICK_CHECKS] if options.quick else everything


def run(
    root: Path,
    problem: Problem,
    solutions: list[Solution],
    options: RunOptions,
    on_progress: Callable[[Progress], None],
) -> Iterator[Result]:
    """Judge `solutions` and yield each result as soon as it is known.

    Closing the iterator, or an exception in the caller such as KeyboardInterrupt, ends the judge and its
    workers.

    Raises:
        ProblemFolderError: the problem breaks its contract. JudgeError: the judge died. What was measured
        until then was yielded before.
    """
    run_id = new_run_id()
    plan = make_plan(root, problem, solutions, options, run_id)
    by_name = {solution.name: solution for solution in solutions}
    try:
        logs = RunLogs(root, run_id, save=options.save_logs)
        for environment, event in verdicts(root, plan, logs, on_progress):
            yield _result(run_id, problem, by_name[event["solution"]], environment, event, root)
    except BrokenError as error:
        raise ProblemFolderError(broken_text(problem, str(error), options.axes)) from error


def verdicts(
    root: Path, plan: Plan, logs: RunLogs, on_progress: Callable[[Progress], None]
) -> Iterator[tuple[Environment, dict[str, Any]]]:
    """Start a judge and yield each event of its that is a verdict, with the environment it was reached in.

    What judge and workers print goes to `logs`.

    Raises:
        BrokenError: the problem breaks its contract. JudgeError: the judge died. What was found until then
        was yielded before.
    """
    environment: Environment | None = None
    with logs:
        ended = False
        with JudgeProcess(root, dataclasses.replace(plan, log_folder=str(logs.folder))) as events:
            for event in events:
                match event["event"]:
                    case "environment":
                        environment = Environment(**event["environment"])
                    case "progress":
                        on_progress(Progress(event["solution"], event["text"], event["done"], event["total"]))
                    case "broken":
                        raise BrokenError(event["reason"])
                    case "end":
                        ended = True
                    case _:
                        assert environment is not None
                        logs.wanted |= "log" in event
                        yield environment, event
        if not ended:
            logs.wanted = True
            raise JudgeError(events.last_words())


def broken_text(problem: Problem, reason: str, axes: dict[str, Any] | None = None) -> str:
    """What to say of a problem that the judge refuses; `axes` if it was asked for these alone."""
    if axes is not None:
        return f"problem {problem.name!r} with --axes {json.dumps(axes)}: {reason}"
    more = f"`bench check-problem {problem.name}` says what else it finds"
    return f"problem {problem.name!r} breaks its contract: {reason}; {more}"


def new_run_id() -> str:
    """Sortable by time, unique across machines."""
    now = datetime.datetime.now(datetime.UTC)
    return f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def _samples(options: RunOptions) -> tuple[int, int]:
    if options.rival is not None:
        return COMPARE_SAMPLES
    return QUICK_SAMPLES if options.quick else FULL_SAMPLES


def _rival(problem: Problem, options: RunOptions) -> Entry:
    """The other side of every measurement, with a log of its own."""
    if options.rival is not None:
        rival = options.rival
    else:
        rival = read_solution(problem.reference, name="reference", stage="reference")
    return Entry(f"{rival.name}-rival", str(rival.path), rival.sha256, rival.class_name)


def _axes(workloads: list[Workload]) -> dict[str, dict[str, Any]]:
    return {workload.name: workload.axes for workload in workloads}


def _result(
    run_id: str,
    problem: Problem,
    solution: Solution,
    environment: Environment,
    event: dict[str, Any],
    root: Path,
) -> Result:
    correctness, clocks, interval = event.get("correctness"), event.get("clocks"), event.get("latency_ci_ms")
    log = event.get("log")
    return Result(
        run_id=run_id,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        problem=problem.name,
        workload=event["workload"],
        axes=event["axes"],
        solution=solution.name,
        sha256=solution.sha256,
        author=solution.author,
        stage=solution.stage,
        device=slugify(environment.gpu) if environment.gpu else "cpu",
        status=Status(event["status"]),
        reason=event.get("reason"),
        correctness=Correctness(**correctness) if correctness else None,
        latency_ms=event.get("latency_ms"),
        latency_ci_ms=(interval[0], interval[1]) if interval else None,
        samples_ms=tuple(event.get("samples_ms", ())),
        reference_latency_ms=event.get("reference_latency_ms"),
        reference_samples_ms=tuple(event.get("reference_samples_ms", ())),
        bytes_moved=event.get("bytes_moved"),
        flops=event.get("flops"),
        precision=event.get("precision"),
        peak_gpu_memory_mb=event.get("peak_gpu_memory_mb"),
        sandbox=event["sandbox"],
        timing=Timing(**event["timing"]) if event.get("timing") else None,
        audit=Audit(**event["audit"]) if event.get("audit") else None,
        clocks=Clocks(**{name: tuple(column) for name, column in clocks.items()}) if clocks else None,
        environment=environment,
        flags=tuple(event.get("flags", ())),
        log=_below(root, Path(log)) if log else None,
    )


def _below(root: Path, path: Path) -> str:
    """The path relative to the checkout, or as it is where it lies elsewhere."""
    return str(path.relative_to(root) if path.is_relative_to(root) else path)
