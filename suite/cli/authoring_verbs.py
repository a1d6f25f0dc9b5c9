"""`bench check-problem`: is a problem fit to judge solutions by?"""

from __future__ import annotations

import json
import sys

import click

from suite.authoring import examine
from suite.cli.console import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    StatusLine,
    checkout,
    json_option,
    json_sink,
    note,
    plain_errors,
    show_table,
)
from suite.cli.judging import DEVICE_OPTION, device_of
from suite.cli.problems import find_own_problem
from suite.finding import Finding
from suite.machine import has_gpu
from suite.problem import Problem, find_problems
from suite.runner import Progress
from suite.tables import findings_table


@click.command("check-problem", short_help="Is a problem fit to judge by?")
@click.argument("names", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every problem there is.")
@DEVICE_OPTION
@json_option("JSON lines, one a problem,")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=1, max=86_400),
    default=600.0,
    show_default=True,
    help="Seconds that one problem may take.",
)
def check_problem_verb(
    names: tuple[str, ...], everything: bool, device: str, json_path: str | None, timeout_s: float
) -> None:
    """Say whether problems are fit to judge by: their checkers refuse wrong answers, their counts are right.

    Tries zeros, constants, copies, slices, half of the work and rounded inputs against the checker; holds
    bytes, flops and memory against the tensors' sizes; draws every distribution and hidden workloads; lists
    the edge cases. Without a GPU the bench workloads are judged by their sizes alone. Exit code 1 when one is
    refused.

    \b
    Examples:
      bench check-problem argmin
      bench check-problem --all --device cpu
      bench check-problem matmul_large_k --json -
    """
    root = checkout()
    with plain_errors():
        if not names and not everything:
            raise click.UsageError("name a problem, or say --all")
        if device == "cuda" and not has_gpu():
            raise click.UsageError("--device cuda needs an NVIDIA GPU; none answers here")
        problems = find_problems(root) if everything else [find_own_problem(root, name) for name in names]
        refused = 0
        with json_sink(json_path) as sink:
            for problem in problems:
                findings = findings_of(problem, device_of(device), timeout_s)
                accepted = all(finding.state != "fix" for finding in findings)
                refused += not accepted
                listed = [finding.to_json() for finding in findings]
                line = {"problem": problem.name, "accepted": accepted, "findings": listed}
                sink(json.dumps(line))
                if json_path != "-":
                    click.echo(f"\n{problem.name}: {'accepted' if accepted else 'refused'}")
                    show_table(findings_table(findings))
    if refused:
        sys.exit(EXIT_FAILED)


def findings_of(problem: Problem, device: str, timeout_s: float) -> list[Finding]:
    """What there is to say of a problem; says on the way what is being tried."""
    with StatusLine() as line:

        def on_section(name: str, number: int, count: int) -> None:
            line(Progress(problem.name, name, number, count))

        try:
            return list(examine(problem, device, timeout_s, on_section))
        except KeyboardInterrupt:
            line.clear()
            note("interrupted")
            sys.exit(EXIT_INTERRUPTED)
