"""Has a kernel's launcher built while Triton compiles the kernel.

Triton 3.6 writes the launcher of each signature in C and has it compiled once the kernel is there, which
takes 0.3 to 0.5 s on the host of an H200. Later versions have one launcher for all.
"""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import triton


def install() -> None:
    """Wrap what Triton compiles kernels with, for good; before a solution is loaded."""
    launcher = triton.runtime.driver.active.launcher_cls
    make = launcher.__init__
    compile_kernel = triton.compiler.compile

    def build(source: Any) -> None:
        # A launcher depends on the signature alone. Without the metadata of a kernel `make` fails at last;
        # by then what was compiled lies in the cache. What fails before fails again where it is needed.
        with contextlib.suppress(Exception):
            make(launcher.__new__(launcher), source, None)

    def compiled(source: Any, *args: Any, **kwargs: Any) -> Any:
        thread = threading.Thread(target=build, args=(source,))
        thread.start()
        try:
            return compile_kernel(source, *args, **kwargs)
        finally:
            thread.join()

    triton.compiler.compile = compiled
