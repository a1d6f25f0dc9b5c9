"""`bench prompt`: what to ask for in the next stage."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from suite.cli.console import EXIT_INTERRUPTED, checkout, note, plain_errors, problem_option
from suite.cli.inspecting_verbs import find_card, inspect_all, note_confinement
from suite.cli.problems import find_problem
from suite.cli.recorded import card_here, records_on
from suite.gpus import RTX_4090
from suite.problem import SEED
from suite.solution import python_text, select_solution
from suite.stages.gather import gather
from suite.stages.profile_file import read_profile_file
from suite.stages.prompt import compose, known_metrics, to_json, to_markdown
from suite.stages.stage import STAGES, stage_named


@click.command("prompt", short_help="Write the prompt that asks for the next version.")
@problem_option()
@click.option("--solution", "name", required=True, help="The version to start from: a name or a path.")
@click.option(
    "--stage",
    "stage_name",
    type=click.Choice([stage.name for stage in STAGES]),
    required=True,
    help="What to ask for.",
)
@click.option(
    "--workload", "workload_name", default=SEED, show_default=True, help="Whose launches and profile."
)
@click.option("--gpu", "card", help="The card to write for. Default: this machine's, else rtx-4090.")
@click.option(
    "--profile",
    "profile_path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Metrics from this file: JSON of `bench profile`, or {kernel: {metric: value}}.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["markdown", "json"]),
    default="markdown",
    show_default=True,
    help="How to write it.",
)
def prompt_verb(
    problem_name: str,
    name: str,
    stage_name: str,
    workload_name: str,
    card: str | None,
    profile_path: Path | None,
    form: str,
) -> None:
    """Write the prompt that asks for the next version of a solution.

    Card, stage, code, profile and output rules, with what binds the task, its speed of light, and what the
    compiler made of the launches. `bench submit` takes the answer.

    \b
    Examples:
      bench prompt --problem argmin --solution baseline --stage grid
      bench prompt --problem argmax --solution grid_stage --stage block --gpu h200 > prompt.md
      bench prompt --problem argmin --solution mine.py --stage memory --profile ncu.json --format json
    """
    with plain_errors():
        root = checkout()
        problem = find_problem(root, problem_name)
        workload, solution = problem.workload(workload_name), select_solution(root, problem, name)
        code = python_text(solution.path)
        gpu = find_card(card) if card else card_here() or RTX_4090
        records = records_on(root, problem, gpu)
        if profile_path is None:
            metrics, unmeasured = known_metrics(records.profiles, solution.sha256, workload_name)
        else:
            metrics, unmeasured = read_profile_file(profile_path, solution.sha256, workload_name), ""
        note_confinement()
        try:
            (inspection,) = inspect_all(problem, workload, [solution], gpu)
        except KeyboardInterrupt:
            note("interrupted")
            sys.exit(EXIT_INTERRUPTED)
        evidence = gather(solution, inspection, records)
        prompt = compose(problem, evidence, stage_named(stage_name), code, metrics, unmeasured)
    click.echo(
        json.dumps(to_json(prompt), indent=2) if form == "json" else to_markdown(prompt), nl=form == "json"
    )
