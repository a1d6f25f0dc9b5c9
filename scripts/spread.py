"""How far repeated measurements of one file lie apart, by what is committed under reports/results.

    python scripts/spread.py                        # every file that was measured more than once
    python scripts/spread.py argmin/final           # of one of them
    python scripts/spread.py --since 2026-11-22     # only of what was measured from that day on

One row for each solution's current file and workload: how many measurements, on how many boards, the lowest
and the highest median, how far they lie apart, and how far on one board: that tells the clock from the card.
Needs no GPU.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tabulate import tabulate

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from suite import store  # noqa: E402 - after the path to it
from suite.leaderboard import latest  # noqa: E402
from suite.result import Result  # noqa: E402


@dataclass(frozen=True)
class Spread:
    """Of one file on one workload and card."""

    device: str
    problem: str
    solution: str
    workload: str
    medians_ms: tuple[float, ...]
    boards: int
    of_one_board: float | None
    """The widest of a known board that measured it more than once, as a fraction; None if none did."""

    @property
    def of_all(self) -> float:
        """As a fraction of the middle one."""
        return width(self.medians_ms)


def width(medians_ms: Iterable[float]) -> float:
    """From the lowest to the highest, as a fraction of their median."""
    ordered = sorted(medians_ms)
    return (ordered[-1] - ordered[0]) / statistics.median(ordered)


def spreads(results: Iterable[Result], since: str = "") -> list[Spread]:
    """Of each current file and workload that has at least two latencies from `since` (ISO 8601) on."""
    results = list(results)
    current = {(r.device, r.problem, r.solution): r.sha256 for r in latest(results)}
    taken: dict[tuple[str, str, str, str], list[Result]] = {}
    for result in results:
        of_file = (result.device, result.problem, result.solution)
        if result.latency_ms and result.sha256 == current[of_file] and result.created >= since:
            taken.setdefault((*of_file, result.workload), []).append(result)
    found = []
    for key, several in sorted(taken.items()):
        if len(several) < 2:
            continue
        by_board: dict[str | None, list[float]] = {}
        for result in several:
            assert result.latency_ms is not None
            by_board.setdefault(result.environment.board, []).append(result.latency_ms)
        medians_ms = tuple(median for medians in by_board.values() for median in medians)
        # Records without a board may be of several.
        repeated = [width(medians) for board, medians in by_board.items() if board and len(medians) > 1]
        found.append(Spread(*key, medians_ms, len(by_board), max(repeated, default=None)))
    return found


def instant(text: str) -> str:
    """A day or a time in ISO 8601, UTC unless it says otherwise, as results write it.

    Raises:
        ValueError: it is none.
    """
    given = datetime.datetime.fromisoformat(text)
    if given.tzinfo is None:
        given = given.replace(tzinfo=datetime.UTC)
    return given.astimezone(datetime.UTC).isoformat()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="PROBLEM/SOLUTION")
    parser.add_argument("--since", type=instant, metavar="DATE", help="ISO 8601; nothing older counts")
    options = parser.parse_args()
    results, damaged = store.read(ROOT / "reports" / "results")
    for problem in damaged:
        print(problem, file=sys.stderr)
    found = spreads(results, options.since or "")
    if options.names:
        found = [spread for spread in found if f"{spread.problem}/{spread.solution}" in options.names]
    if not found:
        print("nothing of that was measured twice")
        return
    rows = [
        (
            *(spread.device, spread.problem, spread.solution, spread.workload),
            *(len(spread.medians_ms), spread.boards),
            *(f"{min(spread.medians_ms):.4f}", f"{max(spread.medians_ms):.4f}", f"{spread.of_all:.2%}"),
            "-" if spread.of_one_board is None else f"{spread.of_one_board:.2%}",
        )
        for spread in found
    ]
    names = ("device", "problem", "solution", "workload", "times", "boards")
    headers = (*names, "lowest ms", "highest ms", "apart", "on one board")
    right = ("right",) * (len(headers) - 4)
    # Else the figures would be read as numbers and lose their last zeros.
    print(tabulate(rows, headers=headers, disable_numparse=True, colalign=(*("left",) * 4, *right)))


if __name__ == "__main__":
    main()
