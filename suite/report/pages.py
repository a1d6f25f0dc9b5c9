"""The whole report: an index, a page a problem, a page a solution, comparison, method, and downloads.

The same input gives the same bytes. Problems are rendered one by one, each with its own results alone in
memory, by several processes where there are many.
"""

from __future__ import annotations

import dataclasses
import gc
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from suite import store
from suite.report import exports
from suite.report.card import reference_card
from suite.report.history import steps
from suite.report.method import Timed, evidence, timed
from suite.report.records import REFERENCE_CARD, ProblemPages, collect
from suite.report.sections import solution_sections, stored
from suite.report.site import Site, SiteProblem
from suite.report.solution_data import render_solution_data, solution_context
from suite.report.summary import Summary, summarize
from suite.report.templating import json_block, page
from suite.report.text import shown
from suite.report.views import device_view, page_data
from suite.result import Result, to_json

HERE = Path(__file__).parent
MANIFEST = "files.json"
"""What a report wrote, so that the next one at the same place takes away what it no longer writes."""
SERIAL = 8
"""Up to so many problems one process is as quick as several are to start."""
MOST_PROCESSES = 8


class NoPlotlyError(RuntimeError):
    """The library that draws is not installed; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A report on disk."""

    index: Path
    warnings: tuple[str, ...]
    """Lines that are no record of what they should be."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What rendering one problem tells the pages of all."""

    summary: Summary
    timed: tuple[Timed, ...]
    latencies: tuple[dict[str, object], ...]
    files: tuple[str, ...]
    warnings: tuple[str, ...]


def render(
    site: Site, out_dir: Path, on_progress: Callable[[int, int], None] = lambda _done, _total: None
) -> Rendered:
    """Write the report of `site` into `out_dir`; gives its index.

    `on_progress` hears how many problems are done, of how many.

    Raises:
        NoPlotlyError: the library that draws is not installed; nothing is written.
        OSError: it cannot be written.
    """
    library = _plotly_js()
    out_dir.mkdir(parents=True, exist_ok=True)
    before = _manifest(out_dir)
    files = [_write(out_dir, "plotly.min.js", library)]
    for asset in ("report.css", "report.js"):
        shutil.copyfile(HERE / "static" / asset, out_dir / asset)
        files.append(asset)
    parts = []
    for part in _parts(site, out_dir):
        parts.append(part)
        on_progress(len(parts), len(site.problems))
    files += [name for part in parts for name in part.files]
    summaries = [part.summary for part in parts]
    devices = _devices(summaries)
    proofs, skipped = evidence(site.root, site.roofs, [entry for part in parts for entry in part.timed])
    shared = {"root": "", "summaries": summaries, "devices": devices, "reference_card": REFERENCE_CARD}
    latencies = [entry for part in parts for entry in part.latencies]
    choices = {
        summary.name: [[shown(entry.name), entry.href, shown(entry.stage)] for entry in summary.entries]
        for summary in summaries
        if summary.entries
    }
    files += [
        _write(out_dir, "index.html", page("index.html", **shared)),
        _write(out_dir, "compare.html", page("compare.html", **shared, data=json_block(choices))),
        _write(out_dir, "method.html", page("method.html", **shared, evidence=proofs)),
        _write(out_dir, "benchmarks.json", exports.dumped(latencies)),
    ]
    _write(out_dir, MANIFEST, json.dumps(sorted(files), indent=0) + "\n")
    _take_away(out_dir, before - set(files))
    warnings = [line for part in parts for line in part.warnings]
    return Rendered(out_dir / "index.html", (*warnings, *skipped))


def problem_pages(site: Site, problem: SiteProblem) -> tuple[ProblemPages, list[Result], list[str]]:
    """The records of a problem's pages, all its results, and a warning for each line that is none."""
    results: list[Result] = []
    warnings: list[str] = []
    for folder in site.results:
        found, skipped = store.read(folder, problem.name)
        results += found
        warnings += skipped
    return collect(problem, results, site.roofs), results, warnings


def printed(site: Site, form: str, device: str | None = None) -> tuple[str, list[str]]:
    """A report as text: markdown, csv, json, badge or benchmark-action; and the warnings."""
    found, warnings = [], []
    for problem in site.problems:
        pages, _, skipped = problem_pages(site, problem)
        found.append(pages)
        warnings += skipped
    return exports.as_text(found, form, device), warnings


def _parts(site: Site, out_dir: Path) -> Iterator[_Part]:
    """The problems in the order of their names."""
    problems = sorted(site.problems, key=lambda problem: problem.name)
    one = partial(_render_problem, dataclasses.replace(site, problems=()), out_dir)
    if len(problems) <= SERIAL:
        yield from map(one, problems)
        return
    workers = min(MOST_PROCESSES, os.cpu_count() or 1)
    with ProcessPoolExecutor(workers, get_context("spawn"), _start_worker) as pool:
        try:
            yield from pool.map(one, problems)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _start_worker() -> None:
    """Ctrl-C reaches every process of a terminal, but it is the first that ends the others.

    Results are tens of thousands of small objects without cycles; looking for some costs a tenth of the time.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.set_threshold(50_000)


def _render_problem(site: Site, out_dir: Path, problem: SiteProblem) -> _Part:
    pages, results, warnings = problem_pages(site, problem)
    folder = f"problems/{problem.name}"
    (out_dir / folder).mkdir(parents=True, exist_ok=True)
    views = [device_view(pages, device, steps(results, device.board)) for device in pages.devices]
    reference = reference_card(site.root, pages)
    data = {view.device.name: json_block(page_data(view)) for view in views}
    found = exports.records(pages)
    shared = {"root": "../../", "pages": pages, "problem": problem, "reference_card": REFERENCE_CARD}
    text = page("problem.html", **shared, views=views, card=reference, data=data)
    files = [
        _write(out_dir, f"{folder}/index.html", text),
        _write(out_dir, f"{folder}/results.csv", exports.to_csv(found)),
        _write(out_dir, f"{folder}/results.json", exports.dumped(exports.to_json(pages, found))),
        _write(out_dir, f"{folder}/badge.json", exports.dumped(exports.badge(pages))),
    ]
    known = stored(site.root, pages)
    for solution in pages.solutions:
        sections = solution_sections(known, solution)
        context = solution_context(pages, solution)
        files.append(
            _write(
                out_dir,
                f"{folder}/{solution.href}.html",
                page("solution.html", **shared, solution=solution, sections=sections, **context),
            )
        )
        files.append(_write(out_dir, f"{folder}/{solution.href}.js", render_solution_data(pages, solution)))
        if solution.devices:
            raw = ",\n".join(to_json(result) for _, _, own in solution.devices for result in own)
            files.append(_write(out_dir, f"{folder}/{solution.href}.json", f"[\n{raw}\n]\n"))
    return _Part(
        summarize(pages, views, reference),
        tuple(timed(device.name, device.results) for device in pages.devices if device.name != "cpu"),
        tuple(exports.smaller_is_better([pages])),
        tuple(files),
        (*warnings, *known.warnings),
    )


def _devices(summaries: Iterable[Summary]) -> list[tuple[str, str, bool]]:
    """(slug, label, whether it was timed) of each device on any page: timed ones first, the CPU last."""
    found: dict[str, tuple[str, bool]] = {}
    for summary in summaries:
        for panel in summary.panels:
            known = found.get(panel.device, (panel.label, False))
            found[panel.device] = (known[0], known[1] or panel.is_timed)
    order = sorted(found, key=lambda name: (not found[name][1], name == "cpu", found[name][0]))
    return [(name, *found[name]) for name in order]


def _write(out_dir: Path, name: str, text: str) -> str:
    (out_dir / name).write_text(text, encoding="utf-8", errors="replace", newline="\n")
    return name


def _plotly_js() -> str:
    try:
        from plotly.offline import get_plotlyjs  # a machine that only judges may lack it
    except ModuleNotFoundError as error:
        raise NoPlotlyError(
            "pages need plotly, which is not installed (pip install plotly); "
            "--format markdown, csv or json prints results without it"
        ) from error
    return str(get_plotlyjs())


def _manifest(out_dir: Path) -> set[str]:
    try:
        names = json.loads((out_dir / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return set()
    return {name for name in names if isinstance(name, str)} if isinstance(names, list) else set()


def _take_away(out_dir: Path, names: Iterable[str]) -> None:
    """Remove pages of an earlier report; whatever the list says, nothing outside the folder."""
    inside = out_dir.resolve()
    for name in names:
        path = (inside / name).resolve()
        if path.is_file() and inside in path.parents:
            path.unlink()
