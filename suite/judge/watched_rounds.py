"""Which rounds of a timed loop are preceded by a watched one: drawn anew for each workload."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

AT_LEAST = 2
ONE_IN = 16


@dataclass(slots=True)
class WatchedRounds:
    """`AT_LEAST` of the fewest rounds that are timed, later ones with a chance of 1 in `ONE_IN`.

    On the seed workload a watched round takes as long as a timed one.
    """

    fewest: int
    _turn: int = 0
    _drawn: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        few = min(AT_LEAST, self.fewest)
        self._drawn = set(secrets.SystemRandom().sample(range(self.fewest), few))

    def is_due(self) -> bool:
        """Does a watched round come before the next timed one?"""
        turn, self._turn = self._turn, self._turn + 1
        return turn in self._drawn if turn < self.fewest else not secrets.randbelow(ONE_IN)
