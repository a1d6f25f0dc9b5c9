"""Checks of the grid, the tile and the options, on the source and on the captured launches."""

from __future__ import annotations

import re
from collections.abc import Iterator

from suite.analysis.inspection import LaunchReport
from suite.stages.evidence import Evidence, Found, Outcome, all_of, where

_WHOLE = re.compile(r"-?[0-9]+")
_TILE_SIDE = re.compile(r"BLOCK(?:_SIZE)?_([MNK])")
_FP32_SIDES = {"M": (32, 64, 128, 256), "N": (32, 64, 128, 256), "K": (16, 32, 64)}
_TENSOR_CORE_STEP = {"M": 16, "N": 16, "K": 8}


def followed(mine: Evidence) -> tuple[Found, ...]:
    """Why the launches are not known; empty: they are."""
    if mine.inspection.failure is not None:
        found = f"the launches are not known: {mine.inspection.failure}"
        return (Found(Outcome.FAILED, found, remedy="see `bench inspect`"),)
    if not mine.launches:
        return (Found(Outcome.FAILED, "no Triton kernel is launched", remedy="launch the kernels"),)
    return ()


def fits(mine: Evidence) -> tuple[Found, ...]:
    """Every launch is taken by the card; of an autotuner's trials, one of each."""
    gpu = mine.inspection.gpu.name
    broken = [] if mine.inspection.fits else [r for r in mine.inspection.reports if r.problems]
    return all_of(
        (
            Found(Outcome.FAILED, "; ".join(r.problems), where(r), "smaller blocks, fewer stages or warps")
            for r in broken
        ),
        f"all launches fit {gpu}",
    )


def grid_dimensions(mine: Evidence) -> tuple[Found, ...]:
    """At most three sizes (a fourth is refused at the launch), and as many in every launch of a kernel."""
    ranks: dict[str, set[int]] = {}
    for report in mine.inspection.reports:
        ranks.setdefault(report.launch.kernel, set()).add(report.launch.rank)
    changing = {kernel: sorted(found) for kernel, found in ranks.items() if len(found) > 1}
    told = ", ".join(f"{kernel} {min(found)}D" for kernel, found in ranks.items())
    return all_of(
        (
            Found(Outcome.FAILED, f"grids of {found} sizes", kernel, "give the grid one number of sizes")
            for kernel, found in changing.items()
        ),
        told,
    )


def grid_matches_ids(mine: Evidence) -> tuple[Found, ...]:
    """A kernel asks for exactly the program ids that its grid has."""
    return all_of(_unmatched(mine), "every axis of a grid is asked for")


def _unmatched(mine: Evidence) -> Iterator[Found]:
    seen = set()
    for report in mine.inspection.reports:
        kernel = mine.kernel(report)
        if kernel is None or kernel.axes is None:
            found = "which tl.program_id it asks for is not written out"
            yield Found(Outcome.READER, found, where(report))
            continue
        for axis, size in enumerate(report.launch.grid):
            asked, given = axis in kernel.axes, axis < report.launch.rank
            key = (report.launch.kernel, axis)
            if key in seen:
                continue
            if size > 1 and not asked:
                seen.add(key)
                found = f"the grid has {size} programs along axis {axis}, the kernel never asks for it"
                yield Found(Outcome.FAILED, found, where(report), f"use tl.program_id({axis}) or drop it")
            elif asked and not given:
                seen.add(key)
                found = f"line {kernel.line} asks for tl.program_id({axis}), the grid has no such axis"
                yield Found(Outcome.FAILED, found, where(report), "give the grid that size, or do not ask")


def tile_power_of_two(mine: Evidence) -> tuple[Found, ...]:
    """BLOCK_* and whatever else sizes a tile. A size of 0 stands for a tile that a launch does not have."""
    found = []
    for report, name, value in _tile_values(mine):
        if value < 0 or value & (value - 1):
            remedy = "take a power of two and mask the rest"
            found.append(Found(Outcome.FAILED, f"{name} = {value}", where(report), remedy))
    told = sorted({f"{name} = {value}" for _, name, value in _tile_values(mine)})
    return all_of(found, ", ".join(told) or "no tile constants")


def tensor_core_tile(mine: Evidence) -> tuple[Found, ...]:
    """A preference: it is shown and fails nobody."""
    sides = [s for s in _sides(mine) if s[0].built is not None and s[0].built.sass.tensor_cores]
    if not sides:
        return (Found(Outcome.NOT_APPLICABLE, "no launch with BLOCK_M/N/K uses tensor cores"),)
    odd = [
        Found(Outcome.SHOWN, f"{name} = {value} is no multiple of {_TENSOR_CORE_STEP[side]}", where(report))
        for report, name, side, value in sides
        if value % _TENSOR_CORE_STEP[side]
    ]
    return all_of(odd, _told(sides))


def fp32_tile(mine: Evidence) -> tuple[Found, ...]:
    """The tile of a tl.dot on float32 data."""
    sides = [side for side in _sides(mine) if _multiplies_fp32(side[0])]
    if not sides:
        return (Found(Outcome.NOT_APPLICABLE, "no tl.dot on float32 with BLOCK_M/N/K"),)
    found = []
    for report, name, side, value in sides:
        if value not in _FP32_SIDES[side]:
            allowed = ", ".join(map(str, _FP32_SIDES[side]))
            found.append(
                Found(Outcome.FAILED, f"{name} = {value}", where(report), f"choose one of {allowed}")
            )
    return all_of(found, _told(sides))


def _multiplies_fp32(report: LaunchReport) -> bool:
    """It has float32 data, and no tensor core that multiplies narrower values made of them."""
    opcodes = report.built.sass.tensor_cores if report.built is not None else {}
    narrower = bool(opcodes) and not any("TF32" in opcode for opcode in opcodes)
    return not narrower and any(argument.type == "*fp32" for argument in report.launch.arguments)


def num_stages_1_to_3(mine: Evidence) -> tuple[Found, ...]:
    """Of launches and of trials."""
    values = [(r, r.launch.options.num_stages) for r in mine.inspection.reports]
    remedy = "3 at most: each stage holds its tiles in shared memory"
    return _allowed("num_stages", values, (1, 2, 3), remedy)


def num_warps_2_to_16(mine: Evidence) -> tuple[Found, ...]:
    """Of launches and of trials."""
    values = [(r, r.launch.options.num_warps) for r in mine.inspection.reports]
    return _allowed("num_warps", values, (2, 4, 8, 16), "choose 2, 4, 8 or 16")


def _allowed(
    name: str, values: list[tuple[LaunchReport, int]], allowed: tuple[int, ...], remedy: str
) -> tuple[Found, ...]:
    """Hold an option of each launch against the values that it may have."""
    told = ", ".join(map(str, sorted({value for _, value in values})))
    return all_of(
        (
            Found(Outcome.FAILED, f"{name} = {value}", where(report), remedy)
            for report, value in values
            if value not in allowed
        ),
        f"{name}: {told}",
    )


def tile_of(mine: Evidence, report: LaunchReport) -> dict[str, int]:
    """The constants of a launch that size its tile."""
    kernel = mine.kernel(report)
    constants = report.launch.constants
    return {
        name: int(constants[name])
        for name in (kernel.tile if kernel is not None else ())
        if _WHOLE.fullmatch(constants.get(name, ""))
    }


def _tile_values(mine: Evidence) -> Iterator[tuple[LaunchReport, str, int]]:
    for report in mine.inspection.reports:
        for name, value in sorted(tile_of(mine, report).items()):
            yield report, name, value


def _sides(mine: Evidence) -> list[tuple[LaunchReport, str, str, int]]:
    """BLOCK_M, BLOCK_N and BLOCK_K of launches whose kernel has a tl.dot: (launch, name, side, value)."""
    sides = []
    for report, name, value in _tile_values(mine):
        found, kernel = _TILE_SIDE.fullmatch(name), mine.kernel(report)
        if found is not None and kernel is not None and kernel.uses_dot:
            sides.append((report, name, found[1], value))
    return sides


def _told(sides: list[tuple[LaunchReport, str, str, int]]) -> str:
    return ", ".join(sorted({f"{name} = {value}" for _, name, _, value in sides}))
