"""Numbers, names and sentences as a reader sees them, in tables and in figures alike."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from markupsafe import Markup, escape

from suite.leaderboard import Board
from suite.rows import Row
from suite.stats import Interval

ABSENT = "-"
LONGEST_NAME = 60
"""Characters of a name that a page shows; whoever wrote it may have used a hundred thousand."""
LONGEST_TEXT = 600
"""Characters of a reason that a page shows; the downloads hold all of it."""
WORD_BREAK = re.compile(r"(?<=[_.\-/])")


def significant(value: float | None, digits: int = 4) -> str:
    """`value` with that many significant digits and no exponent: 2.238, 0.01250, 12345."""
    if value is None:
        return ABSENT
    if value == 0:
        return "0"
    # Of the rounded value, so that 9.99996 counts as the 10.00 it is shown as.
    magnitude = int(f"{value:.{digits - 1}e}".partition("e")[2])
    return f"{value:.{max(0, digits - 1 - magnitude)}f}"


def rounded(value: float | None, digits: int = 6) -> float | None:
    """What travels in a page's data: enough digits to show and to rank, and no more."""
    return None if value is None else float(f"{value:.{digits}g}")


def fraction(value: float | None) -> str:
    """A fraction of peak with three decimals: the fourth is noise."""
    return ABSENT if value is None else f"{value:.3f}"


def factor(value: float | None) -> str:
    """How many times: 1.34x."""
    return ABSENT if value is None else f"{significant(value, 3)}x"


def interval(ends: Interval | None, digits: int = 4) -> str:
    """Both ends of an interval; empty where there is none."""
    return "" if ends is None else f"{significant(ends[0], digits)} to {significant(ends[1], digits)}"


def shown(name: str | None, limit: int = LONGEST_NAME) -> str:
    """A name fit for one line: no control or direction characters, no runs of blanks, no endless length."""
    if name is None:
        return ""
    start = name[: 8 * limit]  # a longer one is cut anyway; do not walk through all of it
    plain = " ".join("".join(c if c.isprintable() else " " for c in start).split())
    return plain if len(plain) <= limit and len(name) <= len(start) else plain[: limit - 1] + "…"


def clipped(text: str | None, limit: int = LONGEST_TEXT) -> str:
    """Text of several lines, without control characters; of a long one the start, and how much is missing."""
    if not text or (len(text) <= limit and text.isprintable()):
        return text or ""
    start = "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text[:limit])
    return start if len(text) <= limit else f"{start}… ({len(text) - limit} more characters)"


def label(name: str | None, limit: int = 28) -> str:
    """A name as Plotly shows it: it reads tags, and takes `&lt;` for `<` but leaves `&quot;` alone."""
    return html.escape(shown(name, limit), quote=False)


def breakable(name: str | None) -> Markup:
    """A name that a narrow column may break after its separators."""
    return Markup("<wbr>").join(escape(part) for part in WORD_BREAK.split(shown(name)))


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
    return shown(board.gpu.name if board.gpu else board.environment.gpu or board.device)


def leaders(board: Board) -> list[tuple[str | None, list[Row]]]:
    """Of each precision class, the rows that share its first rank."""
    classes: dict[str | None, list[Row]] = {}
    for row in board.rows:
        if row.rank == 1:
            classes.setdefault(row.precision, []).append(row)
    return list(classes.items())


def leader_summary(board: Board) -> str:
    """One sentence on who leads, class by class."""
    clauses = []
    for precision, rows in leaders(board):
        lead = "leads" if len(rows) == 1 else "share the lead"
        among = f" in {precision}" if precision else ""
        if rows[0].fraction_of_peak is None:
            at = f" with {significant(rows[0].geomean_latency_ms)} ms"
        else:
            at = f" at {fraction(rows[0].fraction_of_peak)} of the card's peak"
        clauses.append(f"{listed([shown(row.solution) for row in rows])} {lead}{among}{at}")
    if not clauses:
        return "No solution was timed on every workload."
    over = f" (geometric mean over {len(board.workloads)} workloads)" if len(board.workloads) > 1 else ""
    return f"{'; '.join(clauses)}{over}."


def listed(names: Sequence[str], most: int = 4) -> str:
    """Names as a sentence holds them: a, b and c; of many the first few and how many more."""
    if len(names) > most:
        names = [*names[:most], f"{len(names) - most} more"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
