"""The host's side of `bench calibrate`: run the probes in a process of their own. Imports no torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence

from suite.judge_process import python_path
from suite.roofs import Roofs, RoofsError, from_json

# -P: a file called random.py in the working directory must not stand in for Python's module.
PROBES = (sys.executable, "-P", "-m", "suite.judge.probes")


class CalibrationError(RuntimeError):
    """The probes ended without a result; the message shows the last that they said."""


def calibrate(on_progress: Callable[[str], None], command: Sequence[str] = PROBES) -> Roofs:
    """Measure the roofs of this machine's first card; takes about half a minute.

    Args:
        on_progress: hears one line after each probe.
        command: what to run.

    Raises:
        CalibrationError: the probes failed.
    """
    line = ""
    with tempfile.TemporaryFile() as log:
        with subprocess.Popen(  # noqa: S603 - our own module
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, "PYTHONPATH": python_path()},
        ) as process:
            assert process.stdout is not None
            for raw in process.stdout:
                event = json.loads(raw)
                if event["event"] == "progress":
                    on_progress(event["text"])
                elif event["event"] == "roofs":
                    line = json.dumps(event["roofs"])
        if process.returncode or not line:
            log.seek(0)
            said = [text for text in log.read().decode(errors="replace").splitlines() if text.strip()]
            why = said[-1] if said else f"exit code {process.returncode}"
            raise CalibrationError(f"the probes failed: {why}")
    try:
        return from_json(line)
    except RoofsError as error:
        raise CalibrationError(f"the probes gave no roofs: {error}") from error
