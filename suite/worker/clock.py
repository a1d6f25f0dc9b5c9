"""Device time of one cold call.

Held against ncu's `gpu__time_duration` on an H200, behind the same flush, an event pair less an empty pair
gives 0.2 us more at 4 and 12 us, and is within 0.4 % from 19 us to 1.9 ms (medians of 15 calls under ncu,
reports/clock/nvidia-h200/audit.jsonl).
CUPTI's kernel timestamps leave out what a launch costs the device: 1.2 us less than ncu at 4 us.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

from suite.worker import cuda_ipc
from suite.worker.device_trace import spin, traced

# The stream is held this long before the first event: by then both events and the launches of a few kernels
# are queued, and host time does not leak into the sample. A slower host gets more, by how long it takes to
# queue work of torch. One kernel of three launches, measured ten times on one host of an H200: of 735 samples
# under 0.40 and 0.41 ms 189 were late by more than 0.05 ms, of 135 under 0.49 to 0.73 ms three
# (reports/clock/nvidia-h200/repeat_short_cover.jsonl).
COVER_MS = 1.0
LONGEST_COVER_MS = 2.0
COVER_OVER_QUEUEING = 50
CYCLES_PER_MS = 2_000_000  # at 2 GHz; a card with a higher boost clock says so
EMPTY_PAIRS = 50
PAGE_BYTES = 64 << 10
"""Device memory is mapped in pages of 64 KB or more; an H200's have 2 MB."""

Call = Callable[[], Any]


def cover_for(queueing_ms: float) -> float:
    """How many milliseconds to hold the stream on a host that takes `queueing_ms` to queue an operation."""
    return min(max(COVER_MS, COVER_OVER_QUEUEING * queueing_ms), LONGEST_COVER_MS)


def a_byte_of_each_page(tensor: torch.Tensor) -> torch.Tensor:
    """Of the memory that `tensor` lies in, [pages] uint8."""
    memory = torch.empty(0, dtype=torch.uint8, device=tensor.device).set_(tensor.untyped_storage())
    return memory[::PAGE_BYTES]


class ColdClock:
    """Times single calls on a cold L2 cache.

    Before each call four times the L2, or 64 MB if that is more, is *read*. A flush that writes leaves the
    cache full of dirty lines, and their way to memory is then charged to the call: 25 % of a 20 us kernel, 3
    % of a 0.24 ms one on an H200 with 60 MB of L2.

    And before the flush each page of the inputs is touched. The judge writes them in a process of its own,
    and here their addresses would have to be looked up during the call: under ncu 0.3 us at 4 us, 0.6 at 12,
    1.2 at 48. A kernel whose inputs were made in its own process does not pay that.
    """

    def __init__(self) -> None:
        card = torch.cuda.get_device_properties(0)
        self.flush_bytes = max(4 * card.L2_cache_size, 64 << 20)
        # In kHz, the same as cycles in a millisecond; a release of torch may not know it.
        self._cycles_per_ms = max(CYCLES_PER_MS, getattr(card, "clock_rate", 0))
        # Types and functions of C, taken before a solution is loaded: Python cannot change those types, and a
        # changed name elsewhere is not looked up again.
        self._event: Any = torch._C._CudaEventBase
        self._stream = torch.cuda.current_stream
        self._synchronize = torch._C._cuda_synchronize
        self._sum = torch._C.TensorBase.sum
        self._now_s = time.perf_counter
        self._flush = torch.ones(self.flush_bytes // 4, dtype=torch.float32, device="cuda")
        self.cover_ms = COVER_MS
        self.queued_ms: float | None = None
        """How long after the stream was held the last call timed by events was queued whole."""

    def time(self, call: Call, method: str, inputs: Sequence[torch.Tensor] = ()) -> tuple[Any, float]:
        """The result of `call()` and its device time in milliseconds.

        Args:
            call: queues work on the current stream.
            method: "events" or "kernel_timestamps", see `suite.result.Timing`; or what the profiler around
                this process goes by, and the time given here is 0: "ncu" has markers before and after the
                flush and after the call, "ncu_range" asks it to begin and to end.
            inputs: of the call, on the device.
        """
        if method == "ncu":
            return self._marked(call, inputs)
        if method == "ncu_range":
            return self._bracketed(call)
        if method == "events":
            return self._by_events(call, inputs)
        return self._by_kernel_timestamps(call, inputs)

    def queueing_ms(self) -> float:
        """The median of how long this host takes to queue one reduction of torch."""
        taken_ms = []
        for _ in range(EMPTY_PAIRS):
            self._synchronize()
            started_s = self._now_s()
            self._sum(self._flush)
            taken_ms.append(1000 * (self._now_s() - started_s))
        self._synchronize()
        return statistics.median(taken_ms)

    def event_overhead_ms(self) -> float:
        """The median of empty event pairs, taken just as samples are: 1.28 us on an H200."""
        return statistics.median(self._by_events(lambda: None, ())[1] for _ in range(EMPTY_PAIRS))

    def _prepare(self, inputs: Sequence[torch.Tensor]) -> None:
        self._synchronize()
        self._make_cold(inputs)
        spin(round(self.cover_ms * self._cycles_per_ms))

    def _make_cold(self, inputs: Sequence[torch.Tensor]) -> None:
        for tensor in inputs:
            self._sum(a_byte_of_each_page(tensor))
        # What a solution has set aside in the L2 would outlive the flush.
        cuda_ipc.reset_persisting_l2()
        self._sum(self._flush)

    def _by_events(self, call: Call, inputs: Sequence[torch.Tensor]) -> tuple[Any, float]:
        start, end = self._event(enable_timing=True), self._event(enable_timing=True)
        self._prepare(inputs)
        held_s = self._now_s()
        start.record(self._stream())
        outputs = call()
        end.record(self._stream())
        self.queued_ms = 1000 * (self._now_s() - held_s)
        self._synchronize()
        return outputs, start.elapsed_time(end)

    def _bracketed(self, call: Call) -> tuple[Any, float]:
        self._synchronize()
        torch.cuda.profiler.start()  # type: ignore[no-untyped-call]
        outputs = call()
        self._synchronize()
        torch.cuda.profiler.stop()  # type: ignore[no-untyped-call]
        return outputs, 0.0

    def _marked(self, call: Call, inputs: Sequence[torch.Tensor]) -> tuple[Any, float]:
        """The flush between two markers, the call up to a third: the profiler sees every kernel."""
        self._synchronize()
        spin(1)
        self._make_cold(inputs)
        spin(1)
        outputs = call()
        spin(1)
        self._synchronize()
        return outputs, 0.0

    def _by_kernel_timestamps(self, call: Call, inputs: Sequence[torch.Tensor]) -> tuple[Any, float]:
        """From the start of the first kernel to the end of the last."""
        outputs, own = traced(call, lambda: self._prepare(inputs))
        if own is None:
            raise RuntimeError("the profiler saw no kernels: another CUPTI client may be active")
        if not own:
            return outputs, 0.0
        return outputs, (max(span.end_us for span in own) - own[0].start_us) / 1000
