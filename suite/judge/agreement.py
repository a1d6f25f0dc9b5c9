"""Does a second call on the same inputs agree with the first? Races and unwritten memory show here."""

from __future__ import annotations

from suite.judge.exchange import Exchange, bytes_of
from suite.judge.fingerprint import fingerprint
from suite.judge.trial import Attached, UnfitError, check_inputs, verify
from suite.judge.truth import Case, Truth


def require_agreement(attached: Attached, case: Case, exchange: Exchange, truth: Truth) -> bool:
    """Call a solution once more on `case`, whose right outputs stand in its buffers, and check the answer.

    Returns:
        Are the outputs the same bit by bit? A sum over atomic additions differs and may still be right.

    Raises:
        UnfitError: the second answer is wrong.
        WorkerFailedError: the worker raised, hung or died.
    """
    first = [bytes_of(output).clone() for output in attached.outputs]
    truths = truth.exact_outputs(case)
    before = fingerprint(case.genuine)
    call = attached.call(case, exchange)
    check_inputs(before, call.inputs)
    try:
        verify(call.reply, attached, truths, truth)
    except UnfitError as error:
        raise UnfitError(error.status, f"a second call on the same inputs: {error.reason}") from error
    return all(
        bool((bytes_of(output) == old).all())
        for old, output in zip(first, attached.outputs, strict=True)
        if old.numel()
    )
