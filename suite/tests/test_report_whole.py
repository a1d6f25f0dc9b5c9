"""The whole report: links, the same bytes each time, strangers' text escaped, lines that are no record."""

import dataclasses
import json
import re
from pathlib import Path

import pytest

from suite.published import PublishedFigure
from suite.report import Site, read_site, render
from suite.result import Clocks, Status, to_json
from suite.tests.fake_results import fake_result
from suite.tests.fake_roofs import fake_roofs
from suite.tests.fake_site import Page, fake_site, problem, rendered
from suite.tests.report_results import ARGMIN, HOSTILE, ROOT, argmin_results, both, site_with_files


@pytest.fixture
def results():
    return argmin_results()


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
