"""Does what a problem holds in memory fit the card?"""

from __future__ import annotations

from collections.abc import Iterable

from suite.machine import gpu_states
from suite.problem import Problem


class DoesNotFitError(ValueError):
    """A workload needs more memory than the card has; the message has the figures."""


def require_fit(problem: Problem, workloads: Iterable[str]) -> None:
    """Refuse what cannot be judged on this machine's card before it runs out of memory.

    Raises:
        DoesNotFitError: a workload needs more than the card has.
    """
    totals_mb = [state.memory_total_mb for state in gpu_states() if state.memory_total_mb]
    for name in workloads if totals_mb else ():
        if why := refusal(problem, name, max(totals_mb) / 1e3, "The card"):
            raise DoesNotFitError(why)


def refusal(problem: Problem, workload: str, have_gb: float, card: str) -> str | None:
    """Why a card cannot judge a workload; None: it can, or the problem does not say what that takes."""
    need_gb = problem.memory_bytes.get(workload, 0) / 1e9
    if need_gb <= have_gb:
        return None
    share = next((n for n in (2, 4, 8, 16, 32, 64) if need_gb / n < have_gb), 128)
    return (
        f"workload {workload!r} of {problem.name} takes about {need_gb:.1f} GB to judge: inputs and "
        f"state, the same in float64, and what the reference holds meanwhile. {card} has "
        f"{have_gb:.1f} GB; --scale 1/{share} with its file shrinks its sizes"
    )
