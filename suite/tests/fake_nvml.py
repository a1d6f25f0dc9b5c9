"""A stand-in for the pynvml module with simulated cards."""

import sys
from types import SimpleNamespace


class NVMLError(Exception):
    """As pynvml raises for everything that goes wrong."""


class NotSupportedError(NVMLError):
    """The card does not answer this question."""


IDLE_H200 = {
    "nvmlDeviceGetName": "NVIDIA H200",
    "nvmlDeviceGetUUID": "GPU-1",
    "nvmlDeviceGetMemoryInfo": SimpleNamespace(used=1_000_000_000, total=150_000_000_000),
    "nvmlDeviceGetComputeRunningProcesses": [],
    "nvmlDeviceGetGraphicsRunningProcesses": [],
    "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=0, memory=0),
    "nvmlDeviceGetPowerUsage": 123_400,
    "nvmlDeviceGetEnforcedPowerLimit": 700_000,
    "nvmlDeviceGetPowerManagementDefaultLimit": 700_000,
    "nvmlDeviceGetTemperature": 32,
    "nvmlDeviceGetPersistenceMode": 1,
    "nvmlDeviceGetClockInfo": 345,
    "nvmlDeviceGetMaxClockInfo": 1980,
    "nvmlDeviceGetApplicationsClock": 1980,
    "nvmlDeviceGetDefaultApplicationsClock": 1980,
    "nvmlDeviceGetCurrentClocksEventReasons": 0x1,
    "nvmlDeviceGetMigMode": [0, 0],
    "nvmlDeviceGetDisplayActive": 0,
    "nvmlDeviceGetEccMode": [1, 1],
}
UNSUPPORTED = object()
"""The answer of a card that raises `NotSupportedError`."""
SETTERS = ("Set", "Reset", "Clear", "Register")


class FakeNvml:
    """One or more cards, each a healthy H200 but for what it is told; `None` stands for no driver."""

    NVMLError = NVMLError
    NVML_TEMPERATURE_GPU = 0
    NVML_CLOCK_GRAPHICS = 0
    NVML_CLOCK_SM = 1
    NVML_CLOCK_MEM = 2

    def __init__(self, *cards):
        self._cards = None if cards == (None,) else [IDLE_H200 | card for card in cards or ({},)]

    def nvmlInit(self):  # noqa: N802
        if self._cards is None:
            raise NVMLError("driver not loaded")

    def nvmlSystemGetDriverVersion(self):  # noqa: N802
        return "580.95.05"

    def nvmlDeviceGetCount(self):  # noqa: N802
        return len(self._cards)

    def nvmlDeviceGetHandleByIndex(self, index):  # noqa: N802
        return index

    def nvmlDeviceGetHandleByUUID(self, uuid):  # noqa: N802
        return [card["nvmlDeviceGetUUID"] for card in self._cards].index(uuid)

    def __getattr__(self, name):
        assert not any(word in name for word in SETTERS), f"{name} would change the card"
        if name not in IDLE_H200:
            raise AttributeError(name)  # as an older pynvml does

        def ask(handle, *_arguments):
            answer = self._cards[handle][name]
            if answer is UNSUPPORTED:
                raise NotSupportedError(name)
            return answer

        return ask


def install(monkeypatch, *cards):
    """Let `import pynvml` find simulated cards."""
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(*cards))
