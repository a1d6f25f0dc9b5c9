"""The host's side of `bench calibrate`: run the probes in a process of their own. Imports no torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from suite.roofs import Roofs, RoofsError, from_json

PROBES = (sys.executable, "-m", "suite.judge.probes")


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
    suite_parent = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join([suite_parent, *filter(None, [os.environ.get("PYTHONPATH")])])
    line = ""
    with tempfile.TemporaryFile() as log:
        with subprocess.Popen(  # noqa: S603 - our own module
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, "PYTHONPATH": path},
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
