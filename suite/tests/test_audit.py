"""What Nsight Compute's table says of the calls that the judge made."""

import math
from pathlib import Path
from types import SimpleNamespace

import pytest

from suite.judge import audit as judge_audit
from suite.judge.audit import NCU_TABLE, disagrees, ncu_prefix, read_ncu
from suite.judge.trial import Call, UnfitError
from suite.result import Audit, Status
from suite.worker import clock

HEAD = '==PROF== Connected to process 7\n"ID","Kernel Name","gpu__time_duration.sum"\n'
UNITS = '"","","ns"\n'
SPIN = "at::cuda::spin_kernel(long)"


def table(path: Path, launches: list[tuple[str, str]], units: str = UNITS) -> Path:
    rows = "".join(f'"{index}","{name}","{time}"\n' for index, (name, time) in enumerate(launches))
    path.write_text(HEAD + units + rows)
    return path


def call(*launches: tuple[str, str]) -> list[tuple[str, str]]:
    return [(SPIN, "900"), ("reduce_kernel", "60000"), (SPIN, "900"), *launches, (SPIN, "900")]


def test_the_kernels_of_each_call_are_added_up_without_the_flush(tmp_path: Path) -> None:
    path = table(
        tmp_path / "t.csv",
        [("autotune", "9,000,000"), *call(("a", "1,000,000"), ("b", "500,000")), *call(("a", "2,000,000"))],
    )
    assert read_ncu(path, 2) == [1.5, 2.0]


def test_a_worker_marks_its_calls_as_the_table_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched: list[tuple[str, str]] = []

    def solution() -> str:
        launched.append(("a", "1000"))
        return "outputs"

    monkeypatch.setattr(clock, "spin", lambda _cycles: launched.append((SPIN, "900")))
    monkeypatch.setattr(clock.cuda_ipc, "reset_persisting_l2", lambda: None)
    cold = object.__new__(clock.ColdClock)  # making one takes a card
    cold._synchronize = lambda: None
    cold._flush = "flush"
    cold._sum = lambda _flush: launched.append(("reduce_kernel", "60000"))
    assert [cold.time(solution, "ncu") for _ in range(2)] == 2 * [("outputs", 0.0)]
    assert launched == 2 * call(("a", "1000"))
    assert read_ncu(table(tmp_path / "t.csv", launched), 2) == [0.001, 0.001]


def test_a_table_without_a_row_of_units_is_in_nanoseconds(tmp_path: Path) -> None:
    assert read_ncu(table(tmp_path / "t.csv", call(("a", "2500")), units=""), 1) == [0.0025]


def test_work_after_the_end_of_a_call_is_counted_to_it(tmp_path: Path) -> None:
    launches = [
        *call(("decoy", "1000")),
        ("hidden", "1000000"),
        *call(("decoy", "1000")),
        ("hidden", "1000000"),
    ]
    assert read_ncu(table(tmp_path / "t.csv", launches), 2) == pytest.approx([1.001, 1.001])


def test_markers_of_a_solution_are_refused(tmp_path: Path) -> None:
    launches = [*call((SPIN, "10"), ("a", "1000")), *call(("a", "1000"))]
    with pytest.raises(UnfitError) as refused:
        read_ncu(table(tmp_path / "t.csv", launches), 2)
    assert refused.value.status is Status.REJECTED
    assert refused.value.reason == "rule 'one clock': the profiler saw 7 markers, not 6"


def test_a_call_on_warm_caches_is_refused(tmp_path: Path) -> None:
    warm = [(SPIN, "900"), (SPIN, "900"), ("a", "1000"), (SPIN, "900")]
    path = table(tmp_path / "t.csv", [*call(("a", "1000")), *warm])
    with pytest.raises(UnfitError) as caught:
        read_ncu(path, 2, flush_ms=0.026)
    assert caught.value.status is Status.REJECTED
    assert caught.value.reason == (
        "rule 'one clock': the profiler saw 0.0000 ms of a flush of the caches that takes 0.0260 ms "
        "at the least"
    )
    path = table(tmp_path / "t.csv", [*call(("a", "1000")), *call(("a", "2000"))])  # 0.06 ms each
    assert read_ncu(path, 2, flush_ms=0.06) == [0.001, 0.002]


def test_a_card_whose_counters_nobody_may_read_gives_no_table(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("==ERROR== ERR_NVGPUCTRPERM - The user does not have permission\n")
    with pytest.raises(ValueError, match="ncu wrote no table"):
        read_ncu(path, 7)
    with pytest.raises(OSError, match="none"):
        read_ncu(tmp_path / "none.csv", 7)


def test_the_profiler_finds_its_table_and_no_range_is_left_to_the_worker(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    words = ncu_prefix(tmp_path)
    assert (tmp_path / NCU_TABLE).exists()
    assert f"--log-file={tmp_path / 'shared' / 'ncu.csv'}" in words
    assert not any("profile-from-start" in word for word in words)
    assert "--cache-control=none" in words


@pytest.mark.parametrize(("second_ms", "found"), [(1.0, False), (1.049, False), (1.051, True), (0.949, True)])
def test_clocks_more_than_5_percent_apart_disagree(second_ms: float, found: bool) -> None:
    assert disagrees(1.0, Audit("ncu", second_ms, 7)) is found


@pytest.mark.parametrize(("told_ms", "audited_ms"), [(2.5, 2.5), (math.nan, None), (9.0, None)])
def test_where_ncu_may_not_read_counters_only_a_time_counts(
    monkeypatch: pytest.MonkeyPatch, told_ms: float, audited_ms: float | None
) -> None:
    attached = SimpleNamespace(
        prepare=lambda *_: None,
        call=lambda *_: Call({"latency_ms": told_ms}, wall_ms=3.0, inputs=[]),
        detach=lambda: None,
    )
    truth = SimpleNamespace(
        fresh_case=lambda *_: "case", expected=lambda _case: None, exact_outputs=lambda _case: []
    )
    worker = SimpleNamespace(request=lambda *_, **__: None, solution="final.py")
    monkeypatch.setattr(judge_audit, "CudaExchange", lambda: SimpleNamespace(release=lambda: None))
    monkeypatch.setattr(judge_audit, "Attached", lambda *_: attached)
    monkeypatch.setattr(judge_audit, "verify", lambda *_: None)
    audited = judge_audit.audit(worker, "ModelNew", truth, {}, 1.0, under_ncu=False, flush_ms=0.0)
    expected = None if audited_ms is None else Audit("kernel_timestamps", audited_ms, judge_audit.CALLS)
    assert audited == expected
