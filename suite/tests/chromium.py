"""Debian's Chromium on a report that it opens from disk, and what a reader sees there."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from suite.published import Published, PublishedFigure
from suite.report import render
from suite.result import Clocks, Status
from suite.solution import read_solution
from suite.tests.fake_results import fake_result
from suite.tests.fake_roofs import fake_roofs
from suite.tests.fake_site import fake_site, problem

ROOT = Path(__file__).parents[2]


HOSTILE = '<script>hacked = 1</script><img src=x onerror="hacked = 1"><b>bold</b> %{y} &amp; \u202e"\'`'


LONG = "x" * 100_000


H100 = "NVIDIA H100 80GB HBM3"


def both(solution: str, seed_ms: float, last_dim_ms: float, **fields: Any) -> list[Any]:
    return [
        fake_result(solution, "seed", seed_ms, **fields),
        fake_result(solution, "last_dim", last_dim_ms, **fields),
    ]


def board_results() -> list[Any]:
    """Two precision classes on an H200, a few rows on an H100, the interpreter, failures."""
    flops = {"bytes_moved": 10**9, "flops": 10**11}
    clocks = Clocks((1980, 1965, 1980), (3201,) * 3, (500.0,) * 3, (60,) * 3, (0,) * 3)
    tf32 = {**flops, "precision": "tf32"}
    return [
        *both("reference", 4.0, 4.0, precision="fp32", author="torch", **flops),
        *both("baseline", 8.0, 2.0, **tf32),
        *both("grid_stage", 4.0, 1.5, stage="grid", **tf32),
        *both("final", 1.0, 1.0, clocks=clocks, **tf32),
        *both("ada_split", 0.9, 3.0, author="ada", **tf32),
        *both("bob_split", 2.0, 2.5, author="bob", flags=("noisy",), **tf32),
        fake_result("bob_half", latency_ms=2.0, author="bob", **tf32),
        fake_result("ada_broken", "check", status=Status.INCORRECT, author="ada", reason="output 0 differs"),
        *both("final", 1.6, 1.6, gpu=H100, sm_count=132, **tf32),
        *both("ada_split", 1.4, 1.4, gpu=H100, sm_count=132, author="ada", **tf32),
        fake_result("final", "check", None, gpu=None),
    ]  # fmt: skip


def render_board(folder: Path) -> None:
    """A report with many kinds of rows, in `folder`/board."""
    files = folder / "files"
    files.mkdir()
    sources = {"final": "import torch\n\nx = 1\n", "baseline": "import torch\n\ny = 2\n"}
    solutions = []
    for name, source in sources.items():
        (files / f"{name}.py").write_text(source)
        solutions.append(read_solution(files / f"{name}.py", stage=name))
    hashes = {solution.name: solution.sha256 for solution in solutions}
    results = [dataclasses.replace(r, sha256=hashes.get(r.solution, r.sha256)) for r in board_results()]
    published = Published(
        "rtx-4090", "seed", "somebody, 2025", "A loop.", (PublishedFigure("torch eager", 20.0),)
    )
    problems = [problem(solutions=tuple(solutions), published=published), problem("argmax")]
    render(fake_site(folder / "in", results, problems, {"nvidia-h200": [fake_roofs()]}), folder / "board")


def hostile_site(folder: Path) -> Any:
    folder.mkdir()
    path = folder / "odd.py"
    path.write_text(f'# idea: {HOSTILE}\n"""{HOSTILE}"""\nx = "{LONG}"\n')
    odd = read_solution(path, name=HOSTILE)
    results = [
        *both(HOSTILE, 3.0, 3.0, author=HOSTILE, stage="submitted", flags=(HOSTILE,), sha256=odd.sha256),
        *both(LONG, 4.0, 4.0, author=LONG),
        *both("final", 2.0, 2.0),
        fake_result("bad", status=Status.REJECTED, reason=HOSTILE + LONG, author=HOSTILE),
        fake_result(LONG + "2", status=Status.REJECTED, reason=LONG, author=LONG),
    ]
    return fake_site(folder, results, [problem(solutions=(odd,), description=HOSTILE)])


def chromium() -> Iterator[Any]:
    """Debian's Chromium. Where it is missing these tests skip; in continuous integration they fail."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    reason = None
    if importlib.util.find_spec("playwright") is None:
        reason = "playwright is not installed: pip install -e '.[test]'"
    elif path is None:
        reason = "there is no chromium: apt-get install chromium"
    if reason is not None and os.environ.get("CI") == "true":
        pytest.fail(f"continuous integration tests the pages in a browser: {reason}")
    if reason is not None:
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # As root Chromium cannot set up its own sandbox; the pages are ours.
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@contextlib.contextmanager
def opened(browser: Any, url: str, width: int = 1440, **options: Any) -> Iterator[Any]:
    """A page that must say nothing on its console, ask no network and raise nothing."""
    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    said: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: said.append(f"error: {error}"))
    page.on("dialog", lambda dialog: (said.append("dialog"), dialog.dismiss()))
    page.on(
        "request", lambda request: None if request.url.startswith("file://") else said.append(request.url)
    )
    page.set_default_timeout(20_000)
    try:
        page.goto(url)
        if options.get("java_script_enabled", True):
            until(page, "document.documentElement.dataset.ready")
        yield page
        assert said == []
    finally:
        context.close()


def go(page: Any, address: str) -> None:
    page.goto(address)
    until(page, "document.documentElement.dataset.ready")


def until(page: Any, condition: str) -> None:
    """Wait for a condition by asking again: Playwright's own way needs an eval, which the pages forbid."""
    deadline = time.monotonic() + 20
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, f"still not: {condition}"
        page.wait_for_timeout(20)


def url(folder: Path, name: str) -> str:
    file, _, rest = name.partition("#")
    return (folder / file).as_uri() + (f"#{rest}" if rest else "")


ARGMIN = "problems/argmin/index.html"


BOARD = f"{ARGMIN}#gpu=nvidia-h200"


def names(page: Any, within: str = "table.ranked") -> list[str]:
    """The solutions that are visible, in order."""
    rows = page.locator(f"section:not([hidden]) {within} tbody tr[data-key]:visible .name a:first-child")
    return [name.replace("\u200b", "") for name in rows.all_inner_texts()]


def cells(page: Any, column: str) -> list[str]:
    texts = page.locator(
        f'section:not([hidden]) tr[data-key]:visible [data-col="{column}"]'
    ).all_inner_texts()
    return [" ".join(cell.split()) for cell in texts]


def overflow(page: Any) -> int:
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def draw_all(page: Any) -> None:
    """Scroll every chart into view and wait until it is drawn."""
    for chart in page.locator("figure .chart:visible").all():
        chart.scroll_into_view_if_needed()
        chart.locator("svg.main-svg").first.wait_for(state="attached")


def points(page: Any, figure: str, trace: str) -> int:
    """How many points of a trace are drawn."""
    chart = page.locator(f'section:not([hidden]) figure[data-figure="{figure}"] .chart')
    chart.scroll_into_view_if_needed()
    chart.locator("svg.main-svg").first.wait_for(state="attached")
    return chart.evaluate(
        "(chart, name) => chart.data.find((trace) => trace.name === name)?.x.length ?? 0", trace
    )
