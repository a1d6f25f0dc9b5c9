"""Why a kernel does not compile, in a line: Triton shows the source around a cause, and MLIR hides it."""

from __future__ import annotations

import contextlib
import os
import re
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from triton.compiler.errors import CompilationError
from triton.runtime.errors import PTXASError
from triton.runtime.jit import JITFunction, get_jit_fn_file_line

MAX_TEXT = 600
_PLACE = re.compile(r"at (\d+):\d+:")
"""How a complaint of Triton's compiler begins: a place, counted from the kernel's `def`."""
_COMPLAINT = re.compile(r"^(.*):(\d+):\d+: error: (.+)$", re.MULTILINE)
"""How MLIR complains, on standard error alone: the exception says that something failed and no more."""
_PTXAS = re.compile(r"\b(?:error|fatal) +: (.+)")


def refusal(error: Exception, kernel: Any) -> str:
    """The cause and its line, without the source that Triton shows between.

    Of an error in a kernel that `kernel` calls Triton raises one for each call, the cause innermost; the
    line is the innermost one that stands in the solution.
    """
    places = _lines_of_kernels(kernel)
    line: int | None = None
    inner: BaseException = error
    while isinstance(inner, CompilationError):
        place = _PLACE.match(str(inner))
        if place is not None and inner.src in places:
            line = places[inner.src] + int(place[1]) - 1
        if not isinstance(inner.__cause__, CompilationError):
            break
        inner = inner.__cause__
    where = "" if line is None else f" (line {line})"
    return f"{_cause(inner)}{where}"


def complaint(said: Path, solution: Path) -> str | None:
    """The first error that MLIR wrote to `said`, with its line where that is one of `solution`."""
    found = _COMPLAINT.search(said.read_text(errors="replace"))
    if found is None:
        return None
    where = f" (line {found[2]})" if found[1] == str(solution) else ""
    return f"{found[3][:MAX_TEXT]}{where}"


@contextlib.contextmanager
def standard_error_in(path: Path) -> Iterator[None]:
    """What this process and its libraries say on standard error goes into `path`."""
    before = os.dup(2)
    with path.open("wb") as file:
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


def one_line(error: BaseException) -> str:
    """The message, shortened in the middle: the cause of a compiler's complaint stands at an end of it."""
    text = " ".join(str(error).split())
    if len(text) > MAX_TEXT:
        text = f"{text[: MAX_TEXT // 3]} [...] {text[-MAX_TEXT * 2 // 3 :]}"
    return text or type(error).__name__


def _lines_of_kernels(kernel: Any) -> dict[str | None, int]:
    """The line of each kernel's `def` in the file of `kernel`, by its source."""
    base = kernel
    while not isinstance(base, JITFunction):
        base = base.fn
    named = [value for value in base.fn.__globals__.values() if isinstance(value, JITFunction)]
    path = get_jit_fn_file_line(base)[0]
    places = {function.src: get_jit_fn_file_line(function) for function in (*named, base)}
    return {source: line for source, (file, line) in places.items() if file == path}


def _cause(error: BaseException) -> str:
    if isinstance(error, PTXASError) and (said := _PTXAS.search(str(error))):
        return f"ptxas: {said[1]}"[:MAX_TEXT]
    shown = str(error).splitlines()
    if not isinstance(error, CompilationError) or len(shown) < 2:
        return one_line(error)
    cause = shown[-1].strip(" ^")
    if cause:
        return cause[:MAX_TEXT]
    # No more than a place: an assertion of Triton's, or one of the kernel's.
    inner = error.__cause__
    frames = traceback.extract_tb(inner.__traceback__) if inner is not None else []
    if not frames:
        return f"{type(error).__name__}: {shown[-2].strip()}"[:MAX_TEXT]
    return f"{type(inner).__name__} in Triton's {Path(frames[-1].filename).name}: {frames[-1].line}"[
        :MAX_TEXT
    ]
