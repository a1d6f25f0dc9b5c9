"""`bench optimize`: the staged loop around a command that answers prompts."""

from __future__ import annotations

import dataclasses
import datetime
import json
import sys
from pathlib import Path

import click
from click.core import ParameterSource

from suite.cli.console import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    SCALE_KEY,
    StatusLine,
    checkout,
    json_option,
    json_sink,
    note,
    plain_errors,
    problem_option,
)
from suite.cli.inspecting_verbs import find_card
from suite.cli.judging import DEVICE_OPTION, SANDBOX_OPTION, TIMEOUT_OPTION, device_of
from suite.cli.problems import find_problem
from suite.cli.recorded import card_here
from suite.gpus import RTX_4090
from suite.judge.sandbox import NONE, SandboxError, choose
from suite.kernelbench.folder import parse_scale
from suite.machine import has_gpu
from suite.optimize.command import ask
from suite.optimize.loop import Loop
from suite.optimize.record import Outcome, RunError, RunFolder, Settings
from suite.optimize.text import line_of
from suite.optimize.workshop import Workshop
from suite.runner import new_run_id
from suite.solution import python_text, select_solution
from suite.stages.stage import STAGES

DEFAULT_ROUNDS = 3
MAY_CHANGE = ("resume", "command", "allow_unsandboxed", "json_path")
"""What may be given with `--resume`; the rest is the run's own."""
STAGE_NAMES = tuple(stage.name for stage in STAGES)


@click.command("optimize", short_help="Take a solution through the stages with a model.")
@problem_option(required=False)
@click.option("--command", help="Reads a prompt on standard input, prints an answer; run by a shell, as you.")
@click.option("--solution", "name", default="baseline", show_default=True, help="What to start from.")
@click.option(
    "--rounds",
    type=click.IntRange(1, 20),
    default=DEFAULT_ROUNDS,
    show_default=True,
    help="Answers that a stage may take: the first, then repairs.",
)
@click.option(
    "--stage",
    "stages",
    type=click.Choice(STAGE_NAMES),
    multiple=True,
    help="Only this stage; repeatable. Default: all four.",
)
@click.option(
    "--workload",
    "workloads",
    multiple=True,
    help="Compare on this bench workload; repeatable. Default: all of them.",
)
@click.option("--gpu", "card", help="The card to write for. Default: this machine's, else rtx-4090.")
@click.option(
    "--answer-timeout",
    "answer_timeout_s",
    type=click.FloatRange(min=1, max=86_400),
    default=600.0,
    show_default=True,
    help="Seconds that the command may take for one answer.",
)
@click.option("--allow-unsandboxed", is_flag=True, help="Run answers though nothing confines them.")
@click.option("--resume", help="Go on with this run, as it was begun: its id, or its folder.")
@json_option("JSON lines, one a verdict,")
@DEVICE_OPTION
@SANDBOX_OPTION
@TIMEOUT_OPTION
def optimize_verb(
    problem_name: str | None,
    command: str | None,
    name: str,
    rounds: int,
    stages: tuple[str, ...],
    workloads: tuple[str, ...],
    card: str | None,
    answer_timeout_s: float,
    allow_unsandboxed: bool,
    resume: str | None,
    json_path: str | None,
    device: str,
    sandbox: str,
    timeout_s: float,
) -> None:
    """Take a solution through the stages, with a command that answers the prompts.

    For each stage: the prompt, the answer, output rules and stage rules, the judge, a comparison with the
    version before. Only what is correct and faster beyond the interval stands; a refused answer goes back
    with the reasons. Without a GPU nothing is timed: what is correct and fits the card stands. The command
    finds BENCH_STAGE and BENCH_ROUND in its environment. Every prompt, answer and verdict is kept in
    reports/runs/RUN.

    \b
    Examples:
      bench optimize --problem argmin --command 'my-model --stdin'
      bench optimize --problem argmax --command ./answer.sh --solution mine.py --stage memory --rounds 5
      bench optimize --resume 20260101T000000Z-0a1b2c3d
    """
    context = click.get_current_context()
    with plain_errors():
        root = checkout()
        runs = root / "reports" / "runs"
        if resume is None:
            settings = Settings(
                id=new_run_id(),
                created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                problem=problem_name or "",
                solution=name,
                sha256="",
                command=command or "",
                rounds=rounds,
                stages=tuple(stage for stage in STAGE_NAMES if stage in stages) or STAGE_NAMES,
                workloads=workloads,
                device=device_of(device),
                gpu=(find_card(card) if card else card_here() or RTX_4090).slug,
                timeout_s=timeout_s,
                answer_timeout_s=answer_timeout_s,
                sandbox=sandbox,
                scale=None if SCALE_KEY not in context.meta else str(context.meta[SCALE_KEY]),
            )
            _require_means(settings, allow_unsandboxed)
            folder, settings = _begin(root, runs, settings)
        else:
            _require_no_changes(context)
            folder = RunFolder.find(runs, resume)
            settings = folder.settings()
            settings = dataclasses.replace(settings, command=command or settings.command)
            if settings.scale is not None:
                context.meta[SCALE_KEY] = parse_scale(settings.scale)
            _require_means(settings, allow_unsandboxed)
        try:
            kept = _run(root, folder, settings, json_path)
        finally:
            folder.close()
    if not kept:
        sys.exit(EXIT_FAILED)


def _require_no_changes(context: click.Context) -> None:
    """Refuse what a run that goes on would not heed."""
    given = [
        option.opts[0]
        for option in context.command.params
        if option.name not in MAY_CHANGE
        and context.get_parameter_source(str(option.name)) is ParameterSource.COMMANDLINE
    ]
    if given:
        raise RunError(f"a run goes on as it was begun; leave out {', '.join(given)}, or begin another")


def _begin(root: Path, runs: Path, settings: Settings) -> tuple[RunFolder, Settings]:
    """A new run, once everything that it names is there."""
    if not settings.problem or not settings.command:
        raise RunError("--problem and --command are needed, or --resume RUN")
    problem = find_problem(root, settings.problem)
    solution = select_solution(root, problem, settings.solution)
    workloads = tuple(problem.workload(name).name for name in settings.workloads) or problem.bench_workloads
    for name in workloads:
        if name not in problem.bench_workloads:
            raise RunError(f"{name!r} is no bench workload: nothing is timed on it")
    settings = dataclasses.replace(
        settings, solution=solution.name, sha256=solution.sha256, workloads=workloads
    )
    return RunFolder.create(runs, settings, python_text(solution.path)), settings


def _require_means(settings: Settings, allow_unsandboxed: bool) -> None:
    if settings.device == "cuda" and not has_gpu():
        raise RunError("latencies are to be compared, and no NVIDIA GPU answers here")
    confinement, why = choose(settings.sandbox, settings.device)
    if confinement == NONE and not allow_unsandboxed:
        raise SandboxError(f"nothing confines the answers: {why}; --allow-unsandboxed runs them all the same")


def _run(root: Path, folder: RunFolder, settings: Settings, json_path: str | None) -> bool:
    """Go through the stages; whether anything was kept."""
    problem, gpu = find_problem(root, settings.problem), find_card(settings.gpu)
    kept = False
    note(f"run {settings.id}: {problem.name} from {settings.solution}, for an {gpu.name}")
    with json_sink(json_path) as sink, StatusLine() as line:
        workshop = Workshop(root, problem, gpu, settings, line)
        if not workshop.times:
            note("no GPU: what is correct and fits the card is kept; latency is not compared")
        loop = Loop(
            problem,
            settings,
            folder,
            workshop,
            lambda prompt, log, variables: ask(
                settings.command, prompt, log, settings.answer_timeout_s, variables
            ),
        )
        try:
            for verdict in loop.run():
                line.clear()
                kept = kept or verdict.outcome is Outcome.KEPT
                sink(json.dumps(dataclasses.asdict(verdict)))
                if json_path != "-":
                    click.echo(line_of(verdict))
        except KeyboardInterrupt:
            line.clear()
            note(f"interrupted: bench optimize --resume {settings.id} goes on")
            sys.exit(EXIT_INTERRUPTED)
    stands = f"{loop.current.name} stands: {folder.best}" if kept else f"{settings.solution} stands"
    note(stands if kept else f"nothing was kept: {stands}")
    return kept
