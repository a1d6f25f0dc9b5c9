"""Starts the child that runs a KernelBench-format file, and reads what it found."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from suite.kernelbench.source import Source, SourceError

TIMEOUT_S = 300.0
PASSED_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL")


def derive(
    source: Source, folder: Path, scale: float | None, on_step: Callable[[str], None]
) -> dict[str, Any]:
    """What a child finds out of a file.

    Args:
        source: the file.
        folder: holds a copy of it as reference.py, and a draft of inputs.py.
        scale: the share of the seed's elements that is left, or None for all.
        on_step: is told what the child is at.

    Raises:
        SourceError: the file cannot be made a problem.
    """
    request = {"folder": str(folder), "sizes": source.sizes, "scale": scale}
    pipe, write = os.pipe()
    log = folder / "derive.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-P", "-m", "suite.kernelbench.child", str(write)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            pass_fds=(write,),
            cwd=folder,
            env=_environment(),
            start_new_session=True,
        )
    try:
        os.close(write)
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError), process.stdin:
            process.stdin.write(json.dumps(request).encode() + b"\n")
        for message in _messages(source, pipe):
            if message["kind"] == "step":
                on_step(message["text"])
            elif message["kind"] == "unfit":
                raise SourceError(f"{source.path}: {message['reason']}")
            else:
                derived: dict[str, Any] = message["derived"]
                return derived
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(pipe)
    last = [line for line in log.read_text(errors="replace").splitlines() if line.strip()][-1:]
    raise SourceError(
        f"{source.path}: the process that ran it ended with code {process.returncode}"
        f"{': ' if last else ''}{''.join(last)}"
    )


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in PASSED_ENVIRONMENT if name in os.environ}
    suite = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join([suite, *filter(None, [os.environ.get("PYTHONPATH")])])
    # On a machine with a card the file must not use it: its sizes are not known to fit.
    return {**kept, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "CUDA_VISIBLE_DEVICES": ""}


def _messages(source: Source, pipe: int):  # type: ignore[no-untyped-def]  # noqa: ANN202
    deadline = time.monotonic() + TIMEOUT_S
    pending = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            remaining = deadline - time.monotonic()
            if remaining <= 0 or not selector.select(remaining):
                raise SourceError(f"{source.path}: nothing was found out within {TIMEOUT_S:g} s")
            data = os.read(pipe, 1 << 16)
            if not data:
                return
            *lines, pending = (pending + data).split(b"\n")
            yield from map(json.loads, lines)
