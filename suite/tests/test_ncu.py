"""Nsight Compute's table, in the form that its manual documents, and what is made of it."""

import pytest

from suite.counters import (
    COUNTED,
    DRAM,
    GRID,
    LONG_SCOREBOARD,
    MEMORY_STALLS,
    REGISTERS,
    SM,
    TIME,
    WARP_LATENCY,
)
from suite.judge.ncu import NcuLaunch, per_call, read_table, why_not
from suite.judge.profiling import profile_prefix

COLUMNS = (
    '"ID","Process ID","Process Name","Host Name","Kernel Name","Context","Stream","Block Size","Grid Size",'
    '"Device","CC"'
)
METRICS = (DRAM, TIME, GRID, REGISTERS, LONG_SCOREBOARD, WARP_LATENCY, SM)
UNITS = ("%", "ns", "", "register/thread", "inst", "inst", "%")
EMPTY = ",".join(['""'] * 11)


def table(*rows, units=UNITS):
    """A raw page: messages, header, units, rows of (kernel, block, grid, *values)."""
    head = ",".join([COLUMNS, *(f'"{name}"' for name in METRICS)])
    lines = ["==PROF== Connected to process 4711 (/usr/bin/python3.12)", head]
    lines.append(",".join([EMPTY, *(f'"{unit}"' for unit in units)]))
    for number, (kernel, block, grid, *values) in enumerate(rows):
        cells = [number, 4711, "python3.12", "127.0.0.1", kernel, 1, 7, block, grid, 0, "9.0", *values]
        lines.append(",".join(f'"{cell}"' for cell in cells))
    return "\n".join([*lines, "==PROF== Disconnected from process 4711", ""])


PASS = ("argmin_pass_kernel", "(128, 1, 1)", "(262144, 1, 1)")
JOIN = ("argmin_pass_kernel", "(128, 1, 1)", "(4096, 1, 1)")
ONE_CALL = (
    (*PASS, "81.17", "2,310,112", "262,144", "32", "7.0", "10.0", "8.69"),
    (*JOIN, "40.00", "200,000", "4,096", "32", "2.0", "10.0", "4.00"),
)


def test_rows_are_read_with_units_separators_and_messages():
    first, second = read_table(table(*ONE_CALL))
    assert (first.kernel, first.grid, first.block) == ("argmin_pass_kernel", (262144, 1, 1), (128, 1, 1))
    assert first.values == {
        DRAM: 81.17,
        TIME: pytest.approx(2.310112),
        GRID: 262144.0,
        REGISTERS: 32.0,
        LONG_SCOREBOARD: 7.0,
        WARP_LATENCY: 10.0,
        SM: 8.69,
    }
    assert second.grid == (4096, 1, 1)


@pytest.mark.parametrize(
    ("unit", "ms"),
    [("nsecond", 2.0), ("ns", 2.0), ("", 2.0), ("usecond", 2000.0), ("ms", 2e6), ("s", 2e9), ("cycle", None)],
)
def test_times_are_in_ms_whatever_the_unit(unit, ms):
    units = tuple(unit if name == TIME else "" for name in METRICS)
    (only,) = read_table(table((*PASS, "1", "2000000", "1", "1", "1", "1", "1"), units=units))
    assert only.values[TIME] == (None if ms is None else pytest.approx(ms))


@pytest.mark.parametrize("text", ["n/a", "", "(error)", "no data"])
def test_what_is_no_number_is_unknown_and_never_zero(text):
    (only,) = read_table(table((*PASS, text, "2000000", "1", "1", "1", "1", "1")))
    assert only.values[DRAM] is None


def test_a_page_without_a_row_of_units():
    lines = table(*ONE_CALL).splitlines()
    assert len(read_table("\n".join(line for line in lines if EMPTY not in line))) == 2


def test_no_table_is_an_error():
    with pytest.raises(ValueError, match="ncu wrote no table"):
        read_table("==ERROR== ERR_NVGPUCTRPERM - The user does not have permission\n")


def test_names_lose_what_a_terminal_would_obey():
    (only,) = read_table(table(("k\x1b[2J" + "x" * 300, *PASS[1:], "1", "1", "1", "1", "1", "1", "1")))
    assert only.kernel.startswith("k[2Jx")
    assert len(only.kernel) == 200


def test_calls_are_folded_into_medians_of_each_kernel_and_grid():
    calls = []
    for dram, time_ns in (("80", "2000000"), ("82", "2200000"), ("99", "9000000")):
        calls += [(*PASS, dram, time_ns, "262,144", "32", "7.0", "10.0", "8.69"), ONE_CALL[1]]
    first, second = per_call(read_table(table(*calls)), 3)
    assert (first.grid, first.launches, first.time_ms) == ((262144, 1, 1), 1, pytest.approx(2.2))
    assert first.value(DRAM) == 82.0
    assert first.value(MEMORY_STALLS) == pytest.approx(70.0)
    assert TIME not in first.values
    assert (second.grid, second.time_ms) == ((4096, 1, 1), pytest.approx(0.2))


def test_equal_launches_of_a_call_are_one_entry_weighted_by_time():
    chunks = [
        (*JOIN, "10", "1000000", "4", "32", "1", "10", "1"),
        (*JOIN, "40", "3000000", "4", "32", "1", "10", "1"),
    ]
    (only,) = per_call(read_table(table(*chunks)), 1)
    assert (only.launches, only.time_ms, only.value(GRID)) == (2, pytest.approx(4.0), 4.0)
    assert only.value(DRAM) == pytest.approx(32.5)


def test_a_metric_that_one_call_lacks_is_unknown():
    rows = [(*PASS, dram, "2000000", "1", "32", "1", "10", "1") for dram in ("80", "n/a")]
    (only,) = per_call(read_table(table(*rows)), 2)
    assert only.value(DRAM) is None


@pytest.mark.parametrize(
    ("rows", "calls", "message"),
    [
        ((), 3, "0 kernel launches in 3 calls"),
        (ONE_CALL, 3, "2 kernel launches in 3 calls"),
        (ONE_CALL, 2, "the calls launch different kernels"),
        (((*PASS, "1", "n/a", "1", "1", "1", "1", "1"),), 1, "ncu gave argmin_pass_kernel no time"),
    ],
)
def test_tables_that_say_nothing_of_a_call(rows, calls, message):
    with pytest.raises(ValueError, match=message):
        per_call(read_table(table(*rows)), calls)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            "==ERROR== ERR_NVGPUCTRPERM - The user does not have permission to access NVIDIA GPU Performance",
            "this user may not read the GPU's counters (see `bench doctor`)",
        ),
        (
            "==ERROR== Failed to initialize the profiler: LibraryNotLoaded",
            "ncu cannot load its profiler library here (LibraryNotLoaded)",
        ),
        ("==WARNING== No kernels were profiled.", "ncu saw no kernel"),
        ("==ERROR== Something \x1b[31mnew", "ncu: Something [31mnew"),
        ("", "ncu gave no numbers and no reason"),
    ],
)
def test_why_there_are_no_counters(said, reason):
    assert why_not(said) == reason


def test_the_command_asks_for_every_metric_and_leaves_the_clocks_alone(tmp_path):
    (tmp_path / "shared").mkdir()
    command = profile_prefix(tmp_path)
    assert command[0] == "ncu"
    assert {"--profile-from-start=off", "--clock-control=none", "--csv", "--page=raw"} <= set(command)
    assert f"--metrics={','.join(COUNTED)}" in command
    assert f"--log-file={tmp_path}/shared/ncu.csv" in command
    assert (tmp_path / "shared" / "ncu.csv").exists()
    assert isinstance(NcuLaunch("k", (1, 1, 1), (1, 1, 1), {}), NcuLaunch)
