"""How far repeated measurements lie apart, by made-up results."""

import sys

import pytest

from suite import store
from suite.result import Status
from suite.tests.fake_results import fake_result, on_board
from suite.tests.repository_scripts import script


@pytest.fixture
def spread():
    with script("spread") as module:
        yield module


def test_a_spread_is_of_one_file_and_tells_boards_apart(spread):
    newer = {"created": "2026-01-02T00:00:00+00:00", "sha256": "1" * 64}
    found = spread.spreads(
        [
            fake_result(latency_ms=9.0),  # of an older file
            fake_result(latency_ms=2.00, environment=on_board("a"), **newer),
            fake_result(latency_ms=2.04, environment=on_board("b"), **newer),
            fake_result(latency_ms=2.01, environment=on_board("a"), **newer),
            fake_result(status=Status.INCORRECT, environment=on_board("a"), **newer),
            fake_result(workload="last_dim", latency_ms=1.0, **newer),  # once
        ]
    )
    assert [(s.workload, s.medians_ms, s.boards) for s in found] == [("seed", (2.00, 2.01, 2.04), 2)]
    assert found[0].of_all == pytest.approx(0.04 / 2.01)
    assert found[0].of_one_board == pytest.approx(0.01 / 2.005)
    assert spread.spreads([fake_result(latency_ms=2.0)] * 2, since="2026-01-02") == []
    unknown = spread.spreads([fake_result(latency_ms=latency_ms) for latency_ms in (2.0, 3.0)])
    assert [(s.of_all, s.of_one_board) for s in unknown] == [(0.4, None)]  # of boards nobody wrote down


def test_a_date_is_an_instant_as_results_write_it(spread):
    assert spread.instant("20260102") == "2026-01-02T00:00:00+00:00"
    assert spread.instant("2026-01-02T03:00+02:00") == "2026-01-02T01:00:00+00:00"
    with pytest.raises(ValueError, match="Invalid isoformat"):
        spread.instant("yesterday")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["argmin/final"], "nvidia-h200 argmin final seed 2 2 2.0000 2.0400 1.98% -"),
        (["argmin/final", "--since", "2026-01-02"], "nothing of that was measured twice"),
        (["argmax/final"], "nothing of that was measured twice"),
    ],
)
def test_the_table_is_of_what_was_asked_for(spread, monkeypatch, tmp_path, capsys, words, shown):
    for board, latency_ms in (("a", 2.0), ("b", 2.04)):
        result = fake_result(latency_ms=latency_ms, environment=on_board(8 * board))
        store.append(tmp_path / "reports" / "results", result)
    monkeypatch.setattr(spread, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["spread.py", *words])
    spread.main()
    assert shown in " ".join(capsys.readouterr().out.split())
