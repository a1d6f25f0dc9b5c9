"""What a confined worker sees, may do and leaves behind. None of these workers imports torch."""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
import uuid
from pathlib import Path

import pytest

from suite.judge import sandbox, worker_process
from suite.judge.sandbox import NOBODY, PROCESSES, TMPFS_BYTES, Sandbox, SandboxError
from suite.judge.worker_process import WorkerFailedError, WorkerProcess
from suite.result import Status
from suite.tests.test_worker_process import FAKE, PATIENCE_S, descriptors, fails

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def confinement():
    reason = sandbox.available()
    if reason is not None and os.environ.get("CI") == "true":
        pytest.fail(f"continuous integration needs a sandbox: {reason}")
    if reason is not None:
        pytest.skip(reason)
    return sandbox.find("cpu")


@pytest.fixture
def start(tmp_path, monkeypatch, confinement):
    """A function that starts a confined worker which answers every request by the given statements."""
    workers = []
    monkeypatch.setattr(worker_process, "WORKER_PACKAGE", tmp_path / "package")
    monkeypatch.setattr(worker_process, "EXIT_GRACE_S", 0.5)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "package").mkdir()

    def make(answer):
        source = FAKE + textwrap.indent(textwrap.dedent(answer), "    ")
        (tmp_path / "package" / "__main__.py").write_text(source)
        solution = tmp_path / "mine.py"
        solution.touch()
        log = tmp_path / "logs" / "mine.log"
        workers.append(WorkerProcess("cpu", solution, log, confinement=confinement))
        return workers[-1]

    yield make
    for worker in workers:
        if worker.directory.exists():
            worker.close()


def answer(worker, **fields):
    return worker.request("call", PATIENCE_S, **fields)


def running(marker):
    """The processes of this machine whose command line holds `marker`."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and marker.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def test_the_checkout_and_the_files_of_the_user_are_not_there(start, tmp_path):
    (tmp_path / "secret").write_text("x")
    worker = start("reply(seen=[path for path in request['paths'] if os.path.exists(path)])")
    paths = [ROOT / name for name in ("suite", "problems", "solutions", "reports", "pyproject.toml", ".git")]
    paths += [
        tmp_path / "secret",
        worker.log,
        "/etc/shadow",
        "/etc/hostname",
        "/var",
        "/home",
        "/run",
        "/boot",
    ]
    assert answer(worker, paths=[str(path) for path in paths])["seen"] == []


def test_packages_are_there_and_the_judge_is_not(start):
    worker = start(
        """
        import importlib.util
        names = ["torch", "triton", "numpy", "suite.worker", "suite.judge", "suite.runner", "problems"]
        reply(seen=[name for name in names if importlib.util.find_spec(name)])
        """
    )
    assert answer(worker)["seen"] == ["torch", "triton", "numpy", "suite.worker"]


def test_only_its_temporary_folder_and_the_shared_one_can_be_written(start, confinement):
    worker = start(
        """
        def writable(path):
            try:
                open(os.path.join(path, "litter"), "w").close()
            except OSError:
                return False
            return True
        reply(writable=[path for path in request["paths"] if writable(path)])
        """
    )
    own = worker.directory
    temporary = [str(own / "tmp"), "/tmp", "/dev/shm"]
    # Where root judges, the worker is nobody and cannot even add files to the folder that it shares.
    shared = [str(own / "shared")] if confinement.owner is None else []
    closed = [own, own / "suite", own / "solution", "/", "/usr", "/dev", "/proc/sys", sys.prefix, ROOT]
    reply = answer(worker, paths=[*temporary, *shared, *map(str, closed)])
    assert reply["writable"] == [*temporary, *shared]


def test_it_is_nobody_and_has_no_rights(start, confinement):
    worker = start("reply(uid=os.getuid(), status=open('/proc/self/status').read())")
    reply = answer(worker)
    assert reply["uid"] == (NOBODY if confinement.owner is not None else os.getuid())
    status = dict(line.split(":\t", 1) for line in reply["status"].splitlines() if ":\t" in line)
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"


def test_no_process_but_its_own_is_visible(start):
    worker = start(
        """
        pids = sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
        reply(pids=pids, own=os.getpid(), parent=os.getppid())
        """
    )
    reply = answer(worker)
    assert reply["pids"] == [1, reply["own"]]
    assert reply["parent"] == 1


def test_there_is_no_network(start):
    worker = start(
        """
        import socket
        try:
            socket.create_connection(("127.0.0.1", request["port"]), timeout=2)
            reply(said="connected")
        except OSError as error:
            reply(said=str(error), names=[name for _, name in socket.if_nameindex()])
        """
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        reply = answer(worker, port=server.getsockname()[1])
    assert (reply["said"], reply["names"]) == ("[Errno 111] Connection refused", ["lo"])


def test_limits_hold(start):
    worker = start(
        """
        import resource
        names = ("NPROC", "NOFILE", "CPU")
        limits = {name: resource.getrlimit(getattr(resource, "RLIMIT_" + name)) for name in names}
        disk = os.statvfs(os.environ["TMPDIR"])
        reply(limits=limits, tmp=disk.f_blocks * disk.f_frsize)
        """
    )
    reply = answer(worker)
    limits = {"NPROC": sandbox.PROCESSES, "NOFILE": sandbox.OPEN_FILES, "CPU": sandbox.CPU_SECONDS}
    assert reply["limits"] == {name: [limit, limit] for name, limit in limits.items()}
    assert reply["tmp"] <= TMPFS_BYTES


def test_a_fork_bomb_meets_its_limit_and_its_end(start):
    marker = uuid.uuid4().hex
    worker = start(
        f"""
        born = 0
        try:
            while born < 5000:
                if os.fork() == 0:
                    time.sleep(300)
                    os._exit(0)
                born += 1
        except OSError:
            pass
        reply(born=born)
        # {marker}
        """
    )
    assert answer(worker)["born"] < PROCESSES
    inside = str(worker.directory)
    worker.close()
    assert running(inside) == []


DAEMON = """
code = "import time, signal; [signal.signal(s, signal.SIG_IGN) for s in (1, 2, 15)]; time.sleep(300)"
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv(sys.executable, [sys.executable, "-S", "-c", code, request["marker"]])
    os._exit(0)
time.sleep(0.5)
reply()
"""


@pytest.mark.parametrize("ends", ["close", "exit"])
def test_a_daemon_in_a_session_of_its_own_ends_with_its_worker(start, ends):
    marker = uuid.uuid4().hex
    worker = start(DAEMON + ("" if ends == "close" else "os._exit(0)\n"))
    answer(worker, marker=marker)
    if ends == "exit":
        assert fails(worker)[1] == "the process exited with code 0 during 'call'"
    else:
        assert running(marker)
    worker.close()
    assert running(marker) == []


@pytest.mark.parametrize(
    "end", [lambda worker: worker._process.kill(), WorkerProcess.kill], ids=["bubblewrap itself", "worker"]
)
def test_everything_ends_when_one_is_killed_and_nobody_waits(start, end):
    marker = uuid.uuid4().hex
    worker = start(DAEMON)
    answer(worker, marker=marker)
    end(worker)
    deadline = time.monotonic() + PATIENCE_S
    while running(marker) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert running(marker) == []


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("os._exit(3)", "the process exited with code 3 during 'call'"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "the process was killed by SIGSEGV during 'call'"),
    ],
)
def test_a_death_reads_as_it_does_without_a_sandbox(start, statement, reason):
    assert fails(start(statement)) == (Status.RUNTIME_ERROR, reason)


def test_a_closed_pipe_is_seen_at_once(start):
    worker = start("os.close(int(sys.argv[3])); time.sleep(300)")
    assert fails(worker) == (Status.REJECTED, "protocol: the worker closed its pipe during 'call'")


def test_a_file_in_the_shared_folder_is_one_for_both(start):
    worker = start("open(request['path'], 'r+').write('told'); reply()")
    path = worker.shared / "shared-0"
    path.write_text("asked")
    if worker.owner is not None:
        os.chown(path, worker.owner, -1)
    answer(worker, path=str(path))
    assert path.read_text() == "toldd"


def test_starts_leak_no_descriptor_and_no_directory(start, tmp_path):
    start("reply()").close()
    before = descriptors()
    for _ in range(5):
        worker = start("reply(fds=os.listdir('/proc/self/fd'))")
        # Standard input, output and error, the two pipes, the arena, and the one that lists them.
        assert len(answer(worker)["fds"]) == 7
        worker.close()
    assert descriptors() == before
    assert not list(tmp_path.glob("bench-worker-*"))


def test_a_start_costs_less_than_0_2_s(confinement, tmp_path):
    for name in ("shared", "tmp"):
        (tmp_path / name).mkdir()
    tmp_path.chmod(0o755)
    python = [sys.executable, "-S", "-c", ""]

    def seconds(command):
        begun = time.perf_counter()
        subprocess.run(command, check=True, cwd=tmp_path)
        return time.perf_counter() - begun

    costs = [seconds([*confinement.command(tmp_path), *python]) - seconds(python) for _ in range(7)]
    assert statistics.median(costs) < 0.2


def test_a_folder_inside_another_can_be_hidden():
    hidden = (Path(sys.base_prefix) / "lib",)
    words = sandbox._python(hidden)
    masks = [words[i + 1] for i, word in enumerate(words) if word == "--tmpfs"]
    assert masks == [str(hidden[0])]
    assert words.index(sys.base_prefix) < words.index(str(hidden[0]))


def test_what_the_environment_lists_is_not_mounted_from_a_hidden_folder(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    (tmp_path / "libraries").mkdir()
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'mine'}{os.pathsep}{tmp_path / 'libraries'}")
    words = sandbox._python((tmp_path / "mine",))
    assert str(tmp_path / "libraries") in words
    assert str(tmp_path / "mine") not in words


def test_a_gpu_s_device_files_are_bound_where_a_gpu_is_used():
    whole = "--ro-bind /sys /sys"
    words = Sandbox("bwrap", None, "cuda", ()).command(Path("/tmp/x"))
    assert whole in " ".join(words)
    assert "--unshare-user" in words
    assert whole not in " ".join(Sandbox("bwrap", None, "cpu", ()).command(Path("/tmp/x")))


def test_auto_confines_where_it_works(monkeypatch):
    monkeypatch.setattr(sandbox, "available", lambda _device: None)
    assert sandbox.choose("auto", "cpu") == ("bubblewrap", None)
    assert sandbox.choose("auto", "cuda") == ("bubblewrap", None)
    assert sandbox.choose("bubblewrap", "cuda") == ("bubblewrap", None)
    assert sandbox.choose("none", "cpu") == ("none", "--sandbox none")
    monkeypatch.setattr(sandbox, "available", lambda _device: "no user namespaces")
    assert sandbox.choose("auto", "cpu") == ("none", "no user namespaces")
    with pytest.raises(SandboxError, match="--sandbox bubblewrap: no user namespaces"):
        sandbox.choose("bubblewrap", "cpu")


def test_without_bubblewrap_the_reason_names_the_package(monkeypatch):
    monkeypatch.setattr(sandbox.shutil, "which", lambda _name: None)
    assert sandbox.available() == "bubblewrap is not installed (apt-get install bubblewrap)"


def test_a_bubblewrap_that_fails_to_start_is_no_fault_of_the_solution(tmp_path):
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    solution = tmp_path / "mine.py"
    solution.touch()
    with pytest.raises(SandboxError, match="did not start"):
        WorkerProcess("cpu", solution, tmp_path / "log", confinement=Sandbox(str(broken), None, "cpu", ()))
    assert not issubclass(SandboxError, WorkerFailedError)
