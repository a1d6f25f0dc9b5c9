"""Append and read profiles: one JSON line each, in <root>/<device>/<problem>.jsonl."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from suite.lines import append_line, numbered_lines, plain_name, skipped
from suite.profile import NCU, Profile, from_json, to_json


def append(root: Path, profile: Profile) -> Path:
    """Write one line, on disk when this returns; gives the file it went to.

    Raises:
        ValueError: the profile's device or problem is no plain file name.
        OSError: the line could not be written whole.
    """
    path = root / plain_name("device", profile.device) / f"{plain_name('problem', profile.problem)}.jsonl"
    append_line(path, to_json(profile))
    return path


def read(root: Path, device: str, problem: str) -> tuple[list[Profile], list[str]]:
    """The profiles of one problem on one device, oldest first, and a warning for each line that is none."""
    path = root / plain_name("device", device) / f"{plain_name('problem', problem)}.jsonl"
    profiles: list[Profile] = []
    warnings: list[str] = []
    for number, line in numbered_lines(path) if path.is_file() else ():
        try:
            profiles.append(from_json(line.decode()))
        except ValueError as error:
            warnings.append(skipped(path, number, error))
    return profiles, warnings


def latest(profiles: Iterable[Profile], sha256: str, workload: str) -> Profile | None:
    """The newest profile of exactly that file on that workload; one with counters before one without."""
    mine = [p for p in profiles if (p.sha256, p.workload) == (sha256, workload)]
    return max(mine, key=lambda p: (p.source == NCU, p.created), default=None)
