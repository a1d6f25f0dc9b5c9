"""Knobs of a solution file: what `sweep.py` is told to set, and the files that this makes."""

from __future__ import annotations

import ast
import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from suite.names import did_you_mean

VARIANTS = "VARIANTS"
MOST_COMBINATIONS = 256
_KNOB = re.compile(r"([A-Z][A-Z0-9_]*)(?:\.([a-z_][a-z0-9_]*))?=(.+)", re.DOTALL)


class KnobError(ValueError):
    """A knob cannot be set; the message says why and what would do."""


@dataclass(frozen=True, slots=True)
class Knob:
    """A name of the file, or a field of the named tuple of that name, and the expressions to set it to."""

    name: str
    field: str | None
    values: tuple[str, ...]

    @property
    def label(self) -> str:
        """As on the command line."""
        return f"{self.name}.{self.field}" if self.field else self.name

    def line(self, value: str, variants: frozenset[str]) -> str:
        """The line that sets it, to stand at the end of the file."""
        expression = f"{VARIANTS}[{value!r}]" if value in variants else value
        if self.field is None:
            return f"{self.name} = {expression}"
        return f"{self.name} = {self.name}._replace({self.field}={expression})"


@dataclass(frozen=True, slots=True)
class Combination:
    """One value for each knob, and the solution file with all of them set."""

    values: tuple[str, ...]
    source: str


def parse_knob(text: str) -> Knob:
    """`NAME=v1,v2` or `NAME.field=v1,v2`; commas inside brackets and quotes do not separate.

    Raises:
        KnobError: it is neither.
    """
    match = _KNOB.fullmatch(text.strip())
    if match is None:
        raise KnobError(
            f"{text!r} is no knob: write NAME=VALUE,VALUE or NAME.field=VALUE,VALUE with a NAME in capitals"
        )
    try:
        listed = ast.parse(f"({match[3]},)", mode="eval").body
    except SyntaxError as error:
        raise KnobError(f"{text!r}: the values are no Python expressions: {error.msg}") from error
    assert isinstance(listed, ast.Tuple)
    return Knob(match[1], match[2], tuple(ast.unparse(value) for value in listed.elts))


def combinations(source: str, knobs: Sequence[Knob]) -> list[Combination]:
    """Every value of each knob with every one of the others, in their order.

    Raises:
        KnobError: the file has no such name, or there are too many.
    """
    names, variants = _names(source)
    for knob in knobs:
        if knob.name not in names:
            raise KnobError(
                f"the file sets no {knob.name!r} at its top level{did_you_mean(knob.name, names)}"
            )
    count = math.prod(len(knob.values) for knob in knobs)
    if count > MOST_COMBINATIONS:
        raise KnobError(f"{count} combinations; at most {MOST_COMBINATIONS} are tried")
    found = []
    for values in itertools.product(*(knob.values for knob in knobs)):
        lines = [knob.line(value, variants) for knob, value in zip(knobs, values, strict=True)]
        found.append(Combination(values, "\n".join([source.rstrip("\n"), *lines, ""])))
    return found


def _names(source: str) -> tuple[list[str], frozenset[str]]:
    """The names in capitals that a file assigns at its top level, and the keys of its VARIANTS."""
    names: list[str] = []
    variants: frozenset[str] = frozenset()
    for node in ast.parse(source).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        assigned = [one.id for one in targets if isinstance(one, ast.Name) and one.id.isupper()]
        names += assigned
        value = getattr(node, "value", None)
        if VARIANTS in assigned and isinstance(value, ast.Dict):
            variants = frozenset(str(key.value) for key in value.keys if isinstance(key, ast.Constant))
    return names, variants
