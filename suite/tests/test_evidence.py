"""The script that measures again what is committed: its parts, how they run, what they leave."""

import os
import tarfile
from importlib.util import find_spec

import click
import pytest

from suite import cli
from suite.tests.repository_scripts import SCRIPTS, script

ROOT = SCRIPTS.parent


@pytest.fixture(scope="module")
def evidence():
    with script("evidence") as module:
        yield module


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
                assert find_spec(words[0]), command
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
