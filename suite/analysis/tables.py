"""What the terminal shows of inspections."""

from __future__ import annotations

import re
from collections.abc import Sequence

from suite.analysis.facts import Built
from suite.analysis.inspection import Inspection, LaunchReport, Roof
from suite.analysis.sass import Access
from suite.tables import Table

WIDEST_BYTES = 16
"""What one thread moves at most with one instruction on every card up to Hopper."""
NARROW_BYTES = 4
"""Loads of so many bytes or fewer are named, if those of a line would fill one of the widest."""
_ALIGNABLE = re.compile(r"\*|[iu](?:8|16|32|64)$")
"""Types of arguments in which a multiple of 16 says something of an address: pointers and whole numbers."""


def launches_table(inspection: Inspection) -> Table:
    """One row a kind of launch: grid, resources, and how the card takes it."""
    headers = (
        "#", "kernel", "line", "times", "grid", "programs", "threads", "registers", "spills", "shared",
        "fits", "occupancy", "limited by", "waves", "tail",
    )  # fmt: skip
    rows = tuple(
        (
            str(number),
            _kernel(inspection, report),
            _text(report.launch.line),
            str(report.times),
            _grid(report),
            str(_programs(report)),
            *_resources(report),
            _fits_text(inspection, report),
            f"{report.occupancy.fraction:.0%}" if report.occupancy else "",
            ", ".join(report.occupancy.limits) if report.occupancy else "",
            f"{report.waves.count:.2f}" if report.waves else "",
            f"{report.waves.tail:.0%}" if report.waves else "",
        )
        for number, report in enumerate(inspection.reports, 1)
    )
    right = {"#", "line", "times", *headers[5:10], "occupancy", "waves", "tail"}
    return Table(headers, rows, frozenset(right))


def code_table(inspection: Inspection) -> Table:
    """One row a kind of launch: what was compiled, and the instructions that came out."""
    headers = (
        "#",
        "kernel",
        "constants",
        "warps",
        "stages",
        "global loads",
        "global stores",
        "tensor cores",
        "local",
    )
    rows = []
    for number, report in enumerate(inspection.reports, 1):
        if report.built is not None:
            launch, sass = report.launch, report.built.sass
            rows.append(
                (
                    str(number),
                    launch.kernel,
                    " ".join(f"{name}={value}" for name, value in launch.constants.items()),
                    str(launch.options.num_warps),
                    str(launch.options.num_stages),
                    _widths(sass.accesses, loads=True) + (" and bulk copies" if sass.bulk_copies else ""),
                    _widths(sass.accesses, loads=False),
                    ", ".join(f"{count} {opcode}" for opcode, count in sass.tensor_cores.items()),
                    str(sass.local) if sass.local else "",
                )
            )
    return Table(headers, tuple(rows), frozenset(("#", "warps", "stages", "local")))


def totals_table(inspections: Sequence[Inspection]) -> Table:
    """One row a solution and precision class: what it launches, allocates, and could reach."""
    headers = (
        "solution", "launches", "torch operations", "intermediates MB", "declared MB", "declared GFLOP",
        "class", "memory ms", "compute ms", "speed of light ms", "bound", "fits",
    )  # fmt: skip
    rows = []
    for inspection in inspections:
        for roof in inspection.roofs or (None,):
            rows.append((inspection.solution, *_totals(inspection), *_roof(roof), _fits(inspection)))
    right = {*headers[1:2], *headers[3:6], *headers[7:10]}
    return Table(headers, tuple(rows), frozenset(right))


def card_table(inspections: Sequence[Inspection]) -> Table:
    """One row a launch of each solution: what a card that is not here would make of it."""
    headers = (
        "solution",
        "kernel",
        "times",
        "grid",
        "registers",
        "shared",
        "occupancy",
        "limited by",
        "fits",
    )
    rows: list[tuple[str, ...]] = []
    for inspection in inspections:
        for report in inspection.reports:
            if not report.launch.candidate:
                registers, shared = _resources(report)[1], _resources(report)[3]
                fraction = f"{report.occupancy.fraction:.0%}" if report.occupancy else ""
                limits = ", ".join(report.occupancy.limits) if report.occupancy else ""
                row = (
                    inspection.solution,
                    _kernel(inspection, report),
                    str(report.times),
                    _grid(report),
                    registers,
                    shared,
                )
                rows.append((*row, fraction, limits, _fits_text(inspection, report)))
        if not inspection.reports:
            rows.append((inspection.solution, *[""] * 7, inspection.failure or "launches no Triton kernel"))
    return Table(headers, tuple(rows), frozenset(("times", "registers", "shared", "occupancy")))


def advice(inspection: Inspection) -> list[str]:
    """Narrow global loads, each with its line and what keeps it narrow as far as that can be told."""
    found: dict[str, None] = {}
    for report in inspection.reports:
        for access in report.built.sass.accesses if report.built and not report.launch.candidate else ():
            fills_one = access.count * access.width_bytes >= WIDEST_BYTES
            if access.kind != "store" and access.width_bytes <= NARROW_BYTES and fills_one:
                found[f"{report.launch.kernel}{_narrow(access, report)}"] = None
    return list(found)


def _fits_text(inspection: Inspection, report: LaunchReport) -> str:
    """ "yes", or why the card refuses a launch."""
    return "; ".join([*report.problems, *filter(None, [inspection.too_large])]) or "yes"


def _kernel(inspection: Inspection, report: LaunchReport) -> str:
    """Its name; of a tuned one, whether this is a trial or what stands for the winner."""
    if report.launch.candidate:
        return f"{report.launch.kernel} (tuning)"
    tried = inspection.configurations(report)
    return f"{report.launch.kernel} (first of {tried})" if tried else report.launch.kernel


def _narrow(access: Access, report: LaunchReport) -> str:
    """Of addresses that are computed one by one the code does not show which follow one another."""
    where = f", line {access.line}" if access.line else ""
    unit = "byte" if access.width_bytes == 1 else "bytes"
    text = f"{where}: {access.count} loads of {access.width_bytes} {unit}"
    arguments = [a for a in report.launch.arguments if _ALIGNABLE.match(a.type)]
    odd = ", ".join(argument.name for argument in arguments if argument.specialization == "")
    unknown = f" (not known to be multiples of {WIDEST_BYTES}: {odd})" if odd else ""
    needed = WIDEST_BYTES // access.width_bytes
    if access.neighbours < needed:
        shown = f"the code shows {'none' if access.neighbours == 1 else access.neighbours}"
        return f"{text}; one of {WIDEST_BYTES} needs {needed} of a thread's values in a row, {shown}{unknown}"
    text += f", {access.neighbours} in a row a thread: one of {WIDEST_BYTES} bytes would do"
    if access.kind == "copy to shared" and not odd:
        return f"{text}, were they in a row in shared memory too"
    return f"{text}, were it aligned{unknown}"


def _widths(accesses: tuple[Access, ...], *, loads: bool) -> str:
    counts: dict[tuple[str, int], int] = {}
    for access in accesses:
        if (access.kind != "store") == loads:
            key = (" async" if access.kind == "copy to shared" else "", access.width_bytes)
            counts[key] = counts.get(key, 0) + access.count
    return ", ".join(f"{count} x {width} B{how}" for (how, width), count in counts.items())


def _resources(report: LaunchReport) -> tuple[str, str, str, str]:
    """Threads, registers, spilled bytes, bytes of shared memory."""
    built: Built | None = report.built
    if built is None:
        return (str(report.launch.options.num_warps * 32), "", "", "")
    return (str(built.num_warps * 32), str(built.registers), str(built.spill_bytes), str(built.smem_bytes))


def _grid(report: LaunchReport) -> str:
    x, y, z = report.launch.grid
    return " x ".join(map(str, (x, y, z) if z > 1 else (x, y) if y > 1 else (x,)))


def _programs(report: LaunchReport) -> int:
    x, y, z = report.launch.grid
    return x * y * z


def _totals(inspection: Inspection) -> tuple[str, str, str, str, str]:
    launches, work = inspection.launches, inspection.work
    operations = launches.torch_operations if launches else {}
    return (
        str(inspection.n_launches) if launches else "",
        ", ".join(f"{count} {name}" for name, count in operations.items()),
        f"{launches.intermediate_bytes / 1e6:.3f}" if launches else "",
        f"{work.bytes_moved / 1e6:.1f}" if work else "",
        f"{work.flops / 1e9:.1f}" if work else "",
    )


def _roof(roof: Roof | None) -> tuple[str, str, str, str, str]:
    if roof is None:
        return ("", "", "", "", "")
    times = (roof.memory_ms, roof.compute_ms, max(roof.memory_ms, roof.compute_ms))
    memory, compute, light = (f"{time_ms:.4f}" for time_ms in times)
    return (roof.precision or "", memory, compute, light, roof.bound)


def _fits(inspection: Inspection) -> str:
    if inspection.failure:
        return "unknown"
    return "yes" if inspection.fits else inspection.too_large or "no"


def _text(value: int | None) -> str:
    return "" if value is None else str(value)
