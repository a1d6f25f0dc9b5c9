import json
import re
from dataclasses import dataclass
from html.parser import HTMLParser

import pytest

from suite.report import render, text
from suite.report.figures import CONFIG
from suite.result import Status
from suite.tests.fake_results import RTX_4090, fake_result
from suite.tests.fake_roofs import fake_roofs

HOSTILE = '<script>alert("x")</script><b>&amp;'
VOID = {"meta", "br", "link", "img", "hr", "input"}


@dataclass(frozen=True)
class FakeProblem:
    name: str = "argmin"
    description: str = "The index of the smallest element along `dim`."
    bench_workloads: tuple[str, ...] = ("seed", "last_dim")


class Page(HTMLParser):
    """The parts of a page that the tests look at; fails on tags that do not balance."""

    def __init__(self, markup):
        super().__init__()
        self.open, self.tags, self.rows, self.figcaptions, self.links = [], [], [], [], []
        self.feed(markup)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [value for name, value in attributes if name in ("href", "src")]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag == "small":
            self.handle_data(" ")
        if tag == "figcaption":
            self.figcaptions.append("")

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += data
        if "figcaption" in self.open:
            self.figcaptions[-1] += data


def rendered(out_dir, results, problems=(FakeProblem(),)):
    """The pages by file name, scripts' own text included."""
    index = render(results, problems, out_dir)
    assert index == out_dir / "index.html"
    return {path.name: path.read_text() for path in out_dir.glob("*.html")}


def both(solution, seed_ms, last_dim_ms, **fields):
    return [
        fake_result(solution, "seed", seed_ms, **fields),
        fake_result(solution, "last_dim", last_dim_ms, **fields),
    ]


@pytest.fixture
def results():
    return [
        *both("final", 2.5, 2.5),
        *both("baseline", 8.0, 4.0, author=None, flags=("noisy",)),
        fake_result("mine", latency_ms=2.0, reference_latency_ms=None),
        fake_result("broken", "check", status=Status.INCORRECT, reason="edge case 'ties'\noutput 0 differs"),
    ]


def test_the_table_shows_the_board(tmp_path, results):
    page = Page(rendered(tmp_path, results)["argmin.html"])
    assert page.rows[:8] == [
        ["Rank", "Solution", "Stage", "Author", "Fraction of peak", "Of RTX 4090 peak", "Seed latency, ms",
         "GB/s", "Speedup", "Workloads"],
        ["1", "final", "final", "tritonpeak", "0.800", "3.81x", "2.500 2.490 to 2.510",
         "3840", "1.60x", "2 of 2"],
        ["2", "baseline noisy", "baseline", "", "0.354", "1.68x", "8.000 7.990 to 8.010",
         "1200", "0.707x", "2 of 2"],
        ["", "mine incomplete", "submitted", "tritonpeak", "1.000", "4.76x", "2.000 1.990 to 2.010",
         "4800", "-", "1 of 2"],
        ["Solution", "Author", "Workload", "Status", "Reason"],
        ["broken", "tritonpeak", "check", "incorrect", "edge case 'ties'\noutput 0 differs"],
        ["Workload", "Solution", "Latency, ms", "Speed of light, ms", "Fraction of peak", "GB/s", "Speedup"],
        ["seed", "final", "2.500 2.490 to 2.510", "2.000", "0.800", "3840", "1.60x"],
    ]  # fmt: skip
    assert page.rows[-1] == [
        "last_dim",
        "baseline",
        "4.000 3.990 to 4.010",
        "2.000",
        "0.500",
        "2400",
        "1.00x",
    ]


def test_a_speedup_from_pairs_shows_its_interval(tmp_path):
    reference = tuple(3.0 + 0.2 * (index % 2) for index in range(30))
    result = fake_result(samples_ms=(2.0,) * 30, reference_samples_ms=reference)
    page = Page(rendered(tmp_path, [result])["argmin.html"])
    assert page.rows[1][-2] == "1.55x 1.50 to 1.60"
    assert page.rows[-1][-1] == "1.55x 1.50 to 1.60"


def test_the_measured_roof_is_a_column_a_second_mark_and_a_fact(tmp_path, results):
    problems = [FakeProblem()]
    render(results, problems, tmp_path, {"nvidia-h200": fake_roofs(), "cpu": None})
    markup = (tmp_path / "argmin.html").read_text()
    page = Page(markup)
    assert page.rows[0][4:7] == ["Fraction of peak", "Of measured roof", "Of RTX 4090 peak"]
    # 9.6 GB take 2.1333 ms at the 4500 GB/s that were measured.
    assert [row[5] for row in page.rows[1:4]] == ["0.853", "0.377", "1.067"]
    assert ["Fraction of peak", "Of measured roof", "GB/s"] in [row[4:7] for row in page.rows]
    traces = json.loads(
        re.search(r'Plotly\.newPlot\(\s*"fractions-0",\s*(\[.*?\]),\s*\{"', markup, re.DOTALL).group(1)
    )
    assert [trace["name"] for trace in traces] == ["all", "measured roof"]
    assert traces[1]["y"] == ["final", "baseline", "mine"]
    assert traces[1]["x"] == pytest.approx([4500 / 4800] * 3)
    assert "4500 GB/s read, 4600 write, 4300 copy, 50.0 TFLOPS fp32, 400 tf32, 800 bf16" in markup
    assert "2026-01-01, driver 580.95.05" in markup


def test_each_class_stands_against_its_own_measured_roof(tmp_path):
    fields = {"bytes_moved": 10**9, "flops": 10**12}
    results = [
        fake_result("exact", latency_ms=25.0, precision="fp32", **fields),
        fake_result("fast", latency_ms=5.0, precision="tf32", **fields),
    ]
    render(results, [FakeProblem()], tmp_path, {"nvidia-h200": fake_roofs(tf32=None)})
    rows = Page((tmp_path / "argmin.html").read_text()).rows
    assert [row[5] for row in rows[1:5] if len(row) > 1] == ["0.800", "-"]


def test_the_index_shows_leaders_and_links_to_pages_that_exist(tmp_path, results):
    problems = [FakeProblem("matmul_large_k"), FakeProblem(), FakeProblem("argmax", description="")]
    cpu = [fake_result("final", "check", None, gpu=None)]
    matmul = {"problem": "matmul_large_k", "bytes_moved": 1_074_003_968, "flops": 68_719_476_736}
    products = [
        fake_result("exact", latency_ms=2.0, precision="fp32", **matmul),
        fake_result("fast", latency_ms=0.5, precision="tf32", **matmul),
    ]
    pages = rendered(tmp_path, [*results, *cpu, *products], problems)
    page = Page(pages["index.html"])
    assert page.rows == [
        ["Problem", "Device", "Leader", "Fraction of peak", "Of RTX 4090 peak", "Seed latency, ms", "Speedup",
         "Passed", "Failed"],
        ["argmax", "not measured yet"],
        ["argmin", "NVIDIA H200 SXM", "final", "0.800", "3.81x", "2.500", "1.60x", "3", "1"],
        ["argmin", "CPU (Triton's interpreter)", "no ranked solution", "1", "0"],
        ["matmul_large_k", "NVIDIA H200 SXM", "exact fp32", "0.513", "0.533x", "2.000", "2.00x", "2", "0"],
        ["", "", "fast tf32", "0.448", "2.13x", "0.5000", "8.00x", "", ""],
    ]  # fmt: skip
    for link in page.links:
        file, _, anchor = link.partition("#")
        assert not anchor or f'<section id="{anchor}">' in pages[file]
    assert set(pages) == {"index.html", "argmin.html", "argmax.html", "matmul_large_k.html"}


def test_tied_leaders_are_marked(tmp_path):
    results = [fake_result("a", latency_ms=2.0), fake_result("b", latency_ms=2.001)]
    pages = rendered(tmp_path, results)
    assert Page(pages["index.html"]).rows[1][2] == "a, b tie"
    assert [row[0] for row in Page(pages["argmin.html"]).rows[1:3]] == ["1", "1"]


def test_each_precision_class_has_its_own_heading(tmp_path):
    fields = {"bytes_moved": 10**9, "flops": 10**12}
    results = [
        fake_result("fast", latency_ms=5.0, precision="tf32", **fields),
        fake_result("exact", latency_ms=20.0, precision="fp32", **fields),
    ]
    page = Page(rendered(tmp_path, results)["argmin.html"])
    assert [row[:2] for row in page.rows[1:5]] == [
        ["Precision class fp32"],
        ["1", "exact"],
        ["Precision class tf32"],
        ["1", "fast"],
    ]
    assert page.rows[2][7:9] == ["50.00", "50.0"]


def test_one_sentence_for_each_figure(tmp_path, results):
    page = Page(rendered(tmp_path, results)["argmin.html"])
    assert page.figcaptions == [
        "Fraction of peak. Of the peak of NVIDIA H200 SXM, final leads at 0.800.",
        "Latency. On seed, the fastest is mine with 2.000 ms against a speed of light of 2.000 ms.",
    ]


def test_table_then_failures_then_figures(tmp_path, results):
    markup = rendered(tmp_path, results)["argmin.html"]
    places = [markup.index(part) for part in ("<table", "Not passed", 'id="fractions-0"', 'id="latencies-0"')]
    assert places == sorted(places)


def test_same_input_gives_the_same_bytes(tmp_path, results):
    files = []
    for name in ("one", "two"):
        render(results, [FakeProblem()], tmp_path / name)
        files.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert files[0] == files[1]
    assert set(files[0]) == {"index.html", "argmin.html", "plotly.min.js"}


def test_pages_need_no_network(tmp_path, results):
    pages = rendered(tmp_path, results)
    for markup in pages.values():
        assert "://" not in markup
        assert all(not link.startswith("//") for link in Page(markup).links)
    assert pages["argmin.html"].count('<script src="plotly.min.js"></script>') == 1
    assert (tmp_path / "plotly.min.js").stat().st_size > 1_000_000


def test_figures_offer_no_upload_and_no_logo(tmp_path, results):
    assert (CONFIG["showSendToCloud"], CONFIG["displaylogo"]) == (False, False)
    markup = rendered(tmp_path, results)["argmin.html"]
    assert markup.count('"showSendToCloud": false') == markup.count('"displaylogo": false') == 2


def test_every_value_is_escaped(tmp_path):
    problem = FakeProblem(description=f"`{HOSTILE}` {HOSTILE}", bench_workloads=("seed", HOSTILE))
    plain = both("final", 2.0, 2.0, author=HOSTILE, flags=(HOSTILE,), precision="fp32")
    results = [
        *plain,
        fake_result(HOSTILE, "seed", 3.0, stage=HOSTILE),
        fake_result(HOSTILE, HOSTILE, 3.0, stage=HOSTILE),
        fake_result("bad", status=Status.REJECTED, reason=HOSTILE, author=HOSTILE),
        fake_result("unknown", gpu=HOSTILE, sm_count=1),
        fake_result("odd", device=HOSTILE, gpu=HOSTILE, created=HOSTILE),
    ]
    clean = rendered(tmp_path / "clean", both("final", 2.0, 2.0))
    for name, markup in rendered(tmp_path / "hostile", results, [problem]).items():
        assert "<script>alert" not in markup
        assert "<b>&" not in markup
        if name == "index.html":
            assert Page(markup).tags.count("script") == Page(clean[name]).tags.count("script") == 0
        else:
            assert "&lt;script&gt;alert" in markup
            Page(markup)


def test_a_hostile_name_stays_a_label_in_the_figure(tmp_path):
    markup = rendered(tmp_path, [fake_result(HOSTILE)])["argmin.html"]
    data = json.loads(
        re.search(r'Plotly\.newPlot\(\s*"fractions-0",\s*(\[.*?\]),\s*\{"', markup, re.DOTALL).group(1)
    )
    assert data[0]["y"] == ['&lt;script&gt;alert("x")&lt;/script&gt;&lt;b&gt;&amp;amp;']


def test_on_a_cpu_the_page_says_passed_and_draws_nothing(tmp_path):
    results = [fake_result(name, "check", None, gpu=None) for name in ("baseline", "final")]
    markup = rendered(tmp_path, results)["argmin.html"]
    page = Page(markup)
    assert page.rows == [
        ["Solution", "Stage", "Author", "Result"],
        ["baseline", "baseline", "tritonpeak", "passed"],
        ["final", "final", "tritonpeak", "passed"],
    ]
    assert "No timed results: correctness only." in markup
    assert "script" not in page.tags
    assert page.figcaptions == []


def test_an_unknown_card_has_latencies_and_no_fractions(tmp_path):
    markup = rendered(tmp_path, [fake_result(gpu="NVIDIA L40", sm_count=142)])["argmin.html"]
    page = Page(markup)
    assert page.rows[1][4:7] == ["-", "-", "2.000 1.990 to 2.010"]
    assert "No datasheet peaks for NVIDIA L40 (142 SMs)" in markup
    assert page.figcaptions == ["Latency. On seed, the fastest is final with 2.000 ms."]


def test_a_section_for_each_device_cpu_last(tmp_path):
    results = [
        fake_result("final", "check", None, gpu=None),
        fake_result(),
        fake_result(gpu=RTX_4090, sm_count=128, latency_ms=12.0),
    ]
    markup = rendered(tmp_path, results)["argmin.html"]
    assert re.findall(r'<section id="(.*?)">', markup) == ["nvidia-geforce-rtx-4090", "nvidia-h200", "cpu"]
    assert [markup.count(f'id="fractions-{number}"') for number in range(3)] == [1, 1, 0]


def test_pages_without_any_result(tmp_path):
    pages = rendered(tmp_path, [])
    assert "Not measured yet: run <code>bench run --problem argmin</code>." in pages["argmin.html"]
    assert "There are no problems yet." in rendered(tmp_path / "empty", [], [])["index.html"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (2.23764, "2.238"),
        (0.0125, "0.01250"),
        (123456.7, "123457"),
        (9.99996, "10.00"),
        (0.0, "0"),
        (None, "-"),
    ],
)
def test_significant_digits(value, shown):
    assert text.significant(value) == shown


def test_backticks_become_code():
    assert text.inline_code("`a<b` & c") == "<code>a&lt;b</code> &amp; c"
    assert text.inline_code("one ` only") == "one ` only"
