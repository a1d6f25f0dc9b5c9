"""Starts, asks and ends the process that runs one solution.

Everything that comes back is untrusted: lines are bounded, each has a deadline, and a reply must fit its
request.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from suite.judge.arena import Arena
from suite.judge.namespace import end_namespace, first_inside, kill_first
from suite.judge.sandbox import BUBBLEWRAP, NONE, Sandbox, SandboxError, is_shown
from suite.names import compiled_file
from suite.result import Status
from suite.worker.protocol import MAX_LINE_BYTES

WORKER_PACKAGE = Path(__file__).resolve().parent.parent / "worker"
# What a solution may need of the environment: the driver's libraries, the compiler that Triton's launcher is
# built with, how many threads torch may start.
PASSED_ENVIRONMENT = (
    "PATH",
    "LD_LIBRARY_PATH",
    "CUDA_HOME",
    "CUDA_PATH",
    "CUDA_VISIBLE_DEVICES",
    "CC",
    "LANG",
    "LC_ALL",
    "OMP_NUM_THREADS",
)
# A worker whose pipe has closed is dying; this long it may take to be gone.
EXIT_GRACE_S = 5.0
# What a flood may leave behind; a worker's own limit on files is far larger.
MAX_LOG_BYTES = 16 << 20

SIGNAL_EXIT = 128  # bubblewrap, like a shell, adds the signal's number to this

Prefix = Callable[[Path], list[str]]
"""Makes, from a worker's private directory, the start of a command that runs the worker under a tool."""


class WorkerFailedError(Exception):
    """The worker did not do what was asked.

    `status` says how it counts; `error` holds what the solution raised (see `suite.worker.__main__`).
    """

    def __init__(self, status: Status, reason: str, error: dict[str, Any] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.error = error


class WorkerProcess:
    """One worker with a private directory that holds its code, its temporary files and its compiler cache.

    `shared` is the folder in it for files of a tool around the worker, `arena` the host memory that judge and
    worker share on the CPU, and `sandbox` how the worker is confined.

    Args:
        device: "cuda" or "cpu".
        solution: the file to copy beside the worker's code.
        log: where all that it prints goes.
        prefix: the tool to run the worker under, if any; it is confined like the worker.
        confinement: the sandbox, if any.
    """

    def __init__(
        self,
        device: str,
        solution: Path,
        log: Path,
        prefix: Prefix | None = None,
        confinement: Sandbox | None = None,
    ) -> None:
        self.log = log
        self._confinement = confinement
        self._first_inside: int | None = None
        self.directory = Path(tempfile.mkdtemp(prefix="bench-worker-"))
        self.shared = self.directory / "shared"
        self.solution = self._stage(solution)
        self._sequence = 0
        self._pending = b""
        requests_read, self._requests = os.pipe()
        self._replies, replies_write = os.pipe()
        os.set_blocking(self._replies, False)
        os.set_blocking(self._requests, False)
        self.arena = Arena() if device == "cpu" else None
        kept = [requests_read, replies_write, *([self.arena.fd] if self.arena is not None else [])]
        command = [sys.executable, "-m", "suite.worker", device, *map(str, kept)]
        self._process = self._launch(command, prefix, tuple(kept))
        os.close(requests_read)
        os.close(replies_write)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._replies, selectors.EVENT_READ)

    @property
    def sandbox(self) -> str:
        """How this worker is confined, as results say it."""
        return NONE if self._confinement is None else BUBBLEWRAP

    @property
    def owner(self) -> int | None:
        """The user id that files for the worker must belong to; None: the judge's own."""
        return None if self._confinement is None else self._confinement.owner

    def request(self, op: str, timeout_s: float, **fields: Any) -> dict[str, Any]:
        """Send one request and return its reply.

        Raises:
            WorkerFailedError: an exception in the solution, a missed deadline, a dead worker, or a reply that
                breaks the protocol.
        """
        self._sequence += 1
        message = json.dumps({"seq": self._sequence, "op": op, **fields}).encode() + b"\n"
        try:
            self._send(message, op, timeout_s)
        except BrokenPipeError:
            raise self._death(op) from None
        reply = self._read_reply(op, timeout_s)
        if reply["ok"]:
            return reply
        error = reply["error"]
        raise WorkerFailedError(Status.RUNTIME_ERROR, f"exception during {op}", error)

    def finish(self, timeout_s: float) -> None:
        """Let the worker end by itself, as a profiler around it needs.

        Raises:
            WorkerFailedError: it did not within `timeout_s`.
        """
        os.close(self._requests)
        self._requests = os.open(os.devnull, os.O_WRONLY)
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise WorkerFailedError(Status.TIMEOUT, f"did not end within {timeout_s:g} s") from None

    def kill(self) -> None:
        """Send the signal that ends the worker; whoever closes several lets them end at the same time."""
        if self._first_inside is not None:
            kill_first(self._first_inside)
        elif self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Kill the worker with all its children and remove its directory."""
        if self._first_inside is not None:
            end_namespace(self._first_inside)
            self._first_inside = None
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        with contextlib.suppress(ProcessLookupError):
            # Children that outlived the worker are still in its process group.
            os.killpg(self._process.pid, signal.SIGKILL)
        self._selector.close()
        os.close(self._requests)
        os.close(self._replies)
        if self.arena is not None:
            self.arena.close()
        shutil.rmtree(self.directory, ignore_errors=True)
        if self.log.exists() and self.log.stat().st_size > MAX_LOG_BYTES:
            os.truncate(self.log, MAX_LOG_BYTES)

    def _launch(
        self, command: list[str], prefix: Prefix | None, kept: tuple[int, ...]
    ) -> subprocess.Popen[bytes]:
        """Start `command` under its tool or in its sandbox; `kept` are the descriptors that it inherits."""
        command = [*(prefix(self.directory) if prefix else []), *command]
        if self.owner is not None:
            for file in self.shared.iterdir():  # the tool's own
                os.chown(file, self.owner, -1)
        if self._confinement is None:
            return self._start(command, kept)
        read_end, write_end = os.pipe()
        with os.fdopen(read_end, "rb", buffering=0) as said, os.fdopen(write_end, "wb", buffering=0) as told:
            confined = [*self._confinement.command(self.directory, told.fileno()), *command]
            process = self._start(confined, (*kept, told.fileno()))
            told.close()
            try:
                self._first_inside = first_inside(said.fileno())
            except SandboxError:
                process.kill()
                process.wait()
                raise
        return process

    def _start(self, command: list[str], kept: tuple[int, ...]) -> subprocess.Popen[bytes]:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as output:
            return subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=kept,
                cwd=self.directory,
                env=self._environment(),
                start_new_session=True,
            )

    def _stage(self, solution: Path) -> Path:
        package = self.directory / "suite"
        shutil.copytree(WORKER_PACKAGE, package / "worker", ignore=shutil.ignore_patterns("__pycache__"))
        (package / "__init__.py").touch()
        (self.directory / "tmp").mkdir()
        self.shared.mkdir()
        # In a folder of its own: on the module path a solution called random.py would stand in for Python's.
        (self.directory / "solution").mkdir()
        if self.owner is not None:
            os.chown(self.directory, self.owner, -1)
        copy = Path(shutil.copyfile(solution, self.directory / "solution" / compiled_file(solution.stem)))
        copy.chmod(0o644)
        return copy

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in PASSED_ENVIRONMENT if name in os.environ}
        given = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
        # The host puts the checkout there for the judge; a worker has its own copy of what it needs.
        given = [path for path in given if Path(path).resolve() != WORKER_PACKAGE.parent.parent]
        if self._confinement is not None:
            given = [path for path in given if is_shown(Path(path), self._confinement.hidden)]
        paths = [str(self.directory), *given]
        return {
            **kept,
            "HOME": str(self.directory / "tmp"),
            "TMPDIR": str(self.directory / "tmp"),
            "TRITON_CACHE_DIR": str(self.directory / "tmp" / "triton"),
            "PYTHONPATH": os.pathsep.join(paths),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def _send(self, message: bytes, op: str, timeout_s: float) -> None:
        """Write a request; a worker may leave requests in the pipe, and may have made it smaller.

        Raises:
            WorkerFailedError: it left no room for this one until the deadline.
        """
        deadline = time.monotonic() + timeout_s
        while message:
            remaining = max(0.0, deadline - time.monotonic())
            if not select.select([], [self._requests], [], remaining)[1]:
                raise WorkerFailedError(Status.TIMEOUT, f"did not read {op!r} within {timeout_s:g} s")
            with contextlib.suppress(BlockingIOError):
                message = message[os.write(self._requests, message) :]
                continue
            if time.monotonic() >= deadline:
                raise WorkerFailedError(Status.TIMEOUT, f"did not read {op!r} within {timeout_s:g} s")
            time.sleep(0.01)  # some room, and not enough for what must be written at once

    def _read_reply(self, op: str, timeout_s: float) -> dict[str, Any]:
        deadline = time.monotonic() + timeout_s
        while b"\n" not in self._pending:
            remaining = deadline - time.monotonic()
            if remaining <= 0 or not self._selector.select(remaining):
                raise WorkerFailedError(Status.TIMEOUT, f"no answer to {op!r} within {timeout_s:g} s")
            try:
                data = os.read(self._replies, MAX_LINE_BYTES)
            except BlockingIOError:
                continue
            if not data:
                raise self._death(op)
            self._pending += data
            if len(self._pending) > MAX_LINE_BYTES:
                raise WorkerFailedError(Status.REJECTED, f"protocol: a reply of over {MAX_LINE_BYTES} bytes")
        line, self._pending = self._pending.split(b"\n", 1)
        if self._pending:
            raise WorkerFailedError(Status.REJECTED, f"protocol: more than one reply to {op!r}")
        return self._validated(line, op)

    def _validated(self, line: bytes, op: str) -> dict[str, Any]:
        try:
            reply = json.loads(line)
        except (ValueError, RecursionError):
            reply = None
        if (
            not isinstance(reply, dict)
            or reply.get("seq") != self._sequence
            or not isinstance(reply.get("ok"), bool)
            or (not reply["ok"] and not isinstance(reply.get("error"), dict))
        ):
            raise WorkerFailedError(Status.REJECTED, f"protocol: the reply to {op!r} is malformed")
        return reply

    def _death(self, op: str) -> WorkerFailedError:
        try:
            code = self._process.wait(timeout=EXIT_GRACE_S)
        except subprocess.TimeoutExpired:
            return WorkerFailedError(Status.REJECTED, f"protocol: the worker closed its pipe during {op!r}")
        if self._confinement is not None and code > SIGNAL_EXIT:
            code = SIGNAL_EXIT - code
        if code < 0:
            name = signal.Signals(-code).name if -code in list(signal.Signals) else f"signal {-code}"
            hint = " (often the kernel running out of memory)" if -code == signal.SIGKILL else ""
            return WorkerFailedError(
                Status.RUNTIME_ERROR, f"the process was killed by {name} during {op!r}{hint}"
            )
        return WorkerFailedError(Status.RUNTIME_ERROR, f"the process exited with code {code} during {op!r}")
