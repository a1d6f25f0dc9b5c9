"""Which sizes of a file can change together with what, found by trying them on sizes without data."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from suite.kernelbench.child.subject import Followed, Sizes, Subject

SMALL_ELEMENTS = 1 << 12
"""Triton's interpreter gets through a tensor of this many elements in a second, whatever the kernel."""
LEAST = 4
"""A number up to this is a parameter of the task, such as a dimension or a stride, rather than a size."""
BUDGET_S = 60.0
LOADING_S = 120.0
"""What may come on top for running a slow file anew, as each size that is tried takes it."""
DRAWS_TRIED = 12


class Shrinking:
    """Searches among the sizes of one file."""

    def __init__(self, subject: Subject, sizes: Sizes) -> None:
        self._subject = subject
        self.seed = sizes
        self.loading_s = 0.0
        """What running the file took at the longest; one of the last few runs is not repeated."""
        self.ended = False
        """Was something left untried for want of time?"""
        self._started = time.monotonic()
        self._loaded_s = 0.0

    @property
    def spent_s(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._started

    def follow(self, sizes: Sizes) -> Followed | None:
        """What the forward amounts to, or None where the file refuses these sizes."""
        if self.spent_s - min(self._loaded_s, LOADING_S) > BUDGET_S:
            self.ended = True
            return None
        try:
            before = time.monotonic()
            self._subject.run_file(sizes)
            loading_s = time.monotonic() - before
            self.loading_s = max(self.loading_s, loading_s)
            self._loaded_s += loading_s
            return self._subject.follow(sizes)
        except Exception:
            return None

    def small(self, start: Sizes, target: int = SMALL_ELEMENTS, least: int = 16) -> Sizes:
        """Sizes halved, the largest first, until few elements are left."""
        best = dict(start)
        found = self.follow(best)
        stuck: set[tuple[int, tuple[str, ...]]] = set()
        while found is not None and found.elements > target:
            for names in self._groups(best, least):
                if (least, names) in stuck:
                    continue
                trial = {**best, **{name: halved(best[name], least) for name in names}}
                smaller = self.follow(trial)
                if smaller is not None and smaller.elements < found.elements:
                    best, found = trial, smaller
                    break
                stuck.add((least, names))
            else:
                if least <= LEAST:
                    break
                least //= 2
        return best

    def scaled(self, factor: float) -> Sizes | None:
        """Sizes at which the tensors have at most `factor` of the seed's elements; None where that fails.

        The size that its tensors are most nearly proportional to goes first, by declaration among equals: the
        batch, so that sums stay as long as they are.
        """
        first = self.follow(self.seed)
        if first is None:
            return None
        best, found = dict(self.seed), first
        while found.elements > factor * first.elements:
            step = self._best_halving(best, found)
            if step is None:
                return None
            best, found = step
        return best

    def _best_halving(self, sizes: Sizes, now: Followed) -> tuple[Sizes, Followed] | None:
        for least_gain in (0.45, 0.01):
            for name in sizes:
                trial = {**sizes, name: halved(sizes[name], 1)}
                smaller = self.follow(trial) if trial != sizes else None
                if smaller is not None and smaller.elements <= (1 - least_gain) * now.elements:
                    return trial, smaller
        return None

    def odd(self, small: Sizes) -> Sizes:
        """The small sizes with an odd number in the place of each that takes one."""
        best = dict(small)
        for name, value in small.items():
            if value != self.seed[name] or isinstance(value, int):
                trial = {**best, name: _odd(value)}
                if value != self.seed[name] and self.follow(trial) is not None:
                    best = trial
        return best

    def ranges(self, small: Sizes, smallest: Sizes) -> dict[str, tuple[int, int, int]]:
        """Of each size that was shrunk: (low, high, step), such that any combination was seen to work."""
        found: dict[str, tuple[int, int, int]] = {}
        for name, value in small.items():
            if not isinstance(value, int) or value == self.seed[name]:
                continue
            low = smallest[name]
            odd_ones = (low + 1, low + 3, value | 1)
            free = all(self.follow({**small, name: trial}) is not None for trial in odd_ones)
            step = 1 if free else low
            high = min(value + value // 2, self.seed[name])
            if high > low and step:
                found[name] = (low, high, step)
        return found if found and self._all_work(found) else {}

    def _all_work(self, ranges: dict[str, tuple[int, int, int]]) -> bool:
        import random

        chance = random.Random(0)  # noqa: S311 - which shapes are tried is no secret
        for _ in range(DRAWS_TRIED):
            trial = {
                name: low + step * chance.randint(0, (high - low) // step)
                for name, (low, high, step) in ranges.items()
            }
            if self.follow(trial) is None:
                return False
        return True

    @staticmethod
    def _groups(sizes: Sizes, least: int) -> Iterator[tuple[str, ...]]:
        """Each size alone, the largest first; then those of one value together, which may have to agree."""
        big = [name for name, value in sizes.items() if halved(value, least) != value]
        for name in sorted(big, key=lambda name: -_largest(sizes[name])):
            yield (name,)
        for value in sorted({_largest(sizes[name]) for name in big}, reverse=True):
            names = tuple(name for name in big if _largest(sizes[name]) == value)
            if len(names) > 1:
                yield names


def halved(value: Any, least: int) -> Any:
    """Half of a size, of each number of a tuple; what would fall below `least` or is small stays."""
    if isinstance(value, list):
        return [halved(item, least) for item in value]
    return value // 2 if value // 2 >= max(least, 1) and value > LEAST else value


def _odd(value: Any) -> Any:
    if isinstance(value, list):
        return [_odd(item) for item in value]
    return (value - value // 4) | 1


def _largest(value: Any) -> int:
    return max(value) if isinstance(value, list) else int(value)
