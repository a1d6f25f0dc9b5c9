"""Sections on sizes: the work that a workload claims, and the memory that judging it takes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch.utils.flop_counter import FlopCounterMode

from suite.finding import Finding
from suite.gpus import GPUS, RTX_4090, with_less_memory
from suite.judge.authoring.storage import Peak, held_bytes, touched_bytes
from suite.judge.authoring.subject import Findings, Shapes, Subject, passed, refused, warned
from suite.judge.contract import ProblemError
from suite.judge.truth import Expected

CARD_BYTES = 12_000_000_000
CONTEXT_BYTES = 500_000_000
"""A CUDA context with torch's kernels loaded, roughly; judge, solution and reference have one each."""
PROCESSES = 3
FLUSH_BYTES = 2 * RTX_4090.l2_cache_mb * 2**20
"""What each of them reads through the L2 before a call: twice its size."""
COMPARE_BYTES = 8 * 8
"""An element's share of the float64 tensors that a comparison holds at once."""
CACHES = 4
"""A bench workload's inputs exceed this many L2 caches of an RTX 4090."""


class UnsizedError(Exception):
    """The problem's code needs values where there are only sizes; the message says which and where."""


@contextlib.contextmanager
def sized() -> Iterator[None]:
    """Where the problem runs on tensors without data, its failure is no fault of its own.

    Raises:
        UnsizedError: instead of ProblemError.
    """
    try:
        yield
    except ProblemError as error:
        raise UnsizedError(str(error)) from error


def work(subject: Subject) -> Findings:
    """Bytes and flops as the problem counts them, against its tensors and torch's own count."""
    meta = subject.on_meta()
    found: list[Finding] = []
    counted_flops = 0
    for shapes in subject.workloads:
        claimed_bytes, claimed_flops = subject.truth.work(shapes.axes)
        with sized(), FlopCounterMode(display=False) as counter:
            case = meta.draw(shapes)
            outputs = meta.truth.outputs(case)
        flops = counter.get_total_flops()
        counted_flops += flops
        state = [entry.values for entry in case.state]
        moved = sum(touched_bytes(tensor) for tensor in [*case.inputs, *state, *outputs])
        if subject.truth.is_counted:
            # What is only looked up, or not read at all, counts less; what is no product counts too.
            moved, flops = min(moved, claimed_bytes), max(flops, claimed_flops)
        if claimed_bytes != moved:
            text = (
                f"workload {shapes.name!r}: bytes_moved gives {claimed_bytes}, "
                f"but inputs, state and outputs occupy {moved}"
            )
            found.append(refused("work", text, "count each input, parameter, buffer and output once"))
        if flops and claimed_flops != flops:
            text = f"workload {shapes.name!r}: flops gives {claimed_flops}, but torch counts {flops}"
            found.append(refused("work", text, "count a multiplication and an addition as two"))
    if not counted_flops and any(subject.truth.work(shapes.axes)[1] for shapes in subject.workloads):
        yield warned(
            "work", "torch counts no flops of these operations", "say in inputs.py how flops are counted"
        )
    yield from found or [passed("work", f"bytes and flops of {len(subject.workloads)} workloads agree")]


def memory(subject: Subject) -> Findings:
    """Each bench workload exceeds the cache, and what judging it holds fits a card of 12 GB."""
    meta = subject.on_meta()
    found: list[Finding] = []
    largest = (0, "")
    for shapes in subject.workloads:
        if shapes.tier != "bench":
            continue
        with sized():
            held, inputs = judged_bytes(meta, shapes)
        if subject.device == "cuda":
            held = max(held, _overhead() + _measured_bytes(subject, shapes))
        largest = max(largest, (held, shapes.name))
        cache = int(CACHES * RTX_4090.l2_cache_mb * 2**20)
        if inputs <= cache:
            text = f"workload {shapes.name!r}: inputs of {inputs / 1e6:.1f} MB, which caches may hold"
            remedy = f"make them larger than {cache / 1e6:.0f} MB"
            # Sizes that a file came with are what they are.
            found.append((warned if subject.truth.is_counted else refused)("memory", text, remedy))
        if held > CARD_BYTES:
            text = (
                f"workload {shapes.name!r} needs {held / 1e9:.2f} GB to be judged, of 12 GB{_refusing(held)}"
            )
            remedy = f"make it smaller: about {CARD_BYTES / held:.2f} of its elements"
            found.append((warned if subject.truth.is_counted else refused)("memory", text, remedy))
    text = f"the largest, {largest[1]!r}, needs {largest[0] / 1e9:.2f} GB of 12 GB to be judged"
    yield from found or [passed("memory", text)]


def _refusing(held: int) -> str:
    """The cards that are too small for it."""
    small = with_less_memory(held)
    if len(small) == len(GPUS):
        return f"; no card that we know has so much (at most {max(gpu.memory_gb for gpu in GPUS)} GB)"
    names = ", ".join(f"{gpu.name.removeprefix('NVIDIA ')} ({gpu.memory_gb} GB)" for gpu in small)
    return f"; too much for {names}" if small else "; every card that we know has so much"


def judged_bytes(meta: Subject, shapes: Shapes) -> tuple[int, int]:
    """(what judge and workers hold at the most, the inputs alone), bytes.

    The judge holds the inputs, two sets of output buffers, and in turn what makes the inputs, what the
    reference makes of them (for a tolerance in float64) and the comparison; torch's allocator keeps what was
    freed. The workers hold their outputs, and the reference what it makes on the way.
    """
    with Peak() as drawing:
        case = meta.draw(shapes)
    inputs = held_bytes(case.inputs)
    with Peak() as computing:
        like = meta.truth.outputs(case)
    with Peak() as answering:
        expected = meta.truth.exact_outputs(case)
    outputs = held_bytes(like)
    scales = [answer.scale for answer in expected if answer.scale is not None]
    answers_bytes = held_bytes([*(answer.values for answer in expected), *scales])
    comparing = 0
    if meta.truth.tolerance != "exact":
        comparing = answers_bytes + COMPARE_BYTES * max((x.numel() for x in like), default=0)
    judge = max(drawing.bytes, inputs + 2 * outputs + max(answering.bytes, comparing))
    return judge + computing.bytes + outputs + _overhead(), inputs


def _overhead() -> int:
    return PROCESSES * int(CONTEXT_BYTES + FLUSH_BYTES)


def _measured_bytes(subject: Subject, shapes: Shapes) -> int:
    """What this process allocates on the card to draw a case and to know its answers."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    expected: Expected = subject.truth.expected(subject.draw(shapes))
    outputs = held_bytes(expected.like)
    return int(torch.cuda.max_memory_allocated()) + 3 * outputs
