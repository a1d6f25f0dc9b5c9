"""Asks a command: the prompt on its standard input, the answer from its bounded standard output."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from suite.solution import MAX_BYTES

MAX_LOG_BYTES = 64 << 10
MAX_LAST_WORDS = 200
KEPT_LAST_BYTES = 4 << 10
"""Of a standard error that is longer than its log may be."""
EXIT_GRACE_S = 5.0


class NoAnswerError(Exception):
    """The command gave no answer; the message says why."""


def ask(command: str, prompt: Path, log: Path, timeout_s: float, variables: Mapping[str, str]) -> str:
    """What `command`, run by a shell, prints when it is given `prompt`.

    Args:
        command: as typed into a shell, with the user's own rights: it is the user's.
        prompt: becomes its standard input.
        log: gets the beginning of its standard error, whether it answers or not.
        timeout_s: until its output must be complete.
        variables: added to its environment.

    Raises:
        NoAnswerError: it failed, said too much or nothing, or took too long; with its last words, where it
            has any. Nothing of it runs on.
    """
    with prompt.open("rb") as source:
        process = subprocess.Popen(  # noqa: S603 - the user's own command
            ["/bin/sh", "-c", command],
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **variables},
            start_new_session=True,
        )
    said = bytearray()
    try:
        return _read(process, said, time.monotonic() + timeout_s, timeout_s)
    except NoAnswerError as error:
        words = _last_words(said)
        raise NoAnswerError(f"{error}: {words}" if words else str(error)) from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
        log.write_bytes(said[:MAX_LOG_BYTES])


def _read(process: subprocess.Popen[bytes], said: bytearray, deadline: float, timeout_s: float) -> str:
    """The answer; beginning and end of what it says on standard error go into `said`."""
    assert process.stdout is not None
    assert process.stderr is not None
    answer = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, answer)
        selector.register(process.stderr, selectors.EVENT_READ, said)
        while process.stdout.fileno() in selector.get_map():
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise NoAnswerError(f"no answer within {timeout_s:g} s")
            for key, _ in selector.select(remaining):
                data = os.read(key.fd, 1 << 16)
                if not data:
                    selector.unregister(key.fileobj)
                key.data.extend(data)
            del said[MAX_LOG_BYTES:-KEPT_LAST_BYTES]
            if len(answer) > MAX_BYTES:
                raise NoAnswerError(f"it said over {MAX_BYTES} bytes")
    _check_end(process, deadline)
    text = answer.decode(errors="replace")
    if not text.strip():
        raise NoAnswerError("it printed nothing")
    return text


def _check_end(process: subprocess.Popen[bytes], deadline: float) -> None:
    """Refuse the output of a command that says it failed. One that lingers after its output is ended."""
    try:
        code = process.wait(max(0.0, min(EXIT_GRACE_S, deadline - time.monotonic())))
    except subprocess.TimeoutExpired:
        return
    if code:
        raise NoAnswerError(f"it exited with code {code}" if code > 0 else f"it was killed by signal {-code}")


def _last_words(said: bytearray) -> str:
    """The last line of a standard error, shortened."""
    lines = [line.strip() for line in said[-KEPT_LAST_BYTES:].decode(errors="replace").splitlines()]
    last = next((line for line in reversed(lines) if line), "")
    return last if len(last) <= MAX_LAST_WORDS else f"{last[:MAX_LAST_WORDS]} ..."
