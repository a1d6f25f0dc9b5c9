"""What runs on the card and when, from the activity records of CUPTI, NVIDIA's tracing library.

torch.profiler reads the same records, but its first start takes 4.2 s on the host of an H200: it also sets up
counters, which nobody here reads. The calls below take 0.03 s.

The first fields of a record keep their places from one version of CUPTI to the next: new ones are appended.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

MEMCPY, MEMSET, CONCURRENT_KERNEL, MEMCPY_PEER = 1, 2, 10, 22
_KINDS = (MEMCPY, MEMSET, CONCURRENT_KERNEL, MEMCPY_PEER)
_COPIES = {1: "Memcpy HtoD", 2: "Memcpy DtoH", 8: "Memcpy DtoD", 10: "Memcpy PtoP"}
_BUFFER_BYTES = 1 << 20
_ALIGNMENT = 8
_FORCED = 1  # also buffers that are not full


# Looked up before a solution is loaded, which could put others in their place.
_demangle = torch._C._demangle


@dataclass(frozen=True, slots=True)
class Activity:
    """One run of a kernel, copy or fill on the card, in nanoseconds of the card's clock."""

    name: str
    start_ns: int
    end_ns: int


class KernelRecord(ctypes.Structure):
    """The beginning of `CUpti_ActivityKernel`: its settings, times in ns, the launch, and a mangled name."""

    _fields_ = (
        ("kind", ctypes.c_uint32),
        ("settings", ctypes.c_uint8 * 12),
        ("start_ns", ctypes.c_uint64),
        ("end_ns", ctypes.c_uint64),
        ("launch", ctypes.c_uint8 * 72),
        ("name", ctypes.c_char_p),
    )


class TransferRecord(ctypes.Structure):
    """The beginning of `CUpti_ActivityMemcpy`, of that between peers, and of `CUpti_ActivityMemset`."""

    _fields_ = (
        ("kind", ctypes.c_uint32),
        ("way", ctypes.c_uint8),
        ("where", ctypes.c_uint8 * 3),
        ("bytes", ctypes.c_uint64),
        ("start_ns", ctypes.c_uint64),
        ("end_ns", ctypes.c_uint64),
    )


def activity_at(address: int) -> Activity:
    """The record at an address."""
    kind = ctypes.c_uint32.from_address(address).value
    if kind == CONCURRENT_KERNEL:
        kernel = KernelRecord.from_address(address)
        name = _demangle((kernel.name or b"").decode(errors="replace"))
        return Activity(name, kernel.start_ns, kernel.end_ns)
    transfer = TransferRecord.from_address(address)
    name = "Memset" if kind == MEMSET else _COPIES.get(transfer.way, "Memcpy")
    return Activity(name, transfer.start_ns, transfer.end_ns)


def _library() -> ctypes.CDLL | None:
    """The CUPTI that torch was linked with and has loaded; None in a build without CUDA."""
    loaded = (line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines())
    path = next((path for path in loaded if Path(path).name.startswith("libcupti.so")), None)
    return None if path is None else ctypes.CDLL(path)


_cupti = _library()  # before a solution is loaded, as above
_REQUESTED = ctypes.CFUNCTYPE(
    None, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(ctypes.c_size_t)
)
_COMPLETED = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t
)


class _Recorder:
    """Lends CUPTI the memory that it writes records to, and keeps what it has written."""

    def __init__(self, cupti: ctypes.CDLL) -> None:
        self.seen: list[Activity] = []
        self._cupti = cupti
        self._lent: dict[int, Any] = {}
        # CUPTI calls these for as long as the process lives.
        self._callbacks = (_REQUESTED(self._lend), _COMPLETED(self._take_back))
        cupti.cuptiActivityRegisterCallbacks(*self._callbacks)

    @contextlib.contextmanager
    def on(self) -> Iterator[None]:
        """Collect anew what runs meanwhile."""
        self.seen.clear()
        for kind in _KINDS:
            self._cupti.cuptiActivityEnable(kind)
        try:
            yield
        finally:
            for kind in _KINDS:
                self._cupti.cuptiActivityDisable(kind)
            self._cupti.cuptiActivityFlushAll(_FORCED)

    def _lend(self, buffer: Any, size: Any, most_records: Any) -> None:
        memory = ctypes.create_string_buffer(_BUFFER_BYTES + _ALIGNMENT)
        address = -(-ctypes.addressof(memory) // _ALIGNMENT) * _ALIGNMENT
        self._lent[address] = memory
        buffer[0], size[0], most_records[0] = address, _BUFFER_BYTES, 0

    def _take_back(self, _context: Any, _stream: int, buffer: int, _size: int, valid: int) -> None:
        record = ctypes.c_void_p()
        next_record: Callable[..., int] = self._cupti.cuptiActivityGetNextRecord
        while next_record(ctypes.c_void_p(buffer), ctypes.c_size_t(valid), ctypes.byref(record)) == 0:
            assert record.value is not None
            self.seen.append(activity_at(record.value))
        del self._lent[buffer]


@functools.cache
def _recorder() -> _Recorder | None:
    """One a process: CUPTI takes callbacks once."""
    return None if _cupti is None else _Recorder(_cupti)


@contextlib.contextmanager
def recording() -> Iterator[list[Activity]]:
    """Fills the list it yields, when it ends, with what ran on the card meanwhile, in order of starts.

    The list stays empty where there is no CUPTI, or where it serves another profiler. Whoever needs all of
    what was queued synchronizes the card before the end.
    """
    recorder = _recorder()
    seen: list[Activity] = []
    if recorder is None:
        yield seen
        return
    with recorder.on():
        yield seen
    seen += sorted(recorder.seen, key=lambda activity: activity.start_ns)
