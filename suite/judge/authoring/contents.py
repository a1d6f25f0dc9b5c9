"""Sections on the contents of inputs: fresh, varied, as declared, and within the reference's reach."""

from __future__ import annotations

from collections.abc import Callable

import torch

from suite.finding import Finding
from suite.judge.authoring.subject import (
    Findings,
    Shapes,
    Subject,
    Unshared,
    passed,
    refused,
    warned,
)
from suite.judge.fingerprint import fingerprint
from suite.judge.truth import Case

FEW = 3
"""So few elements may be equal by chance."""
HIDDEN_DRAWS = 20
MOST_HIDDEN_ELEMENTS = 1 << 20
"""What Triton's interpreter gets through in seconds."""


def fresh_inputs(subject: Subject) -> Findings:
    """Two draws differ, no input is constant, and the reference passes its own checker."""
    found: list[Finding] = []
    for shapes in subject.tried:
        before = fingerprint(subject.draw(shapes).inputs)  # two draws at once may not fit a card
        case = subject.draw(shapes)
        for index, (one, old, new) in enumerate(
            zip(case.inputs, before, fingerprint(case.inputs), strict=True)
        ):
            if one.numel() < FEW:
                continue
            if torch.equal(old, new):
                text = f"input {index} of workload {shapes.name!r} is the same on two draws"
                found.append(
                    refused("inputs", text, "draw it anew on each call of get_inputs, without a seed")
                )
            elif bool(one.min() == one.max()):
                text = f"input {index} of workload {shapes.name!r} is constant"
                found.append(refused("inputs", text, "draw each element"))
        expected = subject.truth.expected(case)
        reason = subject.refusal(expected.like, expected)
        if reason is not None:
            text = f"the reference fails its own checker on workload {shapes.name!r}: {reason}"
            found.append(refused("inputs", text, "widen TOLERANCE, or give an error_scale"))
    yield from found or [
        passed("inputs", f"{len(subject.tried)} workloads: fresh, varied, the reference passes")
    ]


def distributions(subject: Subject) -> Findings:
    """Each declared distribution is what its name says, and the reference passes its checker on it."""
    declared = subject.truth.distributions
    checks = [shapes for shapes in subject.workloads if shapes.tier == "check"]
    found: list[Finding] = []
    for name in declared:
        cases = [subject.draw(shapes, distribution=name) for shapes in checks]
        has = TRAITS.get(name)
        if has is not None and not any(_any_float(case, has) for case in cases):
            text = f"inputs of distribution {name!r} are not {MEANINGS[name]}"
            found.append(refused("distributions", text, "make them so, or call it something else"))
        for shapes, case in zip(checks, cases, strict=True):
            expected = subject.truth.expected(case)
            reason = subject.refusal(expected.like, expected)
            if reason is not None:
                text = f"the reference fails its own checker on {shapes.name!r} with {name!r}: {reason}"
                found.append(refused("distributions", text, "give an error_scale, or make it milder"))
                break
    missing = [name for name in MEANINGS if name not in declared]
    if missing:
        remedy = "let get_inputs take `distribution` and name in DISTRIBUTIONS what it takes"
        found.append(warned("distributions", f"none called {', '.join(missing)}", remedy))
    yield from found or [passed("distributions", ", ".join(declared))]


def hidden(subject: Subject) -> Findings:
    """Hidden workloads can be drawn, differ, are small, and the reference takes them."""
    if not subject.truth.draws_axes:
        text = "no draw_axes: the judge draws no hidden workloads"
        yield warned("hidden workloads", text, "define draw_axes(randint) in inputs.py")
        return
    seen = []
    for _ in range(HIDDEN_DRAWS):
        axes = subject.truth.draw_axes(_randint)
        case = subject.draw(Shapes("drawn by draw_axes", "check", axes))
        elements = sum(tensor.numel() for tensor in case.inputs)
        if elements > MOST_HIDDEN_ELEMENTS:
            text = f"draw_axes gave {axes}: {elements} elements, more than {MOST_HIDDEN_ELEMENTS}"
            yield refused("hidden workloads", text, "keep them small: Triton's interpreter checks them")
            return
        subject.truth.expected(case)
        seen.append(axes)
    if all(axes == seen[0] for axes in seen):
        text = f"draw_axes gave {seen[0]} {HIDDEN_DRAWS} times"
        yield refused("hidden workloads", text, "draw shapes with the randint that it is given")
        return
    yield passed("hidden workloads", f"{HIDDEN_DRAWS} drawn, such as {seen[0]}")


def edge_cases(subject: Subject) -> Findings:
    """Each edge case does what it says; a checklist of what kernels usually trip over."""
    cases = subject.truth.edge_cases(Unshared())
    names = [case.name for case in cases]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield refused("edge cases", f"two are called {name}", "rename one")
    for case in cases:
        subject.truth.expected(case)
    kinds = [k for k, has in EDGES.items() if any(has(x) for case in cases for x in case.inputs)]
    missing = [kind for kind in EDGES if kind not in kinds]
    if missing:
        remedy = "add them to edge_cases, if the task has such inputs"
        yield warned("edge cases", f"none with {', '.join(missing)}", remedy)
    raising = sum(case.expects != "reference" for case in cases)
    there = f"; with {', '.join(kinds)}" if kinds else ""
    yield passed("edge cases", f"{len(cases)}, of which {raising} must raise{there}")


def _randint(low: int, high: int) -> int:
    return int(torch.randint(low, high + 1, ()))


def _any_float(case: Case, has: Callable[[torch.Tensor], bool]) -> bool:
    return any(has(x.double()) for x in case.inputs if x.is_floating_point() and x.numel() >= FEW)


def _is_offset(x: torch.Tensor) -> bool:
    return bool(x.mean().abs() > 100 * x.std())


def _is_heavy(x: torch.Tensor) -> bool:
    largest, middle = float(x.abs().max()), float(x.abs().median())
    return middle > 0 and largest > 50 * middle


def _is_whole(x: torch.Tensor) -> bool:
    return bool((x == x.round()).all()) and bool((x != x.flatten()[0]).any())


def _has_ties(x: torch.Tensor) -> bool:
    values = x[x.isfinite()]
    return bool(values.numel() > torch.unique(values).numel())


def _has_denormals(x: torch.Tensor) -> bool:
    return bool(((x != 0) & (x.abs() < 2.0**-126)).any())


def _has_nan(x: torch.Tensor) -> bool:
    return bool(x.isnan().any())


def _has_infinities(x: torch.Tensor) -> bool:
    return bool(x.isinf().any())


MEANINGS = {
    "normal": "finite and of both signs",
    "uniform": "finite and within ten times their median",
    "offset": "further from zero than 100 standard deviations",
    "heavy_tails": "over 50 medians in size somewhere",
    "integers": "integers",
    "ties": "tied: a quarter of the values would be distinct at most",
    "nan": "anywhere NaN",
    "infinities": "anywhere infinite",
    "denormals": "anywhere denormal",
}
TRAITS: dict[str, Callable[[torch.Tensor], bool]] = {
    "normal": lambda x: bool(x.isfinite().all() and (x > 0).any() and (x < 0).any()),
    "uniform": lambda x: bool(x.isfinite().all() and x.abs().max() <= 10 * x.abs().median()),
    "offset": _is_offset,
    "heavy_tails": _is_heavy,
    "integers": _is_whole,
    "ties": lambda x: 4 * torch.unique(x).numel() <= x.numel(),
    "nan": _has_nan,
    "infinities": _has_infinities,
    "denormals": _has_denormals,
}
EDGES: dict[str, Callable[[torch.Tensor], bool]] = {
    "ties": lambda x: x.numel() > 1 and _has_ties(x.double()),
    "NaN": _has_nan,
    "infinities": lambda x: x.is_floating_point() and _has_infinities(x),
    "a non-contiguous input": lambda x: not x.is_contiguous(),
    "a size of 1": lambda x: 1 in x.shape,
    "an empty input": lambda x: x.numel() == 0,
}
