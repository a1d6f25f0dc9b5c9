"""Nsight Compute's metrics that we read, by the names that exist on sm_89 and sm_90 alike.

Every percentage is of a peak for each cycle: it does not follow the clock and is no fraction of a datasheet.
"""

from __future__ import annotations

from typing import Final

SM: Final = "sm__throughput.avg.pct_of_peak_sustained_elapsed"
"""The busiest unit of the SMs, whichever it is; an integer-bound kernel reads high too."""
GRID: Final = "launch__grid_size"
WARPS: Final = "sm__warps_active.avg.pct_of_peak_sustained_active"
"""Achieved occupancy."""
DRAM: Final = "dram__throughput.avg.pct_of_peak_sustained_elapsed"
"""Traffic as it was, refetched and written back included."""
L2_HITS: Final = "lts__t_sector_hit_rate.pct"
"""Every store counts as a hit, so a copy that streams reads about half."""
FIVE: Final = (SM, GRID, WARPS, DRAM, L2_HITS)
"""What a prompt shows, in the order of its form."""

TIME: Final = "gpu__time_duration.sum"
"""Weighs kernels against each other; it is no latency."""
REGISTERS: Final = "launch__registers_per_thread"
STATIC_SMEM: Final = "launch__shared_mem_per_block_static"
DYNAMIC_SMEM: Final = "launch__shared_mem_per_block_dynamic"
DRAM_BYTES: Final = "dram__bytes.sum"
LONG_SCOREBOARD: Final = "smsp__average_warps_issue_stalled_long_scoreboard_per_issue_active.ratio"
"""Warps that wait for memory off the SM, for each instruction issued."""
WARP_LATENCY: Final = "smsp__average_warp_latency_per_inst_issued.ratio"
"""All resident warps, waiting or not, for each instruction issued."""

COUNTED: Final = (*FIVE, TIME, REGISTERS, DRAM_BYTES, LONG_SCOREBOARD, WARP_LATENCY)
"""What a profile asks for."""
LAUNCHED: Final = (GRID, REGISTERS, STATIC_SMEM, DYNAMIC_SMEM)
"""What a launch is known by; no hardware counter, so no kernel is replayed."""

MEMORY_STALLS: Final = "memory_stalls.pct"
"""Ours: `LONG_SCOREBOARD` over `WARP_LATENCY`, in percent."""
