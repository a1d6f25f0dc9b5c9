"""What a check calls a solution on, and in which order: drawn in secret, anew for each solution."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from suite.judge.plan import Plan
from suite.judge.truth import Truth

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Draw:
    """Axes to draw inputs for.

    `name` says how to ask for them again, `workload` which they are of; a hidden workload goes by its axes.
    """

    name: str
    axes: dict[str, Any]
    workload: str
    is_hidden: bool = False


def draws(plan: Plan, truth: Truth, chance: random.Random) -> list[Draw]:
    """Each check workload as it stands and once more, then the hidden workloads; shuffled.

    The second time its inputs are of another distribution, dealt so that each of the problem's is used at
    least once; without any, they are new all the same: an answer kept from the first call is wrong.
    """
    declared = [Draw(name, axes, name) for name, axes in plan.checks.items()]
    hidden = [_hidden(truth, chance) for _ in range(plan.hidden if truth.draws_axes else 0)]
    again = declared
    if truth.distributions and plan.deals:
        again = [_of(draw, name) for draw, name in _dealt(declared, truth.distributions, chance)]
    return shuffled([*declared, *again, *hidden], chance)


def shuffled(items: Sequence[T], chance: random.Random) -> list[T]:
    """The same items in a random order."""
    return chance.sample(items, len(items))


def _dealt(declared: Sequence[Draw], names: Sequence[str], chance: random.Random) -> list[tuple[Draw, str]]:
    count = max(len(declared), len(names)) if declared else 0
    hands = itertools.cycle(shuffled(declared, chance)), itertools.cycle(shuffled(names, chance))
    return list(itertools.islice(zip(*hands, strict=False), count))


def _of(draw: Draw, distribution: str) -> Draw:
    axes = {**draw.axes, "distribution": distribution}
    return Draw(f"{draw.name}, {_again(axes)}", axes, draw.workload)


def _hidden(truth: Truth, chance: random.Random) -> Draw:
    axes = truth.draw_axes(chance.randint)
    if truth.distributions:
        axes = {"distribution": chance.choice(truth.distributions), **axes}  # the problem may have chosen
    return Draw(f"hidden workload, {_again(axes)}", axes, _again(axes), is_hidden=True)


def _again(axes: dict[str, Any]) -> str:
    return f"--axes '{json.dumps(axes)}'"
