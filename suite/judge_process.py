"""The judge as a process of its own: start it, read its events, end it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from suite.judge.plan import Plan, plan_to_json

STOP_GRACE_S = 10.0


class JudgeError(RuntimeError):
    """The judge ended before its plan did; the message shows the end of what it said."""


class JudgeProcess:
    """A judge that carries out one plan: `with` starts and ends it, iteration gives its events."""

    def __init__(self, root: Path, plan: Plan) -> None:
        self._log = Path(plan.log_folder) / "judge.log"
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._root = root
        self._plan = plan

    def __enter__(self) -> JudgeProcess:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                # -P: a file called random.py in the checkout must not stand in for Python's module.
                [sys.executable, "-P", "-m", "suite.judge"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self._root,
                env={**os.environ, "PYTHONPATH": python_path()},
                start_new_session=True,  # Ctrl-C reaches the host alone, which ends the judge in order
            )
        assert self._process.stdin is not None
        self._process.stdin.write(plan_to_json(self._plan).encode() + b"\n")
        self._process.stdin.close()
        return self

    def __iter__(self) -> Iterator[dict[str, Any]]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if not line.endswith(b"\n"):
                return  # the judge was killed while it wrote
            yield json.loads(line)

    def __exit__(self, *_exception: object) -> None:
        assert self._process.stdout is not None
        self._process.stdout.close()
        if self._process.poll() is None:
            try:
                self._process.wait(timeout=STOP_GRACE_S if _exception[0] is None else 0.1)
            except subprocess.TimeoutExpired:
                self._end()
        with contextlib.suppress(FileNotFoundError):  # fifty runs have begun since, and taken it away
            if not self._log.stat().st_size:
                self._log.unlink()

    def _end(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=STOP_GRACE_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def last_words(self) -> str:
        """Why the judge ended, from its log."""
        text = self._log.read_text(errors="replace") if self._log.exists() else ""
        lines = [line for line in text.splitlines() if line.strip()]
        end = lines[-1] if lines else f"exit code {self._process.returncode}"
        return f"the judge ended early: {end} (log: {self._log})"


def python_path() -> str:
    """PYTHONPATH of a process that is to run this very suite: where this one found it, first."""
    here = str(Path(__file__).resolve().parent.parent)
    return os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])
