"""Reading CUPTI's activity records: two as an H200 with CUDA 13.0 wrote them."""

# ruff: noqa: N802 - a fake has the names of CUPTI

import ctypes

import pytest

from suite.worker.cupti import Activity, KernelRecord, TransferRecord, _Recorder, activity_at, recording

KERNEL = bytes.fromhex(
    "0a000000000010000100000001000000633aca273627ea18033dca273627ea18033dca273627ea1800000000010000000700"
    "00000100000001000000010000000100000001000000010000000000000000000000000000000000f40e0100000003000000"
    "00000000f0cffd22000000000000000000000000"
)
FILL = bytes.fromhex(
    "02000000000000000400000000000000145ddd273627ea189460dd273627ea1800000000010000000700000002000000"
)
KERNEL_NS = (0x18EA273627CA3A63, 0x18EA273627CA3D03)


def memory(record: bytes) -> ctypes.Array:
    return ctypes.create_string_buffer(record, len(record))


def test_a_kernel_has_its_demangled_name_and_its_times():
    record = memory(KERNEL)
    name = ctypes.create_string_buffer(b"_ZN2at6native11spin_kernelEl")
    ctypes.c_uint64.from_buffer(record, KernelRecord.name.offset).value = ctypes.addressof(name)
    assert activity_at(ctypes.addressof(record)) == Activity("at::native::spin_kernel(long)", *KERNEL_NS)
    assert KERNEL_NS[1] - KERNEL_NS[0] == 672


def test_a_fill_is_named_as_such():
    record = memory(FILL)
    assert activity_at(ctypes.addressof(record)) == Activity("Memset", 0x18EA273627DD5D14, 0x18EA273627DD6094)


@pytest.mark.parametrize(
    ("kind", "way", "name"),
    [(1, 1, "HtoD"), (1, 2, "DtoH"), (1, 8, "DtoD"), (22, 10, "PtoP"), (1, 4, "")],
)
def test_a_copy_says_from_where_to_where(kind, way, name):
    record = TransferRecord(kind=kind, way=way, start_ns=5000, end_ns=7500)
    assert activity_at(ctypes.addressof(record)) == Activity(f"Memcpy {name}".strip(), 5000, 7500)


def test_without_cupti_nothing_is_seen(monkeypatch):
    monkeypatch.setattr("suite.worker.cupti._recorder", lambda: None)
    with recording() as seen:
        pass
    assert seen == []


class FakeCupti:
    """Writes two records for each recording, as a library that was asked for both kinds would."""

    def __init__(self) -> None:
        self.on: set[int] = set()
        self.records = (
            TransferRecord(kind=1, way=8, start_ns=2000, end_ns=3000),
            TransferRecord(kind=2, way=0, start_ns=1000, end_ns=1500),
        )

    def cuptiActivityRegisterCallbacks(self, requested, completed):
        self.requested, self.completed = requested, completed
        return 0

    def cuptiActivityEnable(self, kind):
        self.on.add(kind)
        return 0

    def cuptiActivityDisable(self, kind):
        self.on.discard(kind)
        return 0

    def cuptiActivityFlushAll(self, _flag):
        buffer, size, most = ctypes.c_void_p(), ctypes.c_size_t(), ctypes.c_size_t(1)
        self.requested(ctypes.pointer(buffer), ctypes.pointer(size), ctypes.pointer(most))
        assert (buffer.value % 8, size.value, most.value) == (0, 1 << 20, 0)
        for place, record in enumerate(self.records):
            ctypes.memmove(buffer.value + 40 * place, ctypes.addressof(record), ctypes.sizeof(record))
        self.left = [buffer.value, buffer.value + 40]
        self.completed(None, 0, buffer, size, 80)
        return 0

    def cuptiActivityGetNextRecord(self, _buffer, _valid, record):
        if not self.left:
            return 12  # CUPTI_ERROR_MAX_LIMIT_REACHED
        record._obj.value = self.left.pop(0)
        return 0


def test_a_recording_has_what_ran_in_order_of_starts_and_nothing_of_the_one_before(monkeypatch):
    fake = FakeCupti()
    recorder = _Recorder(fake)
    monkeypatch.setattr("suite.worker.cupti._recorder", lambda: recorder)
    for _ in range(2):
        with recording() as seen:
            assert fake.on == {1, 2, 10, 22}
        assert seen == [Activity("Memset", 1000, 1500), Activity("Memcpy DtoD", 2000, 3000)]
        assert fake.on == set()
    assert recorder._lent == {}
