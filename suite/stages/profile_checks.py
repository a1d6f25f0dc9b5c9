"""Checks of a profile against a stage's goals. What was not measured is said to be so and passes nothing.

The goal is asked of the resource that binds. Occupancy and stalls are means: short of their goals they fail
only where the binding resource is short of its own. Who beats the roof of its class has kept the goal by
other units than that roof stands for, as a float32 product by the tensor cores.
"""

from __future__ import annotations

from suite.counters import DRAM, GRID, L2_HITS, MEMORY_STALLS, SM, WARPS
from suite.stages.evidence import Case, Evidence, Found, Outcome
from suite.stages.stage import BINDING_GOAL_PERCENT, OCCUPANCY_GOAL_PERCENT, STALLS_GOAL_PERCENT

UNMEASURED = (Found(Outcome.NOT_MEASURED, "no profile with counters", remedy="run `bench profile`"),)
_NAMES = {DRAM: "DRAM", SM: "SM"}


def binding_goal(case: Case, *, may_fall_short: bool) -> tuple[Found, ...]:
    """The busiest resource that the task has must be busy."""
    metric = case.mine.binding_metric
    text = f"{case.mine.bound}-bound, {_NAMES[metric]}"
    return _goal(
        case,
        metric,
        text,
        may_fall_short,
        "more loads in flight, or less traffic" if metric == DRAM else "tensor cores, or less idle time",
    )


def _goal(case: Case, metric: str, text: str, may_fall_short: bool, remedy: str) -> tuple[Found, ...]:
    value = case.mine.value(metric)
    if value is None:
        return UNMEASURED
    told = f"{text} {_change(case, metric)} (> {BINDING_GOAL_PERCENT:g} %)"
    if value > BINDING_GOAL_PERCENT:
        return (Found(Outcome.PASSED, told),)
    fraction = case.mine.fraction_of_peak
    if fraction is not None and fraction >= 1:
        return (Found(Outcome.PASSED, f"{told}; {fraction:.1%} of the peak of its class all the same"),)
    if may_fall_short and _rises(case, metric):
        return (Found(Outcome.SHORT, told, remedy=f"left to the next stage: {remedy}"),)
    return (Found(Outcome.FAILED, told, remedy=remedy),)


def occupancy_goal(case: Case) -> tuple[Found, ...]:
    """Resident warps over the most there could be."""
    value = case.mine.value(WARPS)
    if value is None:
        return UNMEASURED
    told = f"{_change(case, WARPS)} (> {OCCUPANCY_GOAL_PERCENT:g} %)"
    if value > OCCUPANCY_GOAL_PERCENT:
        return (Found(Outcome.PASSED, told),)
    if _rises(case, WARPS):
        return (Found(Outcome.SHORT, told, remedy="left to the next stage"),)
    return _means(case.mine, told, "a smaller tile or fewer registers let more warps in")


def stalls_goal(case: Case) -> tuple[Found, ...]:
    """Warps that wait for memory off the SM, in percent of all resident ones."""
    value = case.mine.value(MEMORY_STALLS)
    if value is None:
        return UNMEASURED
    told = f"{_change(case, MEMORY_STALLS)} (< {STALLS_GOAL_PERCENT:g} %)"
    if value < STALLS_GOAL_PERCENT:
        return (Found(Outcome.PASSED, told),)
    return _means(case.mine, told, "prefetch: more stages, or independent loads unrolled")


def shown(case: Case, metric: str) -> tuple[Found, ...]:
    """A number to look at."""
    if case.mine.value(metric) is None:
        return UNMEASURED
    return (Found(Outcome.SHOWN, _change(case, metric)),)


def sm_shown(case: Case) -> tuple[Found, ...]:
    """SM throughput, where it is not what binds."""
    return shown(case, SM) if case.mine.binding_metric != SM else ()


def l2_shown(case: Case) -> tuple[Found, ...]:
    """L2 hit rate; every store counts as a hit."""
    return shown(case, L2_HITS)


def grid_shown(case: Case) -> tuple[Found, ...]:
    """Programs of a call, counted, or from the captured launches."""
    if case.mine.value(GRID) is not None:
        return (Found(Outcome.SHOWN, _change(case, GRID)),)
    grids = [f"{report.times} x {report.blocks}" for report in case.mine.launches]
    return (Found(Outcome.SHOWN, f"{', '.join(grids)} (captured, not counted)"),)


def sm_was_low(case: Case) -> tuple[Found, ...]:
    """Whether the stage had a reason to touch the grid, by the protocol's own metric."""
    if case.parent is None:
        return (Found(Outcome.NOT_APPLICABLE, "there is no stage before"),)
    before = case.parent.value(SM)
    if before is None:
        return UNMEASURED
    verdict = "low" if before <= BINDING_GOAL_PERCENT else "not low"
    return (Found(Outcome.SHOWN, f"SM throughput was {before:.1f} % before: {verdict}"),)


def _means(mine: Evidence, told: str, remedy: str) -> tuple[Found, ...]:
    binding = mine.value(mine.binding_metric)
    if binding is not None and binding > BINDING_GOAL_PERCENT:
        name = _NAMES[mine.binding_metric]
        return (Found(Outcome.SHOWN, f"{told}; {name} is at {binding:.1f} % all the same"),)
    return (Found(Outcome.FAILED, told, remedy=remedy),)


def _rises(case: Case, metric: str) -> bool:
    now, before = case.mine.value(metric), None if case.parent is None else case.parent.value(metric)
    return now is not None and before is not None and now > before


def _change(case: Case, metric: str) -> str:
    """The metric before and after; percentages with one decimal, counts with none."""
    unit = "" if metric == GRID else " %"
    digits = 0 if metric == GRID else 1
    values = [None if case.parent is None else case.parent.value(metric), case.mine.value(metric)]
    return " -> ".join(f"{value:.{digits}f}{unit}" for value in values if value is not None)
