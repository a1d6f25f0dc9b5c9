"""What the child sends, as records. It ran the solution, so every line is read with suspicion."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from dataclasses import dataclass
from typing import Any

from suite.analysis.sass import SassFacts

MAX_TEXT = 1000
MAX_ITEMS = 10_001
MAX_INT = 2**63


class FactsError(ValueError):
    """A line of the child does not have the form that is due."""


@dataclass(frozen=True, slots=True)
class Work:
    """The task: what the problem's own folder says of a workload."""

    bytes_moved: int
    flops: int
    classes: tuple[str, ...]
    """Admitted precision classes; none for an exact problem."""
    inputs: tuple[str, ...]
    """Shape and dtype of each input."""


@dataclass(frozen=True, slots=True)
class Argument:
    """A run-time argument of a launch: "D" is a multiple of 16, "=1" was made a constant by the JIT."""

    name: str
    type: str
    specialization: str


@dataclass(frozen=True, slots=True)
class Options:
    """How a kernel is compiled."""

    num_warps: int
    num_stages: int
    num_ctas: int
    maxnreg: int | None


@dataclass(frozen=True, slots=True)
class Launch:
    """A launch that did not happen."""

    kernel: str
    kernel_line: int
    line: int | None
    """Where the solution launches."""
    grid: tuple[int, ...]
    rank: int
    """How many of the three sizes of the grid the solution gave."""
    constants: dict[str, str]
    arguments: tuple[Argument, ...]
    options: Options
    candidate: bool
    """A configuration that an autotuner tried, rather than a launch that continues."""
    variant: int
    """Which compilation."""


@dataclass(frozen=True, slots=True)
class Launches:
    """All launches of one call."""

    launches: tuple[Launch, ...]
    order: tuple[int, ...]
    """Places in `launches`, in the order of the call."""
    variants: int
    output_bytes: int
    """Allocated by the solution and returned."""
    intermediate_bytes: int
    """Allocated by the solution and not returned, all added up."""
    torch_operations: dict[str, int]
    """Operations of torch on the card that are more than a view or an empty tensor."""


@dataclass(frozen=True, slots=True)
class Built:
    """One compilation."""

    registers: int
    spill_bytes: int
    """Local memory of a thread."""
    static_smem_bytes: int
    dynamic_smem_bytes: int
    num_warps: int
    sass: SassFacts

    @property
    def smem_bytes(self) -> int:
        """Shared memory of a block."""
        return self.static_smem_bytes + self.dynamic_smem_bytes


@dataclass(frozen=True, slots=True)
class Variant:
    """A compilation, or the reason why there is none."""

    number: int
    built: Built | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Raised:
    """What the solution raised, and at which step."""

    step: str
    type: str
    message: str
    line: int | None
    needs_values: bool


KINDS: dict[str, type[Work | Launches | Variant | Raised]] = {
    "work": Work,
    "launches": Launches,
    "variant": Variant,
    "error": Raised,
}


def read_fact(line: bytes) -> Work | Launches | Variant | Raised:
    """The record of one line.

    Raises:
        FactsError: the line is not one of `KINDS`, whole and of the right types.
    """
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        raise FactsError("not JSON") from None
    if not isinstance(values, dict) or not isinstance(values.get("kind"), str) or values["kind"] not in KINDS:
        raise FactsError("of no known kind")
    kind = KINDS[values.pop("kind")]
    record = _decode(kind, values, kind.__name__)
    assert isinstance(record, kind)
    if isinstance(record, Launches):
        _check_places(record)
    return record


def _check_places(record: Launches) -> None:
    if any(place >= len(record.launches) for place in record.order) or any(
        launch.variant >= record.variants or len(launch.grid) != 3 or not 1 <= launch.rank <= 3
        for launch in record.launches
    ):
        raise FactsError("Launches: a place that does not exist")


def _decode(kind: Any, value: Any, where: str) -> Any:
    """`value` as `kind`: a dataclass, int, bool, str, tuple, dict or one of them or None."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return None if value is None else _decode(arguments[0], value, where)
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        if not isinstance(value, dict) or set(value) != set(hints):
            raise FactsError(f"{where}: other keys than {', '.join(hints)}")
        return kind(**{name: _decode(hint, value[name], f"{where}.{name}") for name, hint in hints.items()})  # type: ignore[operator]
    if origin is tuple and isinstance(value, list) and len(value) <= MAX_ITEMS:
        return tuple(_decode(arguments[0], item, where) for item in value)
    if origin is dict and isinstance(value, dict) and len(value) <= MAX_ITEMS:
        return {_decode(str, key, where): _decode(arguments[1], item, where) for key, item in value.items()}
    if kind is str and isinstance(value, str):
        return "".join(filter(str.isprintable, value))[:MAX_TEXT]  # no escape sequences on a terminal
    if kind is bool and isinstance(value, bool):
        return value
    if kind is int and type(value) is int and 0 <= value < MAX_INT:
        return value
    raise FactsError(f"{where}: not what is due")
