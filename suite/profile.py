"""What hardware counters say of a solution's kernels in one call, and the JSON form of it.

Where the counters cannot be read a `Profile` carries the reason and the time of the call alone: an unknown
value is None, never 0.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

from suite.counters import DRAM_BYTES, GRID, LONG_SCOREBOARD, MEMORY_STALLS, WARP_LATENCY
from suite.records import decode, is_instant, load_object
from suite.result import LEAST_MS, Environment

SCHEMA = 1
NCU, TIMESTAMPS = "ncu", "kernel_timestamps"


class ProfileError(ValueError):
    """A JSON object is no `Profile`; the message says which key and what was expected."""


@dataclass(frozen=True, slots=True)
class KernelProfile:
    """Launches of one kernel with one grid in one call of the solution."""

    kernel: str
    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    launches: int
    time_ms: float
    """Of all of them."""
    values: dict[str, float | None]
    """By the names in `suite.counters`: the mean over the launches, weighted by time."""

    def value(self, metric: str) -> float | None:
        """A metric, the derived one included."""
        return _stalls(self.values) if metric == MEMORY_STALLS else self.values.get(metric)


@dataclass(frozen=True, slots=True)
class Profile:
    """One solution on one workload under the profiler."""

    run_id: str
    created: str
    """UTC, ISO 8601, to the second."""
    problem: str
    workload: str
    axes: dict[str, Any]
    solution: str
    sha256: str
    """Of the exact file that was profiled."""
    device: str
    """The slug of the card, as in results."""
    source: str
    """"ncu": `kernels` hold counters. "kernel_timestamps": only `latency_ms` is known."""
    reason: str | None
    """Why the counters could not be read."""
    calls: int
    """Values are medians over so many calls, all after warm-up."""
    latency_ms: float | None
    """From the start of the first kernel to the end of the last, where `source` is "kernel_timestamps"."""
    kernels: tuple[KernelProfile, ...]
    """In the order of their first launch."""
    sandbox: str
    environment: Environment
    schema: int = field(default=SCHEMA)

    def __post_init__(self) -> None:
        if (self.source == NCU) != bool(self.kernels):
            raise ProfileError(f"source {self.source!r} with {len(self.kernels)} kernels")
        if self.source != NCU and not self.reason:
            raise ProfileError("a profile without counters needs a reason")

    def value(self, metric: str) -> float | None:
        """The metric over the whole call: sums of grids and bytes, else means weighted by time.

        None as soon as one kernel lacks it: a mean of the rest would stand for something else.
        """
        values = [kernel.value(metric) for kernel in self.kernels]
        known = [value for value in values if value is not None]
        if not known or len(known) < len(values):
            return None
        if metric in (GRID, DRAM_BYTES):
            return sum(v * kernel.launches for v, kernel in zip(known, self.kernels, strict=True))
        times = [kernel.time_ms for kernel in self.kernels]
        return sum(v * t for v, t in zip(known, times, strict=True)) / sum(times)

    @property
    def main(self) -> KernelProfile:
        """The kernel that takes most of the time.

        Raises:
            ValueError: there are no counters.
        """
        return max(self.kernels, key=lambda kernel: kernel.time_ms)


def _stalls(values: dict[str, float | None]) -> float | None:
    waiting, resident = values.get(LONG_SCOREBOARD), values.get(WARP_LATENCY)
    return None if waiting is None or not resident else 100 * waiting / resident


def to_json(profile: Profile) -> str:
    """One line of JSON, `schema` first."""
    values = dataclasses.asdict(profile)
    return json.dumps({"schema": values.pop("schema"), **values}, allow_nan=False)


def from_json(line: str) -> Profile:
    """The inverse of `to_json`.

    Raises:
        ProfileError: the line is not JSON, is of another schema, or lacks or misuses a key.
    """
    try:
        profile: Profile = decode(Profile, load_object(line, SCHEMA))
    except ValueError as error:
        raise ProfileError(str(error)) from error
    if not is_instant(profile.created):
        raise ProfileError(f"created: expected UTC in ISO 8601, found {profile.created[:40]!r}")
    if any(kernel.launches < 1 or kernel.time_ms < LEAST_MS for kernel in profile.kernels):
        raise ProfileError("kernels: expected at least one launch of each, and a time above 0")
    return profile
