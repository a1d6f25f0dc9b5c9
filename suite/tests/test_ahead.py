"""What is done while torch is imported. Nothing here imports torch or needs a card."""

import ctypes
import gc
import threading

import pytest
import triton.runtime.cache

from suite.worker import ahead, cuda_ipc
from suite.worker.ahead import hash_compiler, steps_of_worker, while_importing

PATIENCE_S = 20


@pytest.fixture(autouse=True)
def _unfrozen():
    yield
    gc.unfreeze()


def test_work_and_body_go_on_at_the_same_time_and_both_are_done_at_the_end():
    body_runs, work_runs = threading.Event(), threading.Event()
    done = []

    def work():
        work_runs.set()
        done.append(body_runs.wait(PATIENCE_S))

    with while_importing(work):
        body_runs.set()
        assert work_runs.wait(PATIENCE_S)
    assert done == [True]


def test_a_step_that_fails_says_nothing_and_the_next_ones_are_done():
    done = []
    with while_importing(lambda: 1 / 0, lambda: done.append("next")):
        pass
    assert done == ["next"]


def test_an_exception_of_the_body_comes_after_the_work():
    done = []
    with pytest.raises(ImportError, match="no such package"), while_importing(lambda: done.append("work")):
        raise ImportError("no such package")
    assert done == ["work"]
    assert gc.isenabled()


def test_nobody_looks_for_garbage_meanwhile_nor_later_in_what_was_made():
    before = gc.get_freeze_count()
    with while_importing():
        assert not gc.isenabled()
        made = [[] for _ in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= before + len(made)


def test_without_a_card_there_is_nothing_to_do_ahead():
    assert steps_of_worker("cpu") == ()


def test_a_worker_with_a_card_starts_its_context_first():
    steps = steps_of_worker("cuda")
    assert steps[0] is cuda_ipc.start_context
    assert set(steps[1:]) == {ahead.build_driver_module, ahead.hash_compiler}


def test_the_driver_module_is_built_by_triton_s_own_class(monkeypatch):
    from triton.backends.nvidia import driver

    made = []
    monkeypatch.setattr(driver, "CudaUtils", lambda: made.append("module"))
    ahead.build_driver_module()
    assert made == ["module"]


def test_the_first_kernel_finds_the_hash_of_the_compiler(monkeypatch):
    """Triton looks its name up for each kernel, and keeps what it gave once."""
    from triton.runtime import cache

    assert "triton_key" in cache.get_cache_key.__code__.co_names
    assert cache.triton_key.cache_info().maxsize == 128
    asked = []
    monkeypatch.setattr(triton.runtime.cache, "triton_key", lambda: asked.append("key"))
    hash_compiler()
    assert asked == ["key"]


class Driver:
    """Stands in for libcuda."""

    def __init__(self, fails=None):
        self.calls = []
        self._fails = fails

    def __getattr__(self, name):
        def call(*arguments):
            self.calls.append((name, arguments[-1]))
            return 100 if name == self._fails else 0

        return call


def test_the_context_is_that_of_the_first_card(monkeypatch):
    driver = Driver()
    monkeypatch.setattr(cuda_ipc, "_driver", lambda: driver)
    cuda_ipc.start_context()
    assert [name for name, _ in driver.calls] == ["cuInit", "cuDeviceGet", "cuDevicePrimaryCtxRetain"]
    assert driver.calls[1][1] == 0
    assert isinstance(driver.calls[2][1], ctypes.c_int)


def test_a_driver_that_does_not_start_is_named(monkeypatch):
    monkeypatch.setattr(cuda_ipc, "_driver", lambda: Driver(fails="cuInit"))
    with pytest.raises(cuda_ipc.CudaError, match=r"^cuInit failed: unknown \(100\)$"):
        cuda_ipc.start_context()
