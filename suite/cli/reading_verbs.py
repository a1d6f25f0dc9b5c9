"""`bench list` and `bench report`: they work wherever Python does."""

from __future__ import annotations

import json
import sys
import webbrowser
from pathlib import Path
from typing import Any

import click

from suite.cli.console import (
    EXIT_INTERRUPTED,
    checkout,
    json_option,
    json_sink,
    note,
    own_problem_option,
    plain_errors,
    problem_option,
    show_table,
)
from suite.cli.problems import find_own_problem, find_problem
from suite.problem import Problem, ProblemFolderError, find_problems
from suite.solution import Solution, SolutionFileError, find_solutions
from suite.tables import problems_table, solutions_table, workloads_table

PRINTED = ("markdown", "csv", "json", "badge", "benchmark-action")
"""Forms of a report that are printed."""


@click.command("list", short_help="Problems; of one, its workloads and solutions.")
@problem_option(required=False)
@json_option("JSON")
def list_verb(problem_name: str | None, json_path: str | None) -> None:
    """Problems; with --problem, its workloads and solutions.

    \b
    Examples:
      bench list
      bench list --problem matmul_large_k
    """
    root = checkout()
    with plain_errors():
        problems = [find_problem(root, problem_name)] if problem_name else find_problems(root)
        listed, errors = _sound(root, problems)
        if errors and not listed:
            raise errors[0]
        with json_sink(json_path) as out:
            out(json.dumps([_listing(problem, solutions) for problem, solutions in listed], indent=2))
        if json_path == "-":
            pass
        elif problem_name:
            problem, solutions = listed[0]
            show_table(workloads_table(problem))
            click.echo()
            show_table(solutions_table(solutions))
        else:
            show_table(problems_table(listed))
        if errors:
            raise errors[0]


def _sound(
    root: Path, problems: list[Problem]
) -> tuple[list[tuple[Problem, list[Solution]]], list[ProblemFolderError | SolutionFileError]]:
    """The problems that can be listed, and what is wrong with the others.

    One that somebody is at work on must not hide the rest.
    """
    listed, errors = [], []
    for problem in problems:
        try:
            _ = problem.workloads
            listed.append((problem, find_solutions(root, problem)))
        except (ProblemFolderError, SolutionFileError) as error:
            errors.append(error)
    return listed, errors


def _listing(problem: Problem, solutions: list[Solution]) -> dict[str, Any]:
    return {
        "problem": problem.name,
        "workloads": {w.name: {"tier": w.tier, "axes": w.axes} for w in problem.workloads},
        "solutions": [
            {"name": s.name, "stage": s.stage, "author": s.author, "sha256": s.sha256} for s in solutions
        ],
    }


@click.command("report", short_help="Render the recorded results as pages, or print them.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Default: reports/html.")
@click.option("--open", "open_page", is_flag=True, help="Open the page in a browser.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", *PRINTED]),
    default="html",
    show_default=True,
    help="html writes pages; the others print to standard output.",
)
@own_problem_option(required=False)
@click.option("--gpu", "device", help="With --format markdown: only this device, for instance nvidia-h200.")
@click.option(
    "--results",
    "more",
    multiple=True,
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="A folder of results beside reports/results; repeatable.",
)
def report_verb(
    out: Path | None,
    open_page: bool,
    form: str,
    problem_name: str | None,
    device: str | None,
    more: tuple[Path, ...],
) -> None:
    """Render the recorded results as HTML pages that open from disk, or print them for other programs.

    No solution is run: pages show what was recorded. The printed forms are markdown (a ranking for a pull
    request), csv, json, badge (for Shields' endpoint) and benchmark-action (customSmallerIsBetter of
    github-action-benchmark).

    \b
    Examples:
      bench report
      bench report --out /tmp/pages --open
      bench report --format markdown --problem argmin --gpu nvidia-h200
      bench report --format benchmark-action > benchmarks.json
    """
    root = checkout()
    pages = form == "html"
    misplaced = [name for name, given in (("--out", out), ("--open", open_page)) if given and not pages]
    misplaced += [name for name, given in (("--problem", problem_name),) if given and pages]
    misplaced += ["--gpu"] if device and form != "markdown" else []
    if misplaced:
        raise click.UsageError(f"{misplaced[0]} does not go with --format {form}")
    with plain_errors():
        if problem_name:
            find_own_problem(root, problem_name)
        if not pages:
            click.echo(_printed(root, form, problem_name, device, more), nl=False)
            return
        page = _rendered(root, out or root / "reports" / "html", more)
    click.echo(f"report: {page}")
    if open_page:
        webbrowser.open(page.resolve().as_uri())


def _rendered(root: Path, out: Path, more: tuple[Path, ...]) -> Path:
    from suite.report import NoPlotlyError, read_site, render

    def said(done: int, total: int) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r\x1b[Krendered {done} of {total} problems", err=True, nl=done == total)

    site, warnings = read_site(root, more)
    try:
        rendered = render(site, out, said)
    except KeyboardInterrupt:
        note("interrupted; run bench report again for the rest of the pages")
        sys.exit(EXIT_INTERRUPTED)
    except NoPlotlyError as error:
        raise click.ClickException(str(error)) from error
    for warning in (*warnings, *rendered.warnings):
        note(f"warning: {warning}")
    return rendered.index


def _printed(root: Path, form: str, problem: str | None, device: str | None, more: tuple[Path, ...]) -> str:
    from suite.report import printed, read_site

    site, warnings = read_site(root, more, only=problem)
    text, skipped = printed(site, form, device)
    for warning in (*warnings, *skipped):
        note(f"warning: {warning}")
    return text
