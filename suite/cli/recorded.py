"""What was recorded of a problem: results and profiles of one device."""

from __future__ import annotations

from pathlib import Path

from suite import profile_store, store
from suite.cli.console import note
from suite.gpus import GpuSpec, by_slug, find_gpu, slugify
from suite.machine import gpu_states
from suite.names import did_you_mean
from suite.problem import Problem, UnknownNameError
from suite.profile import Profile
from suite.result import Result
from suite.stages.gather import Records


def profiles_folder(root: Path) -> Path:
    """Where profiles are kept."""
    return root / "reports" / "profiles"


def card_here() -> GpuSpec | None:
    """The datasheet of this machine's first GPU; None without one."""
    return next((find_gpu(state.name) for state in gpu_states()), None)


def read_records(root: Path, problem: Problem, device: str | None) -> tuple[Records, str | None]:
    """What was measured of a problem on one device, and the device's name; None: nothing was.

    Raises:
        UnknownNameError: nothing was measured on the device that was asked for.
    """
    results, warnings = store.read(root / "reports" / "results", problem.name)
    timed = [result for result in results if result.device != "cpu"]
    known = list(dict.fromkeys(result.device for result in sorted(timed, key=lambda r: r.created)))
    if device is not None and device not in known:
        raise UnknownNameError(
            f"nothing of {problem.name!r} was measured on {device!r}{did_you_mean(device, known)}"
        )
    here = [slugify(state.name) for state in gpu_states()]
    chosen = device or next((name for name in here if name in known), None) or (known[-1] if known else None)
    profiles, more = (
        ([], []) if chosen is None else profile_store.read(profiles_folder(root), chosen, problem.name)
    )
    for warning in (*warnings, *more):
        note(f"warning: {warning}")
    mine: list[Result] = [result for result in timed if result.device == chosen]
    return Records(mine, profiles, by_slug(chosen) if chosen is not None else None), chosen


def records_on(root: Path, problem: Problem, gpu: GpuSpec) -> Records:
    """What was measured of a problem on that very card; nothing of another."""
    results, warnings = store.read(root / "reports" / "results", problem.name)
    profiles: list[Profile] = []
    for name in gpu.names:
        found, more = profile_store.read(profiles_folder(root), slugify(name), problem.name)
        profiles += found
        warnings += more
    for warning in warnings:
        note(f"warning: {warning}")
    return Records([result for result in results if by_slug(result.device) == gpu], profiles, gpu)
