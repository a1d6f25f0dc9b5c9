"""The page of a solution as text: what was measured of it, its source, and what else was stored."""

import dataclasses
import json
import shutil

from suite import profile_store
from suite.counters import DRAM
from suite.profile import NCU, KernelProfile, Profile
from suite.report import read_site
from suite.result import Clocks, Correctness, Status
from suite.tests.fake_results import fake_environment, fake_result
from suite.tests.fake_site import Page, fake_site, rendered
from suite.tests.report_results import ARGMIN, ROOT, both, site_with_files

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
        assert ["argmin_phases_kernel", "576"] in [row[1:3] for row in page.cells("#")]
        assert "What the compiler says" in pages[ARGMIN]
        assert "On an NVIDIA GeForce RTX 4090" not in pages["problems/argmin/reference.html"]


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
