"""`bench list` and `bench report`: they work wherever Python does."""

from __future__ import annotations

import json
import webbrowser
from pathlib import Path
from typing import Any

import click

from suite import store
from suite.cli.console import checkout, measured_roofs, note, plain_errors, problem_option, show_table
from suite.problem import Problem, find_problem, find_problems
from suite.solution import Solution, find_solutions
from suite.tables import problems_table, solutions_table, workloads_table


@click.command("list")
@problem_option(required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def list_verb(problem_name: str | None, as_json: bool) -> None:
    """Problems; with --problem, its workloads and solutions.

    \b
    Examples:
      bench list
      bench list --problem matmul_large_k
    """
    root = checkout()
    with plain_errors():
        problems = [find_problem(root, problem_name)] if problem_name else find_problems(root)
        listed = [(problem, find_solutions(root, problem)) for problem in problems]
        if as_json:
            click.echo(json.dumps([_listing(problem, solutions) for problem, solutions in listed], indent=2))
        elif problem_name:
            problem, solutions = listed[0]
            show_table(workloads_table(problem))
            click.echo()
            show_table(solutions_table(solutions))
        else:
            show_table(problems_table(listed))


def _listing(problem: Problem, solutions: list[Solution]) -> dict[str, Any]:
    return {
        "problem": problem.name,
        "workloads": {w.name: {"tier": w.tier, "axes": w.axes} for w in problem.workloads},
        "solutions": [
            {"name": s.name, "stage": s.stage, "author": s.author, "sha256": s.sha256} for s in solutions
        ],
    }


@click.command("report")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Default: reports/html.")
@click.option("--open", "open_page", is_flag=True, help="Open the page in a browser.")
def report_verb(out: Path | None, open_page: bool) -> None:
    """Render the recorded results as HTML pages that open from disk.

    \b
    Examples:
      bench report
      bench report --out /tmp/pages --open
    """
    from suite.report import render  # plotly takes a while to import

    root = checkout()
    with plain_errors():
        results, warnings = store.read(root / "reports" / "results")
        for warning in warnings:
            note(f"warning: {warning}")
        measured = {device: measured_roofs(root, device) for device in {result.device for result in results}}
        page = render(results, find_problems(root), out or root / "reports" / "html", measured)
    click.echo(f"report: {page}")
    if open_page:
        webbrowser.open(page.resolve().as_uri())
