"""Collects what happened in one watched call, in bounded space."""

from __future__ import annotations

from collections import Counter

from suite.worker.work import MAX_NAME, MAX_ROWS, MORE_OPERATORS, Operator, Work


class Notes:
    """Rows for `Work`."""

    def __init__(self) -> None:
        self._operators: dict[tuple[str, int | None], list[int]] = {}
        self._kernels: Counter[str] = Counter()
        self._strangers: list[str] = []
        self.replays = 0
        self.reads_sealed = False
        self.observer_removed = False

    def operator(self, name: str, line: int | None, elements: int, *, reads_input: bool) -> None:
        """One call of a torch operator that touched so many elements."""
        key = (name[:MAX_NAME], line)
        if key not in self._operators and len(self._operators) >= MAX_ROWS:
            key = (MORE_OPERATORS, None)
        row = self._operators.setdefault(key, [0, 0, 0])
        row[0] += 1
        row[1 if reads_input else 2] += elements

    def kernel(self, name: str, *, is_own: bool) -> None:
        """One launch of a Triton kernel."""
        name = name[:MAX_NAME]
        if is_own and (name in self._kernels or len(self._kernels) < MAX_ROWS):
            self._kernels[name] += 1
        elif not is_own and name not in self._strangers and len(self._strangers) < MAX_ROWS:
            self._strangers.append(name)

    def report(self, names: set[str], moved_outputs: list[int], *, noted: bool) -> Work:
        """What happened.

        Args:
            names: of own kernels that a replayed graph may run.
            moved_outputs: see `Work`.
            noted: were operators noted?
        """
        kernels = dict.fromkeys(names if self.replays else (), 0) | self._kernels
        return Work(
            noted=noted,
            operators=tuple(Operator(name, line, *row) for (name, line), row in self._operators.items()),
            kernels=dict(Counter(kernels).most_common(MAX_ROWS)),
            strangers=tuple(self._strangers),
            replays=self.replays,
            reads_sealed=self.reads_sealed,
            observer_removed=self.observer_removed,
            moved_outputs=tuple(moved_outputs[:MAX_ROWS]),
        )
