"""A report's inputs in a temporary folder, and a reader of its pages."""

from __future__ import annotations

from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from suite.report import Site, SiteProblem, render
from suite.result import Result, to_json
from suite.roofs import Roofs

VOID = {"meta", "br", "link", "img", "hr", "input", "wbr"}


def fake_site(
    folder: Path,
    results: Iterable[Result],
    problems: Iterable[SiteProblem] = (),
    roofs: dict[str, list[Roofs]] | None = None,
) -> Site:
    """A site with these results on disk; without `problems`, one argmin of two workloads."""
    root = folder / "results"
    for result in results:
        path = root / result.device / f"{result.problem}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(to_json(result) + "\n")
    return Site(tuple(problems) or (problem(),), (root,), roofs=roofs or {})


def problem(name: str = "argmin", **fields: Any) -> SiteProblem:
    values: dict[str, Any] = {
        "description": "The index of the smallest element along `dim`.",
        "bench_workloads": ("seed", "last_dim"),
    }
    return SiteProblem(name, **{**values, **fields})


def rendered(site: Site, out_dir: Path) -> dict[str, str]:
    """Every written file that is text, by its name below the folder; the plotly bundle left out."""
    render(site, out_dir)
    return {
        path.relative_to(out_dir).as_posix(): path.read_text()
        for path in sorted(out_dir.rglob("*"))
        if path.is_file() and path.name != "plotly.min.js"
    }


class Page(HTMLParser):
    """The parts of a page that tests look at; fails on tags that do not balance."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.rows: list[list[str]] = []
        self.captions: list[str] = []
        self.links: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.text = ""
        self.feed(markup)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attributes]
        self.links += [value for name, value in attributes if name in ("href", "src") and value]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag == "small":
            self.handle_data(" ")
        if tag == "figcaption":
            self.captions.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "script" in self.open:
            return
        self.text += data
        if self.rows and ("td" in self.open or "th" in self.open):
            self.rows[-1][-1] += data
        if "figcaption" in self.open:
            self.captions[-1] += data

    def cells(self, first: str) -> list[list[str]]:
        """The rows that begin with this header's row, stripped, up to the next table."""
        stripped = [[" ".join(cell.split()) for cell in row] for row in self.rows]
        start = next(place for place, row in enumerate(stripped) if row and row[0] == first)
        return stripped[start:]
