"""Boards to HTML pages: an index, and a page a problem with a section a device."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import jinja2
from plotly.offline import get_plotlyjs

from suite.leaderboard import Board, board
from suite.report import text
from suite.report.figures import fraction_figure, latency_figure
from suite.result import Result
from suite.roofs import Roofs


class ReportProblem(Protocol):
    """What a page needs to know of a problem."""

    @property
    def name(self) -> str:
        """Its folder's name; the page is <name>.html."""

    @property
    def description(self) -> str:
        """One paragraph of plain text; empty is fine."""

    @property
    def bench_workloads(self) -> Sequence[str]:
        """The workloads that are timed, in the order to show."""


def render(
    results: Iterable[Result],
    problems: Iterable[ReportProblem],
    out_dir: Path,
    roofs: Mapping[str, Roofs | None] | None = None,
) -> Path:
    """Write index.html, a <problem>.html a problem and the plotly.min.js they share; gives the index.

    The same input gives the same bytes. Results of problems that are not given are left out. `roofs` are the
    measured ones of each device.
    """
    results = list(results)
    standings = [
        (problem, _boards(results, problem, roofs or {}))
        for problem in sorted(problems, key=lambda problem: problem.name)
    ]
    out_dir.mkdir(parents=True, exist_ok=True)
    (out_dir / "plotly.min.js").write_text(get_plotlyjs(), encoding="utf-8")
    templates = _templates()
    for problem, boards in standings:
        sections = [
            {
                "board": standing,
                "fractions": fraction_figure(standing, f"fractions-{number}"),
                "latencies": latency_figure(standing, f"latencies-{number}"),
            }
            for number, standing in enumerate(boards)
        ]
        page = templates.get_template("problem.html").render(problem=problem, sections=sections)
        (out_dir / f"{problem.name}.html").write_text(page, encoding="utf-8")
    index = out_dir / "index.html"
    index.write_text(templates.get_template("index.html").render(standings=standings), encoding="utf-8")
    return index


def _boards(results: list[Result], problem: ReportProblem, roofs: Mapping[str, Roofs | None]) -> list[Board]:
    """The problem's boards, cards by name, the interpreter last."""
    mine = [result for result in results if result.problem == problem.name]
    devices = sorted({result.device for result in mine}, key=lambda device: (device == "cpu", device))
    return [board(mine, device, problem.bench_workloads, roofs.get(device)) for device in devices]


def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for function in (
        text.significant,
        text.fraction,
        text.factor,
        text.interval,
        text.inline_code,
        text.card,
        text.leaders,
        text.fraction_summary,
        text.latency_summary,
    ):
        environment.filters[function.__name__] = function
    return environment
