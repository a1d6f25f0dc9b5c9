"""Strict reading of records from JSON: every key known, none missing, no NaN."""

from __future__ import annotations

import dataclasses
import json
from typing import Any


def load_object(line: str, schema: int) -> dict[str, Any]:
    """The JSON object of one line.

    Raises:
        ValueError: the line is not JSON, is no object, or is of another schema.
    """
    try:
        values = json.loads(line, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"expected a JSON object, found {type(values).__name__}")
    if values.get("schema") != schema:
        raise ValueError(f"expected schema {schema}, found {values.get('schema')!r}")
    return values


def nested(name: str, kind: type[Any], values: Any) -> Any:
    """A record of `kind` from the JSON object under the key `name`; None stays None.

    A field with a default may be missing: the record is older than the field.

    Raises:
        ValueError: it is no object, or its keys are not the fields of `kind`.
    """
    if values is None:
        return None
    if not isinstance(values, dict):
        raise ValueError(f"{name}: expected a JSON object, found {type(values).__name__}")
    defaults = {
        field.name: field.default
        for field in dataclasses.fields(kind)
        if field.default is not dataclasses.MISSING
    }
    check_keys(f"{name}: ", kind, defaults | values)
    return kind(**values)


def check_keys(where: str, kind: type[Any], values: dict[str, Any]) -> None:
    """Hold the keys of `values` against the fields of a dataclass; `where` begins the message.

    Raises:
        ValueError: a key is missing or unknown.
    """
    expected = [field.name for field in dataclasses.fields(kind)]
    for key in expected:
        if key not in values:
            raise ValueError(f"{where}key {key!r} is missing")
    for key in values:
        if key not in expected:
            raise ValueError(f"{where}unknown key {key!r}")


def _no_constant(name: str) -> None:
    """Python's reader takes NaN and Infinity, which are no JSON and no measurement."""
    raise ValueError(f"not JSON: {name}")
