"""`python -m suite.worker DEVICE READ_FD WRITE_FD [ARENA_FD]`: serve one solution until the pipe closes."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
import traceback
from typing import Any

from suite.worker.ahead import steps_of_worker, while_importing
from suite.worker.protocol import MAX_TEXT

PR_SET_PDEATHSIG = 1
MAX_FILE_BYTES = 256 << 20
# A runaway allocation must fail in the solution before it takes the machine down. With CUDA address space is
# no measure, since the driver reserves as much as the machine has memory; what can be written to is.
MEMORY_BYTES = 16 << 30


def shorten(text: str, limit: int = MAX_TEXT) -> str:
    """Keep the head and the tail of a long text; a compiler's cause stands in one of them."""
    if len(text) <= limit:
        return text
    return f"{text[: limit // 4]}\n[...]\n{text[-(limit - limit // 4) :]}"


def text_of(error: BaseException) -> str:
    """An exception's message; a solution's own exception may fail even at that."""
    try:
        return str(error)
    except Exception as second:
        return f"(its message raised {type(second).__name__})"


def line_of_kernel(error: BaseException, solution_path: str | None) -> int | None:
    """The line that Triton could not compile: it counts from the first line of the kernel's own source."""
    source, row = getattr(error, "src", None), getattr(getattr(error, "node", None), "lineno", None)
    if solution_path is None or type(source) is not str or type(row) is not int:
        return None
    with open(solution_path, encoding="utf-8") as file:  # noqa: PTH123 - not a path of ours
        before, found, _ = file.read().partition(source.rstrip())
    return before.count("\n") + row if found else None


def describe_error(error: BaseException, solution_path: str | None) -> dict[str, Any]:
    """An exception as JSON: the chain of causes, outermost first, and where in the solution it arose."""
    chain: list[dict[str, str]] = []
    line: int | None = None
    current: BaseException | None = error
    while current is not None and len(chain) < 5:
        chain.append({"type": type(current).__name__, "message": shorten(text_of(current))})
        for frame in traceback.extract_tb(current.__traceback__):
            if frame.filename == solution_path:
                line = frame.lineno
        line = line_of_kernel(current, solution_path) or line
        current = current.__cause__ or current.__context__
    if isinstance(error, SyntaxError) and error.filename == solution_path:
        line = error.lineno
    return {"chain": chain, "line": line}


def limit(what: int, most: int) -> None:
    """Lower a resource limit; one that is lower already stays."""
    hard = resource.getrlimit(what)[1]
    value = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (value, value))


def limit_process(device: str) -> None:
    """Die with the judge, be the first to go when memory runs out, and leave no core dump."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limit(resource.RLIMIT_CORE, 0)
    limit(resource.RLIMIT_FSIZE, MAX_FILE_BYTES)
    limit(resource.RLIMIT_AS if device == "cpu" else resource.RLIMIT_DATA, MEMORY_BYTES)
    with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123 - not a path of ours
        file.write("1000")


def serve(device: str, requests: int, replies: int, arena: int | None) -> None:
    """Answer requests until the judge closes the pipe."""
    with while_importing(*steps_of_worker(device)):
        from suite.worker.solution_host import SolutionHost

    host = SolutionHost(device, arena)
    solution_path: str | None = None
    with os.fdopen(requests, "rb") as lines:
        for line in lines:
            request = json.loads(line)
            solution_path = request.get("path", solution_path)
            reply: dict[str, Any]
            try:
                reply = {"ok": True, **host.handle(request)}
            except BaseException as error:
                # A full log or a closed stream is no reason to fall silent.
                with contextlib.suppress(Exception):
                    traceback.print_exc()
                reply = {"ok": False, "error": describe_error(error, solution_path)}
            with contextlib.suppress(Exception):
                sys.stdout.flush()
            os.write(replies, json.dumps({"seq": request["seq"], **reply}).encode() + b"\n")


def main() -> None:
    """Set the process up before torch and Triton are imported, then serve."""
    device = sys.argv[1]
    requests, replies = int(sys.argv[2]), int(sys.argv[3])
    arena = int(sys.argv[4]) if len(sys.argv) > 4 else None
    limit_process(device)
    if device == "cpu":
        os.environ["TRITON_INTERPRET"] = "1"
    os.set_inheritable(requests, False)
    os.set_inheritable(replies, False)
    if arena is not None:
        os.set_inheritable(arena, False)
    serve(device, requests, replies, arena)
    # Threads and atexit handlers of the solution have no say in when this process ends.
    os._exit(0)


main()
