"""One solution against one case: call it, check the whole output, and, on a GPU, time it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import torch

from suite.judge.card import Card
from suite.judge.compare import Verdict, compare
from suite.judge.diagnosis import plain, raised
from suite.judge.exchange import Exchange, poison
from suite.judge.fingerprint import changed, fingerprint
from suite.judge.truth import Case, Expected, Truth
from suite.judge.worker_process import WorkerFailedError, WorkerProcess
from suite.result import Status
from suite.stats import median_ci
from suite.worker.protocol import spec_to_json

WARMUP_CALLS = 2
ENOUGH_HALF_WIDTH = 0.005  # stop when the 95 % interval of the median is within 0.5 % of it on each side
CHECK_EVERY = 10


class UnfitError(Exception):
    """The solution failed this case: `status` and a reason of one or two lines."""

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(slots=True)
class Attached:
    """A worker with a model for one case and the buffers it is attached to."""

    worker: WorkerProcess
    role: str
    timeout_s: float
    outputs: list[torch.Tensor] = field(default_factory=list)
    _specs: list[Any] = field(default_factory=list)

    def prepare(self, case: Case, exchange: Exchange, expected: Expected) -> None:
        """Build the model and the output buffers of a case."""
        self.outputs = exchange.output_buffers(expected.like, self.role)
        self._specs = []
        self.worker.request("init", self.timeout_s, init_inputs=case.init_inputs)

    def call(self, case: Case, exchange: Exchange, *, timed: bool) -> dict[str, Any]:
        """One call on the inputs that now stand in shared memory, its output copied to poisoned buffers."""
        poison(self.outputs)
        specs = [
            [spec_to_json(exchange.spec(tensor)) for tensor in tensors]
            for tensors in (case.inputs, self.outputs)
        ]
        if specs != self._specs:
            self.worker.request("attach", self.timeout_s, inputs=specs[0], outputs=specs[1])
            self._specs = specs
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return self.worker.request("call", self.timeout_s, timed=timed, copy=True)

    def detach(self) -> None:
        """Let go of the shared memory."""
        self.worker.request("detach", self.timeout_s)
        self._specs = []


@dataclass(slots=True)
class Measurement:
    """The timed calls of one solution on one workload, in order."""

    samples_ms: list[float] = field(default_factory=list)
    reference_samples_ms: list[float] = field(default_factory=list)
    clock_states: list[tuple[int, int, float, int, int] | None] = field(default_factory=list)
    outputs_checked: int = 0
    largest_error: float | None = None
    precision: str | None = None
    peak_used_mb: int | None = None

    def note(self, verdicts: list[Verdict], classes: list[str]) -> None:
        """Count checked outputs; the class is the loosest that any of them needed."""
        for verdict in verdicts:
            self.outputs_checked += 1
            if verdict.error is not None:
                self.largest_error = max(verdict.error, self.largest_error or 0.0)
            if verdict.precision is not None:
                seen = [verdict.precision, *filter(None, [self.precision])]
                self.precision = max(seen, key=classes.index)


def classes_of(truth: Truth) -> list[str]:
    """The admitted precision classes, tightest first; none for an exact problem."""
    return [] if truth.tolerance == "exact" else list(truth.tolerance)


def verify(
    reply: dict[str, Any], attached: Attached, truths: list[torch.Tensor], truth: Truth
) -> list[Verdict]:
    """Check what a call claims and what it left in the shared buffers.

    Raises:
        UnfitError: the outputs are of the wrong kind, or wrong.
    """
    _check_kind(reply, attached.outputs)
    verdicts = []
    for index, (actual, expected) in enumerate(zip(attached.outputs, truths, strict=True)):
        verdict = compare(actual, expected, truth.tolerance)
        if verdict.reason is not None:
            name = f"output {index}: " if len(truths) > 1 else ""
            raise UnfitError(Status.INCORRECT, name + verdict.reason)
        verdicts.append(verdict)
    return verdicts


def check_case(attached: Attached, case: Case, truth: Truth, exchange: Exchange) -> list[Verdict]:
    """Call a solution once on `case` and check the whole result.

    Raises:
        UnfitError: the solution is wrong or breaks a rule.
        WorkerFailedError: it raised, hung or died.
    """
    expected = truth.expected(case)
    before = fingerprint(case.inputs)
    try:
        attached.prepare(case, exchange, expected)
        reply = attached.call(case, exchange, timed=False)
    except WorkerFailedError as failure:
        found = raised(failure)
        if expected.raises is None or found is None:
            raise
        if found != expected.raises:
            raise UnfitError(
                Status.INCORRECT, f"expected {expected.raises} as torch raises, found {plain(found)}"
            ) from failure
        return []
    if expected.raises is not None:
        raise UnfitError(Status.INCORRECT, f"expected {expected.raises} as torch raises, but it returned")
    _check_inputs(before, case)
    return verify(reply, attached, expected.outputs, truth)


def measure(
    solution: Attached,
    reference: Attached,
    truth: Truth,
    exchange: Exchange,
    card: Card,
    *,
    name: str,
    axes: dict[str, Any],
    samples: tuple[int, int],
) -> Measurement:
    """Time a solution and the reference in turn on fresh inputs, and check every output of the solution.

    Args:
        samples: the fewest and the most timed calls. Between them, sampling ends once the interval is narrow
        enough.

    Raises:
        UnfitError: an output is wrong or an input was changed.
        WorkerFailedError: a worker raised, hung or died.
    """
    result = Measurement()
    fewest, most = samples
    case: Case | None = None
    order = [solution, reference]
    while len(result.samples_ms) < most:
        timed = result.outputs_checked >= WARMUP_CALLS
        del case  # one copy of the inputs at a time
        case = truth.fresh_case(name, axes, exchange)
        if not solution.outputs:
            expected = truth.expected(case)
            for attached in order:
                attached.prepare(case, exchange, expected)
            del expected
        random.shuffle(order)
        _sample(result, order, solution, case, truth, exchange, card, timed=timed)
        taken = len(result.samples_ms)
        if taken >= fewest and taken % CHECK_EVERY == 0 and _narrow(result.samples_ms):
            break
    return result


def _sample(
    result: Measurement,
    order: list[Attached],
    solution: Attached,
    case: Case,
    truth: Truth,
    exchange: Exchange,
    card: Card,
    *,
    timed: bool,
) -> None:
    outputs = truth.exact_outputs(case)
    before = fingerprint(case.inputs)
    for attached in order:
        reply = attached.call(case, exchange, timed=timed)
        state = card.clock_state()
        used_mb = card.used_mb()
        if used_mb is not None:
            result.peak_used_mb = max(used_mb, result.peak_used_mb or 0)
        if attached is solution:
            _check_inputs(before, case)
            result.note(verify(reply, attached, outputs, truth), classes_of(truth))
        if timed:
            column = result.samples_ms if attached is solution else result.reference_samples_ms
            column.append(_latency(reply))
            if attached is solution:
                result.clock_states.append(state)


def _latency(reply: dict[str, Any]) -> float:
    latency_ms = reply.get("latency_ms")
    if not isinstance(latency_ms, float) or not 0 < latency_ms < 1e7:
        raise UnfitError(Status.REJECTED, f"protocol: a latency of {latency_ms!r} ms")
    return latency_ms


def _narrow(samples_ms: list[float]) -> bool:
    low, high = median_ci(samples_ms)
    return (high - low) / 2 <= ENOUGH_HALF_WIDTH * (low + high) / 2


def _check_inputs(before: list[torch.Tensor], case: Case) -> None:
    index = changed(before, fingerprint(case.inputs))
    if index is not None:
        raise UnfitError(
            Status.REJECTED, f"rule 'inputs are read-only': input {index} was changed during the call"
        )


def _check_kind(reply: dict[str, Any], expected: list[torch.Tensor]) -> None:
    """What the worker says it returned; when that fits, it has copied the bytes."""
    found = reply.get("outputs")
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise UnfitError(Status.REJECTED, "protocol: the reply does not describe the outputs")
    if len(found) != len(expected):
        raise UnfitError(Status.INCORRECT, f"expected {len(expected)} output(s), found {len(found)}")
    for item, tensor in zip(found, expected, strict=True):
        wanted = {
            "type": "Tensor",
            "dtype": str(tensor.dtype).removeprefix("torch."),
            "shape": list(tensor.shape),
            "device": tensor.device.type,
        }
        for key, value in wanted.items():
            if item.get(key) != value:
                raise UnfitError(
                    Status.INCORRECT, f"expected {key} {value}, found {plain(str(item.get(key))[:100])}"
                )
