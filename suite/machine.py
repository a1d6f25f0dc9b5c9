"""What the host can say of this machine's GPUs without torch, through NVML."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class GpuState:
    """One GPU now. Memory is in MB (10^6 bytes), None where the card does not tell."""

    uuid: str
    name: str
    driver: str
    memory_used_mb: int | None
    memory_total_mb: int | None
    processes: int
    """How many processes compute or draw on it."""


@dataclass(frozen=True, slots=True)
class GpuCondition:
    """What bears on a clock. Each is None where the card or the driver does not answer that question."""

    name: str
    utilization_percent: int | None = None
    power_w: float | None = None
    power_limit_w: float | None = None
    default_power_limit_w: float | None = None
    temperature_c: int | None = None
    persistence: bool | None = None
    sm_mhz: int | None = None
    top_sm_mhz: int | None = None
    application_mhz: int | None = None
    """The graphics clock that the user asked for; the default where nobody did."""
    default_application_mhz: int | None = None
    reasons: int | None = None
    """NVML's clocks-event-reasons bit mask."""
    mig: bool | None = None
    display: bool | None = None
    """Whether a display draws on it now."""
    ecc: bool | None = None


def board_of(uuid: str) -> str:
    """A short name for one board: the first 8 hexadecimal digits of the SHA-256 of its UUID.

    Boards of one model differ by a few per cent, so results say which one they are of. Nobody gets from this
    to the UUID, by which drivers and clusters know a card. NVML writes "GPU-" before it, torch does not.
    """
    return hashlib.sha256(uuid.removeprefix("GPU-").lower().encode()).hexdigest()[:8]


def gpu_states() -> list[GpuState]:
    """All GPUs whose driver answers; empty without NVML."""
    return [_state(nvml, handle) for nvml, handle in _cards()]


def gpu_conditions() -> list[GpuCondition]:
    """The condition of all GPUs, in the order of `gpu_states`; asks and never sets."""
    return [_condition(nvml, handle) for nvml, handle in _cards()]


def has_gpu() -> bool:
    """Is there an NVIDIA GPU with a driver that answers?"""
    return bool(gpu_states())


def used_memory_mb() -> dict[str, int]:
    """Device memory in use by all processes, by the card's UUID."""
    return {state.uuid: state.memory_used_mb for state in gpu_states() if state.memory_used_mb is not None}


def _cards() -> Iterator[tuple[Any, Any]]:
    """The NVML module and a handle, for each GPU that it can name."""
    try:
        import pynvml
    except ImportError:
        return
    try:
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
    except pynvml.NVMLError:
        return
    for index in range(count):
        with contextlib.suppress(pynvml.NVMLError):
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            pynvml.nvmlDeviceGetName(handle)
            pynvml.nvmlDeviceGetUUID(handle)
            yield pynvml, handle


def _state(nvml: Any, handle: Any) -> GpuState:
    memory = _ask(nvml, lambda: nvml.nvmlDeviceGetMemoryInfo(handle))
    computing = _ask(nvml, lambda: nvml.nvmlDeviceGetComputeRunningProcesses(handle)) or ()
    drawing = _ask(nvml, lambda: nvml.nvmlDeviceGetGraphicsRunningProcesses(handle)) or ()
    return GpuState(
        uuid=nvml.nvmlDeviceGetUUID(handle),
        name=nvml.nvmlDeviceGetName(handle),
        driver=_ask(nvml, nvml.nvmlSystemGetDriverVersion) or "unknown",
        memory_used_mb=int(memory.used) // 1_000_000 if memory is not None else None,
        memory_total_mb=int(memory.total) // 1_000_000 if memory is not None else None,
        processes=len({process.pid for process in (*computing, *drawing)}),
    )


def _condition(nvml: Any, handle: Any) -> GpuCondition:
    def ask(name: str, *arguments: Any) -> Any:
        return _ask(nvml, lambda: getattr(nvml, name)(handle, *arguments))

    def watts(name: str) -> float | None:
        milliwatts = ask(name)
        return None if milliwatts is None else milliwatts / 1000

    def is_on(state: Any) -> bool | None:
        return None if state is None else bool(state)

    def current(pair: Any) -> bool | None:
        """Of (current, pending)."""
        return None if pair is None else bool(pair[0])

    rates = ask("nvmlDeviceGetUtilizationRates")
    return GpuCondition(
        name=nvml.nvmlDeviceGetName(handle),
        utilization_percent=None if rates is None else int(rates.gpu),
        power_w=watts("nvmlDeviceGetPowerUsage"),
        power_limit_w=watts("nvmlDeviceGetEnforcedPowerLimit"),
        default_power_limit_w=watts("nvmlDeviceGetPowerManagementDefaultLimit"),
        temperature_c=ask("nvmlDeviceGetTemperature", nvml.NVML_TEMPERATURE_GPU),
        persistence=is_on(ask("nvmlDeviceGetPersistenceMode")),
        sm_mhz=ask("nvmlDeviceGetClockInfo", nvml.NVML_CLOCK_SM),
        top_sm_mhz=ask("nvmlDeviceGetMaxClockInfo", nvml.NVML_CLOCK_SM),
        application_mhz=ask("nvmlDeviceGetApplicationsClock", nvml.NVML_CLOCK_GRAPHICS),
        default_application_mhz=ask("nvmlDeviceGetDefaultApplicationsClock", nvml.NVML_CLOCK_GRAPHICS),
        reasons=ask("nvmlDeviceGetCurrentClocksEventReasons"),
        mig=current(ask("nvmlDeviceGetMigMode")),
        display=is_on(ask("nvmlDeviceGetDisplayActive")),
        ecc=current(ask("nvmlDeviceGetEccMode")),
    )


def _ask(nvml: Any, question: Callable[[], T]) -> T | None:
    """The answer, or None where this card, driver or version of NVML has none."""
    try:
        return question()
    except (nvml.NVMLError, AttributeError):
        return None
