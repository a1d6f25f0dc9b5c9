"""Strict reading of records from JSON: every key known, each value of its field's type, every number finite.

Lines may have been written by another version, by hand or by a stranger. With what is read here a reader can
compute, and write it again.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import functools
import json
import re
import types
import typing
from collections.abc import Callable
from typing import Any

LARGEST = 10**24
"""Of numbers; no count of bytes or flops comes near."""
DEEPEST = 20
"""Lists within lists of a value whose type is open."""
SHOWN = 60
"""Characters of a wrong value in a message."""
Reader = Callable[[Any], Any]
"""Gives a value as it should be.

Raises:
    WrongValueError: it is something else.
"""


class WrongValueError(ValueError):
    """A value is not what is due; the message names its place, what is due and what was found."""

    def __init__(self, text: str, path: str = "") -> None:
        super().__init__(f"{path}: {text}" if path else text)
        self._text = text
        self._path = path

    def inside(self, name: str) -> WrongValueError:
        """The same of a value that lies in another, under `name`."""
        return WrongValueError(self._text, f"{name}.{self._path}" if self._path else name)


def load_object(line: str, schema: int) -> dict[str, Any]:
    """The JSON object of one line, without its `schema`.

    Raises:
        ValueError: the line is not JSON, is no object, or is of another schema.
    """
    try:
        values = json.loads(line, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from error
    except RecursionError:
        raise ValueError("not JSON that anybody wrote: nested too deeply") from None
    if not isinstance(values, dict):
        raise _wrong("a JSON object", values)
    found = values.pop("schema", None)
    if type(found) is not int or found != schema:
        raise ValueError(f"expected schema {schema}, found {_short(found)}")
    return values


def decode(kind: Any, value: Any) -> Any:
    """`value`, as JSON gave it, as `kind`.

    Args:
        kind: a dataclass, an enumeration, str, int, float, bool, Any, a tuple or a dict of them, or one of
            them or None. A field with a default may be missing: the record is older than the field.
        value: whole numbers do for floats, lists for tuples.

    Raises:
        WrongValueError: it is something else, a number that is not finite, or text that cannot be written.
        ValueError: what a dataclass says of values that do not go together.
    """
    return _reader(kind)(value)


def is_instant(text: str) -> bool:
    """Is it UTC in ISO 8601, such as 2026-01-31T00:00:00+00:00? Text of that form sorts by time."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)", text, re.ASCII):
        return False
    try:
        return bool(datetime.datetime.fromisoformat(text))
    except ValueError:
        return False


@functools.cache
def _reader(kind: Any) -> Reader:
    origin, of = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        inner = _reader(of[0])
        return lambda value: None if value is None else inner(value)
    if dataclasses.is_dataclass(kind):
        readers = {name: _reader(hint) for name, hint in typing.get_type_hints(kind).items()}
        defaults = {f.name for f in dataclasses.fields(kind) if f.default is not dataclasses.MISSING}
        return functools.partial(_record, kind, readers, readers.keys() - defaults)
    if origin is tuple and of[-1] is Ellipsis:
        return functools.partial(_numbers if of[0] in (int, float) else _list, of[0])
    if origin is tuple:
        return functools.partial(_row, [_reader(item) for item in of])
    if origin is dict:
        return functools.partial(_dict, _reader(of[1]))
    if isinstance(kind, enum.EnumType):
        return functools.partial(_member, kind)
    return _PLAIN[kind]


def _record(kind: Any, readers: dict[str, Reader], required: set[str], values: Any) -> Any:
    if not isinstance(values, dict):
        raise _wrong("a JSON object", values)
    for name in readers:
        if name in required and name not in values:
            raise WrongValueError(f"key {name!r} is missing")
    read = {}
    for name, value in values.items():
        if name not in readers:
            raise WrongValueError(f"unknown key {_short(name)}")
        try:
            read[name] = readers[name](value)
        except WrongValueError as error:
            raise error.inside(name) from None
    return kind(**read)


def _numbers(kind: Any, value: Any) -> tuple[Any, ...]:
    """Samples and clocks, most of what there is to read: a quick look, and a slow one where it says no."""
    if isinstance(value, list) and set(map(type, value)) <= {int, kind}:
        try:
            if sum(map(abs, value)) < LARGEST:  # not for infinity or NaN
                return tuple(value)
        except OverflowError:
            pass
    return _list(kind, value)


def _list(kind: Any, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise _wrong("a list", value)
    return tuple(map(_reader(kind), value))


def _row(readers: list[Reader], value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list) or len(value) != len(readers):
        raise _wrong(f"{len(readers)} values", value)
    return tuple(reader(item) for reader, item in zip(readers, value, strict=True))


def _dict(reader: Reader, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong("a JSON object", value)
    return {_text(key): reader(item) for key, item in value.items()}


def _member(kind: enum.EnumType, value: Any) -> Any:
    members = {str(member.value): member for member in kind}  # type: ignore[var-annotated]
    if not isinstance(value, str) or value not in members:
        raise _wrong(f"one of {', '.join(members)}", value)
    return members[value]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong("text", value)
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:  # half of a pair; no file and no terminal takes it
            raise _wrong("text in Unicode", value) from None
    return value


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _wrong("true or false", value)
    return value


def _int(value: Any) -> int:
    if type(value) is not int or abs(value) >= LARGEST:
        raise _wrong("a whole number", value)
    return value


def _float(value: Any) -> float:
    if type(value) not in (int, float) or not abs(value) < LARGEST:
        raise _wrong("a number", value)
    number: float = value
    return number


def _any(value: Any, depth: int = 0) -> Any:
    """A value of open type, which can be written as JSON again."""
    if depth > DEEPEST:
        raise WrongValueError(f"more than {DEEPEST} lists within lists")
    if isinstance(value, dict):
        return {_text(key): _any(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_any(item, depth + 1) for item in value]
    return value if value is None else _PLAIN[type(value)](value)


def _wrong(expected: str, found: Any) -> WrongValueError:
    return WrongValueError(f"expected {expected}, found {_short(found)}")


def _short(value: Any) -> str:
    """A wrong value in a few words: text and numbers as they are, of the rest what it is."""
    if value is None:
        return "null"
    if isinstance(value, (dict, list)):
        return "a list" if isinstance(value, list) else "a JSON object"
    if type(value) is int and abs(value) >= LARGEST:
        return "a huge number"
    text = ascii(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


def _no_constant(name: str) -> None:
    """Python's reader takes NaN and Infinity, which are no JSON and no measurement."""
    raise ValueError(f"not JSON: {name}")


_PLAIN: dict[Any, Reader] = {str: _text, bool: _bool, int: _int, float: _float, Any: _any}
