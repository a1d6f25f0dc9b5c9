"""Calls under observation: is the answer still right, and computed by the solution's own kernels?

Nothing that a worker reports is needed to refuse a solution whose answer depends on more than its kernels
could read: the judge scrambles the inputs itself (see `suite.worker.sealing`). The reports name the operator.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import secrets
from dataclasses import dataclass
from typing import Any

from suite.judge.compare import RightOutput, Verdict
from suite.judge.exchange import Exchange
from suite.judge.fingerprint import fingerprint
from suite.judge.own_work import (
    NO_LAUNCH,
    ONLY_UNSEALED,
    ONLY_WATCHED,
    RULE,
    Sizes,
    faster_than_traced,
    refusal,
    watch_request,
)
from suite.judge.trial import (
    Attached,
    Call,
    UnfitError,
    WrongKindError,
    check_case,
    check_inputs,
    verify,
)
from suite.judge.truth import Case, Truth
from suite.judge.work_report import MalformedWorkError, parse_work
from suite.judge.worker_process import WorkerFailedError
from suite.result import Status
from suite.worker import device_trace
from suite.worker.work import Work

MAX_SEED = 1 << 62
TRACED_CALLS = 3  # at most: a card may have lowered its clocks for one


class Kind(enum.Enum):
    """How to watch a call."""

    PLAIN = enum.auto()
    """Not at all."""
    NOTED = enum.auto()
    """Torch operators are noted."""
    OPEN = enum.auto()
    """Sealed; what torch operators touch is opened for them, and they are noted."""
    BLIND = enum.auto()
    """Sealed for everything but kernels. Nothing is installed that a solution could look for in torch."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A right answer, and what the worker reports of it; None for a plain call."""

    verdicts: list[Verdict]
    work: Work | None


class _WrongError(UnfitError):
    """A wrong answer to a watched call, and what the rule says of the call; `refused` is None if nothing."""

    def __init__(self, error: UnfitError, refused: str | None) -> None:
        super().__init__(error.status, error.reason)
        self.refused = refused


@dataclass(frozen=True, slots=True)
class Watcher:
    """Asks one worker about one case.

    `truths` are the right outputs, float64 for problems with a tolerance. `method` is how the clock is to
    time the call, so that a watched call in the timed loop is made like the others; its time is not used.
    """

    attached: Attached
    case: Case
    exchange: Exchange
    truth: Truth
    truths: list[RightOutput]
    method: str | None = None

    def check(self, kind: Kind) -> Answer:
        """Ask for a sealed answer and check it in full.

        Raises:
            UnfitError: it is wrong, or right only while other code than its kernels may read the inputs.
            WorkerFailedError: the worker raised, hung or died, and does so unwatched too.
        """
        try:
            return self._ask(kind)
        except (UnfitError, WorkerFailedError) as failure:
            if not _may_be_the_seal(failure):
                raise
            return self._explain(kind, failure)

    def trace(self, operators: Work, latency_ms: float) -> bool:
        """Have the profiler look at a call; False if it does not work on this machine.

        Args:
            operators: of an open call on this workload, which says how many kernels of torch there may be.
            latency_ms: of the timed calls.

        Raises:
            UnfitError, WorkerFailedError: as `check`.
        """
        reason = None
        for _ in range(TRACED_CALLS):
            work = self._ask(after(operators), device=True, known=operators).work
            if work is None or work.device is None:
                break
            reason = faster_than_traced(work, latency_ms)
            if reason is None:
                return True
        if reason is not None:
            raise UnfitError(Status.REJECTED, reason)
        if _profiler_works():
            raise UnfitError(
                Status.REJECTED, f"{RULE}: the profiler, which works here, saw nothing of a call"
            )
        return False

    def _explain(self, kind: Kind, failure: UnfitError | WorkerFailedError) -> Answer:
        """Why a sealed call failed; its answer if for a reason that the rule allows."""
        reason = failure.refused if isinstance(failure, _WrongError) and failure.refused else ONLY_UNSEALED
        if kind is Kind.BLIND:
            try:
                answer = self._ask(Kind.OPEN)
                if answer.work is not None and answer.work.reads_sealed:
                    return answer  # it moves or looks at data with torch, as it may
                reason = ONLY_WATCHED
            except (UnfitError, WorkerFailedError) as second:
                if not _may_be_the_seal(second):
                    raise
        if reason is not ONLY_WATCHED:
            try:
                self._ask(Kind.PLAIN)  # a wrong solution fails here, by its own fault
            except WorkerFailedError as third:
                raise third if _lives(third) else failure from third
        try:
            self._ask(kind)
        except (UnfitError, WorkerFailedError) as again:
            raise UnfitError(Status.REJECTED, reason) from again
        raise failure  # wrong once and right twice: it is not the seal

    def _ask(self, kind: Kind, *, device: bool = False, known: Work | None = None) -> Answer:
        sizes = sizes_of(self.case, self.attached)
        watch = request_for(kind, sizes, device=device)
        before = fingerprint(self.case.genuine)
        call = self.attached.call(self.case, self.exchange, self.method, watch)
        check_inputs(before, call.inputs)
        try:
            verdicts = verify(call.reply, self.attached, self.truths, self.truth)
        except UnfitError as error:
            if watch is None or not _may_be_the_seal(error):
                raise
            raise _WrongError(error, _reason(call, sizes)) from error
        if watch is None:
            return Answer(verdicts, None)
        work = report_of(call, known)
        reason = refusal(work, sizes)
        if reason is not None:
            raise UnfitError(Status.REJECTED, reason)
        return Answer(verdicts, work)


def sizes_of(case: Case, attached: Attached) -> Sizes:
    """The elements of what goes in and what comes out."""
    inputs, outputs = (tuple(tensor.numel() for tensor in side) for side in (case.inputs, attached.outputs))
    return Sizes(inputs, outputs)


def request_for(kind: Kind, sizes: Sizes, *, device: bool = False) -> dict[str, Any] | None:
    """The `watch` field of a call; None for a plain one."""
    if kind is Kind.PLAIN and not device:
        return None
    seed = secrets.randbelow(MAX_SEED) if kind in (Kind.OPEN, Kind.BLIND) else None
    return watch_request(sizes, seed, operators=kind in (Kind.OPEN, Kind.NOTED), device=device)


def after(work: Work) -> Kind:
    """How calls are made that need no seal, from what an open call reports.

    Whoever moves data with torch is observed in each of them, so that looking for the observer tells nothing;
    the others never see it, and blind calls look just like theirs.
    """
    return Kind.NOTED if work.reads_sealed else Kind.PLAIN


def sealed_after(work: Work) -> Kind:
    """How to seal the next call, from what an open call reports; nobody knows which it is."""
    return Kind.OPEN if work.reads_sealed else secrets.choice((Kind.OPEN, Kind.BLIND))


def report_of(call: Call, known: Work | None = None) -> Work:
    """What a watched call reports.

    Args:
        call: its reply.
        known: an earlier report to take the operators from, where this call did not note them.

    Raises:
        UnfitError: it breaks the protocol.
    """
    try:
        work = parse_work(call.reply.get("work"))
    except MalformedWorkError as error:
        raise UnfitError(Status.REJECTED, str(error)) from error
    if known is not None and not work.noted:
        work = dataclasses.replace(work, operators=known.operators)
    return work


def require_own_work(call: Call, sizes: Sizes) -> None:
    """Refuse a call in which torch operators were noted for what they did.

    Raises:
        UnfitError: it breaks the rule or the protocol.
    """
    reason = refusal(report_of(call), sizes)
    if reason is not None:
        raise UnfitError(Status.REJECTED, reason)


def require_launches(call: Call) -> None:
    """Refuse a call on a bench workload that launched nothing of its own.

    Raises:
        UnfitError: it did, or it does not say.
    """
    launches = call.reply.get("launches")
    if type(launches) is not int or launches < 1:
        raise UnfitError(Status.REJECTED, NO_LAUNCH)


def check_case_watched(
    attached: Attached, case: Case, truth: Truth, exchange: Exchange, kind: Kind
) -> Answer:
    """As `check_case`, sealed. The reference may call torch, and a case that must raise computes nothing.

    Raises:
        UnfitError, WorkerFailedError: as `check_case` and `Watcher.check`.
    """
    if not attached.must_own or case.expects != "reference":
        return Answer(check_case(attached, case, truth, exchange), None)
    expected = truth.expected(case)
    attached.prepare(case, exchange, expected)
    return Watcher(attached, case, exchange, truth, expected.outputs).check(kind)


def _reason(call: Call, sizes: Sizes) -> str | None:
    """What the rule says of a call whose answer is wrong; a report that is malformed as well adds nothing."""
    try:
        return refusal(report_of(call), sizes)
    except UnfitError:
        return None


def _may_be_the_seal(failure: UnfitError | WorkerFailedError) -> bool:
    if isinstance(failure, UnfitError):
        return failure.status is Status.INCORRECT and not isinstance(failure, WrongKindError)
    return _lives(failure)


def _lives(failure: WorkerFailedError) -> bool:
    """Is the worker there to be asked again?"""
    return failure.error is not None


@functools.cache
def _profiler_works() -> bool:
    return device_trace.works()
