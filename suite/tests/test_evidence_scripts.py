"""The scripts that take evidence on a GPU: what of them can be tried without one."""

import ast
import importlib.util
import json
import os
import shutil
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import click
import pytest

from suite import cli
from suite.judge import measure
from suite.judge_process import JudgeError
from suite.result import Status
from suite.tests import exploit_set, exploit_table
from suite.tests.fake_nvml import install

ROOT = Path(__file__).parents[2]


def load(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def cost():
    yield load("judging_cost")
    del sys.modules["judging_cost"]


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
    yield load("wall_time")
    del sys.modules["wall_time"]


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


@pytest.fixture(scope="module")
def evidence():
    yield load("evidence")
    del sys.modules["evidence"]


def test_every_command_is_one_that_can_be_run(evidence):
    """Options that have changed their name, and files that have moved, show here and not on a GPU."""
    for part in evidence.PARTS:
        for command in part.commands:
            first, *words = command.words
            if first != "-m":
                assert (ROOT / first).is_file(), command
            elif words[0] == "suite":
                verb = cli.main.commands[words[1]]
                # A verb keeps the names of its help option from the context that asked first: the command's.
                above = click.Context(cli.main, info_name="bench", **cli.main.context_settings)
                with verb.make_context(words[1], words[2:], parent=above) as context:
                    assert context.params  # an unknown option raises
            else:
                assert importlib.util.find_spec(words[0]), command
            for word in (word for word in words if "/" in word and word.startswith(("suite", "problems"))):
                assert (ROOT / word).exists(), command


def python(code, expected_s=1.0):
    return ("-c", code), expected_s


@pytest.fixture
def run(evidence, tmp_path):
    """Runs parts, each given as (name, alone, commands), in a checkout of their own."""

    def run(*parts, limit_s=600.0):
        made = [
            evidence.Part(name, "its look", tuple(evidence.Command(*python(code)) for code in codes), alone)
            for name, alone, codes in parts
        ]
        ran = evidence.Runner(tmp_path / "out", tmp_path).run(made, limit_s)
        return {one.part.name: one.code for one in ran}

    return run


WRITE = "import pathlib; p = pathlib.Path('reports/{0}'); p.parent.mkdir(parents=True, exist_ok=True); "
WRITE += "p.write_text('x'); print('wrote')"


def archived(tmp_path, name):
    with tarfile.open(tmp_path / "out" / f"{name}.tar.gz") as archive:
        return {member.name: archive.extractfile(member).read().decode() for member in archive}


def test_what_a_part_wrote_and_said_is_kept(run, tmp_path):
    old = tmp_path / "reports" / "results" / "old.jsonl"
    old.parent.mkdir(parents=True)
    old.write_text("old")
    os.utime(old, (1, 1))
    codes = [WRITE.format(name) for name in ("results/new.jsonl", "html/index.html", "logs/x.log")]
    assert run(("a", True, codes)) == {"a": 0}
    found = archived(tmp_path, "a")
    assert set(found) == {"reports/results/new.jsonl", "reports/logs/x.log", "reports/logs/evidence/a.log"}
    assert found["reports/logs/evidence/a.log"].count("wrote\n(0)\n") == 3


def test_a_first_command_that_fails_ends_its_part_and_no_other(run, tmp_path, capsys):
    later = "open('later', 'w')"
    assert run(("a", True, ["exit('alas')", later]), ("b", True, ["pass", "exit(4)", "pass"])) == {
        "a": 1,
        "b": 4,
    }
    assert not (tmp_path / "later").exists()
    assert "a| alas" in capsys.readouterr().err.splitlines()


def test_a_part_may_go_on_all_the_same(evidence, tmp_path):
    commands = (evidence.Command(("-c", "exit(3)"), 1), evidence.Command(("-c", "open('later', 'w')"), 1))
    part = evidence.Part("a", "", commands, goes_on=True)
    (ran,) = evidence.Runner(tmp_path / "out", tmp_path).run([part], 60)
    assert (ran.code, (tmp_path / "later").exists()) == (3, True)


def test_a_command_that_does_not_say_what_it_must_has_failed(evidence, tmp_path):
    says = ("-c", "print('counters: none')")
    commands = [evidence.Command(says, 1, text) for text in ("none", "ncu")]
    ran = evidence.Runner(tmp_path / "out", tmp_path).run([evidence.Part("a", "", tuple(commands))], 60)
    assert ran[0].code == "unsaid"  # and not for the word in the command, nor for what came before


def test_those_that_may_share_the_card_go_first_and_at_once(run, tmp_path):
    meet = (
        "import pathlib, time; pathlib.Path('{0}').touch()\n"
        "for _ in range(500):\n"
        "    if pathlib.Path('{1}').exists(): break\n"
        "    time.sleep(0.02)\n"
        "else: exit(1)"
    )
    after = "import pathlib; exit(not (pathlib.Path('one').exists() and pathlib.Path('two').exists()))"
    ran = run(
        ("alone", True, [after]),
        ("one", False, [meet.format("one", "two")]),
        ("two", False, [meet.format("two", "one")]),
    )
    assert ran == {"alone": 0, "one": 0, "two": 0}


def test_what_takes_too_long_is_told_to_stop_and_keeps_what_it_has(run, evidence, tmp_path, monkeypatch):
    monkeypatch.setattr(evidence, "LEAST_S", 3.0)  # until then Python must be up
    monkeypatch.setattr(evidence, "SLACK", 1.0)
    code = "import time\ntry: time.sleep(60)\nexcept KeyboardInterrupt: open('reports/kept', 'w').write('x')"
    assert run(("a", True, [code])) == {"a": "late"}
    assert archived(tmp_path, "a")["reports/kept"] == "x"


def test_what_has_no_time_left_is_not_begun(run, tmp_path):
    assert run(("a", True, ["pass"]), limit_s=0.5) == {"a": "skipped"}
    assert not (tmp_path / "out" / "a.tar.gz").exists()


def test_a_plan_and_a_summary_to_read(evidence):
    parts = evidence.chosen(["audit", "inspect"], only_first=True)
    text = evidence.plan_text(parts).splitlines()
    assert text[0] == "inspect (30 s, with others)"
    assert text[-1] == "45 s in all"
    assert evidence.chosen(["repeat"], only_first=True) == []  # it has no cheap command
    assert evidence.summary_text([evidence.Ran(parts[1], 0, 17.4)]).splitlines()[1].split()[:3] == [
        "audit",
        "0",
        "17",
    ]
    with pytest.raises(ValueError, match="no such part: audits; there are inspect, evaluate"):
        evidence.chosen(["audits"], only_first=False)


def test_right_files_must_pass_and_wrong_ones_be_incorrect():
    script = load("kernelbench_on_gpu")
    said = {"p/right.py": "passed", "p/wrong.py": "incorrect", "p/again.py": "timeout"}
    assert script.misjudged(said) == []
    said |= {"p/right.py": "error", "q/wrong.py": "runtime_error"}
    assert script.misjudged(said) == ["p/right.py", "q/wrong.py"]
    del sys.modules["kernelbench_on_gpu"]


@pytest.fixture
def clock(tmp_path, monkeypatch):
    """The script in a checkout of its own, on a simulated card; `said` are the lines of its commands."""
    script = load("clock_evidence")
    for name in ("problems/argmin", "suite/tests/tiny"):
        shutil.copytree(ROOT / name, tmp_path / name)
    install(monkeypatch, {"nvmlDeviceGetName": "NVIDIA H100 80GB HBM3"})
    monkeypatch.setattr(script, "ROOT", tmp_path)
    yield script
    del sys.modules["clock_evidence"]


def kept(tmp_path, name):
    text = (tmp_path / "reports" / "clock" / "nvidia-h100-80gb-hbm3" / name).read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_comparisons_are_kept_as_they_come_under_the_name_of_the_card(clock, tmp_path, monkeypatch, capsys):
    turns = iter([[{"workload": "seed", "verdict": "SAME", "ratio": 1.001}], [], []])

    def bench(*words):
        assert words[0] == "compare"
        yield from next(turns)

    monkeypatch.setattr(clock, "bench", bench)
    clock.compare("same", None, ("seed", "last_dim"), 2)
    assert capsys.readouterr().out.splitlines() == [
        "same: 1 of 4 comparisons, {'SAME': 1}",
        "  seed: ratios 1.0010 to 1.0010, median 1.0010",
    ]
    assert [line["verdict"] for line in kept(tmp_path, "same.jsonl")] == ["SAME"]
    clock.compare("differ", clock.TWO_PERCENT, ("seed",), 1)  # the final still has the line that it changes


def test_an_audit_tells_of_what_failed_and_goes_on(clock, tmp_path, monkeypatch, capsys):
    def bench(*words, root=None):
        line = {
            "problem": words[2],
            "workload": "seed",
            "status": "passed",
            "reason": None,
            "latency_ms": 2.0,
        }
        if words[2] == "argmin":
            yield line | {"audit": {"clock": "ncu", "latency_ms": 1.6}}
        elif words[2] == "argmax":
            yield line | {"audit": None}
        elif words[2] == "matmul_large_k":
            yield line | {"status": "rejected", "reason": "a rule", "latency_ms": None}
        else:
            assert '"e": {"tier": "bench"' in (root / "problems" / "row_argmin" / "inputs.py").read_text()

    monkeypatch.setattr(clock, "bench", bench)
    clock.audit()
    told = capsys.readouterr()
    assert told.out.splitlines() == [
        "argmin seed: 2000.00 us, ncu 1600.00 us, +25.00%, +400.00 us",
        "argmax seed: 2000.00 us, no second clock worked",
    ]
    assert told.err.splitlines() == ["matmul_large_k seed: rejected: a rule"]
    assert len(kept(tmp_path, "audit.jsonl")) == 3


def test_what_a_command_said_until_it_was_ended_is_used(clock, monkeypatch):
    monkeypatch.setattr(clock, "TIMEOUT_S", 0.5)
    script = "echo '{\"a\": 1}'; printf '{\"b\": '; exec sleep 60"
    monkeypatch.setattr(clock.subprocess, "run", with_words(clock.subprocess.run, ["/bin/sh", "-c", script]))
    assert list(clock.bench("run")) == [{"a": 1}]


def with_words(run, words):
    return lambda _command, **options: run(words, **options)


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
