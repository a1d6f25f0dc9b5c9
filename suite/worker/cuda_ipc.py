"""The context, CUDA inter-process memory, and what persists in the L2 cache, through the driver API.

torch's own sharing goes through files in /dev/shm that a sandboxed worker does not see, so the few driver
calls it needs are made here. libcuda.so.1 comes with every driver and its names are stable.
"""

from __future__ import annotations

import ctypes
import functools

HANDLE_BYTES = 64
_LAZY_ENABLE_PEER_ACCESS = 1


class CudaError(RuntimeError):
    """A driver call failed; the message names the call and the driver's error."""


class _IpcHandle(ctypes.Structure):
    _fields_ = (("reserved", ctypes.c_char * HANDLE_BYTES),)


@functools.cache
def _driver() -> ctypes.CDLL:
    return ctypes.CDLL("libcuda.so.1")


def _check(call: str, code: int) -> None:
    if code != 0:
        name = ctypes.c_char_p()
        _driver().cuGetErrorName(code, ctypes.byref(name))
        raise CudaError(f"{call} failed: {(name.value or b'unknown').decode()} ({code})")


def start_context() -> None:
    """Start the driver and the context of the first card, which torch shares once it is imported."""
    device, context = ctypes.c_int(), ctypes.c_void_p()
    _check("cuInit", _driver().cuInit(0))
    _check("cuDeviceGet", _driver().cuDeviceGet(ctypes.byref(device), 0))
    _check("cuDevicePrimaryCtxRetain", _driver().cuDevicePrimaryCtxRetain(ctypes.byref(context), device))


def allocation_of(pointer: int) -> tuple[int, int]:
    """The (base address, bytes) of the device allocation that holds `pointer`."""
    base, size = ctypes.c_uint64(), ctypes.c_size_t()
    code = _driver().cuMemGetAddressRange_v2(ctypes.byref(base), ctypes.byref(size), ctypes.c_uint64(pointer))
    _check("cuMemGetAddressRange", code)
    return base.value, size.value


def export_handle(base: int) -> str:
    """The hexadecimal IPC handle of the device allocation that starts at `base`."""
    handle = _IpcHandle()
    _check("cuIpcGetMemHandle", _driver().cuIpcGetMemHandle(ctypes.byref(handle), ctypes.c_uint64(base)))
    return bytes(handle).hex()


def open_handle(handle: str) -> int:
    """Map another process's allocation into this one; returns its device address here."""
    address = ctypes.c_uint64()
    exported = _IpcHandle.from_buffer_copy(bytes.fromhex(handle))
    code = _driver().cuIpcOpenMemHandle_v2(ctypes.byref(address), exported, _LAZY_ENABLE_PEER_ACCESS)
    _check("cuIpcOpenMemHandle", code)
    return address.value


def reset_persisting_l2() -> None:
    """Make every persisting line of the L2 cache an ordinary one; a card without such lines has none."""
    _driver().cuCtxResetPersistingL2Cache()


def close_handle(address: int) -> None:
    """Unmap what `open_handle` mapped."""
    _check("cuIpcCloseMemHandle", _driver().cuIpcCloseMemHandle(ctypes.c_uint64(address)))
