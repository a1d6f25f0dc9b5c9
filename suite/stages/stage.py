"""The four stages as data.

Focus, metrics, rules, safety and autotune limits of `GRID` and `BLOCK` are the words of the protocol's own
prompts; `MEMORY` and `MICRO` follow its sources. `ours` holds what the suite adds: what a stage may change,
and that it must not cost anything. Each line names the checks that hold a solution to it; a line without one
is for a reader to judge.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from suite.counters import DRAM, L2_HITS, MEMORY_STALLS, SM, WARPS
from suite.counters import GRID as GRID_SIZE

_TO: Final = "\N{EN DASH}"


class Check(enum.StrEnum):
    """What can be checked; see `suite.stages.checks`."""

    # On the source and the captured launches.
    GRID_DIMENSIONS = "grid dimensions"
    GRID_MATCHES_IDS = "grid matches program_id"
    TILE_POWER_OF_TWO = "tile sizes are powers of two"
    TENSOR_CORE_TILE = "tensor-core tile"
    FP32_TILE = "float32 tile"
    TILE_DEFINED_ONCE = "tile defined once"
    AUTOTUNE_ONE_KIND = "autotune one kind"
    AUTOTUNE_GRID = "autotuned tile, grid by META"
    AUTOTUNE_ON_JIT = "autotune on @triton.jit"
    AUTOTUNE_2_TO_4 = "2 to 4 configurations"
    AUTOTUNE_3_TO_6 = "3 to 6 configurations, the original among them"
    STAGES_1_TO_3 = "num_stages is 1, 2 or 3"
    WARPS_2_TO_16 = "num_warps is 2, 4, 8 or 16"
    FITS = "fits the card"
    # On the profile.
    BINDING_GOAL = "binding resource"
    SM_SHOWN = "SM throughput"
    GRID_SHOWN = "grid size"
    OCCUPANCY_GOAL = "achieved occupancy"
    L2_SHOWN = "L2 hit rate"
    STALLS_GOAL = "memory stalls"
    SM_WAS_LOW = "SM use before"
    # Against the stage before.
    TILE_KEPT = "tile kept"
    GRID_SHAPE_KEPT = "grid rank kept"
    STAGES_KEPT = "num_stages kept"
    STAGES_RAISED_FOR_STALLS = "num_stages raised for stalls"
    FROZEN = "grid and tile frozen"
    STAGES_ONE_STEP = "num_stages by one step"
    WARPS_FOR_OCCUPANCY = "num_warps for occupancy"
    CORRECT = "correct"
    NOT_SLOWER = "not slower"
    WORTH_IT = "worth keeping"


@dataclass(frozen=True, slots=True)
class Metric:
    """What a stage watches. `goal` is in percent, None: shown alone; `is_ceiling`: it is an upper bound."""

    name: str
    goal: float | None
    checks: tuple[Check, ...]
    is_ceiling: bool = False

    @property
    def text(self) -> str:
        """As a prompt writes it."""
        sign = "<" if self.is_ceiling else ">"
        return self.name if self.goal is None else f"{self.name} ({sign}{self.goal:g}%)"


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence of a stage."""

    text: str
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the protocol."""

    name: str
    focus: str
    metrics: tuple[Metric, ...]
    rules: tuple[Line, ...]
    safety: tuple[Line, ...]
    autotune: tuple[Line, ...]
    ours: tuple[Line, ...]
    may_fall_short: bool = False
    """The binding resource may stay under its goal as long as it rises: a later stage has the rest."""


BINDING_GOAL_PERCENT: Final = 60.0
"""Asked of SM throughput by the protocol. We ask it of the resource that binds: a kernel at 9 % of the SMs
and 81 % of the memory has nothing to gain from a busier SM."""
OCCUPANCY_GOAL_PERCENT: Final = 50.0
STALLS_GOAL_PERCENT: Final = 20.0

_ALWAYS: Final = (
    Line("Correct on every workload", (Check.CORRECT,)),
    Line("Every launch fits the card", (Check.FITS,)),
    Line("Not slower than the stage before, beyond the intervals", (Check.NOT_SLOWER,)),
)

GRID: Final = Stage(
    name="grid",
    focus="Grid layout & parallelism.",
    metrics=(
        Metric(SM, BINDING_GOAL_PERCENT, (Check.BINDING_GOAL, Check.SM_SHOWN)),
        Metric(GRID_SIZE, None, (Check.GRID_SHOWN,)),
    ),
    rules=(
        Line("1D: (cdiv(N, BLOCK))", (Check.GRID_DIMENSIONS,)),
        Line("2D: (cdiv(M, BLOCK_M), cdiv(N, BLOCK_N))", (Check.GRID_DIMENSIONS,)),
        Line("3D: (batch, cdiv(M, BLOCK_M), cdiv(N, BLOCK_N))", (Check.GRID_DIMENSIONS,)),
        Line(">3D: flatten ONLY independent dims"),
        Line("Prefer batch / head / expert parallelism before shrinking BLOCK", (Check.TILE_KEPT,)),
        Line("Change grid only if SM utilization is clearly low", (Check.SM_WAS_LOW,)),
    ),
    safety=(
        Line("Max 3 grid dims, static rank", (Check.GRID_DIMENSIONS,)),
        Line("grid=(G0,G1,G2) must match tl.program_id(0/1/2)", (Check.GRID_MATCHES_IDS,)),
        Line("If unsure about correctness, do NOT change grid", (Check.CORRECT,)),
    ),
    autotune=(
        Line("Autotune either BLOCK_* OR (num_warps, num_stages)", (Check.AUTOTUNE_ONE_KIND,)),
        Line("If autotuning BLOCK_*, use grid=lambda META: (...)", (Check.AUTOTUNE_GRID,)),
        Line("Never redefine BLOCK_* in both kernel and launch", (Check.TILE_DEFINED_ONCE,)),
    ),
    ours=(
        Line("The grid and the split of the work may change; the tile stays", (Check.TILE_KEPT,)),
        Line("num_stages stays", (Check.STAGES_KEPT,)),
        *_ALWAYS,
    ),
    may_fall_short=True,
)

BLOCK: Final = Stage(
    name="block",
    focus="BLOCK_M/N/K selection.",
    metrics=(Metric(WARPS, OCCUPANCY_GOAL_PERCENT, (Check.OCCUPANCY_GOAL,)),),
    rules=(
        Line("BLOCK_* must be powers of 2", (Check.TILE_POWER_OF_TWO,)),
        Line(
            "Tensor Core: BLOCK_M/N multiple of 16, BLOCK_K multiple of 8 (preference)",
            (Check.TENSOR_CORE_TILE,),
        ),
        Line("FP32: M/N ∈ {32,64,128,256}, K ∈ {16,32,64}", (Check.FP32_TILE,)),
        Line("Avoid oversized tiles (mask waste)"),
        Line("Keep baseline tile if unsure"),
    ),
    safety=(),
    autotune=(
        Line(f"2{_TO}4 configs max", (Check.AUTOTUNE_2_TO_4,)),
        Line("Autotune ONLY on @triton.jit kernel", (Check.AUTOTUNE_ON_JIT,)),
    ),
    ours=(
        Line("The resource that binds is busy, or busier than before", (Check.BINDING_GOAL,)),
        Line("The tile and the warps may change; the grid keeps its rank", (Check.GRID_SHAPE_KEPT,)),
        Line("grid=(G0,G1,G2) must match tl.program_id(0/1/2)", (Check.GRID_MATCHES_IDS,)),
        Line("num_stages stays", (Check.STAGES_KEPT,)),
        *_ALWAYS,
    ),
    may_fall_short=True,
)

_MEMORY_METRICS: Final = (
    Metric(DRAM, BINDING_GOAL_PERCENT, (Check.BINDING_GOAL,)),
    Metric(L2_HITS, None, (Check.L2_SHOWN,)),
    Metric(MEMORY_STALLS, STALLS_GOAL_PERCENT, (Check.STALLS_GOAL,), is_ceiling=True),
)

MEMORY: Final = Stage(
    name="memory",
    focus="Memory efficiency & latency hiding.",
    metrics=_MEMORY_METRICS,
    rules=(
        Line("Raise num_stages only if memory stalls are high", (Check.STAGES_RAISED_FOR_STALLS,)),
        Line("No new access pattern without evidence from a metric"),
        Line("A larger BLOCK_K gives reuse and costs registers"),
    ),
    safety=(),
    autotune=(Line("num_stages ∈ {1, 2, 3}", (Check.STAGES_1_TO_3,)),),
    ours=(
        Line("BLOCK_* must be powers of 2", (Check.TILE_POWER_OF_TWO,)),
        Line("grid=(G0,G1,G2) must match tl.program_id(0/1/2)", (Check.GRID_MATCHES_IDS,)),
        *_ALWAYS,
    ),
)

MICRO: Final = Stage(
    name="micro",
    focus="Final micro-tuning.",
    metrics=_MEMORY_METRICS,
    rules=(
        Line(
            "num_warps ∈ {2, 4, 8, 16}, and only if occupancy suggests it",
            (Check.WARPS_2_TO_16, Check.WARPS_FOR_OCCUPANCY),
        ),
        Line("num_stages by one step", (Check.STAGES_ONE_STEP,)),
        Line("Grid and BLOCK frozen", (Check.FROZEN,)),
    ),
    safety=(Line(f"Revert a change that gains less than 1{_TO}2 %", (Check.WORTH_IT,)),),
    autotune=(Line(f"3{_TO}6 nearby configs, always with the original", (Check.AUTOTUNE_3_TO_6,)),),
    ours=_ALWAYS,
)

STAGES: Final = (GRID, BLOCK, MEMORY, MICRO)

GRADED: Final = {"baseline": (), "grid": (GRID,), "block": (BLOCK,), "final": (MEMORY, MICRO)}
"""The stages that each graded solution answers for, by its own stage's name."""


def stage_named(name: str) -> Stage:
    """The stage of that name.

    Raises:
        KeyError: there is none.
    """
    return {stage.name: stage for stage in STAGES}[name]
