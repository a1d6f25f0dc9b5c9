"""Checks against the stage before: what a stage may change, and that the change cost nothing."""

from __future__ import annotations

from collections.abc import Callable

from suite.counters import MEMORY_STALLS, WARPS
from suite.problem import SEED
from suite.result import Result, Status
from suite.stages.evidence import Case, Evidence, Found, Outcome, all_of, matched, reports_of, where
from suite.stages.launch_checks import tile_of
from suite.stages.profile_checks import UNMEASURED
from suite.stages.source import Kernel
from suite.stages.stage import STALLS_GOAL_PERCENT
from suite.stats import geometric_mean, geometric_mean_interval

WORTH_KEEPING = 0.01
"""The smallest gain that carries over to another day and card."""
NO_PARENT = (Found(Outcome.NOT_APPLICABLE, "the stage before has no file of its own to compare with"),)
UNTIMED = (Found(Outcome.NOT_MEASURED, "no timed result of this file", remedy="run `bench run` on a GPU"),)


def tile_kept(case: Case) -> tuple[Found, ...]:
    """The sizes of the tile are those of the stage before."""
    return _same(case, _tile, "the tile", "take it back: the tile is the block stage's")


def num_stages_kept(case: Case) -> tuple[Found, ...]:
    """So is the depth of the pipeline."""
    return _same(case, _num_stages, "num_stages", "take it back: num_stages is the memory stage's")


def grid_shape_kept(case: Case) -> tuple[Found, ...]:
    """The grid has as many axes as before."""
    return _same(case, _rank, "the grid's rank", "keep the grid's axes: the grid is the grid stage's")


def frozen(case: Case) -> tuple[Found, ...]:
    """Grid and tile are exactly those of the stage before."""
    grids = _same(case, _grids, "the grid", "keep the grid: only warps and stages are tuned now")
    tiles = _same(case, _tile, "the tile", "keep the tile: only warps and stages are tuned now")
    broken = [found for found in (*grids, *tiles) if found.outcome is Outcome.FAILED]
    return tuple(broken) or grids


def num_stages_one_step(case: Case) -> tuple[Found, ...]:
    """num_stages moves by one at most."""
    if case.parent is None:
        return NO_PARENT
    found = []
    for old, new in matched(case.mine, case.parent):
        before, now = _options(case.parent, old, "num_stages"), _options(case.mine, new, "num_stages")
        if before and now and max(min(abs(a - b) for b in before) for a in now) > 1:
            text = f"num_stages {_list(before)} -> {_list(now)}"
            found.append(Found(Outcome.FAILED, text, f"line {new.line}, {new.name}", "one step at a time"))
    return all_of(found, "num_stages moved by one at most")


def num_stages_raised_for_stalls(case: Case) -> tuple[Found, ...]:
    """More stages hide latency; without stalls they only take shared memory."""
    if case.parent is None:
        return NO_PARENT
    raised = []
    for old, new in matched(case.mine, case.parent):
        before, now = _options(case.parent, old, "num_stages"), _options(case.mine, new, "num_stages")
        if before and now and max(now) > max(before):
            raised.append((new, f"num_stages {max(before)} -> {max(now)}"))
    if not raised:
        return (Found(Outcome.PASSED, "num_stages is not raised"),)
    stalls = case.parent.value(MEMORY_STALLS)
    if stalls is None:
        return UNMEASURED
    told = f"memory stalls were {stalls:.1f} %"
    return all_of(
        (
            Found(Outcome.FAILED, f"{text}, but {told}", f"line {new.line}, {new.name}", "take it back")
            for new, text in raised
            if stalls < STALLS_GOAL_PERCENT
        ),
        f"{raised[0][1]}; {told}",
    )


def num_warps_for_occupancy(case: Case) -> tuple[Found, ...]:
    """Shown: whether occupancy suggests another number of warps is for a reader."""
    if case.parent is None:
        return NO_PARENT
    changed = [
        f"{new.name} {_list(before)} -> {_list(now)}"
        for old, new in matched(case.mine, case.parent)
        if (before := _options(case.parent, old, "num_warps"))
        != (now := _options(case.mine, new, "num_warps"))
    ]
    if not changed:
        return (Found(Outcome.PASSED, "num_warps is not changed"),)
    occupancy = case.parent.value(WARPS)
    told = "unknown" if occupancy is None else f"{occupancy:.1f} %"
    return (Found(Outcome.SHOWN, f"num_warps: {', '.join(changed)}; occupancy was {told}"),)


def correct(mine: Evidence) -> tuple[Found, ...]:
    """Every stored result of this file passed."""
    if not mine.results:
        remedy = "run `bench run`"
        return (Found(Outcome.NOT_MEASURED, "no stored result of this file", remedy=remedy),)
    failed = [result for result in mine.results if result.status is not Status.PASSED]
    return all_of(
        (Found(Outcome.FAILED, f"{r.status.value}: {r.reason}", r.workload, "mend it first") for r in failed),
        f"passed on {len(mine.results)} workload(s)",
    )


def not_slower(case: Case) -> tuple[Found, ...]:
    """On the seed workload, and in the mean over all that both were timed on. One workload may lose."""
    pairs = timed_pairs(case)
    if case.previous is None:
        return (Found(Outcome.NOT_APPLICABLE, "there is no stage before"),)
    if SEED not in {mine.workload for mine, _ in pairs}:
        return UNTIMED
    found = []
    seed = next((mine, before) for mine, before in pairs if mine.workload == SEED)
    told = f"{SEED} {seed[1].latency_ms:.4f} -> {seed[0].latency_ms:.4f} ms"
    if interval_ms(seed[0])[0] > interval_ms(seed[1])[1]:
        found.append(Found(Outcome.FAILED, told, SEED, "keep the stage before"))
    now, before = [mine for mine, _ in pairs], [old for _, old in pairs]
    if _mean_interval(now)[0] > _mean_interval(before)[1]:
        mean = f"mean over {len(pairs)} workloads {_mean(before):.4f} -> {_mean(now):.4f} ms"
        found.append(Found(Outcome.FAILED, mean, "all workloads", "keep the stage before"))
    worse = [mine.workload for mine, old in pairs if interval_ms(mine)[0] > interval_ms(old)[1]]
    lost = f"; slower on {', '.join(worse)}" if worse else ""
    return all_of(found, f"{told}, mean over {len(pairs)} {_mean(before):.4f} -> {_mean(now):.4f} ms{lost}")


def worth_it(case: Case) -> tuple[Found, ...]:
    """A gain of less than one percent is no gain."""
    pair = next((pair for pair in timed_pairs(case) if pair[0].workload == SEED), None)
    if case.previous is None:
        return (Found(Outcome.NOT_APPLICABLE, "there is no stage before"),)
    if pair is None:
        return UNTIMED
    now, before = (result.latency_ms or 0.0 for result in pair)
    gain = 1 - now / before
    if gain >= WORTH_KEEPING:
        return (Found(Outcome.PASSED, f"{SEED}: {gain:.1%} faster"),)
    return (Found(Outcome.FAILED, f"{SEED}: {gain:.1%} faster", SEED, "revert to the stage before"),)


def timed_pairs(case: Case) -> list[tuple[Result, Result]]:
    """(now, before) for each workload that both were timed on, in the order of the results."""
    if case.previous is None:
        return []
    before = {result.workload: result for result in case.previous.results if result.latency_ms is not None}
    return [
        (result, before[result.workload])
        for result in case.mine.results
        if result.latency_ms is not None and result.workload in before
    ]


def interval_ms(result: Result) -> tuple[float, float]:
    """The interval of a timed result."""
    latency_ms = result.latency_ms or 0.0
    return result.latency_ci_ms or (latency_ms, latency_ms)


def _mean(results: list[Result]) -> float:
    return geometric_mean(result.latency_ms or 0.0 for result in results)


def _mean_interval(results: list[Result]) -> tuple[float, float]:
    return geometric_mean_interval(
        [result.latency_ms or 0.0 for result in results], [interval_ms(result) for result in results]
    )


def _same(
    case: Case, facts: Callable[[Evidence, Kernel], dict[str, set[int]]], what: str, remedy: str
) -> tuple[Found, ...]:
    """Hold the facts of each kernel against those of its counterpart before."""
    if case.parent is None:
        return NO_PARENT
    pairs = matched(case.mine, case.parent)
    if not pairs:
        found = "no kernel of the stage before is left, and none with its constants"
        return (Found(Outcome.FAILED, found, remedy="keep the names of the kernel's constants"),)
    broken = []
    for old, new in pairs:
        before, now = facts(case.parent, old), facts(case.mine, new)
        for name in sorted(before):
            if before[name] != now.get(name):
                text = f"{name} {_list(before[name])} -> {_list(now.get(name, set())) or 'gone'}"
                place = where(reports_of(case.mine, new)[0])
                broken.append(Found(Outcome.FAILED, text, place, remedy))
    return all_of(broken, f"{what} is that of the stage before")


def _tile(evidence: Evidence, kernel: Kernel) -> dict[str, set[int]]:
    values: dict[str, set[int]] = {}
    for report in reports_of(evidence, kernel):
        for name, value in tile_of(evidence, report).items():
            values.setdefault(name, set()).add(value)
    return values


def _num_stages(evidence: Evidence, kernel: Kernel) -> dict[str, set[int]]:
    return {"num_stages": _options(evidence, kernel, "num_stages")}


def _rank(evidence: Evidence, kernel: Kernel) -> dict[str, set[int]]:
    return {"grid rank": {report.launch.rank for report in reports_of(evidence, kernel)}}


def _grids(evidence: Evidence, kernel: Kernel) -> dict[str, set[int]]:
    reports = reports_of(evidence, kernel)
    return {f"grid {axis}": {r.launch.grid[i] for r in reports} for i, axis in enumerate("xyz")}


def _options(evidence: Evidence, kernel: Kernel, name: str) -> set[int]:
    options = [report.launch.options for report in reports_of(evidence, kernel)]
    return {o.num_stages if name == "num_stages" else o.num_warps for o in options}


def _list(values: set[int]) -> str:
    return ", ".join(map(str, sorted(values)))
