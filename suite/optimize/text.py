"""Verdicts in a line each."""

from __future__ import annotations

from suite.optimize.record import Outcome, Verdict
from suite.problem import SEED


def line_of(verdict: Verdict) -> str:
    """ "grid 1: kept; seed 0.9370 of the time before (0.9350 to 0.9390)"."""
    parts = [f"{verdict.stage} {verdict.round}: {verdict.outcome.value}"]
    for item in verdict.compared:
        if item.workload == SEED and verdict.outcome is Outcome.KEPT:
            low, high = item.interval
            parts.append(f"{SEED} {item.ratio:.4f} of the time before ({low:.4f} to {high:.4f})")
    parts += [_plain(reason) for reason in verdict.reasons]
    if verdict.note is not None:
        parts.append(verdict.note)
    return "; ".join(parts)


def _plain(text: str) -> str:
    """A reason may quote an answer."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
