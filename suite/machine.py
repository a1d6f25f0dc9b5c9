"""What the host can say of this machine without torch."""

from __future__ import annotations

import contextlib
from typing import Any


def has_gpu() -> bool:
    """Is there an NVIDIA GPU with a driver that answers?"""
    return bool(used_memory_mb())


def used_memory_mb() -> dict[str, int]:
    """Device memory in use by all processes, in MB (10^6 bytes), by the card's UUID; empty without NVML."""
    used: dict[str, int] = {}
    with contextlib.suppress(ImportError):
        import pynvml

        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlInit()
            for index in range(pynvml.nvmlDeviceGetCount()):
                handle: Any = pynvml.nvmlDeviceGetHandleByIndex(index)
                memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
                used[pynvml.nvmlDeviceGetUUID(handle)] = int(memory.used) // 1_000_000
    return used
