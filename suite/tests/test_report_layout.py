"""The pages in a real browser, looked at: widths, strangers' text, paper, without scripts, large ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from suite.report import read_site, render, text
from suite.tests.chromium import (
    ARGMIN,
    ROOT,
    cells,
    chromium,
    draw_all,
    go,
    hostile_site,
    names,
    opened,
    overflow,
    render_board,
    until,
    url,
)
from suite.tests.fake_results import RTX_4090, fake_result
from suite.tests.fake_site import fake_site
from suite.tests.many_results import many_results


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three reports: `real` of the repository, `board` with many kinds of rows, `hostile` from strangers."""
    folder = tmp_path_factory.mktemp("pages")
    render(read_site(ROOT)[0], folder / "real")
    render_board(folder)
    render(hostile_site(folder / "strange"), folder / "hostile")
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    yield from chromium()


@pytest.fixture
def show(browser: Any, pages: Path) -> Any:
    """Opens a page of the board's report."""
    return lambda name, **options: opened(browser, url(pages / "board", name), **options)


WIDTHS = (380, 1440)


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


def test_a_page_of_more_solutions_than_it_shows_sorts_filters_and_draws(browser, tmp_path):
    many_results(tmp_path, "x = 1\n", n_results=6_020, n_solutions=430, n_problems=1)
    site, _ = read_site(tmp_path)
    render(site, tmp_path / "out")
    page_file = tmp_path / "out" / "problems" / "problem_00" / "index.html"
    assert page_file.stat().st_size < 3_000_000
    with opened(browser, page_file.as_uri()) as page:
        assert "plotly" not in page.evaluate("[...document.scripts].map((s) => s.src).join()")
        assert page.locator("form output").inner_text() == "357 of 357 solutions"
        note = page.locator("section:not([hidden]) .note").inner_text()
        (total,) = re.findall(r"^The first 357 of (\d+) rows; results\.csv has all\.$", note)
        assert 370 < int(total) < 410
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
