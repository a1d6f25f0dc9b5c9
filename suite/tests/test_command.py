"""Asking a command that answers well, badly, not at all, and with malice."""

import time
from pathlib import Path

import pytest

from suite.optimize import command
from suite.optimize.command import MAX_LOG_BYTES, NoAnswerError, ask


@pytest.fixture
def asked(tmp_path):
    """Asks a shell command; the prompt is "Hello." and a line end."""
    prompt = tmp_path / "prompt.md"
    prompt.write_text("Hello.\n")

    def run(line, timeout_s=20.0):
        return ask(line, prompt, tmp_path / "command.log", timeout_s, {"BENCH_STAGE": "grid"})

    return run


def test_the_prompt_comes_in_and_the_answer_goes_out(asked, tmp_path):
    assert asked('read x; echo "$x $BENCH_STAGE"; cat; echo thinking >&2') == "Hello. grid\n"
    assert (tmp_path / "command.log").read_text() == "thinking\n"


def test_a_command_need_not_read_its_prompt(asked):
    assert asked("echo x") == "x\n"


def test_what_a_terminal_would_obey_is_text(asked):
    assert asked(r"printf '\033[2Jx\377'") == "\x1b[2Jx\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("line", "timeout_s", "message"),
    [
        ("exit 1", 20, "it exited with code 1"),
        ("echo some; exit 3", 20, "it exited with code 3"),
        ("echo first >&2; echo 'quota exceeded' >&2; exit 7", 20, "it exited with code 7: quota exceeded"),
        ("echo waiting >&2; sleep 60", 0.3, "no answer within 0.3 s: waiting"),
        ("kill -9 $$", 20, "it was killed by signal 9"),
        (
            "no-such-command-anywhere 2>/dev/null || { printf '%300s' 1 | tr ' ' x >&2; exit 127; }",
            20,
            f"it exited with code 127: {'x' * 200} ...",
        ),
        ("true", 20, "it printed nothing"),
        ("printf ' \\n\\t'", 20, "it printed nothing"),
        ("sleep 60", 0.3, "no answer within 0.3 s"),
        ("echo begun; sleep 60", 0.3, "no answer within 0.3 s"),
        ("yes", 20, "it said over 1000000 bytes"),
    ],
)
def test_no_answer(asked, line, timeout_s, message):
    started = time.monotonic()
    with pytest.raises(NoAnswerError) as error:
        asked(line, timeout_s)
    assert str(error.value) == message
    assert time.monotonic() - started < 15


def test_what_a_command_that_fails_says_is_kept(asked, tmp_path):
    with pytest.raises(NoAnswerError):
        asked("echo 'no key: set MODEL_KEY' >&2; exit 1")
    assert (tmp_path / "command.log").read_text() == "no key: set MODEL_KEY\n"


def test_a_flood_of_complaints_is_cut_and_the_answer_stands(asked, tmp_path):
    assert asked("yes complaint | head -c 3000000 >&2; echo fine") == "fine\n"
    assert (tmp_path / "command.log").stat().st_size == MAX_LOG_BYTES


def test_the_last_words_of_a_flood_are_its_last(asked, tmp_path):
    with pytest.raises(NoAnswerError, match=r"^it exited with code 1: disk full$"):
        asked("yes complaint | head -c 3000000 >&2; echo 'disk full' >&2; exit 1")
    assert (tmp_path / "command.log").stat().st_size == MAX_LOG_BYTES


def test_nothing_of_the_command_runs_on(asked, tmp_path):
    pid_file = tmp_path / "pid"
    with pytest.raises(NoAnswerError):
        asked(f"sleep 600 & echo $! > {pid_file}; wait", 0.5)
    pid = int(pid_file.read_text())
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and _runs(pid):
        time.sleep(0.05)
    assert not _runs(pid)


def test_one_that_lingers_after_its_answer_is_ended(asked, monkeypatch):
    monkeypatch.setattr(command, "EXIT_GRACE_S", 0.2)
    started = time.monotonic()
    assert asked("echo done; exec 1>&- 2>&-; sleep 600", 60) == "done\n"
    assert time.monotonic() - started < 15


def _runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_no_descriptor_is_left_open(asked):
    before = len([*Path("/proc/self/fd").iterdir()])
    asked("echo x")
    with pytest.raises(NoAnswerError):
        asked("exit 1")
    assert len([*Path("/proc/self/fd").iterdir()]) == before
