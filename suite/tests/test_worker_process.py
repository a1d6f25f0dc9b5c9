"""The judge's end of the pipe, against workers that lie, flood, hang and die. None of them imports torch."""

import os
import signal
import tempfile
import textwrap
import time
from pathlib import Path

import pytest

from suite.judge import worker_process
from suite.judge.diagnosis import diagnose
from suite.judge.worker_process import PASSED_ENVIRONMENT, WorkerFailedError, WorkerProcess
from suite.result import Status
from suite.worker.protocol import MAX_LINE_BYTES

PATIENCE_S = 20
FAKE = """
import json, os, signal, subprocess, sys, time

def say(data):
    os.write(int(sys.argv[3]), data)

def reply(**fields):
    say(json.dumps({"seq": seq, "ok": True, **fields}).encode() + b"\\n")

for line in os.fdopen(int(sys.argv[2]), "rb"):
    request = json.loads(line)
    seq, op = request["seq"], request["op"]
"""


@pytest.fixture
def start(tmp_path, monkeypatch):
    """A function that starts a worker which answers every request by the given statements."""
    workers = []
    monkeypatch.setattr(worker_process, "WORKER_PACKAGE", tmp_path / "package")
    monkeypatch.setattr(worker_process, "EXIT_GRACE_S", 0.5)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "package").mkdir()

    def make(answer, name="mine.py"):
        source = FAKE + textwrap.indent(textwrap.dedent(answer), "    ")
        (tmp_path / "package" / "__main__.py").write_text(source)
        solution = tmp_path / name
        solution.write_text("raise SystemExit('a solution must not run before it is asked for')\n")
        workers.append(WorkerProcess("cpu", solution, tmp_path / "logs" / "mine.log"))
        return workers[-1]

    yield make
    for worker in workers:
        if worker.directory.exists():
            worker.close()


def fails(worker, op="call", timeout_s=PATIENCE_S):
    with pytest.raises(WorkerFailedError) as error:
        worker.request(op, timeout_s)
    return error.value.status, error.value.reason


def descriptors():
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def is_gone(pid):
    deadline = time.monotonic() + PATIENCE_S
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_running(pid)


def test_a_request_is_one_line_of_json_and_so_is_its_reply(start):
    worker = start("reply(got=request)")
    assert worker.request("init", PATIENCE_S, init_inputs=[1, "x", True])["got"] == {
        "seq": 1, "op": "init", "init_inputs": [1, "x", True],
    }  # fmt: skip
    assert worker.request("call", PATIENCE_S)["got"] == {"seq": 2, "op": "call"}


def test_a_reply_may_come_in_pieces(start):
    worker = start(
        """
        for byte in json.dumps({"seq": seq, "ok": True, "text": "x" * 50}).encode():
            say(bytes([byte]))
        say(b"\\n")
        """
    )
    assert worker.request("call", PATIENCE_S)["text"] == "x" * 50


def test_the_longest_reply(start):
    worker = start(
        f"""
        text = json.dumps({{"seq": seq, "ok": True, "pad": ""}}).encode()
        room = {MAX_LINE_BYTES} - len(text) - 1
        say(text.replace(b'""', b'"' + b"x" * (room + int(op == "more")) + b'"') + b"\\n")
        """
    )
    assert len(worker.request("call", PATIENCE_S)["pad"]) > MAX_LINE_BYTES - 100
    assert fails(worker, "more") == (Status.REJECTED, "protocol: a reply of over 65536 bytes")


def test_an_exception_in_the_solution_is_diagnosed(start):
    worker = start(
        """
        error = {"chain": [{"type": "ValueError", "message": "not today"}], "line": 3}
        reply(ok=False, error=error)
        """
    )
    with pytest.raises(WorkerFailedError) as failure:
        worker.request("call", PATIENCE_S)
    assert failure.value.reason == "exception during call"
    assert diagnose(failure.value) == (Status.RUNTIME_ERROR, "ValueError: not today (line 3)")


@pytest.mark.parametrize(
    "answer",
    [
        "no JSON",
        "",
        "\xff\xfe",
        "null",
        "[]",
        '"ok"',
        "{}",
        '{"seq": 2, "ok": true}',
        '{"seq": "1", "ok": true}',
        '{"seq": 1}',
        '{"seq": 1, "ok": 1}',
        '{"seq": 1, "ok": null}',
        '{"seq": 1, "ok": false}',
        '{"seq": 1, "ok": false, "error": "x"}',
        '{"seq": 1, "ok": false, "error": [{}]}',
        '{"seq": ' + "9" * 5000 + ', "ok": true}',
        "[" * 60_000,
        '{"seq": 1, "ok": true, "x": ' + "[" * 30_000 + "]" * 30_000 + "}",
    ],
    ids=lambda answer: answer[:40],
)
def test_a_malformed_reply_is_rejected(start, answer):
    worker = start(f"say({answer.encode('latin-1')!r} + b'\\n')")
    assert fails(worker) == (Status.REJECTED, "protocol: the reply to 'call' is malformed")


def test_two_replies_to_one_request_are_rejected(start):
    worker = start("say(2 * (json.dumps({'seq': seq, 'ok': True}).encode() + b'\\n'))")
    assert fails(worker) == (Status.REJECTED, "protocol: more than one reply to 'call'")


def test_a_flood_is_rejected(start):
    worker = start("while True: say(b'x' * 65536)")
    assert fails(worker) == (Status.REJECTED, "protocol: a reply of over 65536 bytes")


def test_a_closed_pipe_is_rejected_though_the_worker_lives_on(start):
    worker = start("os.close(int(sys.argv[3])); time.sleep(300)")
    assert fails(worker) == (Status.REJECTED, "protocol: the worker closed its pipe during 'call'")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("os._exit(0)", "the process exited with code 0 during 'call'"),
        ("os._exit(3)", "the process exited with code 3 during 'call'"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "the process was killed by SIGSEGV during 'call'"),
        (
            "os.kill(os.getpid(), signal.SIGKILL)",
            "the process was killed by SIGKILL during 'call' (often the kernel running out of memory)",
        ),
        ("os.kill(os.getpid(), 40)", "the process was killed by signal 40 during 'call'"),
    ],
)
def test_the_death_of_a_worker_is_a_runtime_error(start, answer, reason):
    worker = start(answer)
    assert fails(worker) == (Status.RUNTIME_ERROR, reason)
    assert fails(worker, "detach") == (Status.RUNTIME_ERROR, reason.replace("call", "detach"))


def test_the_deadline_holds_for_the_whole_reply(start):
    worker = start("while True: say(b'x'); time.sleep(0.01)")
    assert fails(worker, timeout_s=0.3) == (Status.TIMEOUT, "no answer to 'call' within 0.3 s")


def test_close_kills_a_worker_that_hangs_with_children_that_ignore_signals(start):
    worker = start(
        """
        if op == "fork":
            code = "import signal, time; [signal.signal(s, signal.SIG_IGN) for s in (1, 2, 15)]; " \\
                "print('ready', flush=True); time.sleep(300)"
            child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
            child.stdout.readline()
            reply(pids=[os.getpid(), child.pid])
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if op == "call":
            time.sleep(300)
        """
    )
    pids = worker.request("fork", PATIENCE_S)["pids"]
    assert fails(worker, timeout_s=0.2) == (Status.TIMEOUT, "no answer to 'call' within 0.2 s")
    os.kill(pids[1], signal.SIGTERM)
    assert all(is_running(pid) for pid in pids)
    worker.close()
    assert all(is_gone(pid) for pid in pids)


def test_close_kills_children_that_outlive_the_worker(start):
    worker = start(
        """
        if op == "fork":
            reply(pid=subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"]).pid)
        else:
            os._exit(0)
        """
    )
    pid = worker.request("fork", PATIENCE_S)["pid"]
    assert fails(worker)[1] == "the process exited with code 0 during 'call'"
    assert is_running(pid)
    worker.close()
    assert is_gone(pid)


def test_a_killed_worker_ends_by_itself_and_is_closed_all_the_same(start):
    worker = start(
        """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
        reply(pids=[os.getpid(), child.pid])
        """
    )
    pids = worker.request("call", PATIENCE_S)["pids"]
    worker.kill()
    assert all(is_gone(pid) for pid in pids)
    worker.close()
    assert not worker.directory.exists()


def test_the_private_directory_holds_worker_and_solution_and_is_removed(start):
    worker = start("open('litter', 'w').close(); reply(cwd=os.getcwd(), name=__file__)")
    assert worker.solution == worker.directory / "solution" / "mine.py"
    reply = worker.request("call", PATIENCE_S)
    assert reply["cwd"] == str(worker.directory)
    assert reply["name"] == str(worker.directory / "suite" / "worker" / "__main__.py")
    assert worker.directory.stat().st_mode & 0o777 == 0o700
    worker.close()
    assert not worker.directory.exists()


@pytest.mark.parametrize("name", ["json.py", "signal.py", "suite.py", "sitecustomize.py"])
def test_a_solution_never_stands_in_for_a_module(start, name):
    assert start("reply()", name).request("call", PATIENCE_S)["ok"]


def test_the_log_holds_all_that_the_worker_prints(start):
    worker = start("print('to stdout', flush=True); print('to stderr', file=sys.stderr); reply()")
    worker.request("call", PATIENCE_S)
    assert worker.log.read_text() == "to stdout\nto stderr\n"


def test_only_listed_variables_reach_the_worker(start, monkeypatch):
    monkeypatch.setenv("CUDA_HOME", "/opt/cuda")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    for name in ("SECRET_TOKEN", "LD_PRELOAD_X", "TRITON_INTERPRET", "PYTHONSTARTUP", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "x")
    worker = start("reply(environment=dict(os.environ))")
    environment = worker.request("call", PATIENCE_S)["environment"]
    own = {"HOME", "TMPDIR", "TRITON_CACHE_DIR", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE"}
    # Python itself sets LC_CTYPE where the locale is C.
    assert set(environment) <= {*PASSED_ENVIRONMENT, *own, "LC_CTYPE"}
    assert (environment["CUDA_HOME"], environment["OMP_NUM_THREADS"]) == ("/opt/cuda", "3")
    temporary = str(worker.directory / "tmp")
    assert (environment["HOME"], environment["TMPDIR"]) == (temporary, temporary)
    assert environment["TRITON_CACHE_DIR"] == f"{temporary}/triton"
    assert environment["PYTHONPATH"].split(os.pathsep)[0] == str(worker.directory)


def test_twenty_starts_leak_no_descriptor_and_no_directory(start, tmp_path):
    start("reply()").close()
    before = descriptors()
    for number in range(20):
        worker = start("reply(fds=sorted(os.listdir('/proc/self/fd')))")
        if number == 0:
            # Standard input, output and error, the two pipes, the arena, and the one that lists them.
            assert len(worker.request("call", PATIENCE_S)["fds"]) == 7
        worker.close()
    assert descriptors() == before
    assert not list(tmp_path.glob("bench-worker-*"))
