"""What needs no torch, done on another core while torch is imported.

On the host of an H200 the steps of a worker took about 0.4 s each, one after the other; the import takes 2 s
and more.
"""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Callable, Iterator

from suite.worker.cuda_ipc import start_context


@contextlib.contextmanager
def while_importing(*work: Callable[[], object]) -> Iterator[None]:
    """Do `work` on a thread while the body imports large packages; both are done at the end.

    It should wait or compute outside of Python. A step that fails says nothing: it is tried again where it is
    needed, and fails there with its message.

    Python's collector rests meanwhile, and never looks at what was imported: it took a tenth of the import.
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
    import triton  # noqa: F401 - here, on one thread: all steps but the first need it, torch does not

    return start_context, build_driver_module, hash_compiler


def build_driver_module() -> None:
    """Have Triton compile its module over the driver with the C compiler, into this process's own cache."""
    from triton.backends.nvidia.driver import CudaUtils

    CudaUtils()


def hash_compiler() -> None:
    """Have Triton hash its compiler, a file of 400 MB, as it would for its first kernel."""
    from triton.runtime.cache import triton_key

    triton_key()
