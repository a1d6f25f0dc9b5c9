"""Numbers and sentences as a reader sees them, in tables and in figures alike."""

from __future__ import annotations

from markupsafe import Markup, escape

from suite.leaderboard import Board
from suite.rows import Row
from suite.stats import Interval

ABSENT = "-"


def significant(value: float | None, digits: int = 4) -> str:
    """`value` with that many significant digits and no exponent: 2.238, 0.01250, 12345."""
    if value is None:
        return ABSENT
    if value == 0:
        return "0"
    # Of the rounded value, so that 9.99996 counts as the 10.00 it is shown as.
    magnitude = int(f"{value:.{digits - 1}e}".partition("e")[2])
    return f"{value:.{max(0, digits - 1 - magnitude)}f}"


def fraction(value: float | None) -> str:
    """A fraction of peak with three decimals: the fourth is noise."""
    return ABSENT if value is None else f"{value:.3f}"


def factor(value: float | None) -> str:
    """How many times: 1.34x."""
    return ABSENT if value is None else f"{significant(value, 3)}x"


def interval(ends: Interval | None, digits: int = 4) -> str:
    """Both ends of an interval; empty where there is none."""
    return "" if ends is None else f"{significant(ends[0], digits)} to {significant(ends[1], digits)}"


def inline_code(text: str) -> Markup:
    """Escaped text in which `backticks` become code, as in the README it was taken from."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    marked = (
        Markup("<code>{}</code>").format(part) if index % 2 else escape(part)
        for index, part in enumerate(parts)
    )
    return Markup("").join(marked)


def card(board: Board) -> str:
    """What the device is called: its product name, else what the driver says, else its slug."""
    if board.device == "cpu":
        return "CPU (Triton's interpreter)"
    return board.gpu.name if board.gpu else board.environment.gpu or board.device


def leaders(board: Board) -> list[tuple[str | None, list[Row]]]:
    """Of each precision class, the rows that share its first rank."""
    classes: dict[str | None, list[Row]] = {}
    for row in board.rows:
        if row.rank == 1:
            classes.setdefault(row.precision, []).append(row)
    return list(classes.items())


def fraction_summary(board: Board) -> str:
    """One sentence for the figure of fractions."""
    clauses = []
    for precision, rows in leaders(board):
        lead = "leads" if len(rows) == 1 else "share the lead"
        among = f" in {precision}" if precision else ""
        clauses.append(f"{_listed(rows)} {lead}{among} at {fraction(rows[0].fraction_of_peak)}")
    if not clauses:
        return f"No solution was timed on every workload of {card(board)}."
    return f"Of the peak of {card(board)}, {'; '.join(clauses)}."


def latency_summary(board: Board) -> str:
    """One sentence for the figure of latencies, about the first workload."""
    workload = board.workloads[0]
    cells = [(cell, row) for row in board.rows for cell in row.cells if cell.workload == workload]
    cell, row = min(cells, key=lambda pair: pair[0].latency_ms)
    light = cell.speed_of_light_ms
    against = "" if light is None else f" against a speed of light of {significant(light)} ms"
    return f"On {workload}, the fastest is {row.solution} with {significant(cell.latency_ms)} ms{against}."


def _listed(rows: list[Row]) -> str:
    names = [row.solution for row in rows]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
