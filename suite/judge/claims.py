"""What a worker says of times, held against the judge's own clock. A worker may say anything."""

from __future__ import annotations

from typing import Any

from suite import stats
from suite.judge.trial import Call, UnfitError
from suite.result import Status

# A call may take this much longer on the wall than its claimed time accounts for, compared with the rival.
HIDDEN_MS = 0.5
HIDDEN_FRACTION = 0.25


def told_ms(reply: dict[str, Any], name: str, most_ms: float) -> float | None:
    """The time that a reply has under `name`; None unless it is one from 0 to `most_ms`. NaN is none."""
    claim = reply.get(name)
    return claim if isinstance(claim, float) and 0 <= claim <= most_ms else None


def claimed_latency_ms(call: Call, overhead_ms: float) -> float:
    """The time that a worker claims for a call, less that of an empty call under the same clock.

    Raises:
        UnfitError: it is no time, or longer than the judge waited.
    """
    claim_ms = told_ms(call.reply, "latency_ms", call.wall_ms)
    if claim_ms is None or claim_ms <= overhead_ms:
        said = f"{call.reply.get('latency_ms')!r:.40}"
        raise UnfitError(
            Status.REJECTED, f"protocol: a latency of {said} ms in {call.wall_ms:.3f} ms on the wall"
        )
    return claim_ms - overhead_ms


def claimed_queueing_ms(call: Call) -> float:
    """How long a worker says that it took to queue a call between events.

    Raises:
        UnfitError: it is no time, or longer than the judge waited.
    """
    claim_ms = told_ms(call.reply, "queued_ms", call.wall_ms)
    if claim_ms is None:
        said = f"{call.reply.get('queued_ms')!r:.40}"
        raise UnfitError(
            Status.REJECTED, f"protocol: {said} ms to queue a call of {call.wall_ms:.3f} ms on the wall"
        )
    return claim_ms


def uncovered(queued_ms: list[float], cover_ms: float) -> bool:
    """Did it take longer to queue most samples' launches than the stream was held for them?

    Without such times, as where kernels tell theirs themselves, it did not.
    """
    return bool(queued_ms) and stats.median(queued_ms) > cover_ms


def unaccounted(waits_ms: list[float], rival_waits_ms: list[float]) -> float:
    """How much longer than for the rival's calls the judge waited beyond the time of a call, in milliseconds.

    Around the timed span both workers do the same: flush, copy the same outputs, answer. The median of the
    pairs is within some hundredths of a millisecond of 0 unless work was hidden from a clock.
    """
    return stats.median([wait - rival for wait, rival in zip(waits_ms, rival_waits_ms, strict=True)])


def require_wall_clock(latency_ms: float, unaccounted_ms: float) -> None:
    """Refuse a claimed latency that the wall clock contradicts.

    Raises:
        UnfitError: more than 0.5 ms, and more than a quarter of the latency, is unaccounted for.
    """
    if unaccounted_ms > max(HIDDEN_MS, HIDDEN_FRACTION * latency_ms):
        raise UnfitError(
            Status.REJECTED,
            f"rule 'all work within the call': claims {latency_ms:.4f} ms a call, but the wall clock has "
            f"{unaccounted_ms:.4f} ms more that the reference does not need",
        )
