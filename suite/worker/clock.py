"""Device time of one cold call, by CUDA events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

# At about 2 GHz this holds the stream for 0.1 ms: both events and the launches of a few kernels (8 us of host
# time each) are queued before the device reaches the first event, so that host time does not leak into the
# sample.
COVER_CYCLES = 200_000


class ColdClock:
    """Times single calls with the L2 cache flushed before each one.

    The flush writes twice the L2, as measured on the device, or 64 MB if that is more.
    """

    def __init__(self) -> None:
        l2_bytes = torch.cuda.get_device_properties(0).L2_cache_size
        self._flush = torch.empty(max(2 * l2_bytes, 64 << 20), dtype=torch.uint8, device="cuda")

    def time(self, call: Callable[[], Any]) -> tuple[Any, float]:
        """The result of `call()` and its device time in milliseconds."""
        start = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call] # torch has none
        end = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        torch.cuda.synchronize()
        self._flush.zero_()
        torch.cuda._sleep(COVER_CYCLES)  # type: ignore[no-untyped-call]
        start.record()
        outputs = call()
        end.record()
        torch.cuda.synchronize()
        return outputs, start.elapsed_time(end)
