"""What the judge makes of the times that a worker tells."""

from __future__ import annotations

import math

import pytest

from suite.judge.claims import (
    claimed_latency_ms,
    claimed_queueing_ms,
    require_wall_clock,
    told_ms,
    unaccounted,
    uncovered,
)
from suite.judge.trial import Call, UnfitError
from suite.result import Status


@pytest.mark.parametrize(
    ("told", "taken_ms"),
    [
        *[(2.5, 2.5), (0.0, 0.0), (3.0, 3.0), (3.1, None), (-1.0, None), (math.nan, None), (math.inf, None)],
        *[(None, None), ([1], None), ("2.5", None), (True, None), (10**400, None)],
    ],
)
def test_only_a_time_that_there_was_counts(told: object, taken_ms: float | None) -> None:
    assert told_ms({"latency_ms": told}, "latency_ms", 3.0) == taken_ms
    assert told_ms({"latency_ms": told}, "queued_ms", 3.0) is None


@pytest.mark.parametrize(("unaccounted_ms", "latency_ms"), [(0.1, 2.0), (0.9, 4.0), (-8.8, 2.0)])
def test_honest_waits_pass(unaccounted_ms: float, latency_ms: float) -> None:
    require_wall_clock(latency_ms, unaccounted_ms)


def test_what_is_unaccounted_for_is_compared_call_by_call() -> None:
    assert unaccounted([0.6, 5.6, 0.7], [0.5, 5.5, 0.2]) == pytest.approx(0.1)
    assert unaccounted([0.2, 0.2], [9.0, 9.0]) == pytest.approx(-8.8)


def test_work_hidden_from_the_clock_is_rejected() -> None:
    with pytest.raises(UnfitError) as caught:
        require_wall_clock(0.1, 2.2)
    assert caught.value.status is Status.REJECTED
    assert caught.value.reason == (
        "rule 'all work within the call': claims 0.1000 ms a call, but the wall clock has "
        "2.2000 ms more that the reference does not need"
    )


def test_an_empty_pair_is_subtracted_and_nothing_is_no_time() -> None:
    assert claimed_latency_ms(Call({"latency_ms": 2.5}, wall_ms=3.0, inputs=[]), overhead_ms=0.5) == 2.0
    with pytest.raises(UnfitError):
        claimed_latency_ms(Call({"latency_ms": 0.5}, wall_ms=3.0, inputs=[]), overhead_ms=0.5)


@pytest.mark.parametrize("claim", [None, 0.0, -1.0, float("nan"), 3.1, 2, "2.0", True])
def test_a_claim_that_is_no_time_or_longer_than_the_wait_is_rejected(claim: object) -> None:
    with pytest.raises(UnfitError) as caught:
        claimed_latency_ms(Call({"latency_ms": claim}, wall_ms=3.0, inputs=[]), overhead_ms=0.0)
    assert caught.value.reason == f"protocol: a latency of {claim!r} ms in 3.000 ms on the wall"


@pytest.mark.parametrize("claim", [0.0, 0.3, 3.0])
def test_a_worker_says_how_long_queueing_took(claim: float) -> None:
    assert claimed_queueing_ms(Call({"queued_ms": claim}, wall_ms=3.0, inputs=[])) == claim


@pytest.mark.parametrize("claim", [math.nan, math.inf, -0.1, 3.001, None, "0.3", 10**400])
def test_a_claim_that_no_call_can_take_to_queue_is_rejected(claim: object) -> None:
    with pytest.raises(UnfitError) as caught:
        claimed_queueing_ms(Call({"queued_ms": claim}, wall_ms=3.0, inputs=[]))
    assert caught.value.status is Status.REJECTED
    assert caught.value.reason == f"protocol: {claim!r:.40} ms to queue a call of 3.000 ms on the wall"


@pytest.mark.parametrize(
    ("queued_ms", "found"), [([0.99, 5.0, 0.5], False), ([1.01, 0.5, 1.02], True), ([], False)]
)
def test_launches_that_mostly_outlast_the_cover_are_flagged(queued_ms: list[float], found: bool) -> None:
    assert uncovered(queued_ms, 1.0) is found
