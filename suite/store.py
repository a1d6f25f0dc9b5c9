"""Append and read results: one JSON line each, in <root>/<device>/<problem>.jsonl.

Several runs may append at once, and any of them may be killed at any time: nothing that was written is lost
or merged.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from pathlib import Path

from suite.result import Result, ResultError, from_json, to_json


def append(root: Path, result: Result) -> Path:
    """Write one line, on disk when this returns; gives the file it went to.

    Raises:
        ValueError: the result's device or problem is no plain file name.
        OSError: the line could not be written whole, for instance on a full disk.
    """
    path = root / _plain("device", result.device) / f"{_plain('problem', result.problem)}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    line = to_json(result).encode() + b"\n"
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        # Held until the descriptor closes, at the latest when this process dies.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if _is_torn(descriptor):
            line = b"\n" + line
        # One write, so that a writer killed here leaves a whole line or a torn last one, never a gap.
        written = os.write(descriptor, line)
        if written != len(line):
            raise OSError(f"{path}: wrote {written} of {len(line)} bytes; is the disk full?")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return path


def read(root: Path, problem: str | None = None) -> tuple[list[Result], list[str]]:
    """All results under `root`, or those of one problem, and one warning for each line that is not a result.

    Files come in the order of their paths, lines in the order they were written. A warning reads "file:line:
    skipped, why".
    """
    results: list[Result] = []
    warnings: list[str] = []
    pattern = "*.jsonl" if problem is None else f"{_plain('problem', problem)}.jsonl"
    for path in sorted(root.glob(f"*/{pattern}")):
        for number, line in _lines(path):
            try:
                results.append(_result_of(path, line))
            except (ResultError, UnicodeDecodeError) as error:
                warnings.append(f"{path}:{number}: skipped, {error}")
    return results, warnings


def _plain(what: str, name: str) -> str:
    """`name`, which must be one path component that cannot lead out of the results folder."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name):
        raise ValueError(f"{what} must be a plain file name of letters, digits and '_.-', got {name!r}")
    return name


def _is_torn(descriptor: int) -> bool:
    """Whether the last writer was killed inside its line, so that ours would merge with the rest of it."""
    size = os.fstat(descriptor).st_size
    return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Numbered lines that are not blank. The lock keeps a writer's half-written line out of sight."""
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        content = file.read()
    for number, line in enumerate(content.split(b"\n"), start=1):
        if line.strip():
            yield number, line


def _result_of(path: Path, line: bytes) -> Result:
    result = from_json(line.decode())
    if (result.device, result.problem) != (path.parent.name, path.stem):
        raise ResultError(f"a result of {result.device}/{result.problem} does not belong in this file")
    return result
