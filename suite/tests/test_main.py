"""What begins before the command is imported. Nothing here starts a process."""

import sys
import threading
import types

import pytest

import suite.__main__ as start
from suite import cli
from suite.judge import sandbox
from suite.judge.sandbox import Sandbox, SandboxError

PATIENCE_S = 20


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("run --problem argmin --solution final", True),
        ("compare final block_stage --problem argmin", True),
        ("submit my_kernel.py --problem argmin --author ada", True),
        ("run --problem argmin --help", False),
        ("run -h", False),
        ("run --problem argmin --device cpu", False),
        ("run --problem argmin --device=cpu", False),
        ("submit my_kernel.py --problem argmin --author ada --sandbox=none", False),
        ("run --problem argmin --device auto --sandbox auto", True),
        ("list", False),
        ("--version", False),
        ("", False),
    ],
)
def test_the_sandbox_of_this_machine_is_tried_where_it_will_be_wanted(line, expected):
    assert start.tries_ahead(line.split()) == expected


@pytest.mark.parametrize(("gpu", "device"), [(True, "cuda"), (False, "cpu")])
def test_it_is_tried_for_the_device_that_is_here(monkeypatch, gpu, device):
    tried = []
    monkeypatch.setattr(start, "has_gpu", lambda: gpu)
    monkeypatch.setattr(start, "find", tried.append)
    start.try_sandbox()
    assert tried == [device]


@pytest.mark.parametrize("error", [SandboxError("it does not work here"), OSError("the disk is full")])
def test_a_trial_that_fails_is_not_spoken_of_yet(monkeypatch, capsys, error):
    def find(_device):
        raise error

    monkeypatch.setattr(start, "has_gpu", lambda: False)
    monkeypatch.setattr(start, "find", find)
    start.try_sandbox()
    assert capsys.readouterr() == ("", "")


def test_the_command_does_not_wait_for_the_trial(monkeypatch):
    command_runs, done = threading.Event(), []
    monkeypatch.setattr(sys, "argv", ["bench", "run", "--problem", "argmin"])
    monkeypatch.setattr(start, "try_sandbox", lambda: done.append(command_runs.wait(PATIENCE_S)))
    monkeypatch.setattr(cli, "main", lambda prog_name: (done.append(prog_name), command_runs.set()))
    before = set(threading.enumerate())
    start.main()
    for thread in set(threading.enumerate()) - before:
        assert thread.daemon  # nor does the end of the command
        thread.join(PATIENCE_S)
    assert done == ["bench", True]


def test_an_interrupt_while_the_command_is_imported_leaves_no_trace(monkeypatch):
    class Importing(types.ModuleType):
        def __getattr__(self, name):
            raise KeyboardInterrupt if name == "main" else AttributeError(name)

    monkeypatch.setattr(sys, "argv", ["bench", "list"])
    monkeypatch.setitem(sys.modules, "suite.cli", Importing("suite.cli"))
    with pytest.raises(SystemExit) as caught:
        start.main()
    assert caught.value.code == "Aborted!"


def test_who_asks_while_another_thread_tries_waits_for_its_answer(monkeypatch):
    tried, trials, found = Sandbox("bwrap", None, "cpu", ()), [], []
    second = threading.Thread(target=lambda: found.append(sandbox.find("cpu")))

    def trial(_tried):
        trials.append(threading.current_thread())
        if len(trials) == 1:
            second.start()
            second.join(0.2)
            assert found == []

    monkeypatch.setattr(sandbox, "confine", lambda _device, _owner: tried)
    monkeypatch.setattr(sandbox, "_trial", trial)
    assert sandbox.find("cpu") == tried
    second.join(PATIENCE_S)
    assert found == [tried]
    assert trials == [threading.main_thread(), second]
