"""Append to and read files of one record a line.

Several processes may append at once, and any of them may be killed at any time: nothing that was written is
lost or merged.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from pathlib import Path

LONGEST = 300
"""Characters of a warning's reason."""


def append_line(path: Path, text: str) -> None:
    """Write one line, on disk when this returns; makes the folder if it is not there.

    Raises:
        OSError: the line could not be written whole, for instance on a full disk.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    line = text.encode() + b"\n"
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


def numbered_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Numbered lines that are not blank. The lock keeps a writer's half-written line out of sight."""
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        content = file.read()
    for number, line in enumerate(content.split(b"\n"), start=1):
        if line.strip():
            yield number, line


def skipped(path: Path, number: int, why: Exception) -> str:
    """The warning about a line that was left out, on one line and without a stranger's control characters."""
    reason = "".join(c if c.isprintable() else "?" for c in str(why)[:LONGEST])
    return f"{path}:{number}: skipped, {reason}"


def plain_name(what: str, name: str) -> str:
    """`name`, which must be one path component that cannot lead out of its folder.

    Raises:
        ValueError: it is empty, hidden, or holds anything but letters, digits and "_.-".
    """
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name):
        raise ValueError(f"{what} must be a plain file name of letters, digits and '_.-', got {name!r}")
    return name


def _is_torn(descriptor: int) -> bool:
    """Whether the last writer was killed inside its line, so that ours would merge with the rest of it."""
    size = os.fstat(descriptor).st_size
    return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
