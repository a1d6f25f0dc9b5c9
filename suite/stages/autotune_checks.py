"""Checks of `triton.autotune`: where it stands, what it varies, how many configurations it has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet

from suite.analysis.inspection import LaunchReport
from suite.stages.evidence import Case, Evidence, Found, Outcome, all_of, matched, reports_of, where
from suite.stages.launch_checks import tile_of
from suite.stages.source import Kernel, is_block_name

UNTUNED = (Found(Outcome.NOT_APPLICABLE, "nothing is autotuned"),)
Configuration = tuple[tuple[tuple[str, str], ...], int, int]
"""Constants that size the tile or are tuned, warps, stages."""


def on_jit(mine: Evidence) -> tuple[Found, ...]:
    """`@triton.autotune` stands directly above `@triton.jit`, or wraps such a kernel."""
    if not mine.source.tunings:
        return UNTUNED
    return all_of(
        (
            Found(
                Outcome.FAILED,
                f"triton.autotune on {tuning.kernel or 'something that is no kernel'}",
                f"line {tuning.line}",
                "put @triton.autotune directly above the @triton.jit of the kernel",
            )
            for tuning in mine.source.tunings
            if not tuning.on_jit
        ),
        f"{len(mine.source.tunings)} tuned kernel(s)",
    )


def one_kind(mine: Evidence) -> tuple[Found, ...]:
    """Either the tile varies, or warps and stages do."""

    def both(reports: list[LaunchReport]) -> bool:
        tiles = {tuple(sorted(tile_of(mine, report).items())) for report in reports}
        options = {(r.launch.options.num_warps, r.launch.options.num_stages) for r in reports}
        return len(tiles) > 1 and len(options) > 1

    return _tuned(
        mine,
        both,
        "the configurations vary the tile and (num_warps, num_stages)",
        "vary one of the two: together they are many compilations and no lesson",
    )


def two_to_four(mine: Evidence) -> tuple[Found, ...]:
    """So many configurations at a time."""
    return _counted(mine, 2, 4)


def three_to_six(case: Case) -> tuple[Found, ...]:
    """So many, and the configuration that the stage started from is one of them."""
    found = _counted(case.mine, 3, 6)
    if found == UNTUNED or case.parent is None:
        return found
    missing = []
    for old, new in matched(case.mine, case.parent):
        trials = [r for r in case.mine.trials if case.mine.kernel(r) is new]
        for report in reports_of(case.parent, old):
            names = _varied(case.mine, new) & report.launch.constants.keys()
            tried = {_configuration(trial, names) for trial in trials}
            if trials and _configuration(report, names) not in tried:
                text = "the configuration of the stage before is not among those tried"
                missing.append(Found(Outcome.FAILED, text, where(trials[0]), "add it: it may be the best"))
    return (*found, *missing)


def grid_by_meta(mine: Evidence) -> tuple[Found, ...]:
    """Where the tile is tuned the grid is a function of it."""
    tiled = {
        mine.source.aliases.get(tuning.kernel or "", tuning.kernel)
        for tuning in mine.source.tunings
        if any(is_block_name(name) for name in tuning.names)
    }
    if not tiled:
        return (Found(Outcome.NOT_APPLICABLE, "no tile is autotuned"),)
    return all_of(
        (
            Found(
                Outcome.FAILED,
                f"{site.kernel} is tuned over its tile, its grid is fixed",
                f"line {site.line}",
                "write grid=lambda META: (...) with META's sizes",
            )
            for site in mine.source.launches
            if site.kernel in tiled and site.grid_is_callable is False
        ),
        "the grid follows the tile",
    )


def tile_defined_once(mine: Evidence) -> tuple[Found, ...]:
    """No BLOCK_* is set in the kernel, and none both by the autotuner and the launch."""
    return all_of(_redefined(mine), "no BLOCK_* is set twice")


def _redefined(mine: Evidence) -> Iterator[Found]:
    for kernel in mine.source.kernels.values():
        for name, line in kernel.redefined:
            found = f"{kernel.name} assigns its own parameter {name}"
            yield Found(Outcome.FAILED, found, f"line {line}", "give the launch's value another name")
    for tuning in mine.source.tunings:
        kernel_name = mine.source.aliases.get(tuning.kernel or "", tuning.kernel)
        for site in mine.source.launches:
            both = sorted(site.keywords & tuning.names) if site.kernel == kernel_name else []
            if both:
                found = (
                    f"{', '.join(both)} is set by the launch and by the configurations of line {tuning.line}"
                )
                yield Found(Outcome.FAILED, found, f"line {site.line}", "leave it out of the launch")


def _counted(mine: Evidence, fewest: int, most: int) -> tuple[Found, ...]:
    return _tuned(
        mine,
        lambda reports: not fewest <= _tried(mine, reports) <= most,
        f"not {fewest} to {most} configurations",
        f"keep {fewest} to {most} near the one that you have",
    )


def _tuned(
    mine: Evidence, is_breach: Callable[[list[LaunchReport]], bool], found: str, remedy: str
) -> tuple[Found, ...]:
    """Ask of the trials of each tuned launch."""
    if not mine.source.tunings:
        return UNTUNED
    if not mine.trials:
        return (Found(Outcome.NOT_APPLICABLE, "no tuned kernel was launched on this workload"),)
    places: dict[tuple[str, int | None], list[LaunchReport]] = {}
    for report in mine.trials:
        places.setdefault((report.launch.kernel, report.launch.line), []).append(report)
    return all_of(
        (
            Found(Outcome.FAILED, f"{found} ({_tried(mine, reports)} tried)", where(reports[0]), remedy)
            for reports in places.values()
            if is_breach(reports)
        ),
        ", ".join(f"{kernel}: {_tried(mine, reports)} tried" for (kernel, _), reports in places.items()),
    )


def _tried(mine: Evidence, reports: list[LaunchReport]) -> int:
    """Different configurations among trials of one kernel: each comes once for every key."""
    kernel = mine.kernel(reports[0])
    names = _varied(mine, kernel) if kernel is not None else frozenset(reports[0].launch.constants)
    return len({_configuration(report, names) for report in reports})


def _varied(mine: Evidence, kernel: Kernel) -> frozenset[str]:
    """Constants of a kernel that size its tile, and those that its tunings set."""
    tuned = [t.names for t in mine.source.tunings if mine.source.aliases.get(t.kernel or "") == kernel.name]
    return kernel.tile.union(*tuned)


def _configuration(report: LaunchReport, names: AbstractSet[str]) -> Configuration:
    options, constants = report.launch.options, report.launch.constants
    varied = tuple(sorted((name, constants[name]) for name in names & constants.keys()))
    return (varied, options.num_warps, options.num_stages)
