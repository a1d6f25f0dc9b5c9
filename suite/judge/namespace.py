"""The PID namespace that a sandbox runs in: its first process, and its end."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import time

from suite.judge.sandbox import SandboxError

START_S = 10.0


def first_inside(said: int) -> int:
    """A descriptor of the first process in the sandbox; its end is the end of all others there.

    Raises:
        SandboxError: bubblewrap did not start.
    """
    text = b""
    deadline = time.monotonic() + START_S
    while b"}" not in text and select.select([said], [], [], max(0.0, deadline - time.monotonic()))[0]:
        data = os.read(said, 4096)
        if not data:
            break
        text += data
    try:
        return os.pidfd_open(json.loads(text)["child-pid"])
    except (ValueError, KeyError, ProcessLookupError) as error:
        raise SandboxError(f"bubblewrap did not start: it said {text!r}") from error


def kill_first(first: int) -> None:
    """Kill the first process of a PID namespace, with which the kernel ends every other one in it."""
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(first, signal.SIGKILL)


def end_namespace(first: int) -> None:
    """Kill the first process of a PID namespace and wait until every other one in it has ended."""
    kill_first(first)
    select.select([first], [], [], START_S)
    os.close(first)
