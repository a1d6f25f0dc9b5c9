"""Is this machine fit to judge and to measure? Every finding says how to mend it; nothing is ever changed."""

from __future__ import annotations

import itertools
import os
import platform
import re
import shlex
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import cache_from_source, find_spec
from pathlib import Path

from suite.finding import Finding
from suite.gpu_findings import condition_findings
from suite.gpus import find_gpu
from suite.judge import sandbox
from suite.machine import GpuState, gpu_conditions, gpu_states

MIN_PYTHON = (3, 11)
MIN_FREE_GB = 5
RANGES = {"torch": ((2, 11), (2, 14)), "triton": ((3, 6), (3, 8))}
DRIVER = Path("/proc/driver/nvidia")
"""What the kernel module tells."""
OWN_STATUS = Path("/proc/self/status")
# Linux capabilities that let a process read performance counters: CAP_SYS_ADMIN and, for newer drivers,
# CAP_PERFMON (capabilities(7)).
PROFILING_CAPABILITIES = 1 << 21 | 1 << 38


def examine(root: Path) -> list[Finding]:
    """Everything that judging and measuring rely on."""
    states = gpu_states()
    bubblewrap = _bubblewrap()
    return [
        _python(),
        *(_package(name, low, high) for name, (low, high) in RANGES.items()),
        *_bytecode(),
        *_gpus(states),
        *(_profiling() if states else []),
        _compiler(),
        bubblewrap,
        _sandbox("cuda" if states else "cpu", bubblewrap.state == "ok"),
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


def _bytecode() -> list[Finding]:
    """Is torch compiled to bytecode? pip sees to that, but uv does not, nor pip with --no-compile.

    The first judge that may write beside torch's sources does it too, unless PYTHONDONTWRITEBYTECODE forbids
    it; a confined worker never does.
    """
    found = find_spec("torch")
    if found is None or found.origin is None:
        return []
    compiled = Path(cache_from_source(found.origin))
    if compiled.exists():
        return [Finding("bytecode", "ok", f"torch is compiled: {compiled.parent}")]
    text = "torch has none: until it has, its sources are compiled anew each time, 2 s of a run (H200 host)"
    folder = shlex.quote(str(Path(found.origin).parent))
    return [Finding("bytecode", "warning", text, f"python -m compileall -q -j 0 {folder}")]


def _gpus(states: list[GpuState]) -> list[Finding]:
    if not states:
        return [_no_gpu()]
    findings = []
    for state, condition in itertools.zip_longest(states, gpu_conditions()):
        if state is None:  # it came between the two questions
            break
        memory = "" if state.memory_total_mb is None else f", {state.memory_total_mb / 1000:.0f} GB"
        text = f"{state.name}, driver {state.driver}{memory}"
        known = find_gpu(state.name) is not None
        remedy = "" if known else "fractions of peak are unknown for it; add its datasheet to suite/gpus.py"
        findings.append(Finding("gpu", "ok" if known else "warning", text, remedy))
        if state.processes:
            text = f"{state.processes} other process(es) use {state.name}"
            findings.append(Finding("gpu use", "warning", text, "stop them: they disturb the clock"))
        findings += condition_findings(condition) if condition is not None else []
    return findings


def _no_gpu() -> Finding:
    if DRIVER.exists():
        remedy = "pip install nvidia-ml-py; in a container mount the driver's libraries (--gpus all)"
        return Finding("gpu", "fix", "a driver is loaded, but NVML does not answer", remedy)
    remedy = "correctness still works here; for latency run on a machine with an NVIDIA GPU and its driver"
    return Finding("gpu", "warning", "no NVIDIA GPU answers", remedy)


def _profiling() -> list[Finding]:
    ncu = shutil.which("ncu")
    if ncu:
        found = Finding("ncu", "ok", ncu)
    else:
        remedy = (
            "install Nsight Compute and put it on PATH; kernel timestamps serve as a second clock meanwhile"
        )
        found = Finding("ncu", "warning", "not found", remedy)
    return [found, _counters()]


def _counters() -> Finding:
    """May this user read the GPU's performance counters, as the driver and the kernel say?"""
    subject = "performance counters"
    params = _read(DRIVER / "params")
    restricted = re.search(r"^RmProfilingAdminOnly:\s*(\d+)", params, re.MULTILINE)
    if restricted is None:
        remedy = "if ncu reports ERR_NVGPUCTRPERM, ask the machine's owner"
        return Finding(subject, "warning", f"unknown: {DRIVER / 'params'} does not tell", remedy)
    if restricted[1] == "0":
        return Finding(subject, "ok", "open to every user")
    capabilities = re.search(r"^CapEff:\s*([0-9a-f]+)", _read(OWN_STATUS), re.MULTILINE)
    if capabilities and int(capabilities[1], 16) & PROFILING_CAPABILITIES:
        return Finding(subject, "ok", "for administrators alone, and this process is one")
    remedy = (
        "put `options nvidia NVreg_RestrictProfilingToAdminUsers=0` into /etc/modprobe.d/nvidia.conf and "
        "restart, or run as root (in a container: --cap-add=SYS_ADMIN)"
    )
    return Finding(subject, "warning", "for administrators alone (RmProfilingAdminOnly: 1)", remedy)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _compiler() -> Finding:
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang") or shutil.which("cc")
    if compiler:
        return Finding("C compiler", "ok", compiler)
    return Finding(
        "C compiler", "warning", "none found", "Triton builds its launcher with one: apt-get install gcc"
    )


def _bubblewrap() -> Finding:
    """Is it there, and does it start what a worker is started in?"""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        return Finding("bubblewrap", "warning", "not found", "apt-get install bubblewrap")
    reason = sandbox.available()
    if reason is None:
        return Finding("bubblewrap", "ok", f"{bwrap} works")
    remedy = "allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1)"
    return Finding("bubblewrap", "warning", reason, remedy)


def _sandbox(device: str, is_available: bool) -> Finding:
    """What `--sandbox auto` does here."""
    if not is_available:
        text = "workers run as plain processes of this user; judge only files that you would run yourself"
        return Finding(
            "sandbox", "warning", text, "install bubblewrap, or use a container or a virtual machine"
        )
    reason = sandbox.available(device)
    if reason is not None:
        remedy = (
            "make the card's device files and libraries readable, or use a container or a virtual machine"
        )
        return Finding("sandbox", "warning", reason, remedy)
    return Finding("sandbox", "ok", "workers are confined by bubblewrap")


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
