"""Nsight Compute around a worker: its command line, its table, and why it may have no numbers."""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from suite import stats
from suite.counters import COUNTED, LAUNCHED, TIME
from suite.profile import KernelProfile

# In the folder that a confined worker shares with the judge.
NCU_TABLE = Path("shared") / "ncu.csv"
MAX_TABLE_BYTES = 16 << 20
MAX_NAME = 200
# ncu has spelled its units both ways; "base" units are nanoseconds.
_TO_MS = {
    "nsecond": 1e-6, "usecond": 1e-3, "msecond": 1.0, "second": 1e3,
    "ns": 1e-6, "us": 1e-3, "ms": 1.0, "s": 1e3,
}  # fmt: skip
_ASKED = tuple(dict.fromkeys((*COUNTED, *LAUNCHED)))
"""A page may have more columns, such as the breakdown of a throughput."""
_REASONS = {
    "ERR_NVGPUCTRPERM": "this user may not read the GPU's counters (see `bench doctor`)",
    "LibraryNotLoaded": "ncu cannot load its profiler library here (LibraryNotLoaded)",
    "driver is not compatible": "ncu does not fit this driver",
    "driver resource was unavailable": "another profiler holds the counters (DCGM, or a second ncu)",
    "not supported on this": "ncu does not support this GPU",
    "No kernels were profiled": "ncu saw no kernel",
}


@dataclass(frozen=True, slots=True)
class NcuLaunch:
    """One row of ncu's table."""

    kernel: str
    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    values: dict[str, float | None]
    """By metric; times in ms. None where ncu has no number."""


def has_ncu() -> bool:
    """Is Nsight Compute installed?"""
    return shutil.which("ncu") is not None


def ncu_command(directory: Path, metrics: Sequence[str], *, whole: bool = False) -> list[str]:
    """The start of a command that runs a worker under Nsight Compute.

    Clocks are left alone. A confined profiler can write to the table, but not make it.

    Args:
        directory: the worker's.
        metrics: by their names.
        whole: profile every kernel of the process, whatever it asks for, and not only what it brackets. The
            process makes the caches cold itself; else ncu does before each pass of each kernel.
    """
    (directory / NCU_TABLE).touch()
    return [
        "ncu",
        "--disable-profiler-start-stop" if whole else "--profile-from-start=off",
        "--clock-control=none",
        f"--cache-control={'none' if whole else 'all'}",
        f"--metrics={','.join(metrics)}",
        "--csv",
        "--page=raw",
        "--print-units=base",
        f"--log-file={directory / NCU_TABLE}",
    ]


def read_table(text: str) -> list[NcuLaunch]:
    """The launches of a raw page, in order.

    A raw page has messages that begin with "==", a header, a row of units without an ID, and a row a launch.

    Raises:
        ValueError: there is no such table.
    """
    lines = text.splitlines()
    first = next((i for i, line in enumerate(lines) if line.startswith('"ID"')), None)
    if first is None:
        raise ValueError("ncu wrote no table")
    rows = list(csv.DictReader(line for line in lines[first:] if not line.startswith("==")))
    units = rows.pop(0) if rows and not rows[0]["ID"] else {}
    return [_launch(row, units) for row in rows]


def per_call(launches: Sequence[NcuLaunch], calls: int) -> tuple[KernelProfile, ...]:
    """What one call launches, as medians over `calls` equal ones: a kernel with one grid is one entry.

    Raises:
        ValueError: the calls launch different kernels, or a launch has no time.
    """
    if not launches or len(launches) % calls:
        raise ValueError(f"{len(launches)} kernel launches in {calls} calls")
    each = len(launches) // calls
    turns = [launches[start : start + each] for start in range(0, len(launches), each)]
    if any([_key(launch) for launch in turn] != [_key(launch) for launch in turns[0]] for turn in turns):
        raise ValueError("the calls launch different kernels")
    held: dict[tuple[object, ...], list[NcuLaunch]] = {}
    for same in zip(*turns, strict=True):
        held.setdefault(_key(same[0]), []).append(_median(same))
    return tuple(_kernel(group) for group in held.values())


def why_not(said: str) -> str:
    """Why there are no counters, from what ncu wrote."""
    for mark, reason in _REASONS.items():
        if mark in said:
            return reason
    errors = re.findall(r"^==(?:ERROR|WARNING)== (.*)$", said, re.MULTILINE)
    return f"ncu: {_plain(errors[0])}" if errors else "ncu gave no numbers and no reason"


def _launch(row: dict[str, str], units: dict[str, str]) -> NcuLaunch:
    values = {name: _number(row[name]) for name in _ASKED if name in row}
    time, to_ms = values.get(TIME), _TO_MS.get(units.get(TIME) or "ns")
    if time is not None:
        values[TIME] = None if to_ms is None else time * to_ms  # a unit that is not known tells nothing
    return NcuLaunch(
        _plain(row.get("Kernel Name", "")),
        _sizes(row.get("Grid Size")),
        _sizes(row.get("Block Size")),
        values,
    )


def _number(text: str | None) -> float | None:
    try:
        return float((text or "").replace(",", ""))
    except ValueError:  # "n/a", "(error)"
        return None


def _sizes(text: str | None) -> tuple[int, int, int]:
    found = [int(size) for size in re.findall(r"\d+", text or "")]
    x, y, z = (*found, 1, 1, 1)[:3]
    return x, y, z


def _key(launch: NcuLaunch) -> tuple[object, ...]:
    return launch.kernel, launch.grid, launch.block


def _median(same: Sequence[NcuLaunch]) -> NcuLaunch:
    values: dict[str, float | None] = {}
    for name in same[0].values:
        known = [value for launch in same if (value := launch.values.get(name)) is not None]
        values[name] = stats.median(known) if len(known) == len(same) else None
    return NcuLaunch(same[0].kernel, same[0].grid, same[0].block, values)


def _kernel(group: Sequence[NcuLaunch]) -> KernelProfile:
    times = [launch.values.get(TIME) for launch in group]
    known = [time for time in times if time]
    if len(known) < len(times):
        raise ValueError(f"ncu gave {group[0].kernel} no time")
    return KernelProfile(
        kernel=group[0].kernel,
        grid=group[0].grid,
        block=group[0].block,
        launches=len(group),
        time_ms=sum(known),
        values={name: _mean(name, group, known) for name in group[0].values if name != TIME},
    )


def _mean(name: str, group: Sequence[NcuLaunch], times: Sequence[float]) -> float | None:
    values = [launch.values.get(name) for launch in group]
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    return sum(value * time for value, time in zip(known, times, strict=True)) / sum(times)


def _plain(text: str) -> str:
    return "".join(filter(str.isprintable, text))[:MAX_NAME]
