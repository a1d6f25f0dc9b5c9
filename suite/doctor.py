"""Is this machine fit to judge and to measure? Every finding says how to mend it."""

from __future__ import annotations

import dataclasses
import os
import platform
import re
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from suite.gpus import find_gpu
from suite.machine import gpu_states

MIN_PYTHON = (3, 11)
MIN_FREE_GB = 5
RANGES = {"torch": ((2, 11), (2, 14)), "triton": ((3, 6), (3, 8))}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `state` is "ok", "warning" or "fix"; `remedy` is empty when all is well."""

    subject: str
    state: str
    text: str
    remedy: str = ""

    def to_json(self) -> dict[str, Any]:
        """A plain object."""
        return dataclasses.asdict(self)


def examine(root: Path) -> list[Finding]:
    """Everything that judging and measuring rely on."""
    return [
        _python(),
        *(_package(name, low, high) for name, (low, high) in RANGES.items()),
        *_gpus(),
        _compiler(),
        _sandbox(),
        _disk(root),
        _writable(root / "reports" / "results"),
    ]


def _python() -> Finding:
    found = platform.python_version()
    if sys.version_info >= MIN_PYTHON:
        return Finding("python", "ok", found)
    return Finding("python", "fix", found, "install Python 3.11 or newer")


def _package(name: str, low: tuple[int, int], high: tuple[int, int]) -> Finding:
    wanted = f">={low[0]}.{low[1]},<{high[0]}.{high[1]}"
    try:
        found = version(name)
    except PackageNotFoundError:
        if name == "triton" and sys.platform != "linux":
            return Finding(
                name, "warning", "not published for this platform", "judge on Linux; list and report work"
            )
        return Finding(name, "fix", "not installed", f"pip install '{name}{wanted}'")
    numbers = re.match(r"(\d+)(?:\.(\d+))?", found)
    if numbers and low <= (int(numbers[1]), int(numbers[2] or 0)) < high:
        return Finding(name, "ok", found)
    return Finding(name, "fix", f"{found} is outside {wanted}", f"pip install '{name}{wanted}'")


def _gpus() -> list[Finding]:
    states = gpu_states()
    if not states:
        remedy = (
            "correctness still works here; for latency run on a machine with an NVIDIA GPU and its driver"
        )
        return [Finding("gpu", "warning", "no NVIDIA GPU answers", remedy)]
    findings = []
    for state in states:
        text = f"{state.name}, driver {state.driver}, {state.memory_total_mb / 1000:.0f} GB"
        known = find_gpu(state.name) is not None
        remedy = "" if known else "fractions of peak are unknown for it; add its datasheet to suite/gpus.py"
        findings.append(Finding("gpu", "ok" if known else "warning", text, remedy))
        if state.processes:
            text = f"{state.processes} other process(es) use {state.name}"
            findings.append(Finding("gpu use", "warning", text, "stop them: they disturb the clock"))
    return findings


def _compiler() -> Finding:
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang") or shutil.which("cc")
    if compiler:
        return Finding("C compiler", "ok", compiler)
    return Finding(
        "C compiler", "warning", "none found", "Triton builds its launcher with one: apt-get install gcc"
    )


def _sandbox() -> Finding:
    text = "workers run as plain processes of this user; judge only files that you would run yourself"
    return Finding("sandbox", "warning", text, "run strangers' files in a container or a virtual machine")


def _disk(root: Path) -> Finding:
    free_gb = shutil.disk_usage(root).free / 1e9
    if free_gb >= MIN_FREE_GB:
        return Finding("disk", "ok", f"{free_gb:.0f} GB free")
    return Finding(
        "disk", "warning", f"{free_gb:.1f} GB free", f"free {MIN_FREE_GB} GB for results and compiler caches"
    )


def _writable(folder: Path) -> Finding:
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    if os.access(nearest, os.W_OK):
        return Finding("results", "ok", f"{folder} can be written")
    return Finding("results", "fix", f"{nearest} cannot be written", "use --no-save, or mend the permissions")
