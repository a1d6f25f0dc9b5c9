"""What `bench` says where nothing confines a solution, and what it asks for."""

from __future__ import annotations

import pytest

from suite.cli import judging_verbs
from suite.judge import sandbox
from suite.leaderboard import board
from suite.result import Result, from_json
from suite.tables import check_table
from suite.tests.command import bench
from suite.tests.fake_results import fake_result
from suite.tests.wrong_solutions import RIGHT

CHECK = ("--problem", "row_argmin", "--device", "cpu")
H200 = "nvidia-h200"


@pytest.fixture
def root(tiny_root, monkeypatch):
    monkeypatch.chdir(tiny_root)
    return tiny_root


def recorded(root) -> list[Result]:
    files = (root / "reports" / "results").rglob("*.jsonl")
    return [from_json(line) for file in files for line in file.read_text().splitlines()]


def test_a_run_without_a_sandbox_says_so_once_and_in_every_result(root):
    outcome = bench("run", *CHECK, "--solution", "tests_right", "--sandbox", "none")
    said = [line for line in outcome.stderr.splitlines() if "sandbox" in line]
    assert said == ["sandbox: none (--sandbox none); solutions run as plain processes of your user"]
    assert {result.sandbox for result in recorded(root)} == {"none"}
    assert "sandbox" in outcome.stdout.splitlines()[0]


@pytest.fixture
def uninspected(monkeypatch):
    """Without the RTX 4090's columns, which cost a compilation and say nothing of the sandbox."""
    monkeypatch.setattr(judging_verbs, "show_card_columns", lambda *_: None)


@pytest.mark.usefixtures("uninspected")
def test_a_confined_run_says_nothing_and_records_it(root):
    if sandbox.available() is not None:
        pytest.skip(str(sandbox.available()))
    outcome = bench("run", *CHECK, "--solution", "tests_right")
    assert "sandbox" not in outcome.stderr + outcome.stdout
    assert {result.sandbox for result in recorded(root)} == {"bubblewrap"}


def test_a_sandbox_that_does_not_work_is_an_error_where_it_was_asked_for(root, monkeypatch):
    monkeypatch.setattr(sandbox, "available", lambda _device="cpu": "no user namespaces")
    outcome = bench("run", *CHECK, "--sandbox", "bubblewrap")
    assert (outcome.exit_code, recorded(root)) == (2, [])
    assert outcome.stderr.splitlines()[-1] == "Error: --sandbox bubblewrap: no user namespaces"


@pytest.mark.usefixtures("uninspected")
def test_submitting_what_nothing_confines_takes_a_flag(root, tmp_path_factory):
    file = tmp_path_factory.mktemp("elsewhere") / "mine.py"
    file.write_text(RIGHT.read_text())
    submit = ("submit", file, *CHECK, "--author", "ada", "--sandbox", "none")
    outcome = bench(*submit)
    assert outcome.exit_code == 2
    assert outcome.stderr.splitlines()[-1] == (
        f"Error: nothing confines {file}: --sandbox none; --allow-unsandboxed submits it all the same"
    )
    assert not list((root / "solutions" / "row_argmin").glob("ada_*"))
    assert bench(*submit, "--allow-unsandboxed").exit_code == 0
    assert {result.sandbox for result in recorded(root)} == {"none"}


def test_boards_flag_what_nothing_confined():
    results = [fake_result("final", sandbox="none"), fake_result("block", workload="seed")]
    flags = {row.solution: row.flags for row in board(results, H200, ("seed",)).rows}
    assert flags == {"final": ("no-sandbox",), "block": ()}


def test_the_check_table_names_what_nothing_confined():
    confined, plain = (
        fake_result(gpu=None, latency_ms=None),
        fake_result(gpu=None, latency_ms=None, sandbox="none"),
    )
    assert "sandbox" not in check_table([confined]).headers
    table = check_table([confined, plain])
    assert [row[table.headers.index("sandbox")] for row in table.rows] == ["", "none"]
