"""A profile that somebody hands over as a file: ours, or metrics by kernel as in the protocol's prompts."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from suite.profile import Profile, ProfileError, from_json
from suite.stages.prompt import Metrics, metrics_of

MAX_BYTES = 4 << 20


class ProfileFileError(ValueError):
    """A file holds no profile of the solution; the message says what it holds."""


def read_profile_file(path: Path, sha256: str, workload: str) -> Metrics:
    """The metrics in `path`: the newest of our profiles of that very file and workload, or a plain object.

    Raises:
        ProfileFileError: neither, or a profile of something else.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        text = file.read(MAX_BYTES).decode(errors="replace")
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError):
        plain = None
    if isinstance(plain, dict) and "schema" not in plain:
        return _plain_metrics(path, plain)
    return _ours(path, text, sha256, workload)


def _plain_metrics(path: Path, values: dict[str, Any]) -> Metrics:
    for kernel, metrics in values.items():
        if not isinstance(metrics, dict) or not all(map(_is_value, metrics.values())):
            raise ProfileFileError(f"{path}: {kernel!r} is no object of metrics and numbers")
    if not values:
        raise ProfileFileError(f"{path}: no kernel in it")
    return values


def _is_value(value: Any) -> bool:
    """A metric's: a number that JSON can hold, or null for an unknown one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value is None
    return isinstance(value, int) or math.isfinite(value)


def _ours(path: Path, text: str, sha256: str, workload: str) -> Metrics:
    held: list[Profile] = []
    for line in filter(str.strip, text.split("\n")):
        try:
            held.append(from_json(line))
        except ProfileError as error:
            raise ProfileFileError(f"{path}: no profile: {error}") from error
    mine = [profile for profile in held if (profile.sha256, profile.workload) == (sha256, workload)]
    if not mine:
        others = ", ".join(sorted({f"{p.solution} on {p.workload}" for p in held})) or "nothing"
        raise ProfileFileError(f"{path}: no profile of this file on {workload!r}; it holds {others}")
    newest = max(mine, key=lambda profile: profile.created)
    metrics = metrics_of(newest)
    if metrics is None:
        raise ProfileFileError(f"{path}: a profile without counters: {newest.reason}")
    return metrics
