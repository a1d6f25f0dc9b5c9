"""What the terminal shows of profiles."""

from __future__ import annotations

from suite.counters import DRAM, DRAM_BYTES, GRID, L2_HITS, MEMORY_STALLS, REGISTERS, SM, WARPS
from suite.profile import KernelProfile, Profile
from suite.tables import Table

HEADERS = (
    "kernel", "launches", "grid", "time ms", "share", "SM %", "warps %", "DRAM %", "L2 hit %",
    "memory stalls %", "registers", "DRAM MB",
)  # fmt: skip


def profile_table(profile: Profile) -> Table:
    """One row a kernel and grid, then the solution: percentages weighted by time, grids and bytes summed."""
    total_ms = sum(kernel.time_ms for kernel in profile.kernels)
    rows = [_kernel(kernel, total_ms) for kernel in profile.kernels]
    rows.append(
        (
            "the solution",
            str(sum(kernel.launches for kernel in profile.kernels)),
            _number(profile.value(GRID), 0),
            f"{total_ms:.4f}",
            "",
            *(_number(profile.value(metric), 1) for metric in (SM, WARPS, DRAM, L2_HITS, MEMORY_STALLS)),
            "",
            _megabytes(profile.value(DRAM_BYTES)),
        )
    )
    return Table(HEADERS, tuple(rows), frozenset(HEADERS[1:]))


def _kernel(kernel: KernelProfile, total_ms: float) -> tuple[str, ...]:
    moved = kernel.value(DRAM_BYTES)
    return (
        kernel.kernel,
        str(kernel.launches),
        _number(kernel.value(GRID), 0),
        f"{kernel.time_ms:.4f}",
        f"{kernel.time_ms / total_ms:.0%}",
        *(_number(kernel.value(metric), 1) for metric in (SM, WARPS, DRAM, L2_HITS, MEMORY_STALLS)),
        _number(kernel.value(REGISTERS), 0),
        _megabytes(None if moved is None else moved * kernel.launches),
    )


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _megabytes(value: float | None) -> str:
    return "" if value is None else f"{value / 1e6:.1f}"
