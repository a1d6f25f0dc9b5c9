"""A status and a reason for what a worker reported: what was raised, on which line, and what mends it."""

from __future__ import annotations

import re
from typing import Any

from suite.judge.advice import advise
from suite.judge.worker_process import WorkerFailedError
from suite.result import Status

MAX_REASON = 400
MAX_TYPE = 100
MAX_LINE = 1_000_000  # a solution has fewer bytes than that
# Triton wraps what went wrong in a kernel; the cause says more.
_WRAPPERS = {"CompilationError", "InterpreterError"}
_SHOWING_SOURCE = _WRAPPERS | {"CompileTimeAssertionFailure", "UnsupportedLanguageConstruct"}
_COMPILE_TYPES = {
    "CompilationError",
    "CompileTimeAssertionFailure",
    "ImportError",
    "IndentationError",
    "ModuleNotFoundError",
    "OutOfResources",
    "PTXASError",
    "SyntaxError",
    "UnsupportedLanguageConstruct",
}
# The interpreter meets an invented name only when it runs the kernel; a compiler rejects it.
_COMPILE_TEXTS = ("PassManager::run failed", "ptxas", "module 'triton.language' has no attribute")
_PLACE = re.compile(r" \([^()]*, line \d+\)$")
"""How a SyntaxError ends; the line is said for every exception."""
_MEMORY_TYPES = {"MemoryError", "OutOfMemoryError", "_ArrayMemoryError"}  # the last is numpy's
_MEMORY_TEXTS = ("can't allocate memory", "out of memory")


def diagnose(failure: WorkerFailedError) -> tuple[Status, str]:
    """The status and the reason that a failed request earns its solution."""
    if failure.error is None:
        return failure.status, _with_advice(failure.status, "", failure.reason)
    chain = _chain(failure.error)
    kinds = {kind for kind, _ in chain}
    text = "\n".join(message for _, message in chain)
    if kinds & _MEMORY_TYPES or any(mark in text for mark in _MEMORY_TEXTS):
        status = Status.OUT_OF_MEMORY
    elif kinds & _COMPILE_TYPES or any(mark in text for mark in _COMPILE_TEXTS):
        status = Status.COMPILE_ERROR
    else:
        status = Status.RUNTIME_ERROR
    return status, _reason(status, chain, failure.error.get("line"))


def raised(failure: WorkerFailedError) -> str | None:
    """The name of the exception that the solution raised; None if it is the worker that failed."""
    return None if failure.error is None else _chain(failure.error)[0][0]


def plain(text: str) -> str:
    """`text` on one line and without what a terminal would obey or cannot show; it may be a solution's."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _chain(error: dict[str, Any]) -> list[tuple[str, str]]:
    """(type, message) from the outermost exception inwards.

    The worker's word is not trusted to be well formed.
    """
    items = error.get("chain")
    chain = [
        (_text(item.get("type"), "Exception")[:MAX_TYPE], _text(item.get("message"), ""))
        for item in (items if isinstance(items, list) else [])
        if isinstance(item, dict)
    ]
    return chain or [("Exception", "the worker did not say which")]


def _text(value: Any, default: str) -> str:
    return value if isinstance(value, str) and value else default


def _with_advice(status: Status, kind: str, reason: str) -> str:
    advice = advise(status, kind, reason)
    return reason if advice is None else f"{reason}; {advice}"


def _reason(status: Status, chain: list[tuple[str, str]], line: Any) -> str:
    kind, message = chain[0]
    for inner_kind, inner_message in chain[1:]:
        if kind not in _WRAPPERS:
            break
        kind, message = inner_kind, inner_message
    lines = [piece.strip() for piece in message.splitlines() if piece.strip(" \t^")]
    # Triton's own messages show the source up to a caret and end with the cause; others begin with it.
    cause = (lines[-1] if kind in _SHOWING_SOURCE else lines[0]) if lines else "(no message)"
    where = f" (line {line})" if type(line) is int and 0 < line <= MAX_LINE else ""
    if where:
        cause = _PLACE.sub("", cause)
    return _with_advice(status, kind, plain(f"{kind}: {cause}"[:MAX_REASON]) + where)
