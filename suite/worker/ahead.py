"""What needs no torch, done on another core while torch is imported: 3 to 4 s on the host of an H200."""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Callable, Iterator

from suite.worker.cuda_ipc import start_context


@contextlib.contextmanager
def while_importing(*work: Callable[[], object]) -> Iterator[None]:
    """Do `work` on a thread while the body imports large packages; both are done at the end.

    It should wait or compute outside of Python. What fails fails again where it is needed, with its message.

    Nobody looks for garbage meanwhile, nor ever among what was imported: that took a tenth of torch's import.
    """

    def run() -> None:
        for step in work:
            with contextlib.suppress(Exception):
                step()

    thread = threading.Thread(target=run)
    gc.disable()
    thread.start()
    try:
        yield
    finally:
        thread.join()
        gc.freeze()
        gc.enable()


def steps_of_worker(device: str) -> tuple[Callable[[], object], ...]:
    """What a worker on "cuda" or "cpu" can do ahead."""
    if device == "cpu":
        return ()
    import triton  # noqa: F401 - in this thread: the steps need it, and torch does not

    return start_context, build_driver_module, hash_compiler


def build_driver_module() -> None:
    """Have Triton compile its module over the driver with the C compiler, into this process's own cache."""
    from triton.backends.nvidia.driver import CudaUtils

    CudaUtils()


def hash_compiler() -> None:
    """Have Triton hash its compiler, a file of 400 MB, as it would for its first kernel."""
    from triton.runtime.cache import triton_key

    triton_key()
