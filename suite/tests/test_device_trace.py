"""What the worker makes of the profiler's spans."""

import contextlib

import pytest

from suite.worker import device_trace
from suite.worker.cupti import Activity
from suite.worker.device_trace import Span, busy_us, summed, traced
from suite.worker.work import MAX_NAME, MAX_ROWS, DeviceKernel


def test_runs_of_a_kernel_add_up_the_longest_first():
    spans = [Span("a", 0.0, 1.0), Span("b", 1.0, 6.0), Span("a", 6.0, 8.5)]
    assert summed(spans) == (DeviceKernel("b", 1, 5.0), DeviceKernel("a", 2, 3.5))
    assert summed([]) == ()


def test_names_are_cut_and_the_shortest_runs_fall_into_one_row():
    spans = [Span(f"{number:03}" * MAX_NAME, 0.0, 10.0 + number) for number in range(MAX_ROWS + 3)]
    rows = summed(spans)
    assert len(rows) == MAX_ROWS
    assert all(len(row.name) <= MAX_NAME for row in rows)
    assert rows[-1] == DeviceKernel("(more kernels)", 4, 10.0 + 11.0 + 12.0 + 13.0)


def test_time_in_which_several_ran_counts_once():
    assert busy_us([]) == 0.0
    assert busy_us([Span("a", 0.0, 10.0), Span("b", 20.0, 25.0)]) == 15.0
    assert busy_us([Span("b", 5.0, 12.0), Span("a", 0.0, 10.0), Span("c", 6.0, 7.0)]) == 12.0


@pytest.fixture
def ran(monkeypatch):
    """Lets a test say what CUPTI recorded."""
    activities = []

    @contextlib.contextmanager
    def recording():
        yield activities

    monkeypatch.setattr(device_trace, "recording", recording)
    monkeypatch.setattr(device_trace, "spin", lambda cycles: None)
    monkeypatch.setattr(device_trace.torch.cuda, "synchronize", lambda: None)
    return activities


def test_a_trace_is_what_ran_between_the_markers_to_the_nanosecond(ran):
    begin = 1_795_000_000_123_456_789  # a float64 of microseconds would round this to a quarter of one
    ran += [
        Activity("flush", begin, begin + 5),
        Activity("spin_kernel(long)", begin + 10, begin + 1000),
        Activity("mine", begin + 2001, begin + 3002),
        Activity("spin_kernel(long)", begin + 4000, begin + 4001),
        Activity("later", begin + 5000, begin + 5001),
    ]
    assert traced(lambda: "out", lambda: None) == ("out", [Span("mine", 2.001, 3.002)])


def test_without_both_markers_the_profiler_does_not_work(ran):
    assert traced(lambda: "out", lambda: None) == ("out", None)
    ran.append(Activity("spin_kernel(long)", 1, 2))
    assert traced(lambda: "out", lambda: None) == ("out", None)
