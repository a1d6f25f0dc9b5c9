"""How a call is timed, on a device that only notes what it is asked to do."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from suite.worker import clock
from suite.worker.clock import ColdClock, cover_for

CARD = {"L2_cache_size": 60 << 20}


@pytest.fixture
def device(monkeypatch):
    """Its notes; an event's time is 1.5 ms after the one before."""
    notes: list[str] = []

    class Event:
        def __init__(self, enable_timing):
            assert enable_timing

        def record(self, stream):
            notes.append(f"event on {stream}")

        def elapsed_time(self, end):
            assert isinstance(end, Event)
            return 1.5

    flush = SimpleNamespace(sum=lambda: notes.append("flush"))
    cuda = SimpleNamespace(
        get_device_properties=lambda _index: SimpleNamespace(**CARD),
        current_stream=lambda: "the stream",
    )
    fake = SimpleNamespace(
        cuda=cuda,
        ones=lambda size, dtype, device: notes.append(f"{size} {dtype} on {device}") or flush,
        float32="floats",
        _C=SimpleNamespace(
            _CudaEventBase=Event,
            _cuda_synchronize=lambda: notes.append("synchronize"),
            TensorBase=SimpleNamespace(sum=lambda tensor: tensor.sum()),
        ),
    )
    monkeypatch.setattr(clock, "torch", fake)
    monkeypatch.setattr(
        clock,
        "a_byte_of_each_page",
        lambda tensor: SimpleNamespace(sum=lambda: notes.append(f"touch {tensor}")),
    )
    monkeypatch.setattr(clock, "spin", lambda cycles: notes.append(f"spin {cycles}"))
    monkeypatch.setattr(clock.cuda_ipc, "reset_persisting_l2", lambda: notes.append("reset"))
    return notes


def test_a_call_is_cold_and_covered(device):
    timer = ColdClock()
    assert (timer.flush_bytes, device) == (240 << 20, [f"{60 << 20} floats on cuda"])
    device.clear()
    assert timer.time(lambda: device.append("call") or "output", "events") == ("output", 1.5)
    event = "event on the stream"
    assert device == ["synchronize", "reset", "flush", "spin 2000000", event, "call", event, "synchronize"]


@pytest.mark.parametrize("method", ["events", "ncu", "kernel_timestamps"])
def test_the_pages_of_the_inputs_are_known_before_the_caches_are_flushed(device, monkeypatch, method):
    def traced(call, prepare):
        prepare()
        return call(), []

    monkeypatch.setattr(clock, "traced", traced)
    ColdClock().time(lambda: device.append("call"), method, ["a", "b"])
    steps = [note for note in device if note.split()[0] in ("touch", "flush", "call")]
    assert steps == ["touch a", "touch b", "flush", "call"]


@pytest.mark.parametrize(
    ("tensor", "pages"),
    [
        (torch.arange(1 << 20, dtype=torch.float32), 64),  # 4 MB
        (torch.arange(1 << 15, dtype=torch.float64)[5:].reshape(3, -1).T, 4),
        (torch.zeros(3, dtype=torch.int8), 1),
        (torch.zeros(0), 0),
    ],
)
def test_each_page_is_touched_whatever_the_layout(tensor, pages):
    found = clock.a_byte_of_each_page(tensor)
    start = tensor.untyped_storage().data_ptr()
    assert [byte.data_ptr() - start for byte in found] == [65536 * page for page in range(pages)]


def test_a_slow_host_gets_a_longer_cover(device):
    timer = ColdClock()
    timer.cover_ms = 1.4
    timer.time(lambda: None, "events")
    assert "spin 2800000" in device


@pytest.mark.parametrize(("boost_khz", "cycles"), [(2_520_000, 2_520_000), (1_980_000, 2_000_000)])
def test_a_faster_card_counts_more_cycles_for_the_same_cover(device, monkeypatch, boost_khz, cycles):
    monkeypatch.setitem(CARD, "clock_rate", boost_khz)
    ColdClock().time(lambda: None, "events")
    assert f"spin {cycles}" in device


def test_how_long_queueing_took_is_told(device, monkeypatch):
    ticks = iter([7.0, 7.0003])
    monkeypatch.setattr(clock, "time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    timer = ColdClock()
    assert timer.queued_ms is None
    timer.time(lambda: None, "ncu")
    assert timer.queued_ms is None
    timer.time(lambda: None, "events")
    assert timer.queued_ms == pytest.approx(0.3)


def test_an_empty_call_costs_what_the_events_say(device):
    assert ColdClock().event_overhead_ms() == 1.5
    assert device.count("event on the stream") == 100


def test_queueing_is_timed_with_the_card_idle(device, monkeypatch):
    ticks = iter(range(1000))
    monkeypatch.setattr(clock, "time", SimpleNamespace(perf_counter=lambda: 1e-5 * next(ticks)))
    assert ColdClock().queueing_ms() == pytest.approx(0.01)
    assert device[1:3] == ["synchronize", "flush"]


@pytest.mark.parametrize(
    ("queueing_ms", "cover_ms"), [(0.0, 1.0), (0.016, 1.0), (0.03, 1.5), (0.04, 2.0), (0.5, 2.0)]
)
def test_the_cover_grows_with_the_time_to_queue_up_to_a_bound(queueing_ms, cover_ms):
    assert cover_for(queueing_ms) == pytest.approx(cover_ms)


def test_a_solution_that_replaces_sum_does_not_keep_the_caches_warm(device, monkeypatch):
    summed = []
    monkeypatch.setattr(clock.torch._C.TensorBase, "sum", summed.append)
    timer = ColdClock()
    monkeypatch.setattr(clock.torch._C, "TensorBase", None)  # a name looked up later would be another's
    timer._flush.sum = lambda: None
    timer.time(lambda: None, "events")
    assert summed == [timer._flush]
