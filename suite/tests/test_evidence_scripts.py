"""Smaller scripts that take evidence on a GPU: what of them can be tried without one."""

import ast
import json
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from suite.judge import measure
from suite.judge_process import JudgeError
from suite.result import Status
from suite.tests import exploit_set, exploit_table
from suite.tests.repository_scripts import script


@pytest.fixture(scope="module")
def cost():
    with script("judging_cost") as module:
        yield module


def test_what_the_bare_judge_replaces_is_there_to_be_replaced(cost):
    replaced = [
        ast.unparse(target)
        for node in ast.walk(ast.parse(cost.UNCHECKED))
        if isinstance(node, ast.Assign)
        for target in node.targets
        if ast.unparse(target).startswith("measure.")
    ]
    assert len(replaced) == 8
    for name in replaced:
        found = measure
        for part in name.split(".")[1:]:
            found = getattr(found, part)  # raises where there is none
        assert callable(found)


def test_another_judge_can_stand_in(cost):
    words = ["run", "--problem", "argmin", "--solution", "final", "--device", "cpu", "--workload", "check"]
    judge = "import sys; sys.exit('the other judge')"
    with pytest.raises(AssertionError, match="the judge ended early: the other judge"):
        cost.run_once("none", judge, [*words, "--no-save", "--json", "-"])


@pytest.fixture
def wall(cost, monkeypatch):
    with script("wall_time") as module:
        yield module


def test_the_phases_of_a_run_follow_each_other_from_its_start_to_its_end(wall):
    notes = [
        ("judge", None, 10.5, 10.6),
        ("__init__", "final", 10.6, 10.7),
        ("__init__", "reference-rival", 10.7, 10.8),
        ("hello", "final", 13.0, 13.5),
        ("hello", "reference-rival", 13.6, 13.7),
        ("call", "final", 14.0, 14.75),
        ("call", "reference-rival", 14.75, 14.8),
        ("call", "final", 15.0, 15.1),
        ("close", "final", 15.5, 15.6),
        ("close", "reference-rival", 15.6, 15.75),
    ]
    assert wall.phases(10.0, 16.0, "final", notes) == pytest.approx(
        {
            "host, until the judge starts": 0.5,
            "judge, until the solution's worker starts": 0.2,
            "imports, until the judge asks": 2.3,
            "imports, until the worker answers": 0.5,
            "greeting, inputs": 0.5,
            "first call: Triton compiles": 0.75,
            "timing and checks": 0.75,
            "closing workers": 0.25,
            "judge's and host's end": 0.25,
        }
    )


def test_a_run_is_noted_as_it_goes(wall, tmp_path):
    words = ["run", "--problem", "argmin", "--solution", "final", "--device", "cpu", "--no-save"]
    seconds, device = wall.measure([*words, "--axes", '{"shape": [3, 5], "dim": 1}', "--json", "-"], "final",
                                   tmp_path / "notes")  # fmt: skip
    assert device == "cpu"
    assert len(seconds) == 9
    assert all(phase_s >= 0 for phase_s in seconds.values())
    asked = [json.loads(line)[0] for line in (tmp_path / "notes").read_text().splitlines()]
    assert asked[:3] == ["judge", "__init__", "hello"]
    assert asked[-1] == "close"


def test_right_files_must_pass_and_wrong_ones_be_incorrect():
    said = {"p/right.py": "passed", "p/wrong.py": "incorrect", "p/again.py": "timeout"}
    with script("kernelbench_on_gpu") as kernelbench:
        assert kernelbench.misjudged(said) == []
        said |= {"p/right.py": "error", "q/wrong.py": "runtime_error"}
        assert kernelbench.misjudged(said) == ["p/right.py", "q/wrong.py"]


def test_what_misses_among_others_and_what_needs_all_there_is_is_judged_alone(tmp_path, monkeypatch, capsys):
    honest, liar, bomb = (
        exploit_set.HERE / f"{name}.py"
        for name in ("honest/autotuned", "exploits/output_zeros", "exploits/fork_bomb")
    )
    shares = []

    def judge_all(device, chosen, copy_checkout, on_result):
        shares.append([path.stem for path in chosen])
        if chosen == [liar]:
            raise JudgeError("the judge ended early")
        for path in chosen:
            passes = path is honest and len(shares) == 3  # disturbed at first
            status = Status.PASSED if passes else Status.INCORRECT
            on_result(SimpleNamespace(solution=path.stem, workload="check", status=status, reason=None))

    monkeypatch.setattr(exploit_table, "judge_all", judge_all)
    monkeypatch.setattr(exploit_table, "ThreadPoolExecutor", lambda jobs: ThreadPoolExecutor(1))
    found = exploit_table.judged("cuda", [bomb, honest, liar], 2, tmp_path)
    assert shares == [["autotuned"], ["output_zeros"], ["fork_bomb", "autotuned", "output_zeros"]]
    assert {name: result.status for name, result in found.items()} == {
        "fork_bomb": Status.INCORRECT,
        "autotuned": Status.PASSED,
        "output_zeros": Status.INCORRECT,
    }
    assert "alone: fork_bomb, autotuned, output_zeros" in capsys.readouterr().err
