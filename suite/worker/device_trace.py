"""What ran on the card during a call, by the profiler that sees every thread and every way to launch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from suite.worker.cupti import recording
from suite.worker.work import MAX_NAME, MAX_ROWS, DeviceKernel

MARKER = "spin_kernel"  # what torch.cuda._sleep launches


@dataclass(frozen=True, slots=True)
class Span:
    """One run of a kernel, copy or fill on the card; times count from the first of a trace."""

    name: str
    start_us: float
    end_us: float


def spin(cycles: int) -> None:
    """Hold the current stream for that long; in a trace this marks where a call begins and ends."""
    torch.cuda._sleep(cycles)  # type: ignore[no-untyped-call]


def traced(call: Callable[[], Any], prepare: Callable[[], None]) -> tuple[Any, list[Span] | None]:
    """The result of `call()` and what ran for it, in order of starts; None where the profiler does not work.

    Args:
        call: queues work on the card.
        prepare: runs first and ends with a spin.
    """
    with recording() as activities:
        prepare()
        outputs = call()
        spin(1)
        torch.cuda.synchronize()
    spans = [
        # As float64 a time since 1970 would be good to 0.25 us only.
        Span(
            seen.name,
            (seen.start_ns - activities[0].start_ns) / 1000,
            (seen.end_ns - activities[0].start_ns) / 1000,
        )
        for seen in activities
    ]
    markers = [index for index, span in enumerate(spans) if MARKER in span.name]
    if len(markers) < 2:
        return outputs, None
    return outputs, spans[markers[0] + 1 : markers[-1]]


def busy_us(spans: list[Span]) -> float:
    """How long at least one of them ran."""
    total_us, until_us = 0.0, 0.0
    for span in sorted(spans, key=lambda span: span.start_us):
        total_us += max(0.0, span.end_us - max(span.start_us, until_us))
        until_us = max(until_us, span.end_us)
    return total_us


def works() -> bool:
    """Does the profiler work on this machine?"""
    return traced(lambda: None, lambda: spin(1))[1] is not None


def summed(spans: list[Span]) -> tuple[DeviceKernel, ...]:
    """One row for each name; the rarest time beyond `MAX_ROWS` falls into the last row."""
    rows: dict[str, list[float]] = {}
    for span in spans:
        row = rows.setdefault(span.name[:MAX_NAME], [0, 0.0])
        row[0] += 1
        row[1] += span.end_us - span.start_us
    ordered = sorted(rows.items(), key=lambda item: -item[1][1])
    kept, rest = ordered[: MAX_ROWS - 1], ordered[MAX_ROWS - 1 :]
    if rest:
        kept.append(("(more kernels)", [sum(row[0] for _, row in rest), sum(row[1] for _, row in rest)]))
    return tuple(DeviceKernel(name, int(runs), total_us) for name, (runs, total_us) in kept)
