"""`bench check-problem`: a child examines; the verdict, exit codes, and what goes where."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import pytest

from suite import authoring
from suite.child import ChildError
from suite.cli import authoring_verbs
from suite.finding import Finding
from suite.problem import find_problem
from suite.tests.command import bench

ROOT = Path(__file__).parents[2]
bench_check_problem = functools.partial(bench, "check-problem")


def test_the_command_examines_in_a_child(monkeypatch):
    monkeypatch.chdir(ROOT)
    outcome = bench_check_problem("argmin", "--device", "cpu")
    assert outcome.exit_code == 0, outcome.stdout
    assert outcome.stdout.splitlines()[1] == "argmin: accepted"
    assert outcome.stdout.count("\nok ") == 8


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('"seed"', '"sead"', "WORKLOADS has no workload 'seed'"),
        ("WORKLOADS = {", "WORKLOADS = {} or {", "WORKLOADS must be a literal: "),
        ('"tier": "bench"', '"tier": "large"', "workload 'seed' must be "),
    ],
)
def test_malformed_workloads_are_a_finding(tiny_root, old, new, text):
    inputs = tiny_root / "problems" / "row_argmin" / "inputs.py"
    inputs.write_text(inputs.read_text().replace(old, new))
    (finding,) = authoring.examine(find_problem(tiny_root, "row_argmin"), "cpu", 60, lambda *_: None)
    assert (finding.subject, finding.state) == ("contract", "fix")
    assert finding.text.startswith(f"{inputs}: {text}")


def test_a_child_that_dies_is_a_finding(tiny_root, monkeypatch):
    def lines(*_arguments):
        yield b'{"kind": "section", "name": "work", "number": 0, "count": 7}'
        raise ChildError("was killed by SIGSEGV")

    monkeypatch.setattr(authoring.child, "lines", lines)
    seen = []
    found = authoring.examine(find_problem(tiny_root, "row_argmin"), "cpu", 60, lambda *s: seen.append(s))
    (finding,) = found
    assert (finding.subject, finding.state) == ("examination", "fix")
    assert finding.text == "the process that examined the problem was killed by SIGSEGV"
    assert seen == [("work", 0, 7)]


@pytest.fixture
def finds(tiny_root, monkeypatch):
    """Sets what the examination of any problem finds."""
    monkeypatch.chdir(tiny_root)

    def install(*findings):
        def examine(problem, device, timeout_s, on_section):
            on_section("work", 0, 1)
            yield from findings

        monkeypatch.setattr(authoring_verbs, "examine", examine)

    return install


GOOD = Finding("work", "ok", "all agree")
WARNING = Finding("edge cases", "warning", "none with NaN", "add one")
WRONG = Finding("memory", "fix", "too large", "make it smaller")


@pytest.mark.parametrize(
    ("findings", "code", "verdict"),
    [((GOOD,), 0, "accepted"), ((GOOD, WARNING), 0, "accepted"), ((GOOD, WRONG), 1, "refused")],
)
@pytest.mark.parametrize("names", [("row_argmin",), ("--all",)])
def test_the_verdict_stands_above_the_findings(finds, names, findings, code, verdict):
    finds(*findings)
    outcome = bench_check_problem(*names)
    assert outcome.exit_code == code
    lines = outcome.stdout.splitlines()
    assert lines[1] == f"row_argmin: {verdict}"
    assert all(any(finding.text in line for line in lines) for finding in findings)
    assert outcome.stderr == "judging row_argmin\n"


def test_a_file_is_told_how_it_becomes_a_problem(finds):
    finds(GOOD)
    outcome = bench_check_problem("level1/52_Argmin.py")
    assert outcome.exit_code == 2
    assert outcome.stderr.splitlines()[-1] == (
        "Error: level1/52_Argmin.py is no problem of this checkout; `bench import kernelbench "
        "level1/52_Argmin.py` makes it one"
    )


def test_json_lines_alone_on_standard_output(finds):
    finds(GOOD, WRONG)
    outcome = bench_check_problem("row_argmin", "--json", "-")
    assert outcome.exit_code == 1
    assert json.loads(outcome.stdout) == {
        "problem": "row_argmin",
        "accepted": False,
        "findings": [GOOD.to_json(), WRONG.to_json()],
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name a problem, or say --all"),
        (("row_argmin", "--device", "cuda"), "--device cuda needs an NVIDIA GPU; none answers here"),
        (("row_argmim",), "there is no problem 'row_argmim'; did you mean 'row_argmin'?"),
    ],
)
def test_wrong_usage_is_exit_code_2(finds, monkeypatch, arguments, message):
    finds(GOOD)
    monkeypatch.setattr(authoring_verbs, "has_gpu", lambda: False)
    outcome = bench_check_problem(*arguments)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert outcome.stderr.splitlines()[-1] == f"Error: {message}"


def test_ctrl_c_is_exit_code_130(finds, monkeypatch):
    def interrupted(*_arguments):
        raise KeyboardInterrupt

    finds()
    monkeypatch.setattr(authoring_verbs, "examine", interrupted)
    outcome = bench_check_problem("row_argmin")
    assert (outcome.exit_code, outcome.stderr) == (130, "interrupted\n")
