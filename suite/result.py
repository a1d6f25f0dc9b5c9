"""The record of one measurement, and its JSON form.

A `Result` is what one solution did on one workload. It stores what was measured (samples, bytes, flops, the
device) and nothing derived: fractions, speedups and ranks are computed on reading, so that a corrected peak
re-ranks history.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import re
from dataclasses import dataclass, field
from typing import Any

from suite.records import decode, is_instant, load_object

SCHEMA = 1
PRECISIONS = ("fp32", "tf32", "bf16")
"""The precision classes, tightest first."""
LEAST_MS, MOST_MS = 1e-30, 1e9
"""Between these every time that was ever taken lies, and no product or quotient overflows."""


class Status(enum.StrEnum):
    """How a solution fared on a workload."""

    PASSED = "passed"
    INCORRECT = "incorrect"
    COMPILE_ERROR = "compile_error"
    RUNTIME_ERROR = "runtime_error"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    REJECTED = "rejected"  # broke a rule; the reason names the rule and the evidence
    IMPOSSIBLE = "impossible"  # below the speed of light of the card
    UNSUPPORTED = "unsupported"  # this machine cannot run it; says nothing about the solution


class ResultError(ValueError):
    """A JSON object is not a `Result`; the message says which key and what was expected."""


@dataclass(frozen=True, slots=True)
class Correctness:
    """What was compared with the expected outputs.

    `outputs_checked` counts whole outputs, timed ones included. `max_relative_error` is the largest error of
    those outputs against float64, as a share of the right one's Frobenius norm (or of its error scale's,
    where that is larger); None where the comparison is exact. `hidden_workloads` counts the workloads that
    the judge drew beside the declared ones; None in records older than that.
    """

    outputs_checked: int
    max_relative_error: float | None = None
    hidden_workloads: int | None = None


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a result was measured. Versions are None where the package is absent."""

    gpu: str | None
    """The name that NVML and CUDA give the card, for instance "NVIDIA H200"; None on a CPU."""
    sm_count: int | None
    l2_cache_bytes: int | None
    gpu_memory_mb: int | None
    driver: str | None
    cuda: str | None
    torch: str | None
    triton: str | None
    python: str
    platform: str
    board: str | None = None
    """Which board of that model, see `suite.machine.board_of`; None on a CPU and in older records."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """The state of the card just after each timed sample, in sample order."""

    sm_mhz: tuple[int, ...]
    memory_mhz: tuple[int, ...]
    power_w: tuple[float, ...]
    temperature_c: tuple[int, ...]
    throttle_reasons: tuple[int, ...]
    """NVML's clocks-event-reasons bit mask."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How the samples of a result were taken."""

    method: str
    """"events" or "kernel_timestamps".

    The first: one cold call between two CUDA events, less an empty pair. The second: the span from the start
    of the first kernel of one cold call to the end of its last, by CUPTI.
    """
    flush_bytes: int
    """Read through the L2 cache before each call."""
    event_overhead_ms: float
    """Median of empty event pairs taken the same way by the judge; has been subtracted from each sample."""
    discarded: int
    """Samples thrown away and taken again because the card had lowered its clocks."""
    unaccounted_ms: float | None = None
    """What the judge's clock on the wall saw around a call beyond its latency, less the same for the rival:
    the median of the pairs. Near 0 for an honest clock."""
    cover_ms: float | None = None
    """How long the stream was held before each call, so that its launches were queued when it began."""
    queued_ms: float | None = None
    """How long the worker says that it took to queue a call and the events around it: the median of the
    samples, None for another method. Beyond `cover_ms` the card may wait for the host within a sample."""


@dataclass(frozen=True, slots=True)
class Audit:
    """The same calls under a second, independent clock."""

    clock: str
    """"ncu": the sum of the kernels' `gpu__time_duration`, read from outside the process.
    "kernel_timestamps": see `Timing`, where ncu may not read the card's counters."""
    latency_ms: float
    """Median over the audited calls."""
    calls: int


@dataclass(frozen=True, slots=True)
class Result:
    """One solution on one workload. `latency_ms` is None unless `status` is passed and a GPU timed it."""

    run_id: str
    created: str
    """UTC, ISO 8601, to the second."""
    problem: str
    workload: str
    """A name in the problem's WORKLOADS, or "check" for its whole check tier, edge cases included."""
    axes: dict[str, Any]
    solution: str
    sha256: str
    """Of the exact file that was judged."""
    author: str | None
    stage: str
    """baseline, grid, block, final; "submitted" for other files; "reference" for the problem's Model."""
    device: str
    """The slug of the card, for instance "nvidia-h200"; "cpu" for Triton's interpreter."""
    status: Status
    reason: str | None
    correctness: Correctness | None
    latency_ms: float | None
    latency_ci_ms: tuple[float, float] | None
    """95 % confidence interval of the median."""
    samples_ms: tuple[float, ...]
    """Device time of each timed call, in order."""
    reference_latency_ms: float | None
    """The reference Model, timed in turn with the solution on the same inputs."""
    reference_samples_ms: tuple[float, ...]
    bytes_moved: int | None
    """The least bytes the task reads and writes."""
    flops: int | None
    precision: str | None
    """The precision class the measured error falls in: "fp32", "tf32", "bf16"; None for exact problems."""
    peak_gpu_memory_mb: int | None
    """Of judge and worker together; the most seen between calls."""
    sandbox: str
    """How the worker was confined: "bubblewrap" or "none"."""
    timing: Timing | None
    audit: Audit | None
    clocks: Clocks | None
    """None without a clock reading (no NVML): the state of the card is unknown."""
    environment: Environment
    flags: tuple[str, ...] = ()
    """Warnings: "noisy" (the interval stayed wide), "unstable" (the clocks never held), "audit" (a second
    clock disagrees by more than 5 %, or none worked), "nondeterministic" (two calls on the same inputs are
    right and differ in bits), "untraced" (the profiler, asked what ran on the card, does not work there),
    "uncovered" (samples may hold time of the host, see `Timing.queued_ms`)."""
    log: str | None = None
    """Where the whole output of a failed worker lay after the run, relative to the repository if inside; see
    `suite.logs` for how long."""
    schema: int = field(default=SCHEMA)

    def __post_init__(self) -> None:
        if self.latency_ms is not None and self.status is not Status.PASSED:
            raise ResultError(f"latency_ms needs status 'passed', but status is {self.status.value!r}")
        if self.latency_ms is not None and not self.latency_ms > 0:
            raise ResultError(f"latency_ms must be positive, got {self.latency_ms!r}")
        if self.latency_ci_ms is not None and not 0 < self.latency_ci_ms[0] <= self.latency_ci_ms[1]:
            raise ResultError(f"latency_ci_ms must be positive and in order, got {self.latency_ci_ms!r}")
        if self.status is not Status.PASSED and not self.reason:
            raise ResultError(f"status {self.status.value!r} needs a reason")


def to_json(result: Result) -> str:
    """One line of JSON, `schema` first."""
    values = {"schema": result.schema, **_fields(result)}
    return json.dumps(values, allow_nan=False, default=_fields)


def _fields(record: Any) -> dict[str, Any]:
    """A record as an object, not its parts: `dataclasses.asdict` would copy every sample of a result."""
    return {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}


def from_json(line: str) -> Result:
    """The inverse of `to_json`, for lines of any writer: what is read can be ranked, shown and written again.

    Raises:
        ResultError: the line is not JSON, is of another schema, lacks or misuses a key, or holds a value that
            no measurement has.
    """
    try:
        result: Result = decode(Result, load_object(line, SCHEMA))
    except ValueError as error:
        raise ResultError(str(error)) from error
    fault = _fault(result)
    if fault is not None:
        raise ResultError(fault)
    return result


def _fault(result: Result) -> str | None:
    """What everything derived from a result rests on and does not hold, if anything."""
    if not is_instant(result.created):
        return f"created: expected UTC in ISO 8601, found {result.created[:40]!r}"
    if result.precision not in (None, *PRECISIONS):
        return f"precision: expected one of {', '.join(PRECISIONS)}, found {result.precision[:40]!r}"
    if result.environment.board is not None and not re.fullmatch("[0-9a-f]{8}", result.environment.board):
        return f"board: expected 8 hexadecimal digits, found {result.environment.board[:40]!r}"
    for name, count in (("bytes_moved", result.bytes_moved), ("flops", result.flops)):
        if count is not None and count < 0:
            return f"{name}: expected 0 or more, found {count}"
    if result.latency_ms is not None and not result.samples_ms:
        return "latency_ms: expected the samples that it is the median of"
    medians_ms = (result.latency_ms, result.reference_latency_ms, result.audit and result.audit.latency_ms)
    for time_ms in (*medians_ms, *(result.latency_ci_ms or ())):
        if time_ms is not None and not LEAST_MS <= time_ms <= MOST_MS:
            return f"a latency of {time_ms} ms: expected {LEAST_MS:g} to {MOST_MS:g} ms"
    for samples_ms in (result.samples_ms, result.reference_samples_ms):
        if samples_ms and (0 < min(samples_ms) < LEAST_MS or max(samples_ms) > MOST_MS):
            return f"samples: expected none below {LEAST_MS:g} or above {MOST_MS:g} ms"
    if result.clocks is not None:
        lengths = {len(getattr(result.clocks, field.name)) for field in dataclasses.fields(Clocks)}
        if len(lengths) > 1 or lengths == {0}:
            return "clocks: expected as many values in each column, and at least one"
    return None
