"""The rule 'own kernels': a solution's operation is computed by the `@triton.jit` kernels of its own file.

Pure decisions over what a watched call reported; CONTRIBUTING.md states the rule with examples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from suite.judge.diagnosis import plain
from suite.worker.work import FREE, MOVES, DeviceKernel, Operator, Work

RULE = "rule 'own kernels'"
# Operators may touch this part of all inputs and outputs where they meet an input: a look at a value, a few
# odd elements. A tiny case has no such part; there they may touch eight.
INPUT_PART = 64
FEWEST = 8
# Of what kernels made they may touch a quarter as many elements as all inputs and outputs have. Partial
# results are far fewer: a product split 16 times over K = 65536, the least in `problems`, stays below 8 %.
MADE_PART = 4
# In a check workload of a few thousand elements partial results may outnumber the inputs, and an output may
# be as large as they are. There 64 partial results for each output element may be combined as well. Workloads
# of the tier "bench" have over 302 MB of inputs, so none of 8-byte elements or less is this small.
CHECK_ELEMENTS = 1 << 24
PARTS_PER_OUTPUT = 64
# A torch operator runs few kernels on the device.
KERNELS_PER_OPERATOR = 4
# What operators run on the device may take a quarter of its time, and 20 us in any case.
DEVICE_PART = 4
SHORT_US = 20.0
# Timed calls that take less than 0.7 of what the card was busy with a traced call did something else. A card
# that lowers its clocks may make one call 1.3 times longer than another.
LIKE_TRACED = 0.7
# Fills and copies on the device, by what their names contain. A copy from the host brings constants, and
# nothing that was computed there: copies to the host count as computing.
_FILLS_AND_COPIES = (
    "CatArrayBatchedCopy",
    "FillFunctor",
    "Memcpy DtoD",
    "Memcpy HtoD",
    "Memset",
    "direct_copy_kernel",
)

ONLY_UNSEALED = (
    f"{RULE}: its answer is right while anything may read the inputs, and wrong while its @triton.jit "
    "kernels alone may; compute the operation in them, and write every element of the output"
)
ONLY_WATCHED = (
    f"{RULE}: its answer is right while torch operators are observed, and wrong while they are not and its "
    "@triton.jit kernels alone may read the inputs"
)
NO_LAUNCH = f"{RULE}: this call launched no @triton.jit kernel of the file"


@dataclass(frozen=True, slots=True)
class Sizes:
    """The elements of each input and each output of a call."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def total(self) -> int:
        """Elements of all inputs and outputs."""
        return sum(self.inputs) + sum(self.outputs)

    @property
    def large_inputs(self) -> list[int]:
        """Which inputs count as such; a scale or a list of offsets beside them is small."""
        return [index for index, size in enumerate(self.inputs) if size and size > self.total // INPUT_PART]

    @property
    def most_of_inputs(self) -> int:
        """Elements that operators may touch where an input is among their arguments."""
        return max(FEWEST, self.total // INPUT_PART)

    @property
    def most_made(self) -> int:
        """Elements that operators may touch of what kernels made."""
        partials = PARTS_PER_OUTPUT * sum(self.outputs) if self.total < CHECK_ELEMENTS else 0
        return self.total // MADE_PART + partials


def watch_request(sizes: Sizes, seed: int | None, *, operators: bool, device: bool = False) -> dict[str, Any]:
    """The `watch` field of a call, see `suite.worker.protocol`."""
    return {
        "operators": operators,
        "device": device,
        "seed": seed,
        "large": sizes.large_inputs,
        "open": [sizes.most_of_inputs, sizes.most_made],
    }


def faster_than_traced(work: Work, latency_ms: float) -> str | None:
    """Why timed calls cannot have run what a traced call did; None if they can have.

    Whoever finds out that a call is watched, and computes in other ways while none is, gains nothing by it.
    """
    if LIKE_TRACED * work.busy_us <= 1000 * latency_ms:
        return None
    return (
        f"{RULE}: the card was busy for {work.busy_us:.1f} us with a traced call, and its timed calls claim "
        f"{1000 * latency_ms:.1f} us"
    )


def refusal(work: Work, sizes: Sizes) -> str | None:
    """Why what a call did breaks the rule; None if it does not."""
    reasons = (
        _observer(work),
        _operators(work, sizes),
        _strangers(work),
        _moved(work),
        _device(work),
    )
    return next((f"{RULE}: {reason}" for reason in reasons if reason is not None), None)


def _observer(work: Work) -> str | None:
    return "it took the observer of torch operators off" if work.observer_removed else None


def _computes(work: Work) -> list[Operator]:
    return [row for row in work.operators if row.name not in MOVES and row.name not in FREE]


def _operators(work: Work, sizes: Sizes) -> str | None:
    rows = _computes(work)
    if sum(row.input_elements for row in rows) > sizes.most_of_inputs:
        worst = max(rows, key=lambda row: row.input_elements)
        return (
            f"torch operator {_named(worst)} on {worst.input_elements} elements{_place(worst)}; "
            "compute it in a @triton.jit kernel"
        )
    if sum(row.made_elements for row in rows) > sizes.most_made:
        worst = max(rows, key=lambda row: row.made_elements)
        return (
            f"torch operator {_named(worst)} on {worst.made_elements} elements that kernels made"
            f"{_place(worst)}, {sizes.most_made} may be combined; compute it in a @triton.jit kernel"
        )
    return None


def _named(row: Operator) -> str:
    return plain(row.name)


def _place(row: Operator) -> str:
    calls = f" in {row.calls} calls" if row.calls > 1 else ""
    return calls + (f" (line {row.line})" if row.line is not None else "")


def _strangers(work: Work) -> str | None:
    if not work.strangers:
        return None
    return f"Triton kernel {plain(work.strangers[0])} is not defined in the file"


def _moved(work: Work) -> str | None:
    if not work.moved_outputs:
        return None
    return f"output {work.moved_outputs[0]} is a copy of inputs that no @triton.jit kernel has touched"


def _device(work: Work) -> str | None:
    if work.device is None:
        return None
    launches = work.kernels or {}
    own = [row for row in work.device if row.name in launches]
    if not own:
        return "none of its @triton.jit kernels ran on the device"
    for row in own:
        if not work.replays and row.runs > launches[row.name]:
            return (
                f"kernel {plain(row.name)} ran {row.runs} times and was launched {launches[row.name]} times"
            )
    foreign = [
        row
        for row in work.device
        if row.name not in launches and not any(part in row.name for part in _FILLS_AND_COPIES)
    ]
    if not foreign:
        return None
    worst = max(foreign, key=lambda row: row.total_us)
    allowed = KERNELS_PER_OPERATOR * sum(row.calls for row in _computes(work))
    if not work.replays and sum(row.runs for row in foreign) > allowed:
        return f"device kernel {_short(worst)} was launched by none of its @triton.jit kernels"
    spent_us, total_us = (sum(row.total_us for row in rows) for rows in (foreign, work.device))
    if spent_us > max(SHORT_US, total_us / DEVICE_PART):
        return (
            f"device kernels that are not its own took {spent_us:.0f} of {total_us:.0f} us, "
            f"{_short(worst)} the most"
        )
    return None


def _short(row: DeviceKernel) -> str:
    return plain(row.name if len(row.name) <= 60 else row.name[:57] + "...")
