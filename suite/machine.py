"""What the host can say of this machine's GPUs without torch, through NVML."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class GpuState:
    """One GPU now. Memory is in MB (10^6 bytes); `processes` counts all that compute on it."""

    uuid: str
    name: str
    driver: str
    memory_used_mb: int
    memory_total_mb: int
    processes: int


def gpu_states() -> list[GpuState]:
    """All GPUs whose driver answers; empty without NVML."""
    try:
        import pynvml
    except ImportError:
        return []
    try:
        pynvml.nvmlInit()
        driver = pynvml.nvmlSystemGetDriverVersion()
        return [_state(pynvml, index, driver) for index in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError:
        return []


def has_gpu() -> bool:
    """Is there an NVIDIA GPU with a driver that answers?"""
    return bool(gpu_states())


def used_memory_mb() -> dict[str, int]:
    """Device memory in use by all processes, by the card's UUID."""
    return {state.uuid: state.memory_used_mb for state in gpu_states()}


def _state(nvml: Any, index: int, driver: str) -> GpuState:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    processes = 0
    with contextlib.suppress(nvml.NVMLError):
        processes = len(nvml.nvmlDeviceGetComputeRunningProcesses(handle))
    return GpuState(
        uuid=nvml.nvmlDeviceGetUUID(handle),
        name=nvml.nvmlDeviceGetName(handle),
        driver=driver,
        memory_used_mb=int(memory.used) // 1_000_000,
        memory_total_mb=int(memory.total) // 1_000_000,
        processes=processes,
    )
