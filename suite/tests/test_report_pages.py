"""Whole pages as text: what stands on them, in which order, escaped, the same bytes each time."""

import dataclasses
import json
import re
import shutil
from pathlib import Path

import pytest

from suite import profile_store
from suite.counters import DRAM
from suite.profile import NCU, KernelProfile, Profile
from suite.published import Published, PublishedFigure
from suite.report import Site, read_site, render
from suite.result import Clocks, Correctness, Status, to_json
from suite.rows import ABOVE_PEAK, NO_SANDBOX
from suite.solution import read_solution
from suite.tests.fake_results import RTX_4090, fake_environment, fake_result, on_board
from suite.tests.fake_roofs import fake_roofs
from suite.tests.fake_site import Page, fake_site, problem, rendered

ROOT = Path(__file__).parents[2]
HOSTILE = '<script>alert("x")</script><b>&amp;'
ARGMIN = "problems/argmin/index.html"


def both(solution, seed_ms, last_dim_ms, **fields):
    return [
        fake_result(solution, "seed", seed_ms, **fields),
        fake_result(solution, "last_dim", last_dim_ms, **fields),
    ]


@pytest.fixture
def results():
    return [
        *both("final", 2.5, 2.5, created="2026-01-01T00:00:01+00:00"),
        *both("baseline", 8.0, 4.0, author=None, flags=("noisy",)),
        fake_result("mine", latency_ms=2.0, reference_latency_ms=None),
        fake_result("broken", "check", status=Status.INCORRECT, reason="edge case 'ties'\noutput 0 differs"),
    ]


def site_with_files(tmp_path, sources, results=(), **fields):
    """A site whose problem has these files: {name: (stage, source)}; results carry their hashes."""
    folder = tmp_path / "files"
    folder.mkdir()
    solutions = []
    for name, (stage, source) in sources.items():
        path = folder / f"{len(solutions)}.py"
        path.write_text(source)
        solutions.append(read_solution(path, name=name, stage=stage))
    hashes = {solution.name: solution.sha256 for solution in solutions}
    known = [
        dataclasses.replace(result, sha256=hashes.get(result.solution, result.sha256)) for result in results
    ]
    return fake_site(tmp_path, known, [problem(solutions=tuple(solutions), **fields)])


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


SOURCES = {
    "baseline": ("baseline", "import torch\nx = 1\n"),
    "final": ("final", "# idea: less of it\nimport torch\nx = 2\n"),
}


class TestSolutionPage:
    def test_source_difference_correctness_samples_and_raw_records(self, tmp_path):
        results = [
            *both("final", 2.5, 2.5, correctness=Correctness(40, 3.5e-7)),
            fake_result("final", "check", None, correctness=Correctness(66)),
            *both("baseline", 8.0, 4.0),
        ]
        pages = rendered(site_with_files(tmp_path, SOURCES, results), tmp_path / "out")
        markup = pages["problems/argmin/final.html"]
        page = Page(markup)
        assert "less of it" in page.text
        assert '<span class="line" id="L3">x = <i class="m">2</i>\n</span>' in markup
        assert "What changed since baseline" in markup
        assert '<span class="add">+x = 2\n</span>' in markup
        assert "2 lines added, 1 removed" in page.text
        assert "Rank 1 of 2 that passed: 0.800 of the card's peak" in " ".join(page.text.split())
        assert page.cells("workload")[:3] == [
            ["workload", "status", "outputs checked", "max relative error", "sandbox"],
            ["check", "passed", "66", "", "bubblewrap"],
            ["seed", "passed", "40", "3.50e-07", "bubblewrap"],
        ]
        raw = json.loads(pages["problems/argmin/final.json"])
        assert [record["workload"] for record in raw] == ["check", "seed", "last_dim"]
        assert "What changed since" not in pages["problems/argmin/baseline.html"]

    def test_a_file_that_is_not_the_one_measured_is_not_shown(self, tmp_path):
        site = site_with_files(tmp_path, SOURCES)
        extra = fake_site(tmp_path / "more", both("final", 2.5, 2.5))
        pages = rendered(dataclasses.replace(site, results=extra.results), tmp_path / "out")
        markup = pages["problems/argmin/final.html"]
        assert "is not the one that is here now" in markup
        assert "<i class=" not in markup.split('id="source"')[1]

    def test_a_solution_without_a_file(self, tmp_path):
        pages = rendered(fake_site(tmp_path, both("gone", 2.5, 2.5)), tmp_path / "out")
        assert "The file that was measured is not in this checkout." in pages["problems/argmin/gone.html"]

    def test_a_file_that_was_not_measured_yet(self, tmp_path):
        pages = rendered(site_with_files(tmp_path, SOURCES), tmp_path / "out")
        assert "bench run --problem argmin --solution final" in pages["problems/argmin/final.html"]
        assert "problems/argmin/final.json" not in pages

    def test_what_did_not_pass_says_why(self, tmp_path):
        results = [fake_result("bad", status=Status.INCORRECT, reason="output 0 differs")]
        page = Page(rendered(fake_site(tmp_path, results), tmp_path / "out")["problems/argmin/bad.html"])
        assert "Did not pass: not ranked." in page.text
        assert page.cells("workload")[1] == ["seed", "incorrect", "40", "bubblewrap", "output 0 differs"]

    def test_samples_travel_as_a_script_beside_the_page(self, tmp_path):
        clocks = Clocks((1980, 1965, 1980), (3201,) * 3, (500.4,) * 3, (60,) * 3, (0,) * 3)
        pages = rendered(fake_site(tmp_path, [fake_result(clocks=clocks)]), tmp_path / "out")
        call = pages["problems/argmin/final.js"]
        assert call.startswith('tritonpeak.take("argmin/final",{')
        data = json.loads(call.removeprefix('tritonpeak.take("argmin/final",').removesuffix(");\n"))
        found = data["devices"]["nvidia-h200"]["workloads"]["seed"]
        assert (found["samples"], found["sm_mhz"], found["power_w"]) == (
            [2.0] * 3,
            [1980, 1965, 1980],
            [500] * 3,
        )
        assert (
            "3 samples, median 2.000 ms, 2.000 to 2.000 ms; SM clock 1965 to 1980 MHz."
            in (pages["problems/argmin/final.html"])
        )

    def test_whatever_a_record_of_correctness_holds_is_shown(self):
        from suite.report.solution_data import _value

        @dataclasses.dataclass
        class Case:
            name: str
            error: float | None

        assert _value((Case("ties", 1.25e-6), Case("nan", None))) == "name ties, error 1.25e-06; name nan"
        assert _value({"normal": 3}) == "normal 3"

    def test_what_the_compiler_said_is_shown_for_exactly_that_file(self, tmp_path):
        site, _ = read_site(ROOT, only="argmin")
        pages = rendered(site, tmp_path / "out")
        page = Page(pages["problems/argmin/final.html"])
        assert "On an NVIDIA GeForce RTX 4090, without one" in page.text
        assert ["argmin_tile_kernel", "183"] in [row[1:3] for row in page.cells("#")]
        assert "What the compiler says" in pages[ARGMIN]
        assert "On an NVIDIA GeForce RTX 4090" not in pages["problems/argmin/reference.html"]


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


class TestWholeReport:
    def test_every_link_leads_somewhere(self, tmp_path, results):
        site = fake_site(tmp_path, results, [problem(), problem("argmax")])
        pages = rendered(site, tmp_path / "out")
        for name, markup in pages.items():
            if not name.endswith(".html"):
                continue
            for link in Page(markup).links:
                file, _, anchor = link.partition("#")
                target = (tmp_path / "out" / name).parent / file if file else tmp_path / "out" / name
                assert target.is_file(), (name, link)
                if anchor and "=" not in anchor:
                    assert f'id="{anchor}"' in target.read_text(), (name, link)

    def test_same_input_gives_the_same_bytes(self, tmp_path):
        site, _ = read_site(ROOT)
        files = []
        for name in ("one", "two"):
            render(site, tmp_path / name)
            files.append(
                {p.relative_to(tmp_path / name): p.read_bytes() for p in (tmp_path / name).rglob("*.*")}
            )
        assert files[0] == files[1]
        assert {path.as_posix() for path in files[0]} >= {
            "index.html", "compare.html", "method.html", "plotly.min.js", "report.js", "report.css",
            "benchmarks.json", ARGMIN, "problems/argmin/final.html", "problems/argmin/results.csv",
        }  # fmt: skip

    def test_many_problems_in_several_processes_give_what_one_gives(self, tmp_path, results):
        names = [f"p{number}" for number in range(9)]
        everything = [dataclasses.replace(result, problem=name) for name in names for result in results]
        site = fake_site(tmp_path, everything, [problem(name) for name in names])
        many = rendered(site, tmp_path / "many")
        few = rendered(dataclasses.replace(site, problems=site.problems[:4]), tmp_path / "few")
        for name in few:
            if name.startswith("problems/"):
                assert many[name] == few[name], name
        assert "9 problems" not in many["index.html"]
        assert [name for name in names if f"problems/{name}/index.html" in many] == names

    def test_pages_need_no_network(self, tmp_path, results):
        pages = rendered(fake_site(tmp_path, results), tmp_path / "out")
        for name, text in pages.items():
            if name.endswith((".html", ".css", ".js")):
                assert not re.search(r"(https?:)?//[a-z]", text), name
        assert (tmp_path / "out" / "plotly.min.js").stat().st_size > 1_000_000
        assert "connect-src 'none'" in pages["index.html"]

    def test_charts_offer_no_upload_and_no_logo(self, tmp_path):
        script = rendered(Site((), ()), tmp_path / "out")["report.js"]
        assert "displaylogo: false, showSendToCloud: false" in script

    def test_pages_of_solutions_that_are_gone_go_too(self, tmp_path, results):
        site = fake_site(tmp_path, results)
        out = tmp_path / "out"
        assert "problems/argmin/mine.html" in rendered(site, out)
        (out / "note.txt").write_text("mine")
        manifest = json.loads((out / "files.json").read_text())
        (tmp_path / "precious.txt").write_text("mine")
        (out / "files.json").write_text(json.dumps([*manifest, "../precious.txt", "note.txt/x", 3]))
        shorter = fake_site(tmp_path / "less", results[:2])
        pages = rendered(shorter, out)
        assert "problems/argmin/final.html" in pages
        assert not [name for name in pages if name.startswith("problems/argmin/mine")]
        assert (out / "note.txt").exists()
        assert (tmp_path / "precious.txt").exists()

    def test_lines_that_are_no_result_are_warned_about(self, tmp_path, results):
        site = fake_site(tmp_path, results)
        path = site.results[0] / "nvidia-h200" / "argmin.jsonl"
        path.write_text(path.read_text() + "not JSON\n")
        (warning,) = render(site, tmp_path / "out").warnings
        assert re.search(r"argmin\.jsonl:7: skipped, not JSON", warning)

    def test_one_odd_line_stops_no_page(self, tmp_path, results):
        """Each of these once did: an unknown class, less than no bytes, clocks of no samples, no latency."""
        site = fake_site(tmp_path, results)
        odd = fake_result("odd", "seed", precision="fp64", bytes_moved=1, flops=8)
        reasons = {
            to_json(odd): "precision: expected one of fp32, tf32, bf16, found 'fp64'",
            to_json(fake_result("odd", bytes_moved=-1)): "bytes_moved: expected 0 or more, found -1",
            to_json(fake_result("odd", clocks=Clocks((), (), (), (), ()))): "clocks: expected as many",
            to_json(fake_result("odd", reference_latency_ms=0.0)): "a latency of 0.0 ms: expected 1e-30 to",
        }
        path = site.results[0] / "nvidia-h200" / "argmin.jsonl"
        path.write_text(path.read_text() + "\n".join(reasons) + "\n")
        (path.parent / "other.jsonl").mkdir()
        done = render(site, tmp_path / "out")
        for number, (warning, reason) in enumerate(zip(done.warnings, reasons.values(), strict=True), 7):
            assert warning.startswith(f"{path}:{number}: skipped, {reason}")
        assert "odd" not in (tmp_path / "out" / ARGMIN).read_text()

    def test_profiles_and_inspections_that_cannot_be_read_are_warned_about(self, tmp_path, results):
        site = dataclasses.replace(fake_site(tmp_path, results), root=tmp_path)
        profiles = tmp_path / "reports" / "profiles" / "nvidia-h200" / "argmin.jsonl"
        inspection = tmp_path / "reports" / "inspect" / "rtx-4090" / f"{'0' * 64}.jsonl"
        for path in (profiles, inspection):
            path.parent.mkdir(parents=True)
            path.write_text("torn\n")
        warnings = render(site, tmp_path / "out").warnings
        assert warnings[0].startswith(f"{profiles}:1: skipped, not JSON")
        assert set(warnings[1:]) == {
            f"{inspection}: skipped, no inspection that this version reads (bench inspect --keep)"
        }

    def test_a_calibrated_card_without_a_datasheet_has_its_pages(self, tmp_path):
        """Its rows stand against the measured roof and against nothing else."""
        card = {"gpu": "NVIDIA H300", "sm_count": 140}
        roofs = fake_roofs(device="nvidia-h300", gpu="NVIDIA H300", sm_count=140)
        site = fake_site(tmp_path, both("final", 2.5, 2.5, **card), roofs={"nvidia-h300": [roofs]})
        rows = Page(rendered(site, tmp_path / "out")["problems/argmin/final.html"]).cells("Workload")
        assert rows[1][2:5] == ["-", "-", "0.853"]  # 9.6 GB take 2.1333 ms at the 4500 GB/s that were read


LONG = "x" * 100_000


class TestHostile:
    SOURCE = f'# author: {HOSTILE}\n# idea: {HOSTILE}\nx = "{HOSTILE}"\ny = "{LONG}"\n'

    def site(self, tmp_path):
        plain = both("final", 2.0, 2.0, author=HOSTILE, flags=(HOSTILE,))
        results = [
            *plain,
            *both(HOSTILE, 3.0, 3.0, stage=HOSTILE),
            *both(LONG, 4.0, 4.0, author=LONG),
            fake_result("bad", status=Status.REJECTED, reason=HOSTILE + LONG, author=HOSTILE),
            fake_result(LONG + "2", status=Status.REJECTED, reason=LONG, author="\u202e" + LONG),
            fake_result("unknown", gpu=HOSTILE, sm_count=1),
        ]
        sources = {
            "final": ("final", self.SOURCE),
            "baseline": ("baseline", "x = 1\n"),
            HOSTILE: ("submitted", self.SOURCE),
        }
        return site_with_files(tmp_path, sources, results, description=f"`{HOSTILE}` {HOSTILE}")

    def test_every_value_is_escaped(self, tmp_path):
        clean = rendered(fake_site(tmp_path / "clean", both("final", 2.0, 2.0)), tmp_path / "out_clean")
        hostile = rendered(self.site(tmp_path), tmp_path / "out")
        for name, text in hostile.items():
            if name.endswith(".html"):
                assert "<script>alert" not in text, name
                assert "<b>&" not in text, name
                page = Page(text)
                kind = (
                    "final.html"
                    if name.startswith("problems/") and "index" not in name
                    else name.split("/")[-1]
                )
                other = clean[f"problems/argmin/{kind}" if name.startswith("problems/") else name]
                extra = 1 if name == ARGMIN else 0  # the unnamed card has a section, and its data
                assert page.tags.count("script") == Page(other).tags.count("script") + extra, name
                assert not [a for a in page.attributes if a[1].startswith("on")], name
                assert not [link for link in page.links if link.lower().startswith("javascript")], name
            if name.endswith((".js", ".html")):
                assert "</script><b>" not in text, name
        assert "&lt;script&gt;alert" in hostile[ARGMIN]
        assert "&lt;script&gt;alert" in hostile["problems/argmin/final.html"].split('id="source"')[1]

    def test_endless_names_reasons_and_lines_do_not_fill_the_pages(self, tmp_path):
        pages = rendered(self.site(tmp_path), tmp_path / "out")
        for name, text in pages.items():
            if name.endswith(".html"):
                assert len(text) < 120_000, name
                assert not re.search(r"[^\s<>]{1500}", Page(text).text), name
        assert "(99435 more characters)" in pages[ARGMIN]
        assert all(len(Path(name).name) < 100 for name in pages)
        assert (
            "Left out here: the end of a long line; the file has them." in pages["problems/argmin/final.html"]
        )


def test_a_checkout_is_read_with_its_roofs_files_and_published_figures():
    site, warnings = read_site(ROOT)
    assert warnings == []
    assert [entry.name for entry in site.problems] == ["argmax", "argmin", "matmul_large_k"]
    argmin = site.problems[1]
    assert [solution.name for solution in argmin.solutions][:5] == [
        "reference", "baseline", "grid_stage", "block_stage", "final",
    ]  # fmt: skip
    assert argmin.published.figures[0] == PublishedFigure("torch eager", 9.9864)
    assert site.roofs["nvidia-h200"][-1].gpu == "NVIDIA H200"
    assert [entry.name for entry in read_site(ROOT, only="argmin")[0].problems] == ["argmin"]


def test_results_from_another_folder_are_taken_in(tmp_path):
    mine = fake_site(tmp_path, both("mine", 2.5, 2.5))
    site, _ = read_site(ROOT, mine.results, only="argmin")
    pages = rendered(site, tmp_path / "out")
    assert "problems/argmin/mine.html" in pages
    assert "problems/argmin/final.html" in pages


class TestWhatWasStored:
    def kept(self, tmp_path, *profiles):
        """The repository's argmin with these profiles of its final solution."""
        site, _ = read_site(ROOT, only="argmin")
        sha256 = next(s for s in site.problems[0].solutions if s.name == "final").sha256
        for name in ("problems", "reports/inspect", "reports/results"):
            shutil.copytree(ROOT / name, tmp_path / "root" / name)
        for profile in profiles:
            profile_store.append(tmp_path / "root" / "reports" / "profiles", profile(sha256))
        site, _ = read_site(tmp_path / "root", only="argmin")
        return Page(rendered(site, tmp_path / "out")["problems/argmin/final.html"])

    def test_a_profile_is_a_table_kernel_by_kernel(self, tmp_path):
        kernel = KernelProfile("argmin_tile_kernel", (1024, 1, 1), (512, 1, 1), 1, 1.9, {DRAM: 93.5})
        page = self.kept(tmp_path, lambda sha256: profile_of(sha256, NCU, None, (kernel,)))
        assert "Nsight Compute's counters of one call, median of 3." in page.text
        row = next(row for row in page.cells("kernel") if row[0] == "argmin_tile_kernel")
        assert (row[3], row[7]) == ("1.9000", "93.5")

    def test_without_counters_the_reason_stands_there(self, tmp_path):
        page = self.kept(tmp_path, lambda sha256: profile_of(sha256, "kernel_timestamps", "ncu may not", ()))
        assert "no counters (ncu may not); the call took 1.950 ms." in page.text

    def test_a_profile_of_another_file_is_left_out(self, tmp_path):
        page = self.kept(tmp_path, lambda _: profile_of("0" * 64, "kernel_timestamps", "ncu may not", ()))
        assert "no counters" not in page.text

    def test_the_prompt_for_the_next_stage_is_there_without_a_run(self, tmp_path):
        page = self.kept(tmp_path)
        assert "The prompt for the next stage: micro" in page.text
        assert "[OPTIMIZATION STAGE]" in page.text
        assert "not measured: no profile of this file on this card" in page.text


def profile_of(sha256, source, reason, kernels):
    return Profile(
        run_id="r", created="2026-01-01T00:00:00+00:00", problem="argmin", workload="seed", axes={},
        solution="final", sha256=sha256, device="nvidia-h200", source=source, reason=reason, calls=3,
        latency_ms=None if kernels else 1.95, kernels=kernels, sandbox="none", environment=fake_environment(),
    )  # fmt: skip
