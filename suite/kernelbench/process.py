"""Starts the child that runs a KernelBench-format file, and reads what it found.

Where bubblewrap works the child is confined as a worker is; otherwise it is a plain process of the user.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from suite import child
from suite.kernelbench.source import Source, SourceError

TIMEOUT_S = 300.0
NEEDED = ("judge/compare.py", "kernelbench/child", "worker")
"""Of the suite, in the child."""


def derive(
    source: Source, folder: Path, scale: float | None, on_step: Callable[[str], None]
) -> dict[str, Any]:
    """What a child finds out of a file.

    Args:
        source: the file.
        folder: holds a copy of it as reference.py, and a draft of inputs.py; the child's own from here on.
        scale: the share of the seed's elements that is left, or None for all.
        on_step: is told what the child is at, and that nothing confines it where that is so.

    Raises:
        SourceError: the file cannot be made a problem.
    """
    request = {"folder": str(folder), "sizes": source.sizes, "scale": scale}
    step = "starting"
    limit = f" (it has {TIMEOUT_S:g} s for this and all that follows)"
    child.copy_code(folder, NEEDED)
    sandbox, why = child.confinement()
    if sandbox is None:
        on_step(f"sandbox: none ({why}); it runs as a plain process of your user")
    try:
        for line in child.lines(
            "suite.kernelbench.child", request, folder, TIMEOUT_S, code=folder, confinement=sandbox
        ):
            message = json.loads(line)
            if message["kind"] == "step":
                step = message["text"]
                on_step(f"{step}{limit}")
                limit = ""  # said once
            elif message["kind"] == "unfit":
                raise SourceError(f"{source.path}: {message['reason']}")
            else:
                derived: dict[str, Any] = message["derived"]
                return derived
    except child.ChildError as error:
        raise SourceError(f"{source.path}: the process that ran it {error}, while {step}") from error
    raise SourceError(f"{source.path}: the process that ran it found nothing out")
