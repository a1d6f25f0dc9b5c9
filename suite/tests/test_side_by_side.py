"""How the tests' own files share a machine."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest

import conftest

HERE = Path(__file__).parent


@pytest.mark.parametrize(
    ("has_gpu", "cores", "processes"), [(True, 8, 0), (False, 1, 1), (False, 2, 2), (False, 64, 4)]
)
def test_each_core_has_a_process_but_nothing_runs_beside_a_test_that_times(
    monkeypatch: pytest.MonkeyPatch, has_gpu: bool, cores: int, processes: int
) -> None:
    monkeypatch.setattr(conftest, "has_gpu", lambda: has_gpu)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert conftest.pytest_xdist_auto_num_workers() == processes


def test_the_longest_files_are_there_and_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {name for name in conftest.LONGEST if not (HERE / f"{name}.py").is_file()} == set()
    monkeypatch.setattr(conftest, "has_gpu", lambda: True)
    items = [SimpleNamespace(path=HERE / f"{name}.py") for name in ("test_ab", "test_roofs", "test_problems")]
    conftest.pytest_collection_modifyitems(items)
    assert [item.path.stem for item in items] == ["test_problems", "test_ab", "test_roofs"]


@pytest.mark.parametrize(
    ("before", "threads"),
    [
        ({"PYTEST_XDIST_WORKER": "gw0"}, "1"),
        ({"PYTEST_XDIST_WORKER": "gw0", "OMP_NUM_THREADS": "3"}, "3"),
        ({}, None),
    ],
)
def test_one_of_several_processes_computes_in_one_thread(
    monkeypatch: pytest.MonkeyPatch, before: dict[str, str], threads: str | None
) -> None:
    environment = dict(before)
    monkeypatch.setattr(os, "environ", environment)
    conftest.pytest_configure()
    assert environment.get("OMP_NUM_THREADS") == threads


def test_ctrl_c_is_heard_where_tests_run_in_the_background() -> None:
    heard = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        conftest.pytest_configure()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, heard)
