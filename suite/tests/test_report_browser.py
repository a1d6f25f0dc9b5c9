"""The pages in a real browser, used: sorting, filters, addresses, themes, keyboard, comparison, samples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from suite.tests.chromium import (
    ARGMIN,
    BOARD,
    cells,
    chromium,
    draw_all,
    names,
    opened,
    points,
    render_board,
    until,
    url,
)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    render_board(folder)
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    yield from chromium()


@pytest.fixture
def show(browser: Any, pages: Path) -> Any:
    """Opens a page of the board's report."""
    return lambda name, **options: opened(browser, url(pages / "board", name), **options)


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
