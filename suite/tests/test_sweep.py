"""The script that tries variants of a solution: what it makes of knobs, of answers and of failures."""

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from suite.problem import Workload
from suite.tests.repository_scripts import script

SOURCE = """
from typing import NamedTuple
class Plan(NamedTuple):
    rows: int
    stages: int
PLAN = Plan(64, 3)
SPLIT: int = 8
VARIANTS = {"tall": Plan(256, 2), "wide": Plan(16, 4)}
lower = 1
"""


@pytest.fixture(scope="module")
def sweep():
    with script("sweep") as module:
        yield module


def invoke(sweep, *arguments):
    outcome = CliRunner().invoke(sweep.main, [str(argument) for argument in arguments])
    if outcome.exception is not None and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    return outcome


def combined(sweep, *knobs, source=SOURCE):
    return sweep.combinations(source, [sweep.parse_knob(knob) for knob in knobs])


def test_values_are_expressions_and_brackets_keep_their_commas(sweep):
    knob = sweep.parse_knob("PLAN=Plan(1, 2),tall,max(3,4)")
    assert (knob.label, knob.values) == ("PLAN", ("Plan(1, 2)", "tall", "max(3, 4)"))
    assert sweep.parse_knob("PLAN.stages=3").label == "PLAN.stages"


def test_every_combination_is_a_file_that_sets_its_knobs(sweep):
    found = combined(sweep, "PLAN=tall,Plan(1, SPLIT)", "PLAN.stages=5,6", "SPLIT=2 ** 4")
    plans = []
    for one in found:
        namespace = {"__name__": "combination"}
        exec(one.source, namespace)
        plans.append((tuple(namespace["PLAN"]), namespace["SPLIT"]))
    assert [one.values for one in found][:2] == [("tall", "5", "2 ** 4"), ("tall", "6", "2 ** 4")]
    assert plans == [((256, 5), 16), ((256, 6), 16), ((1, 5), 16), ((1, 6), 16)]
    assert [one.source for one in combined(sweep)] == [SOURCE]


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        (
            ["plan=3"],
            "'plan=3' is no knob: "
            "write NAME=VALUE,VALUE or NAME.field=VALUE,VALUE with a NAME in capitals",
        ),
        (["SPLIT=3,(4"], "'SPLIT=3,(4': the values are no Python expressions: '(' was never closed"),
        (["SPLITS=1"], "the file sets no 'SPLITS' at its top level; did you mean 'SPLIT'?"),
        (["SPLIT=" + ",".join("123456789" * 29)], "261 combinations; at most 256 are tried"),
    ],
)  # fmt: skip
def test_what_cannot_be_set_is_refused(sweep, knobs, message):
    with pytest.raises(sweep.KnobError) as raised:
        combined(sweep, *knobs)
    assert str(raised.value) == message


def with_answers(sweep, monkeypatch, tmp_path, *answers):
    """A sweep of three rows whose processes answer so, one after another, and what they were asked."""
    asked, left = [], list(answers)

    def answer(request, timeout_s):
        asked.append(request)
        yield from left.pop(0)

    monkeypatch.setattr(sweep, "answers", answer)
    rows = [sweep.Row((value,), f"{tmp_path}/{value}.py") for value in "abc"]
    workloads = (Workload("seed", "bench", {"k": 1}),)
    problem = sweep.Problem("p", tmp_path)
    work = {"seed": {"bytes_moved": 10**9, "flops": 10**12}}
    return sweep.Sweep(problem, workloads, rows, tmp_path, {"name": "card"}, 1, 9.0, 1, work), asked


def checked(error, reason=None):
    shared = {"workload": "seed", "registers": 40, "spills": 0, "smem_bytes": 2048, "first_call_s": 1.0}
    return [{**shared, "error": error, "reason": reason}]


def test_wrong_and_failing_rows_are_not_timed_and_come_last(sweep, monkeypatch, tmp_path):
    checks = checked(1e-6), checked(0.5, "relative error 0.5"), [{"failed": "OutOfResources: shared memory"}]
    timed = [{"workload": "seed", "variant": f"{tmp_path}/a.py", "samples_ms": [3.0, 1.0, 2.0]}]
    found, asked = with_answers(sweep, monkeypatch, tmp_path, *checks, timed)
    found.check()
    found.measure(3)
    assert asked[3]["variants"] == [f"{tmp_path}/a.py"]
    assert asked[3]["samples"] == 3
    lines = sweep.table(found, [sweep.parse_knob("K=a,b,c")]).splitlines()
    assert lines[0].split()[:8] == ["K", "seed", "ms", "GB/s", "TFLOPS", "error", "regs", "spills"]
    assert lines[2].split() == ["a", "2.0000", "500", "500.0", "1.00e-06", "40", "0", "2"]
    assert lines[3].split() == ["b", *"---", "5.00e-01", "40", "0", "2", "seed:", "relative", "error", "0.5"]
    assert lines[4].split() == ["c", *"-------", "OutOfResources:", "shared", "memory"]


def test_a_value_stands_in_the_table_as_it_was_given_and_a_long_reason_in_lines(sweep, tmp_path):
    rows = [sweep.Row((value,), f"{value}.py") for value in ("False", "True")]
    rows[1].reason = "too much " * 20
    found = sweep.Sweep(None, (), rows, tmp_path, None, 1, 1.0, 0)
    lines = sweep.table(found, [sweep.parse_knob("K=False,True")]).splitlines()
    assert [line.split()[0] for line in lines[2:4]] == ["False", "True"]
    assert len(lines) == 6
    assert max(map(len, lines)) < 120


def test_one_that_ends_the_clock_s_process_fails_alone(sweep, monkeypatch, tmp_path):
    def timed(name, latency_ms):
        return {"workload": "seed", "variant": f"{tmp_path}/{name}.py", "samples_ms": [latency_ms]}

    crash = [{"trying": f"{tmp_path}/a.py"}, {"trying": f"{tmp_path}/b.py"}, {"failed": "died"}]
    found, asked = with_answers(sweep, monkeypatch, tmp_path, crash, [timed("a", 2.0), timed("c", 1.0)])
    found.measure(1)
    assert [Path(path).stem for path in asked[1]["variants"]] == ["a", "c"]
    assert [row.latency_ms.get("seed") for row in found.rows] == [2.0, None, 1.0]
    assert found.rows[1].reason == "while timing: died"
    found, _ = with_answers(sweep, monkeypatch, tmp_path, [{"failed": "no card"}])
    with pytest.raises(click.ClickException, match=r"^nothing could be timed: no card$"):
        found.measure(1)


def test_a_process_that_dies_says_so(sweep, monkeypatch, tmp_path):
    worker = tmp_path / "worker.py"
    worker.write_text("import sys\nprint('{}')\nsys.exit('no such thing')\n")
    monkeypatch.setattr(sweep, "WORKER", worker)
    assert list(sweep.answers({}, 60.0)) == [{}, {"failed": "died with exit code 1: no such thing"}]
    worker.write_text("import time\ntime.sleep(60)\n")
    assert list(sweep.answers({}, 0.1)) == [{"failed": "no answer within 0 s"}]


def test_two_variants_in_the_interpreter(sweep, tiny_root, monkeypatch):
    monkeypatch.chdir(tiny_root)
    solution = tiny_root / "solutions" / "row_argmin" / "tests_right.py"
    source = solution.read_text()
    assert source.count("    return out\n") == 1
    solution.write_text("SHIFT = 0\n" + source.replace("    return out\n", "    return out + SHIFT\n"))
    out = tiny_root / "rows.jsonl"
    words = ("--problem", "row_argmin", "--workload", "small", "--check-only", "--json", out)
    outcome = invoke(sweep, solution, "SHIFT=0,1", *words)
    assert outcome.exit_code == 0
    right, wrong = (json.loads(line) for line in out.read_text().splitlines())
    assert (right["values"], right["errors"], right["reason"]) == (["0"], {"small": None}, None)
    assert wrong["reason"].startswith("small: 5 of 5 elements differ, the first at (0,): expected ")


def test_mistakes_are_told_in_one_line(sweep, tiny_root, monkeypatch):
    monkeypatch.chdir(tiny_root)
    monkeypatch.setattr(sweep, "gpu_states", list)
    solution = tiny_root / "solutions" / "row_argmin" / "tests_right.py"
    words = (solution, "--problem", "row_argmin")
    for more, message in (
        ((), "no GPU to time on: add --check-only (interpreter) or --gpu h200 (compiler)"),
        (("--workload", "smal"), "problem 'row_argmin' has no workload 'smal'; did you mean 'small'?"),
        (("--gpu", "h20"), "no card 'h20'; did you mean 'h200'?"),
        (("X=1",), "the file sets no 'X' at its top level; there are none"),
    ):
        outcome = invoke(sweep, *words, *more)
        assert outcome.exit_code == 2
        assert outcome.output.splitlines()[-1] == f"Error: {message}"
