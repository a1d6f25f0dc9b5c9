"""From a check's name to what it finds."""

from __future__ import annotations

from suite.stages import autotune_checks, launch_checks, previous_checks, profile_checks
from suite.stages.evidence import Case, Found
from suite.stages.stage import Check

_OF_LAUNCHES = frozenset(
    {
        Check.GRID_DIMENSIONS, Check.GRID_MATCHES_IDS, Check.TILE_POWER_OF_TWO, Check.TENSOR_CORE_TILE,
        Check.FP32_TILE, Check.AUTOTUNE_ONE_KIND, Check.AUTOTUNE_2_TO_4, Check.AUTOTUNE_3_TO_6,
        Check.STAGES_1_TO_3, Check.WARPS_2_TO_16, Check.FITS, Check.TILE_KEPT, Check.GRID_SHAPE_KEPT,
        Check.STAGES_KEPT, Check.STAGES_RAISED_FOR_STALLS, Check.FROZEN, Check.STAGES_ONE_STEP,
        Check.WARPS_FOR_OCCUPANCY,
    }
)  # fmt: skip
"""What needs the captured launches."""
OF_SOURCE_AND_LAUNCHES = _OF_LAUNCHES | {
    Check.TILE_DEFINED_ONCE,
    Check.AUTOTUNE_GRID,
    Check.AUTOTUNE_ON_JIT,
}
"""What can be said before anything runs."""


def run_check(check: Check, case: Case, *, may_fall_short: bool) -> tuple[Found, ...]:
    """What `check` finds; empty where it has nothing to say."""
    if check in _OF_LAUNCHES:
        unknown = launch_checks.followed(case.mine)
        return unknown or _of_launches(check, case)
    return _of_others(check, case, may_fall_short)


def _of_launches(check: Check, case: Case) -> tuple[Found, ...]:
    mine = case.mine
    match check:
        case Check.GRID_DIMENSIONS:
            return launch_checks.grid_dimensions(mine)
        case Check.GRID_MATCHES_IDS:
            return launch_checks.grid_matches_ids(mine)
        case Check.TILE_POWER_OF_TWO:
            return launch_checks.tile_power_of_two(mine)
        case Check.TENSOR_CORE_TILE:
            return launch_checks.tensor_core_tile(mine)
        case Check.FP32_TILE:
            return launch_checks.fp32_tile(mine)
        case Check.STAGES_1_TO_3:
            return launch_checks.num_stages_1_to_3(mine)
        case Check.WARPS_2_TO_16:
            return launch_checks.num_warps_2_to_16(mine)
        case Check.FITS:
            return launch_checks.fits(mine)
        case Check.AUTOTUNE_ONE_KIND:
            return autotune_checks.one_kind(mine)
        case Check.AUTOTUNE_2_TO_4:
            return autotune_checks.two_to_four(mine)
        case Check.AUTOTUNE_3_TO_6:
            return autotune_checks.three_to_six(case)
        case _:
            return _of_change(check, case)


def _of_change(check: Check, case: Case) -> tuple[Found, ...]:
    match check:
        case Check.TILE_KEPT:
            return previous_checks.tile_kept(case)
        case Check.GRID_SHAPE_KEPT:
            return previous_checks.grid_shape_kept(case)
        case Check.STAGES_KEPT:
            return previous_checks.num_stages_kept(case)
        case Check.STAGES_RAISED_FOR_STALLS:
            return previous_checks.num_stages_raised_for_stalls(case)
        case Check.FROZEN:
            return previous_checks.frozen(case)
        case Check.STAGES_ONE_STEP:
            return previous_checks.num_stages_one_step(case)
        case Check.WARPS_FOR_OCCUPANCY:
            return previous_checks.num_warps_for_occupancy(case)
    raise AssertionError(check)


def _of_others(check: Check, case: Case, may_fall_short: bool) -> tuple[Found, ...]:
    match check:
        case Check.TILE_DEFINED_ONCE:
            return autotune_checks.tile_defined_once(case.mine)
        case Check.AUTOTUNE_GRID:
            return autotune_checks.grid_by_meta(case.mine)
        case Check.AUTOTUNE_ON_JIT:
            return autotune_checks.on_jit(case.mine)
        case Check.BINDING_GOAL:
            return profile_checks.binding_goal(case, may_fall_short=may_fall_short)
        case Check.SM_SHOWN:
            return profile_checks.sm_shown(case)
        case Check.GRID_SHOWN:
            return profile_checks.grid_shown(case)
        case Check.OCCUPANCY_GOAL:
            return profile_checks.occupancy_goal(case)
        case Check.L2_SHOWN:
            return profile_checks.l2_shown(case)
        case Check.STALLS_GOAL:
            return profile_checks.stalls_goal(case)
        case Check.SM_WAS_LOW:
            return profile_checks.sm_was_low(case)
        case Check.CORRECT:
            return previous_checks.correct(case.mine)
        case Check.NOT_SLOWER:
            return previous_checks.not_slower(case)
        case Check.WORTH_IT:
            return previous_checks.worth_it(case)
    raise AssertionError(check)
