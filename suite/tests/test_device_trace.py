"""What the worker makes of the profiler's spans."""

from suite.worker.device_trace import Span, busy_us, summed
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
