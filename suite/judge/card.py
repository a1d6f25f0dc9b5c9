"""What NVML and torch say of the card and this machine."""

from __future__ import annotations

import contextlib
import platform
from typing import Any

import torch

from suite.judge.sampling import ClockState
from suite.machine import board_of
from suite.result import Clocks, Environment


class Card:
    """The CUDA device that this process uses, as NVML sees it.

    Every reading is None without NVML, and where the card or its driver (a laptop's, or that of WSL) does not
    support it.
    """

    def __init__(self) -> None:
        self._handle: Any = None
        self.driver: str | None = None
        with contextlib.suppress(ImportError):
            import pynvml

            with contextlib.suppress(pynvml.NVMLError):
                pynvml.nvmlInit()
                uuid = f"GPU-{torch.cuda.get_device_properties(0).uuid}"
                self._handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)
                self.driver = pynvml.nvmlSystemGetDriverVersion()
                self._nvml = pynvml

    def used_mb(self) -> int | None:
        """Device memory in use by all processes, in MB (10^6 bytes)."""
        if self._handle is None:
            return None
        try:
            return int(self._nvml.nvmlDeviceGetMemoryInfo(self._handle).used) // 1_000_000
        except self._nvml.NVMLError:
            return None

    def top_mhz(self) -> int | None:
        """The highest SM clock that the card can have."""
        if self._handle is None:
            return None
        try:
            return int(self._nvml.nvmlDeviceGetMaxClockInfo(self._handle, self._nvml.NVML_CLOCK_SM))
        except self._nvml.NVMLError:
            return None

    def clock_state(self) -> ClockState | None:
        """Clocks, power and temperature now."""
        if self._handle is None:
            return None
        nvml, handle = self._nvml, self._handle
        try:
            return ClockState(
                nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM),
                nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_MEM),
                nvml.nvmlDeviceGetPowerUsage(handle) / 1000,
                nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU),
                nvml.nvmlDeviceGetCurrentClocksEventReasons(handle),
            )
        except nvml.NVMLError:
            return None


def clocks_from(states: list[ClockState | None]) -> Clocks | None:
    """The states after each sample as columns; None when any is unknown."""
    known = [state for state in states if state is not None]
    if not known or len(known) < len(states):
        return None
    return Clocks(
        sm_mhz=tuple(state.sm_mhz for state in known),
        memory_mhz=tuple(state.memory_mhz for state in known),
        power_w=tuple(state.power_w for state in known),
        temperature_c=tuple(state.temperature_c for state in known),
        throttle_reasons=tuple(state.reasons for state in known),
    )


def environment(card: Card | None) -> Environment:
    """This machine, with the card if there is one."""
    properties = torch.cuda.get_device_properties(0) if card is not None else None
    return Environment(
        gpu=properties.name if properties else None,
        sm_count=properties.multi_processor_count if properties else None,
        l2_cache_bytes=properties.L2_cache_size if properties else None,
        gpu_memory_mb=properties.total_memory // 1_000_000 if properties else None,
        driver=card.driver if card else None,
        cuda=torch.version.cuda,
        torch=torch.__version__,
        triton=_triton_version(),
        python=platform.python_version(),
        platform=platform.platform(),
        board=board_of(str(properties.uuid)) if properties else None,
    )


def _triton_version() -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("triton")
    except PackageNotFoundError:
        return None
