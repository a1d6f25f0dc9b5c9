"""The launcher of a kernel is built while Triton compiles the kernel. Needs no card."""

import threading
from types import SimpleNamespace

import pytest
import triton
from triton.backends.compiler import GPUTarget

from suite.worker import launchers

PATIENCE_S = 20


class Launcher:
    """As Triton 3.6's: builds from the signature, then looks at the kernel's metadata."""

    built: list[str]
    is_building: threading.Event
    is_compiling: threading.Event

    def __init__(self, source, metadata):
        self.is_building.set()
        assert self.is_compiling.wait(PATIENCE_S)
        self.built.append(source)
        self.launch_pdl = metadata.launch_pdl


@pytest.fixture
def launcher(monkeypatch):
    """Triton with a driver whose launcher is `Launcher`, which goes on once a kernel is being compiled."""
    monkeypatch.setattr(Launcher, "built", [], raising=False)
    monkeypatch.setattr(Launcher, "is_building", threading.Event(), raising=False)
    monkeypatch.setattr(Launcher, "is_compiling", threading.Event(), raising=False)
    driver = SimpleNamespace(launcher_cls=Launcher, get_current_target=lambda: GPUTarget("cuda", 90, 32))
    monkeypatch.setattr(triton.runtime.driver, "_active", driver)
    monkeypatch.setattr(triton.compiler, "compile", triton.compiler.compile)  # put back at the end
    return Launcher


def test_both_go_on_at_the_same_time_and_both_are_done_when_the_kernel_is(launcher, monkeypatch):
    def compile_kernel(source, target, options):
        launcher.is_compiling.set()
        assert launcher.is_building.wait(PATIENCE_S)
        return f"{source} for {target} with {options}"

    monkeypatch.setattr(triton.compiler, "compile", compile_kernel)
    launchers.install()
    assert triton.compiler.compile("kernel", target="sm_90", options={}) == "kernel for sm_90 with {}"
    assert launcher.built == ["kernel"]
    assert threading.active_count() == 1


def test_a_kernel_that_does_not_compile_raises_as_ever(launcher, monkeypatch):
    def compile_kernel(source):
        launcher.is_compiling.set()
        raise SyntaxError(f"{source} is none")

    monkeypatch.setattr(triton.compiler, "compile", compile_kernel)
    launchers.install()
    with pytest.raises(SyntaxError, match=r"^kernel is none$"):
        triton.compiler.compile("kernel")
    assert launcher.built == ["kernel"]


@triton.jit
def one_kernel(out_ptr):
    pass


def test_triton_s_launches_compile_by_what_was_installed(launcher):
    launchers.install()
    one_kernel.create_binder()
    assert one_kernel.compile is triton.compiler.compile
    assert one_kernel.compile.__module__ == "suite.worker.launchers"
