"""The pages of problems and the index as text: what stands on them, and in which order."""

import re

import pytest

from suite.published import Published, PublishedFigure
from suite.report import Site
from suite.rows import ABOVE_PEAK, NO_SANDBOX
from suite.tests.fake_results import RTX_4090, fake_result, on_board
from suite.tests.fake_roofs import fake_roofs
from suite.tests.fake_site import Page, fake_site, problem, rendered
from suite.tests.report_results import ARGMIN, argmin_results, both


@pytest.fixture
def results():
    return argmin_results()


class TestProblemPage:
    def test_the_table_comes_first_then_failures_then_figures(self, tmp_path, results):
        markup = rendered(fake_site(tmp_path, results), tmp_path / "out")[ARGMIN]
        parts = ('class="board ranked"', "Not passed", "Roofline", "Latency by workload", "Stage by stage",
                 "Where each solution", "Best over time", "Samples of one solution")  # fmt: skip
        places = [markup.index(part) for part in parts]
        assert places == sorted(places)

    def test_the_ranking(self, tmp_path, results):
        page = Page(rendered(fake_site(tmp_path, results), tmp_path / "out")[ARGMIN])
        assert page.cells("Rank")[:4] == [
            ["Rank", "Solution", "Author", "Stage", "Mean latency, ms", "Fraction of peak", "x RTX 4090 peak",
             "Speedup over reference", "Date"],
            ["1", "final tritonpeak", "tritonpeak", "final", "2.500 2.493 to 2.507", "0.800", "3.81x",
             "1.60x", "2026-01-01"],
            ["2", "baseline noisy", "", "baseline", "5.657 5.649 to 5.665", "0.354", "1.68x",
             "0.707x", "2026-01-01"],
            ["", "mine incomplete tritonpeak", "tritonpeak", "submitted", "2.000 1.990 to 2.010", "1.000",
             "4.76x", "-", "2026-01-01"],
        ]  # fmt: skip
        assert page.cells("broken")[0] == [
            "broken", "tritonpeak", "check", "incorrect", "edge case 'ties' output 0 differs",
        ]  # fmt: skip

    def test_a_bar_shows_the_fraction_and_marks_the_measured_roof(self, tmp_path, results):
        site = fake_site(tmp_path, results, roofs={"nvidia-h200": [fake_roofs()]})
        markup = rendered(site, tmp_path / "out")[ARGMIN]
        assert '<span class="bar"><i style="width:80.0%"></i><b style="left:93.8%"></b></span>' in markup
        header = Page(markup).cells("Rank")[0]
        assert header[5:8] == ["Fraction of peak", "Of measured roof", "x RTX 4090 peak"]
        assert "4500 GB/s read, 4600 write, 4300 copy; TFLOPS 50.0 fp32, 400 tf32, 800 bf16" in markup

    def test_rows_of_several_boards_say_so_on_every_page(self, tmp_path):
        results = [*both("a", 2.0, 2.0, environment=on_board("a" * 8)), *both("b", 2.5, 2.5)]
        pages = rendered(fake_site(tmp_path, results), tmp_path / "out")
        page = Page(pages[ARGMIN])
        assert [row[1] for row in page.cells("Rank")[1:3]] == [
            "a board-aaaaaaaa tritonpeak",
            "b board-unknown tritonpeak",
        ]
        assert "Timed on several boards of this card (aaaaaaaa, unknown)" in page.text
        assert "<code>bench compare</code> times two solutions on one" in pages[ARGMIN]
        assert "board-aaaaaaaa" in Page(pages["problems/argmin/a.html"]).text
        assert "board-..." in Page(pages["method.html"]).text
        lines = pages["problems/argmin/results.csv"].splitlines()
        assert [line.rpartition(",")[2] for line in lines] == ["board", "a" * 8, "a" * 8, "", ""]

    def test_tied_rows_share_a_rank(self, tmp_path):
        results = [*both("a", 2.0, 2.0), *both("b", 2.001, 2.001)]
        pages = rendered(fake_site(tmp_path, results), tmp_path / "out")
        assert [row[0] for row in Page(pages[ARGMIN]).cells("Rank")[1:3]] == ["1", "1"]
        assert (
            "a and b share the lead at 1.000 of the card&#39;s peak (geometric mean over 2 workloads)."
            in pages[ARGMIN]
        )

    def test_each_precision_class_has_its_own_heading(self, tmp_path):
        fields = {"bytes_moved": 10**9, "flops": 10**12}
        results = [
            fake_result("fast", latency_ms=5.0, precision="tf32", **fields),
            fake_result("exact", latency_ms=20.0, precision="fp32", **fields),
        ]
        markup = rendered(fake_site(tmp_path, results), tmp_path / "out")[ARGMIN]
        assert [row[:2] for row in Page(markup).cells("Rank")[1:5]] == [
            ["Precision class fp32"], ["1", "exact tritonpeak"],
            ["Precision class tf32"], ["1", "fast tritonpeak"],
        ]  # fmt: skip
        assert '<select name="class">' in markup

    def test_one_sentence_for_each_figure(self, tmp_path, results):
        page = Page(rendered(fake_site(tmp_path, results), tmp_path / "out")[ARGMIN])
        assert len(page.captions) == 5
        assert all(caption.strip().endswith(".") for caption in page.captions)
        assert page.tags.count("figure") == markup_details(page) == 5

    def test_on_a_cpu_the_page_says_passed_and_draws_nothing(self, tmp_path):
        results = [fake_result(name, "check", None, gpu=None) for name in ("baseline", "final")]
        markup = rendered(fake_site(tmp_path, results), tmp_path / "out")[ARGMIN]
        page = Page(markup)
        assert page.cells("Solution")[:3] == [
            ["Solution", "Stage", "Author", "Result"],
            ["baseline", "baseline", "tritonpeak", "passed"],
            ["final", "final", "tritonpeak", "passed"],
        ]
        assert "No timed results: correctness only." in markup
        assert page.captions == []

    def test_an_unknown_card_has_latencies_and_no_fractions(self, tmp_path):
        results = [fake_result(gpu="NVIDIA L40", sm_count=142)]
        markup = rendered(fake_site(tmp_path, results), tmp_path / "out")[ARGMIN]
        assert Page(markup).cells("Rank")[1][4:7] == ["2.000 1.990 to 2.010", "-", "-"]
        assert "No datasheet peaks for NVIDIA L40 (142 SMs)" in markup
        assert "final leads with 2.000 ms." in markup

    def test_a_section_for_each_device_cpu_last(self, tmp_path):
        results = [
            fake_result("final", "check", None, gpu=None),
            fake_result(),
            fake_result(gpu=RTX_4090, sm_count=128, latency_ms=12.0),
        ]
        markup = rendered(fake_site(tmp_path, results), tmp_path / "out")[ARGMIN]
        sections = re.findall(r'<section class="device" id="(.*?)"', markup)
        assert sections == ["nvidia-geforce-rtx-4090", "nvidia-h200", "cpu"]
        assert "not measured here" not in markup

    def test_the_rtx_4090_without_a_measurement(self, tmp_path):
        published = Published(
            "rtx-4090", "seed", "somebody, 2025", "A loop.", (PublishedFigure("torch eager", 20.0),)
        )
        site = fake_site(tmp_path, both("final", 2.5, 2.5), [problem(published=published)])
        pages = rendered(site, tmp_path / "out")
        markup = pages[ARGMIN]
        assert "Nothing was measured on this card here." in markup
        page = Page(markup)
        assert page.cells("Workload")[1][:7] == ["seed", "9.600", "0", "exact", "9.524", "-", "9.524"]
        assert page.cells("torch eager")[0] == [
            "torch eager",
            "published, not measured here",
            "20.00",
            "0.476",
        ]
        assert "A loop. Source: somebody, 2025." in page.text
        assert "NVIDIA GeForce RTX 4090 (not timed here)" in Page(pages["index.html"]).text


def markup_details(page):
    return sum(value == "numbers" for _, name, value in page.attributes if name == "class") - sum(
        value == "samples" for _, name, value in page.attributes if name == "class"
    )


class TestIndex:
    def test_a_card_a_problem_with_its_leader(self, tmp_path, results):
        problems = [problem("matmul_large_k"), problem(), problem("argmax", description="")]
        products = [
            fake_result(name, latency_ms=ms, precision=precision, problem="matmul_large_k", bytes_moved=10**9,
                        flops=68 * 10**9)
            for name, ms, precision in (("exact", 2.0, "fp32"), ("fast", 0.5, "tf32"))
        ]  # fmt: skip
        pages = rendered(fake_site(tmp_path, [*results, *products], problems), tmp_path / "out")
        page = Page(pages["index.html"])
        text = " ".join(page.text.split())
        assert "final leads 0.800 of peak, 1.60x the reference" in text
        assert "exact leads fp32 0.507 of peak" in text
        assert "fast leads tf32 0.417 of peak" in text
        assert "3 passed, 1 failed" in text
        assert "driver 580.95.05, torch 2.11.0, Triton 3.6.0" in text
        assert "Not measured yet: bench run --problem argmax" in text
        places = [text.index(f" {name} ") for name in ("argmax", "argmin", "matmul_large_k")]
        assert places == sorted(places)
        assert "best fraction of peak over time: 0.354 to 0.800 in 2 steps" in text

    def test_tied_leaders_are_marked(self, tmp_path):
        results = [*both("a", 2.0, 2.0), *both("b", 2.001, 2.001)]
        text = Page(rendered(fake_site(tmp_path, results), tmp_path / "out")["index.html"]).text
        assert "a, b lead tie" in " ".join(text.split())
        assert "tie" in text

    def test_every_flag_is_explained(self, tmp_path):
        markup = rendered(Site((), ()), tmp_path / "out")["method.html"]
        for flag in ("noisy", "unstable", "audit", "nondeterministic", "untraced", ABOVE_PEAK, NO_SANDBOX):
            assert f'<dt><span class="tag">{flag}</span></dt><dd>' in markup, flag

    def test_what_scrolls_can_be_reached_and_has_a_name(self, tmp_path, results):
        for name, markup in rendered(fake_site(tmp_path, results), tmp_path / "out").items():
            for tag in re.findall(r"<[^>]* tabindex=[^>]*>", markup if name.endswith(".html") else ""):
                assert re.search(r' role="region" aria-label="[^"]+"', tag), f"{name}: {tag}"

    def test_without_a_problem(self, tmp_path):
        pages = rendered(Site((), ()), tmp_path / "out")
        assert "There are no problems yet." in pages["index.html"]
