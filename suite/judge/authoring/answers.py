"""The section that tries the checker with wrong answers: each must be refused at every workload."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator

import torch

from suite.judge.authoring.impostors import MANTISSA_BITS, Change, halves, made_up, rounded
from suite.judge.authoring.subject import Findings, Shapes, Subject, passed, refused, warned
from suite.judge.compare import Verdict, compare
from suite.judge.truth import Expected
from suite.result import PRECISIONS

DRAWS = {"check": 8, "bench": 2}
"""Draws of inputs on which each wrong answer is tried; one that is taken on half of them passes."""
LUCKY_DRAWS = 16
"""Half of the work is right for half of all single outputs: it passes when it is taken on so many draws."""
BELOW = dict(zip(PRECISIONS, MANTISSA_BITS, strict=True))
"""What inputs are rounded to when they are of the precision next below a class."""
REMEDY = (
    "draw inputs on which it is wrong (another offset or scale), tighten TOLERANCE, "
    "or move the workload to edge_cases"
)

Trial = tuple[str, bool]
"""A wrong answer's name, and whether the checker took it."""


def answers(subject: Subject) -> Findings:
    """Wrong answers against the checker. One that is taken now and then is chance: a warning."""
    refusals, chances = [], []
    for shapes in subject.tried:
        draws = DRAWS[shapes.tier]
        taken: Counter[str] = Counter()
        for _ in range(draws):
            for name, is_taken in _trials(subject, shapes):
                taken[name] += is_taken
        for name, count in taken.items():
            if 2 * count >= draws:
                refusals.append(f"workload {shapes.name!r} takes {name}, on {count} of {draws} draws")
            elif count:
                chances.append(f"{name} at {shapes.name!r}: {count} of {draws}")
        refusals += [f"workload {shapes.name!r} takes {name}, always" for name in _always(subject, shapes)]
    for text in refusals:
        yield refused("wrong answers", text, REMEDY)
    if chances:
        text = f"taken now and then: {'; '.join(chances)}"
        yield warned("wrong answers", text, "more outputs at these workloads would leave less to chance")
    if not refusals:
        yield passed("wrong answers", f"none passes at any of {len(subject.tried)} workloads")


def _trials(subject: Subject, shapes: Shapes) -> Iterator[Trial]:
    other = subject.truth.expected(subject.draw(shapes))
    case = subject.draw(shapes)
    expected = subject.truth.expected(case)
    for index, (like, others) in enumerate(zip(expected.like, other.like, strict=True)):
        for name, answer in made_up(case.inputs, like, others):
            verdict = compare(answer, expected.outputs[index], subject.truth.tolerance)
            yield _of_output(name, index, expected), verdict.reason is None
    count = len(case.inputs)
    del case, expected, other
    yield from _rounded_trials(subject, shapes)
    for number in range(count if count > 1 else 0):
        change = _drawn_anew(subject, shapes, number)
        for name, verdict in _after(subject, shapes, change):
            yield f"any input {number}{name}", verdict.reason is None


def _always(subject: Subject, shapes: Shapes) -> list[str]:
    """The names of halves of the work that the checker took on every draw."""
    names = []
    for name, change in halves(subject.draw(shapes).inputs):
        draws = range(LUCKY_DRAWS if shapes.tier == "check" else DRAWS[shapes.tier])
        if all(any(v.reason is None for _, v in _after(subject, shapes, change)) for _ in draws):
            names.append(name)
    return names


def _drawn_anew(subject: Subject, shapes: Shapes, number: int) -> Change:
    """Does each input matter?"""

    def change(inputs: list[torch.Tensor]) -> bool:
        inputs[number] = subject.draw(shapes).inputs[number]
        return inputs[number].numel() > 0

    return change


def _rounded_trials(subject: Subject, shapes: Shapes) -> Iterator[Trial]:
    """Inputs of the precision below a class must not pass as that class, below the loosest not at all.

    An exact problem must tell bfloat16 inputs from its own. Inputs that rounding leaves alone tell nothing.
    """
    tolerance = subject.truth.tolerance
    for admitted in ["tf32"] if tolerance == "exact" else list(tolerance):
        for output, verdict in _after(subject, shapes, rounded(BELOW[admitted])):
            name = f"inputs rounded to {BELOW[admitted]}{output}"
            if tolerance == "exact":
                yield name, verdict.reason is None
            else:
                within = PRECISIONS[: PRECISIONS.index(admitted) + 1]
                yield f"{name} as {admitted}", verdict.precision in within


def _after(subject: Subject, shapes: Shapes, change: Change) -> list[tuple[str, Verdict]]:
    """What the reference makes of changed inputs, against the truth of the unchanged ones, by output."""
    case = subject.draw(shapes)
    expected = subject.truth.expected(case)
    if not change(case.inputs):
        return []
    reached = subject.truth.exact_outputs(dataclasses.replace(case, private=None))  # what was changed
    return [
        (
            _of_output("", index, expected),
            compare(answer.values.to(like.dtype), expected.outputs[index], subject.truth.tolerance),
        )
        for index, (answer, like) in enumerate(zip(reached, expected.like, strict=True))
    ]


def _of_output(name: str, index: int, expected: Expected) -> str:
    return f"{name} as output {index}" if len(expected.like) > 1 else name
