"""Ctrl-C and SIGKILL: what was measured stays, nothing is left running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from suite import store
from suite.tests.wrong_solutions import HANG, RIGHT

PATIENCE_S = 60


@pytest.fixture
def half_way(tiny_root: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A run that has recorded the reference and the right solution and hangs in the last one."""
    solutions = tiny_root / "solutions" / "row_argmin"
    HANG.write(solutions).rename(solutions / "zz_hang.py")
    results = tiny_root / "reports" / "results"
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "suite",
            "run",
            "--problem",
            "row_argmin",
            "--device",
            "cpu",
            "--timeout",
            "300",
        ],
        cwd=tiny_root,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(RIGHT.parents[3])},
        start_new_session=True,
    )
    deadline = time.monotonic() + PATIENCE_S
    while len(store.read(results)[0]) < 2 or not _workers(tiny_root):
        assert time.monotonic() < deadline, "the run never got half-way"
        assert process.poll() is None
        time.sleep(0.1)
    yield process, results
    process.kill()
    process.wait()
    process.stderr.close()


def _workers(root: Path) -> list[int]:
    """Processes of the suite that belong to the run in `root`: its judge, and the judge's children."""
    found: dict[int, tuple[int, str]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                status = (entry / "stat").read_text().rpartition(")")[2].split()
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                folder = str((entry / "cwd").readlink())
            except OSError:
                continue
            if status[0] != "Z" and "suite." in command:
                found[int(entry.name)] = (int(status[1]), folder)
    judges = {pid for pid, (_, folder) in found.items() if folder == str(root)}
    return [pid for pid, (parent, _) in found.items() if parent in judges]


def _gone(pids: list[int]) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while any(Path(f"/proc/{pid}").exists() and "Z" not in _state(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def test_ctrl_c_keeps_what_is_measured_and_leaves_no_process(
    half_way: tuple[subprocess.Popen[bytes], Path], tiny_root: Path
) -> None:
    process, results = half_way
    workers = _workers(tiny_root)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert errors.decode().splitlines()[-1] == "interrupted: 2 result(s) kept"
    assert b"Traceback" not in errors
    assert _gone(workers)
    kept, warnings = store.read(results)
    assert ([result.solution for result in kept], warnings) == (["reference", "tests_right"], [])


def test_sigkill_half_way_tears_no_line_and_the_workers_die_with_the_host(
    half_way: tuple[subprocess.Popen[bytes], Path], tiny_root: Path
) -> None:
    process, results = half_way
    workers = _workers(tiny_root)
    process.kill()
    process.wait()
    process.stderr.close()
    assert _gone(workers)
    kept, warnings = store.read(results)
    assert ([result.solution for result in kept], warnings) == (["reference", "tests_right"], [])
