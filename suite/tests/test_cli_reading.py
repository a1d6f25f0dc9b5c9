"""`bench list`, `report` and `doctor`: what is there, shown, in this process."""

import json
import sys
import webbrowser
from pathlib import Path

import pytest

from suite import doctor, store
from suite.tests.command import bench
from suite.tests.fake_results import fake_result

ROOT = Path(__file__).parents[2]


@pytest.fixture
def root(tiny_root, monkeypatch):
    """The small checkout as the current folder."""
    monkeypatch.chdir(tiny_root)
    return tiny_root


def record(root):
    """What a run of everything there leaves, all of it right."""
    for name, stage in (("reference", "reference"), ("tests_right", "submitted")):
        result = fake_result(name, "check", None, gpu=None, problem="row_argmin", stage=stage, author="ada")
        store.append(root / "reports" / "results", result)


@pytest.mark.usefixtures("root")
def test_list_shows_the_problems():
    outcome = bench("list")
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert outcome.stdout.splitlines()[2].split() == ["row_argmin", "1", "2", "tests_right"]


@pytest.mark.usefixtures("root")
def test_list_shows_a_problem():
    lines = bench("list", "--problem", "row_argmin").stdout.splitlines()
    assert lines[2].split() == ["seed", "bench", "rows=65536,", "cols=4096"]
    assert lines[-1].split()[:3] == ["tests_right", "submitted", "tests"]


@pytest.mark.usefixtures("root")
def test_list_as_json():
    ((problem,), solutions) = (json.loads(bench("list", "--json").stdout), ["reference", "tests_right"])
    assert problem["problem"] == "row_argmin"
    assert problem["workloads"]["small"] == {"tier": "check", "axes": {"rows": 5, "cols": 37}}
    assert [solution["name"] for solution in problem["solutions"]] == solutions
    assert problem["solutions"][1]["author"] == "tests"


def test_the_checkout_is_found_from_a_folder_inside_it(root, monkeypatch):
    monkeypatch.chdir(root / "problems" / "row_argmin")
    assert "tests_right" in bench("list").stdout


def test_elsewhere_the_checkout_is_the_suite_s_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "matmul_large_k" in bench("list").stdout


def test_a_checkout_without_problems(tmp_path, monkeypatch):
    (tmp_path / "problems").mkdir()
    monkeypatch.chdir(tmp_path)
    assert bench("list").exit_code == 0
    assert json.loads(bench("list", "--json").stdout) == []
    assert bench("run", "--problem", "x").stderr.endswith("Error: there is no problem 'x'; there are none\n")


def test_the_report_is_written_where_it_is_asked_for(root, monkeypatch):
    record(root)
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    outcome = bench("report", "--out", root / "pages", "--open")
    assert outcome.exit_code == 0, outcome.output
    page = Path(outcome.stdout.strip().removeprefix("report: "))
    assert page.parent == root / "pages"
    assert page.is_file()
    assert opened == [page.as_uri()]


def test_the_report_s_warnings_go_to_standard_error(root):
    record(root)
    results = root / "reports" / "results" / "cpu" / "row_argmin.jsonl"
    results.write_text("torn" + results.read_text())
    outcome = bench("report")
    assert outcome.exit_code == 0
    assert outcome.stderr.startswith("warning: ")
    assert (root / "reports" / "html").is_dir()


def test_the_report_is_printed_for_other_programs(root):
    record(root)
    outcome = bench("report", "--format", "markdown", "--problem", "row_argmin")
    assert outcome.exit_code == 0
    assert outcome.stdout.startswith("## `row_argmin`\n\n**CPU (Triton's interpreter)**")
    assert "Passed, not timed: `reference` and `tests_right`." in outcome.stdout
    assert bench("report", "--format", "markdown", "--gpu", "x").stdout.endswith("No results.\n")
    assert bench("report", "--format", "csv").stdout.count("\n") == 3
    assert json.loads(bench("report", "--format", "badge").stdout)["message"] == "not measured"
    assert json.loads(bench("report", "--format", "benchmark-action").stdout) == []
    assert json.loads(bench("report", "--format", "json").stdout)["problem"] == "row_argmin"
    assert not (root / "reports" / "html").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--gpu", "nvidia-h200"), "--gpu does not go with --format html"),
        (("--problem", "row_argmin"), "--problem does not go with --format html"),
        (("--format", "csv", "--open"), "--open does not go with --format csv"),
        (("--format", "csv", "--out", "x"), "--out does not go with --format csv"),
        (("--format", "csv", "--problem", "row_argmim"), "did you mean 'row_argmin'?"),
        (("--results", "nowhere"), "Directory 'nowhere' does not exist."),
    ],
)
@pytest.mark.usefixtures("root")
def test_a_report_that_was_asked_for_wrongly(arguments, message):
    outcome = bench("report", *arguments)
    assert outcome.exit_code == 2
    assert message in outcome.stderr


def test_a_report_takes_in_results_from_elsewhere(root, tmp_path):
    elsewhere = tmp_path / "theirs"
    store.append(elsewhere, fake_result("visitor", "seed", problem="row_argmin"))
    outcome = bench("report", "--results", elsewhere)
    assert outcome.exit_code == 0, outcome.output
    assert (root / "reports" / "html" / "problems" / "row_argmin" / "visitor.html").is_file()


@pytest.mark.usefixtures("root")
def test_an_interrupted_report_says_so(monkeypatch):
    import suite.report

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(suite.report, "render", stop)
    outcome = bench("report")
    assert (outcome.exit_code, outcome.stderr) == (
        130,
        "interrupted; run bench report again for the rest of the pages\n",
    )


def test_a_report_that_cannot_be_written(root):
    (root / "file").write_text("")
    outcome = bench("report", "--out", root / "file" / "pages")
    assert outcome.exit_code == 1
    assert outcome.stderr.startswith(f"Error: {root}/file")


@pytest.mark.usefixtures("root")
def test_the_doctor_says_what_is_to_be_mended(monkeypatch):
    monkeypatch.setattr(doctor, "RANGES", {})
    assert bench("doctor").exit_code == 0
    monkeypatch.setattr(doctor, "RANGES", {"no-such-package": ((1, 0), (2, 0))})
    outcome = bench("doctor", "--json")
    assert outcome.exit_code == 1
    findings = {finding["subject"]: finding for finding in json.loads(outcome.stdout)}
    assert findings["no-such-package"] == {
        "subject": "no-such-package",
        "state": "fix",
        "text": "not installed",
        "remedy": "pip install 'no-such-package>=1.0,<2.0'",
    }
    assert "pip install 'no-such-package>=1.0,<2.0'" in bench("doctor").stdout


def test_a_report_needs_plotly_for_pages_alone(root, monkeypatch):
    record(root)
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    outcome = bench("report")
    assert (outcome.exit_code, outcome.stderr) == (
        1,
        "Error: pages need plotly, which is not installed (pip install plotly); "
        "--format markdown, csv or json prints results without it\n",
    )
    assert not (root / "reports" / "html").exists()
    assert "tests_right" in bench("report", "--format", "csv").stdout


def test_a_broken_problem_is_left_out_of_the_report_of_all(root):
    record(root)
    broken = root / "problems" / "broken"
    broken.mkdir()
    (broken / "inputs.py").write_text("WORKLOADS = {}\n")
    outcome = bench("report", "--format", "csv")
    assert (outcome.exit_code, "tests_right" in outcome.stdout) == (0, True)
    reason = f"{broken / 'inputs.py'}: WORKLOADS must be a dict with at least one entry"
    assert outcome.stderr == f"warning: broken is left out: {reason}\n"
    asked = bench("report", "--format", "csv", "--problem", "broken")
    assert (asked.exit_code, reason in asked.stderr) == (2, True)
