"""Starts the child that runs a KernelBench-format file, and reads what it found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from suite import child
from suite.kernelbench.source import Source, SourceError

TIMEOUT_S = 300.0


def derive(
    source: Source, folder: Path, scale: float | None, on_step: Callable[[str], None]
) -> dict[str, Any]:
    """What a child finds out of a file.

    Args:
        source: the file.
        folder: holds a copy of it as reference.py, and a draft of inputs.py.
        scale: the share of the seed's elements that is left, or None for all.
        on_step: is told what the child is at.

    Raises:
        SourceError: the file cannot be made a problem.
    """
    request = {"folder": str(folder), "sizes": source.sizes, "scale": scale}
    try:
        for line in child.lines("suite.kernelbench.child", request, folder, TIMEOUT_S):
            message = json.loads(line)
            if message["kind"] == "step":
                on_step(message["text"])
            elif message["kind"] == "unfit":
                raise SourceError(f"{source.path}: {message['reason']}")
            else:
                derived: dict[str, Any] = message["derived"]
                return derived
    except child.ChildError as error:
        raise SourceError(f"{source.path}: the process that ran it {error}") from error
    raise SourceError(f"{source.path}: the process that ran it found nothing out")
