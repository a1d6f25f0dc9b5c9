"""Starts one of our own modules as a child process, reads the lines that it sends, and ends all it started.

For code that the host does not import: torch, problems, solutions.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from suite.judge.namespace import end_namespace, first_inside
from suite.judge.sandbox import Sandbox, SandboxError, confine, find, is_shown

MAX_BYTES = 16 << 20
START_TIMEOUT_S = 120.0
"""Importing torch takes seconds, on a busy machine many; it is not the time of what runs then."""
PASSED_ENVIRONMENT = (
    "PATH",
    "LD_LIBRARY_PATH",
    "CUDA_HOME",
    "CUDA_PATH",
    "CUDA_VISIBLE_DEVICES",
    "LANG",
    "LC_ALL",
    "OMP_NUM_THREADS",
)

HERE = Path(__file__).resolve().parents[1]
SIGNAL_EXIT = 128  # bubblewrap, like a shell, adds the signal's number to this

_running: set[int] = set()


class ChildError(RuntimeError):
    """The child missed its deadline, said too much, or died; the message says which."""


def lines(
    module: str,
    request: dict[str, Any],
    folder: Path,
    timeout_s: float,
    *,
    code: Path = HERE,
    confinement: Sandbox | None = None,
) -> Iterator[bytes]:
    """The lines that `python -m MODULE FD` writes to FD; however it ends, all that it started is killed.

    Args:
        module: one of ours.
        request: sent as one line of JSON to its standard input.
        folder: where it runs; its subfolder `tmp` is its home and holds its temporary files.
        timeout_s: from its first line to its end.
        code: the folder that it imports the suite from; a confined child needs a copy in its own.
        confinement: the sandbox, if any.

    Raises:
        ChildError: see there; the lines until then were yielded.
    """
    with _child(module, folder, request, code, confinement) as (process, pipe):
        yield from _lines(process, pipe, timeout_s)


def copy_code(folder: Path, names: Iterable[str]) -> None:
    """Copy parts of the suite into `folder`/suite: a confined child sees no more of it."""
    for name in names:
        source, target = HERE / "suite" / name, folder / "suite" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, target)
        for above in target.relative_to(folder).parents[:-1]:
            (folder / above / "__init__.py").touch()


def copy_file(source: Path, target: Path) -> None:
    """Copy a file so that whoever runs the child can read it."""
    shutil.copyfile(source, target)
    target.chmod(0o644)


def confinement(problem_root: Path | None = None) -> tuple[Sandbox | None, str]:
    """The sandbox of this machine for a child; or None, and why there is none.

    `problem_root` is a checkout to hide beside the suite's own.
    """
    try:
        return confine("cpu", find("cpu").owner, problem_root), ""
    except SandboxError as error:
        return None, str(error)


def end_all() -> None:
    """Kill every running child, whichever thread waits for it."""
    for pid in list(_running):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


@contextlib.contextmanager
def _child(
    module: str, folder: Path, request: dict[str, Any], code: Path, confinement: Sandbox | None
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    for name in ("tmp", "shared"):
        (folder / name).mkdir()
    if confinement is not None and confinement.owner is not None:
        os.chown(folder, confinement.owner, -1)
    pipe, write = os.pipe()
    said, told = os.pipe()
    command = [sys.executable, "-P", "-m", module, str(write)]
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        command if confinement is None else [*confinement.command(folder, told), *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(write,) if confinement is None else (write, told),
        cwd=folder,
        env=_environment(folder / "tmp", code, confinement),
        start_new_session=True,
    )
    _running.add(process.pid)
    first: int | None = None
    try:
        os.close(write)
        os.close(told)
        if confinement is not None:
            first = _first_inside(said)
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError), process.stdin:
            process.stdin.write(json.dumps(request).encode() + b"\n")
        yield process, pipe
    finally:
        os.close(said)
        if first is not None:
            end_namespace(first)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        _running.discard(process.pid)  # before the number may become another process's
        process.wait()
        os.close(pipe)


def _first_inside(said: int) -> int:
    try:
        return first_inside(said)
    except SandboxError as error:
        raise ChildError(f"did not start: {error}") from error


def _environment(scratch: Path, code: Path, confinement: Sandbox | None) -> dict[str, str]:
    kept = {name: os.environ[name] for name in PASSED_ENVIRONMENT if name in os.environ}
    given = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    if code != HERE:
        given = [path for path in given if Path(path).resolve() != HERE]
    if confinement is not None:
        given = [path for path in given if is_shown(Path(path), confinement.hidden)]
    return {
        **kept,
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "TRITON_CACHE_DIR": str(scratch / "triton"),
        "PYTHONPATH": os.pathsep.join([str(code), *given]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _lines(process: subprocess.Popen[bytes], pipe: int, timeout_s: float) -> Iterator[bytes]:
    began = False
    deadline = time.monotonic() + START_TIMEOUT_S
    pending, total = b"", 0
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            remaining = deadline - time.monotonic()
            if remaining <= 0 or not selector.select(remaining):
                late = f"end within {timeout_s:g} s" if began else f"start within {START_TIMEOUT_S:g} s"
                raise ChildError(f"did not {late}")
            data = os.read(pipe, 1 << 16)
            total += len(data)
            if total > MAX_BYTES:
                raise ChildError(f"said over {MAX_BYTES} bytes")
            if not data:
                break
            *lines, pending = (pending + data).split(b"\n")
            if lines and not began:  # the task's own line: from here on the solution runs
                began, deadline = True, time.monotonic() + timeout_s
            yield from lines
    _check_end(process, deadline)


def _check_end(process: subprocess.Popen[bytes], deadline: float) -> None:
    try:
        code = process.wait(max(1.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise ChildError("closed its pipe and went on") from None
    if code > SIGNAL_EXIT:
        code = SIGNAL_EXIT - code
    if code < 0:
        name = signal.Signals(-code).name if -code in list(signal.Signals) else f"signal {-code}"
        raise ChildError(f"was killed by {name}")
    if code:
        raise ChildError(f"exited with code {code}")
