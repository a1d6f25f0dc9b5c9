"""The pages in a real browser, opened from disk: sorting, filters, addresses, themes, keyboard, widths."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from suite.published import Published, PublishedFigure
from suite.report import read_site, render, text
from suite.result import Clocks, Status
from suite.solution import read_solution
from suite.tests.fake_results import RTX_4090, fake_result
from suite.tests.fake_roofs import fake_roofs
from suite.tests.fake_site import fake_site, problem
from suite.tests.many_results import many_results

ROOT = Path(__file__).parents[2]
HOSTILE = '<script>hacked = 1</script><img src=x onerror="hacked = 1"><b>bold</b> %{y} &amp; \u202e"\'`'
LONG = "x" * 100_000
WIDTHS = (380, 1440)
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


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three reports: `real` of the repository, `board` with many kinds of rows, `hostile` from strangers."""
    folder = tmp_path_factory.mktemp("pages")
    render(read_site(ROOT)[0], folder / "real")
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
    render(hostile_site(folder / "strange"), folder / "hostile")
    return folder


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


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
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


@pytest.fixture
def show(browser: Any, pages: Path) -> Any:
    """Opens a page of the board's report."""
    return lambda name, **options: opened(browser, url(pages / "board", name), **options)


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


TF32 = ["final", "ada_split", "bob_split", "grid_stage", "baseline", "bob_half"]


class TestSort:
    def test_a_press_sorts_a_second_turns_a_third_gives_the_board_back(self, show):
        with show(BOARD) as page:
            assert names(page) == ["reference", *TF32]
            header = page.locator('section:not([hidden]) button[data-sort="latency"]')
            header.click()
            assert names(page) == [
                "reference",
                "final",
                "ada_split",
                "bob_half",
                "bob_split",
                "grid_stage",
                "baseline",
            ]
            assert header.locator("..").get_attribute("aria-sort") == "ascending"
            header.click()
            assert names(page)[1:4] == ["baseline", "grid_stage", "bob_split"]
            assert header.locator("..").get_attribute("aria-sort") == "descending"
            header.click()
            assert names(page) == ["reference", *TF32]
            assert page.locator('th[aria-sort="ascending"], th[aria-sort="descending"]').count() == 0

    def test_what_is_better_when_larger_starts_with_the_largest(self, show):
        with show(BOARD) as page:
            page.locator('section:not([hidden]) button[data-sort="speedup"]').click()
            found = [float(cell.split("x")[0]) for cell in cells(page, "speedup")[1:]]
            assert found == sorted(found, reverse=True)
            page.locator('section:not([hidden]) button[data-sort="name"]').click()
            assert names(page)[1:] == sorted(TF32)

    def test_by_keyboard(self, show):
        with show(BOARD) as page:
            page.locator('section:not([hidden]) button[data-sort="rank"]').focus()
            page.keyboard.press("Tab")
            page.keyboard.press("Enter")
            assert page.evaluate("document.activeElement.dataset.sort") == "name"
            assert names(page)[1:] == sorted(TF32)
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none"


class TestFilter:
    def test_by_text_origin_author_and_class(self, show):
        with show(BOARD) as page:
            count = page.locator("form output")
            labels = page.locator("fieldset label:visible").all_inner_texts()
            assert [name.strip() for name in labels] == ["graded", "submitted", "reference", "published"]
            assert count.inner_text() == "7 of 7 solutions"
            page.fill("input[name=q]", "SPLIT")
            assert names(page) == ["ada_split", "bob_split"]
            assert count.inner_text() == "2 of 7 solutions"
            page.fill("input[name=q]", "")
            page.uncheck("input[name=origin][value=graded]")
            assert names(page) == ["reference", "ada_split", "bob_split", "bob_half"]
            page.select_option("select[name=author]", "ada")
            assert names(page) == ["ada_split"]
            page.click("button[name=reset]")
            page.select_option("select[name=gpu]", "nvidia-h200")
            page.select_option("select[name=class]", "fp32")
            assert names(page) == ["reference"]
            assert page.locator("tr.class:visible").all_inner_texts() == ["Precision class fp32"]
            page.fill("input[name=q]", "nothing is called this")
            assert page.locator(".empty:visible").inner_text() == "No solution fits these filters."

    def test_failures_follow(self, show):
        with show(BOARD) as page:
            failures = page.locator("section:not([hidden]) .failures tbody tr:visible")
            assert failures.count() == 1
            page.select_option("select[name=author]", "bob")
            assert failures.count() == 0
            page.select_option("select[name=author]", "ada")
            assert failures.inner_text().split("\t")[-1] == "output 0 differs"

    def test_charts_and_their_numbers_follow(self, show):
        with show(BOARD) as page:
            assert points(page, "latency", "submitted") == 5
            assert points(page, "roofline", "submitted") == 5
            heat = page.locator('section:not([hidden]) figure[data-figure="heat"] .chart')
            assert points(page, "heat", "") == 0
            page.select_option("select[name=author]", "ada")
            until(
                page,
                "document.querySelector('section:not([hidden]) [data-figure=latency] .chart')"
                ".data.at(-1).x.length === 2",
            )
            assert points(page, "latency", "final") == 0
            assert heat.evaluate("(chart) => chart.data[0].z.length") == 1
            page.locator('section:not([hidden]) figure[data-figure="latency"] summary').click()
            rows = page.locator('section:not([hidden]) figure[data-figure="latency"] tbody tr:visible')
            assert [row.split("\t")[:2] for row in rows.all_inner_texts()] == [
                ["seed", "ada_split"],
                ["last_dim", "ada_split"],
            ]

    def test_one_workload_has_its_own_numbers_and_ranks(self, show):
        with show(BOARD) as page:
            assert cells(page, "latency")[1].startswith("1.000")
            page.select_option("select[name=workload]", "seed")
            assert names(page) == [
                "reference",
                "ada_split",
                "final",
                "bob_split",
                "bob_half",
                "grid_stage",
                "baseline",
            ]
            assert cells(page, "rank") == ["1", "1", "2", "3", "3", "5", "6"]
            assert cells(page, "latency")[1] == "0.9000 0.8900 to 0.9100"
            assert page.locator("section:not([hidden]) .latency-name").inner_text() == "Latency"
            page.select_option("select[name=workload]", "last_dim")
            assert "bob_half" not in names(page)
            assert cells(page, "fraction")[1] == "0.208"
            page.select_option("select[name=workload]", "")
            assert names(page) == ["reference", *TF32]
            assert page.locator("section:not([hidden]) .latency-name").inner_text() == "Mean latency"

    def test_gpus(self, show):
        with show(ARGMIN) as page:
            choices = page.locator("select[name=gpu] option").all_inner_texts()
            assert choices == [
                "NVIDIA H100 SXM", "NVIDIA H200 SXM", "CPU (Triton's interpreter) (not timed)",
                "NVIDIA GeForce RTX 4090 (not measured here)", "all of them",
            ]  # fmt: skip
            page.select_option("select[name=gpu]", "nvidia-h100-80gb-hbm3")
            assert names(page) == ["ada_split", "final"]
            page.select_option("select[name=gpu]", "cpu")
            assert names(page, "table.board") == ["final"]
            page.select_option("select[name=gpu]", "nvidia-geforce-rtx-4090")
            assert "Nothing was measured on this card here." in page.inner_text("main")
            assert page.locator(".published tbody tr").inner_text().split("\t")[:3] == [
                "torch eager", "published, not measured here", "20.00",
            ]  # fmt: skip
            page.uncheck("input[name=origin][value=published]")
            assert page.locator(".published tbody tr:visible").count() == 0
            page.select_option("select[name=gpu]", "all")
            assert page.locator("section.device:visible").count() == 4


class TestAddress:
    def test_a_shared_address_opens_the_same_view(self, show):
        with show(ARGMIN) as page:
            page.select_option("select[name=gpu]", "nvidia-h200")
            page.select_option("select[name=workload]", "seed")
            page.uncheck("input[name=origin][value=graded]")
            page.fill("input[name=q]", "split")
            page.locator('section:not([hidden]) button[data-sort="latency"]').click()
            page.locator('section:not([hidden]) button[data-sort="latency"]').click()
            address, seen, latencies = page.url, names(page), cells(page, "latency")
        assert address.endswith(
            "#gpu=nvidia-h200&workload=seed&origin=submitted%2Creference%2Cpublished&q=split&sort=latency&dir=desc"
        )
        with show(f"{ARGMIN}#{address.partition('#')[2]}") as page:
            assert (
                (names(page), cells(page, "latency"))
                == (seen, latencies)
                == (["bob_split", "ada_split"], latencies)
            )
            assert page.input_value("input[name=q]") == "split"
            page.click("button[name=reset]")
            assert "#" not in page.url
            page.evaluate("location.hash = 'gpu=nvidia-h200&q=final'")
            until(page, "document.querySelector('form output').textContent.startsWith('1 of 7')")
            assert names(page) == ["final"]

    def test_an_address_that_names_nothing_known_shows_the_board(self, show):
        with show(f"{ARGMIN}#gpu=x&workload=y&author=z&class=q&sort=%22%5D&origin=none") as page:
            assert names(page) == []
            assert page.input_value("select[name=workload]") == ""
            page.click("button[name=reset]")
            assert names(page) == ["ada_split", "final"]


class TestTheme:
    def test_the_button_turns_through_three_and_is_remembered(self, show, pages):
        paper = "getComputedStyle(document.body).backgroundColor"
        with show(ARGMIN, color_scheme="light") as page:
            assert page.evaluate(paper) == "rgb(255, 255, 255)"
            draw_all(page)
            colour = "document.querySelector('section:not([hidden]) .chart')._fullLayout.font.color"
            assert page.evaluate(colour) == "#1b2128"
            page.click("#theme")
            assert page.inner_text("#theme") == "Theme: light"
            page.keyboard.press("Enter")
            assert page.inner_text("#theme") == "Theme: dark"
            assert page.evaluate(paper) == "rgb(18, 22, 26)"
            until(page, f"{colour} === '#e5e9ed'")
            page.goto(url(pages / "board", "method.html"))
            assert page.evaluate(paper) == "rgb(18, 22, 26)"
            assert page.inner_text("#theme") == "Theme: dark"
            page.click("#theme")
            assert page.evaluate(paper) == "rgb(255, 255, 255)"

    def test_the_system_s_choice_holds_and_may_change(self, show):
        with show("index.html", color_scheme="dark") as page:
            assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 22, 26)"
            page.emulate_media(color_scheme="light")
            assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_the_keyboard_alone_reaches_everything(show):
    with show(ARGMIN) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        until(page, "location.hash === '#main'")
        reached = set()
        for _ in range(60):
            page.keyboard.press("Tab")
            reached.add(
                page.evaluate(
                    "((e) => e.name || e.dataset.sort || e.textContent.trim())(document.activeElement)"
                )
            )
        assert {
            "gpu",
            "workload",
            "class",
            "author",
            "origin",
            "q",
            "reset",
            "rank",
            "latency",
            "final",
            "Numbers",
        } <= reached


class TestSamples:
    def test_on_the_problem_s_page_they_come_on_demand(self, show):
        with show(BOARD) as page:
            samples = page.locator("section:not([hidden]) details.samples")
            assert page.evaluate("[...document.scripts].some((s) => s.src.endsWith('/final.js'))") is False
            samples.locator("summary").first.click()
            samples.locator("select[name=solution]").select_option("final")
            until(page, "document.querySelector('section:not([hidden]) .said').textContent.includes('final')")
            assert samples.locator(".said").inner_text() == (
                "3 samples of final on seed: median 1.000 ms, from 1.000 to 1.000 ms; "
                "the SM clock went from 1965 to 1980 MHz."
            )
            samples.locator("svg.main-svg").first.wait_for(state="attached")
            assert samples.locator(".chart").evaluate("(chart) => chart.data.map((trace) => trace.name)") == [
                "final", "reference, in turn", "SM clock",
            ]  # fmt: skip
            samples.locator(".numbers summary").click()
            assert samples.locator("tbody tr").all_inner_texts()[1].split("\t") == [
                "2", "1.0000", "4.0000", "1965", "500",
            ]  # fmt: skip

    def test_the_last_choice_stands_however_late_the_one_before_comes(self, show):
        with show("problems/argmin/index.html") as page:
            page.evaluate("""() => {
                const append = document.head.append.bind(document.head);
                document.head.append = (made) => {
                    if (!made.src.endsWith("/ada_split.js")) return append(made);
                    made.addEventListener("load", () => setTimeout(() => { window.late = true; }));
                    setTimeout(() => append(made), 200);
                };
            }""")
            samples = page.locator("section:not([hidden]) details.samples")
            samples.locator("summary").first.click()
            samples.locator("select[name=solution]").select_option("ada_split")
            samples.locator("select[name=solution]").select_option("final")
            until(page, "window.late")
            assert samples.locator(".said").inner_text().startswith("3 samples of final on seed")

    def test_on_the_solution_s_page(self, show):
        with show("problems/argmin/final.html#nvidia-h200") as page:
            page.locator("#nvidia-h200 details.samples > summary").click()
            page.locator("#nvidia-h200 svg.main-svg").first.wait_for(state="attached")
            assert "3 samples of final on seed" in page.locator("#nvidia-h200 .said").inner_text()


class TestCompare:
    def test_two_solutions_side_by_side(self, show):
        with show("compare.html#problem=argmin&a=final&b=baseline&gpu=nvidia-h200") as page:
            page.locator("#comparison svg.main-svg").first.wait_for(state="attached")
            said = page.inner_text("#comparison")
            assert "final takes 0.250 of the time of baseline" in said
            assert "A is the faster on 2, B on 0, and on 0 the intervals overlap." in said
            rows = page.locator("#comparison table >> nth=1").locator("tbody tr").all_inner_texts()
            assert rows[0].split("\t") == [
                "seed", "1.000", "0.9900 to 1.010", "8.000", "7.990 to 8.010",
                "0.125", "0.124", "0.126", "A is faster",
            ]  # fmt: skip
            assert "1 lines are A's alone, 1 are B's alone." in said
            assert page.locator("pre.diff .add").inner_text().strip() == "+x = 1"
            page.click("button[name=swap]")
            until(page, "document.querySelector('#comparison').innerText.includes('B is faster')")
            assert "a=baseline&b=final" in page.url

    def test_choices_are_remembered_and_what_cannot_be_compared_says_so(self, show):
        with show("compare.html") as page:
            until(page, "document.querySelector('#comparison').textContent.includes('sha256')")
            page.select_option("select[name=a]", "ada_broken")
            until(page, "document.querySelector('#comparison').textContent.includes('did not pass')")
            assert "No workload was timed for both on one card." in page.inner_text("#comparison")
            assert "a=ada_broken" in page.url

    def test_another_address_of_the_page_chooses_the_gpu_too(self, show):
        pair = "problem=argmin&a=final&b=ada_split"
        chosen = "document.querySelector('select[name=gpu]').value"
        with show(f"compare.html#{pair}&gpu=nvidia-h200") as page:
            until(page, f"{chosen} === 'nvidia-h200'")
            page.evaluate(f"location.hash = '{pair}'")
            until(page, f"{chosen} === 'nvidia-h100-80gb-hbm3'")
            page.evaluate(f"location.hash = '{pair}&gpu=nvidia-h200'")
            until(page, f"{chosen} === 'nvidia-h200'")


class TestIndex:
    def test_a_gpu_is_chosen_found_and_carried_along(self, show):
        with show("index.html") as page:
            choices = page.locator("select[name=gpu] option").all_inner_texts()
            assert choices[-3:] == [
                "NVIDIA GeForce RTX 4090 (not timed here)",
                "CPU (Triton's interpreter) (not timed here)",
                "all of them",
            ]  # fmt: skip
            page.select_option("select[name=gpu]", "nvidia-h200")
            assert "final leads" in " ".join(page.locator(".card >> nth=1").inner_text().split())
            page.fill("input[name=q]", "ARGMI")
            assert page.locator(".card:visible h2").all_inner_texts() == ["argmin"]
            assert page.locator("form output").inner_text() == "1 of 2 problems"
            page.click(".card:visible h2 a")
            until(page, "document.documentElement.dataset.ready")
            assert page.input_value("select[name=gpu]") == "nvidia-h200"

    def test_a_card_without_a_measurement_shows_what_is_known(self, show):
        with show("index.html#gpu=nvidia-geforce-rtx-4090") as page:
            card = " ".join(page.locator(".card >> nth=1").inner_text().split())
            assert "not measured here" in card
            assert "torch eager, seed 20.00 ms" in card


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_fits_and_is_quiet(browser, pages, width):
    """No console message, no request, no overflow; charts drawn; both themes; the repository's results."""
    found = sorted(path.relative_to(pages / "real").as_posix() for path in (pages / "real").rglob("*.html"))
    assert len(found) >= 21
    scheme = "light" if width == WIDTHS[0] else "dark"
    with opened(browser, url(pages / "real", found[0]), width, color_scheme=scheme) as page:
        for name in found:
            go(page, url(pages / "real", name))
            if name.endswith("/index.html"):
                draw_all(page)
            assert overflow(page) <= 0, name


@pytest.mark.parametrize("width", WIDTHS)
def test_strangers_text_is_text_and_leaves_the_layout_alone(browser, pages, width):
    folder = pages / "hostile"
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.html"))
    assert len(found) == 9
    with opened(browser, url(folder, found[0]), width) as page:
        for name in found:
            go(page, url(folder, name))
            if name == ARGMIN:
                draw_all(page)
                assert (
                    page.locator(".ranked .name a >> nth=1")
                    .inner_text()
                    .startswith("<script>hacked = 1</script>")
                )
                assert (
                    page.evaluate(
                        "Math.max(...[...document.querySelectorAll('tr')].map((r) => r.clientHeight))"
                    )
                    < 700
                )
                page.locator("details.samples > summary").click()
                page.locator("details.samples select[name=solution]").select_option(index=1)
                page.locator("details.samples svg.main-svg").first.wait_for(state="attached")
            if name == "compare.html":
                page.select_option("select[name=b]", index=0)
                until(page, "document.querySelector('#comparison').textContent.includes('sha256')")
            assert overflow(page) <= 0, name
            assert page.evaluate("typeof hacked") == "undefined", name
            assert page.locator("main img, main b:not(.bar b), svg a").count() == 0, name


def test_numbers_look_alike_from_the_script_and_from_the_pages(show):
    values = [0, 1e-9, 0.000123456, 0.0125, 0.99996, 1, 2.23764, 9.99996, 10, 123.456, 4530.2, 123456.7, 1e15]
    with show("index.html") as page:
        for digits in (3, 4, 5):
            shown = page.evaluate(
                "([values, d]) => values.map((v) => tritonpeak.significant(v, d))", [values, digits]
            )
            assert shown == [text.significant(value, digits) for value in values]


def test_differences_are_those_of_the_longest_common_subsequence(show):
    with show("index.html") as page:
        found = page.evaluate("tritonpeak.differing(['a','b','c','d'], ['a','x','c','d','e'])")
    assert found == [["same", "a"], ["del", "b"], ["add", "x"], ["same", "c"], ["same", "d"], ["add", "e"]]


def test_without_scripts_everything_is_there(show):
    with show(ARGMIN, java_script_enabled=False) as page:
        assert page.locator("section.device:visible").count() == 4
        assert page.locator("form:visible").count() == 0
        assert "Filters and charts need JavaScript" in page.inner_text("main")
        assert page.locator("table.ranked tr[data-key]:visible").count() == 9
        assert overflow(page) <= 0


def test_on_paper(show):
    with show(ARGMIN, color_scheme="dark") as page:
        draw_all(page)
        page.emulate_media(media="print")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert page.locator("form:visible, #theme:visible").count() == 0
        assert len(page.pdf(format="A4")) > 20_000


def test_charts_come_after_the_table_can_be_used(show):
    """The 5 MB of Plotly are read when a chart comes near, and not where there is none."""
    loaded = "[...document.scripts].filter((s) => s.src.endsWith('plotly.min.js')).length"
    with show(f"{ARGMIN}#gpu=cpu") as page:
        assert page.evaluate(loaded) == 0
        page.select_option("select[name=gpu]", "nvidia-h200")
        draw_all(page)
        assert page.evaluate(loaded) == 1


def test_a_page_of_700_solutions_sorts_filters_and_draws(browser, tmp_path):
    many_results(tmp_path, "x = 1\n", n_results=9_800, n_solutions=700, n_problems=1)
    site, _ = read_site(tmp_path)
    render(site, tmp_path / "out")
    page_file = tmp_path / "out" / "problems" / "problem_00" / "index.html"
    assert page_file.stat().st_size < 3_000_000
    with opened(browser, page_file.as_uri()) as page:
        assert "plotly" not in page.evaluate("[...document.scripts].map((s) => s.src).join()")
        assert page.locator("form output").inner_text() == "357 of 357 solutions"
        note = page.locator("section:not([hidden]) .note").inner_text()
        (total,) = re.findall(r"^The first 357 of (\d+) rows; results\.csv has all\.$", note)
        assert 600 < int(total) < 660
        page.select_option("select[name=workload]", "giant")
        page.locator('section:not([hidden]) button[data-sort="latency"]').click()
        found = [float(cell.split()[0]) for cell in cells(page, "latency")]
        assert len(found) == 357
        assert found == sorted(found)
        page.fill("input[name=q]", "author7_")
        assert 25 < len(names(page)) < 60
        draw_all(page)
        assert overflow(page) <= 0


def test_a_measured_rtx_4090_takes_the_place_of_what_others_published(browser, tmp_path):
    site = fake_site(tmp_path, [fake_result(gpu=RTX_4090, sm_count=128, latency_ms=12.0)])
    render(site, tmp_path / "out")
    with opened(browser, url(tmp_path / "out", ARGMIN)) as page:
        assert [name.strip() for name in page.locator("fieldset label:visible").all_inner_texts()] == [
            "graded"
        ]
        assert page.locator("select[name=gpu] option").all_inner_texts() == [
            "NVIDIA GeForce RTX 4090",
            "all of them",
        ]
        assert cells(page, "x4090") == ["0.794x"]
