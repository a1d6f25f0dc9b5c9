"""What all verbs share: the list of them, `--json`, the status line, what is said after a failure."""

import dataclasses
import errno
import json
import sys

import pytest

from suite import cli
from suite.cli import judging, judging_verbs
from suite.cli.console import StatusLine
from suite.problem import find_problem
from suite.result import Status, from_json
from suite.runner import Progress
from suite.tests.command import bench
from suite.tests.fake_results import fake_result

NO_GPU = "no GPU: checking correctness in Triton's interpreter; latency and fractions need an NVIDIA GPU"
RUN = ("run", "--problem", "row_argmin", "--device", "cpu", "--solution", "tests_right")


@pytest.fixture
def fail(tiny_root, monkeypatch):
    """A function after which every run ends in one failure with this reason; the checkout is tiny_root."""
    monkeypatch.chdir(tiny_root)

    def fail(reason):
        failed = fake_result("tests_right", "check", gpu=None, status=Status.INCORRECT, reason=reason)
        monkeypatch.setattr(
            judging, "run", lambda *_: iter([dataclasses.replace(failed, problem="row_argmin")])
        )

    return fail


def test_verbs_are_listed_in_the_order_in_which_they_are_met_and_in_whole_words():
    lines = bench("--help").stdout.partition("Commands:\n")[2].splitlines()
    verbs = [line.split()[0] for line in lines]
    assert verbs[:6] == ["list", "run", "inspect", "compare", "submit", "report"]
    assert len(verbs) == len(cli.main.commands)
    assert not [line for line in lines if line.endswith("...")]


@pytest.mark.parametrize("option", [["--json"], ["--json", "-"]])
def test_json_is_on_standard_output_unless_a_file_is_named(fail, option):
    fail("edge case 'nan': 1 of 2 elements differ")
    (listed,) = json.loads(bench("list", "--problem", "row_argmin", *option).stdout)
    assert listed["problem"] == "row_argmin"
    (line,) = bench(*RUN, *option).stdout.splitlines()
    assert from_json(line).solution == "tests_right"


def test_json_in_a_file_stands_beside_the_text(fail, tmp_path):
    fail("edge case 'nan': 1 of 2 elements differ")
    path = tmp_path / "out.json"
    assert "row_argmin" in bench("list", "--json", path).stdout.splitlines()[2]
    assert json.loads(path.read_text())[0]["problem"] == "row_argmin"
    assert "tests_right" in bench(*RUN, "--json", path).stdout
    assert from_json(path.read_text()).solution == "tests_right"


def test_an_output_that_takes_no_more(fail, monkeypatch):
    def show(*_arguments, **_options):
        raise OSError(errno.ENOSPC, "No space left on device")

    fail("edge case 'nan': 1 of 2 elements differ")
    monkeypatch.setattr(judging, "show_table", show)
    outcome = bench(*RUN)
    assert outcome.exit_code == 1
    assert outcome.stderr.splitlines()[-1] == "Error: No space left on device"


@pytest.mark.parametrize(
    ("reason", "case"),
    [
        ("small, --axes '{\"rows\": 3}': 1 of 3 elements differ", "--axes '{\"rows\": 3}'"),
        ("hidden workload, --axes '{\"rows\": 9}': 1 of 3 elements differ", "--axes '{\"rows\": 9}'"),
        ("edge case 'nan': 1 of 2 elements differ", "--workload edge_cases"),
        ("wide: 1 of 2 elements differ", "--workload wide"),
        ("NameError: name 'tl' is not defined (line 5)", None),
    ],
)
def test_a_failure_tells_how_to_judge_the_case_alone(fail, reason, case):
    fail(reason)
    last = bench(*RUN).stderr.splitlines()[-1]
    command = f"that case alone: bench run --problem row_argmin --solution tests_right {case}"
    assert last == (command if case else NO_GPU)


def test_the_case_of_a_scaled_file_is_asked_for_with_its_scale(fail, monkeypatch):
    fail("wide: 1 of 2 elements differ")
    monkeypatch.setattr(judging_verbs, "find_problem", lambda root, _name: find_problem(root, "row_argmin"))
    outcome = bench("run", "--problem", "my task.py", "--scale", "0.25", "--solution", "tests_right")
    assert outcome.stderr.splitlines()[-1] == (
        "that case alone: bench run --problem 'my task.py' --scale 1/4 --solution tests_right --workload wide"
    )


def test_a_run_of_all_solutions_names_no_case(fail):
    fail("wide: 1 of 2 elements differ")
    assert bench(*RUN[:-2]).stderr.splitlines()[-1] == NO_GPU


def test_a_terminal_s_line_is_never_wider_than_the_terminal(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "30")
    line = StatusLine()
    line(Progress("mine", "hidden workload, of a long name", 6, 41))
    line.clear()
    assert capsys.readouterr().err == "mine 7/41: hidden workload, o\r\x1b[K"
