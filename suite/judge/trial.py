"""One solution against one case: call it and check the whole output."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import torch

from suite.judge.compare import RightOutput, Verdict, compare
from suite.judge.diagnosis import plain, raised
from suite.judge.exchange import Exchange, bytes_of, copy_of, poison
from suite.judge.fingerprint import changed, fingerprint
from suite.judge.truth import Case, Expected, Truth
from suite.judge.worker_process import WorkerFailedError, WorkerProcess
from suite.result import Status
from suite.worker.protocol import spec_to_json, value_to_json
from suite.worker.sealing import scramble
from suite.worker.state import Entry


class UnfitError(Exception):
    """The solution failed this case: `status` and a reason of one or two lines."""

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class WrongKindError(UnfitError):
    """An output has another type, shape, dtype or device than the reference's, or there are more or fewer."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a worker replied to one call, how long the judge waited for it, and the inputs as it left them."""

    reply: dict[str, Any]
    wall_ms: float
    inputs: list[torch.Tensor]


@dataclass(slots=True)
class Attached:
    """A worker with a model for one case and the buffers it is attached to."""

    worker: WorkerProcess
    role: str
    timeout_s: float
    must_own: bool = False
    """Must its own kernels compute the operation? All but the reference must."""
    outputs: list[torch.Tensor] = field(default_factory=list)
    _specs: list[Any] = field(default_factory=list)

    def prepare(self, case: Case, exchange: Exchange, expected: Expected) -> None:
        """Build the model and the output buffers of a case."""
        self.outputs = exchange.output_buffers(expected.like, self.role)
        self._specs = []
        with exchange.allocating_inputs():
            copies = [entry.values.clone() for entry in case.state]
        shared = exchange.publish(copies)  # held until the worker has copied it
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.worker.request(
            "init",
            self.timeout_s,
            init_inputs=[value_to_json(value) for value in case.init_inputs],
            state=[_entry_to_json(*pair, exchange) for pair in zip(case.state, shared, strict=True)],
            training=case.training,
        )

    def call(
        self,
        case: Case,
        exchange: Exchange,
        method: str | None = None,
        watch: dict[str, Any] | None = None,
    ) -> Call:
        """One call on the inputs that now stand in shared memory, its output copied to poisoned buffers.

        Args:
            case: its inputs.
            exchange: the memory they stand in.
            method: how to time the call, see `suite.result.Timing`; None: not at all.
            watch: how to observe it, see `suite.worker.protocol`. The inputs are scrambled for its length.
        """
        poison(self.outputs)
        specs = [
            [spec_to_json(exchange.spec(tensor)) for tensor in tensors]
            for tensors in (case.inputs, self.outputs)
        ]
        if specs != self._specs:
            self.worker.request("attach", self.timeout_s, inputs=specs[0], outputs=specs[1])
            self._specs = specs
        _lend(case, watch)
        try:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            started = time.perf_counter()
            reply = self.worker.request("call", self.timeout_s, method=method, copy=True, watch=watch)
            wall_ms = 1000 * (time.perf_counter() - started)
        finally:
            left = _take_back(case, watch)
        return Call(reply, wall_ms, left)

    def detach(self) -> None:
        """Let go of the shared memory."""
        self.worker.request("detach", self.timeout_s)
        self._specs = []


def _entry_to_json(entry: Entry, shared: torch.Tensor, exchange: Exchange) -> dict[str, Any]:
    values = spec_to_json(exchange.spec(shared))
    return {"name": entry.name, "is_parameter": entry.is_parameter, "values": values}


@dataclass(slots=True)
class Checked:
    """The outputs checked so far."""

    outputs: int = 0
    largest_error: float | None = None
    precision: str | None = None
    """The loosest class that any output needed."""
    hidden: int = 0
    """Workloads that the judge drew beside the declared ones."""

    def note(self, verdicts: list[Verdict], classes: list[str]) -> None:
        """Count checked outputs."""
        for verdict in verdicts:
            self.outputs += 1
            if verdict.error is not None:
                self.largest_error = max(verdict.error, self.largest_error or 0.0)
            if verdict.precision is not None:
                seen = [verdict.precision, *filter(None, [self.precision])]
                self.precision = max(seen, key=classes.index)


def _lend(case: Case, watch: dict[str, Any] | None) -> None:
    """Put the inputs where the worker reads them, scrambled if `watch` says so.

    Whatever lies in shared memory can be read at any time, also before a call and by a thread of the solution
    that waits for it. Where inputs are lent, a sealed call's stand there scrambled and in no other form.
    """
    if not case.lent:
        _scramble(case.inputs, watch)
        return
    filled = [copy_of(tensor) for tensor in case.genuine]
    _scramble(filled, watch)
    for source, target in zip(filled, case.inputs, strict=True):
        bytes_of(target).copy_(bytes_of(source))


def _take_back(case: Case, watch: dict[str, Any] | None) -> list[torch.Tensor]:
    """The inputs as the call left them, readable; lent ones are gone from shared memory."""
    if not case.lent:
        _scramble(case.inputs, watch)
        return case.inputs
    left = [copy_of(tensor) for tensor in case.inputs]
    poison(case.inputs)
    _scramble(left, watch)
    return left


def _scramble(inputs: list[torch.Tensor], watch: dict[str, Any] | None) -> None:
    """Make the large inputs unreadable, or undo that, if `watch` asks for it."""
    if watch is not None and watch["seed"] is not None:
        scramble([inputs[index] for index in watch["large"]], watch["seed"])


def classes_of(truth: Truth) -> list[str]:
    """The admitted precision classes, tightest first; none for an exact problem."""
    return [] if truth.tolerance == "exact" else list(truth.tolerance)


def verify(
    reply: dict[str, Any], attached: Attached, truths: list[RightOutput], truth: Truth
) -> list[Verdict]:
    """Check what a call claims and what it left in the shared buffers.

    Raises:
        UnfitError: the outputs are of the wrong kind, or wrong.
    """
    _check_kind(reply, attached.outputs)
    verdicts = []
    for index, (actual, answer) in enumerate(zip(attached.outputs, truths, strict=True)):
        verdict = compare(actual, answer, truth.tolerance)
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
    before = fingerprint(case.genuine)
    try:
        attached.prepare(case, exchange, expected)
        call = attached.call(case, exchange)
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
    check_inputs(before, call.inputs)
    return verify(call.reply, attached, expected.outputs, truth)


def check_inputs(before: list[torch.Tensor], left: list[torch.Tensor]) -> None:
    """Refuse a solution that wrote to its inputs.

    Args:
        before: fingerprints of the inputs as they were made.
        left: the inputs as a call left them.

    Raises:
        UnfitError: an input differs from its fingerprint.
    """
    index = changed(before, fingerprint(left))
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
        raise WrongKindError(Status.INCORRECT, f"expected {len(expected)} output(s), found {len(found)}")
    if [item.get("type") for item in found] == ["NoneType"]:
        raise WrongKindError(
            Status.INCORRECT, "expected type Tensor, found NoneType; forward returns nothing"
        )
    for item, tensor in zip(found, expected, strict=True):
        wanted = {
            "type": "Tensor",
            "dtype": str(tensor.dtype).removeprefix("torch."),
            "shape": list(tensor.shape),
            "device": tensor.device.type,
        }
        for key, value in wanted.items():
            if item.get(key) != value:
                raise WrongKindError(
                    Status.INCORRECT, f"expected {key} {value}, found {plain(str(item.get(key))[:100])}"
                )
