"""Reads what a worker reports of a watched call; it may be a solution's forgery."""

from __future__ import annotations

import math
from typing import Any

from suite.worker.work import MAX_NAME, MAX_ROWS, DeviceKernel, Operator, Work


class MalformedWorkError(ValueError):
    """A worker's report of a watched call breaks the protocol."""


def parse_work(value: Any) -> Work:
    """A worker's report, if it has the form of one.

    Raises:
        MalformedWorkError: it has not.
    """
    try:
        return Work(
            noted=_flag(value["noted"]),
            operators=tuple(_operator(row) for row in _rows(value["operators"])),
            kernels={_name(name): _count(runs) for name, runs in _limited(value["kernels"]).items()},
            strangers=tuple(_name(name) for name in _rows(value["strangers"])),
            replays=_count(value["replays"]),
            reads_sealed=_flag(value["reads_sealed"]),
            observer_removed=_flag(value["observer_removed"]),
            moved_outputs=tuple(_count(index) for index in _rows(value["moved_outputs"])),
            device=None if value["device"] is None else tuple(_kernel(row) for row in _rows(value["device"])),
            busy_us=_time(value["busy_us"]),
        )
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        raise MalformedWorkError("protocol: the report of a watched call is malformed") from error


def _operator(row: dict[str, Any]) -> Operator:
    line = row["line"]
    return Operator(
        _name(row["name"]),
        None if line is None else _count(line),
        _count(row["calls"]),
        _count(row["input_elements"]),
        _count(row["made_elements"]),
    )


def _kernel(row: dict[str, Any]) -> DeviceKernel:
    return DeviceKernel(_name(row["name"]), _count(row["runs"]), _time(row["total_us"]))


def _time(value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value < math.inf:
        raise ValueError(value)
    return float(value)


def _limited(value: Any) -> dict[str, Any]:
    if type(value) is not dict or len(value) > MAX_ROWS:
        raise TypeError(type(value))
    return value


def _rows(value: Any) -> list[Any]:
    if type(value) is not list or len(value) > MAX_ROWS + 1:
        raise TypeError(type(value))
    return value


def _name(value: Any) -> str:
    if type(value) is not str or len(value) > MAX_NAME:
        raise TypeError(type(value))
    return value


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise TypeError(type(value))
    return value


def _flag(value: Any) -> bool:
    if type(value) is not bool:
        raise TypeError(type(value))
    return value
