"""What judge and worker say to each other: one JSON object a line, one reply to each request.

Requests (judge to worker) carry `seq` and `op`:

- `hello`: answered as soon as torch and Triton are imported.
- `start`: `path`, `class_name`, `card`. Imports the solution. Optionally `variant`, how to run the reference
(see `suite.worker.variants`), and `cover_ms`, how long to hold the stream before a timed call.
- `init`: `init_inputs` (see `value_to_json`), and optionally `state`, a list of `name`, `is_parameter` and
`values`, a `TensorSpec`, and `training`. Builds the model, loads the state, chooses the mode.
- `attach`: `inputs`, `outputs`, lists of `TensorSpec`. Maps the shared buffers. With
`private` the inputs are copied to memory of the worker's own, and nothing stays mapped: a profiler that saves
and restores memory may not reach another process's.
- `call`: `method`, how to time it, or null; `copy`, whether to copy the outputs into the shared buffers;
`watch`, how to observe it, or null. Runs the model once. The reply has `outputs`, `copied`, `latency_ms`,
`queued_ms` (how long queueing the last call between events took), `launches` (of own kernels) and, for a
watched call, `work`, the fields of `suite.worker.work.Work`.
- `watch` holds `operators` and `device` (what to observe), `seed` of the mask over the inputs or null,
`large` (which inputs are not small), `open` (how many elements a copy of an input, and another tensor, may
have and still be left open).
- `detach`: unmaps them.

A reply repeats `seq` and has either `ok` true with the fields of its request, or `ok` false with an `error`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

MAX_LINE_BYTES = 1 << 16
MAX_TEXT = 2000


@dataclass(frozen=True, slots=True)
class BufferSpec:
    """A block of memory that both processes map.

    kind "cuda_ipc": `handle` is the hexadecimal CUDA IPC handle of a device allocation.
    kind "arena": `handle` is the offset, a decimal number, in the memory file that the worker was given.
    """

    kind: str
    handle: str
    nbytes: int


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A tensor within a shared buffer. `buffer` is None for a tensor without elements."""

    dtype: str
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset_bytes: int
    buffer: BufferSpec | None


def spec_to_json(spec: TensorSpec) -> dict[str, Any]:
    """The JSON form of a `TensorSpec`."""
    return dataclasses.asdict(spec)


def spec_from_json(values: dict[str, Any]) -> TensorSpec:
    """The inverse of `spec_to_json`."""
    buffer = values["buffer"]
    return TensorSpec(
        dtype=values["dtype"],
        shape=tuple(values["shape"]),
        stride=tuple(values["stride"]),
        offset_bytes=values["offset_bytes"],
        buffer=None if buffer is None else BufferSpec(**buffer),
    )


def value_to_json(value: Any) -> Any:
    """An argument of `Model(...)` as JSON: tuples and dtypes survive.

    Raises:
        TypeError: it is of a kind that does not travel.
    """
    if isinstance(value, tuple):
        return {"tuple": [value_to_json(item) for item in value]}
    if isinstance(value, list):
        return [value_to_json(item) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {key: value_to_json(item) for key, item in value.items()}}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if type(value).__module__ == "torch" and type(value).__name__ == "dtype":
        return {"dtype": str(value).removeprefix("torch.")}
    kinds = "a number, a text, a dtype, or a list, tuple or dict of them"
    raise TypeError(f"an argument of Model(...) must be {kinds}, found {type(value).__name__}")


def value_from_json(value: Any, dtypes: Any) -> Any:
    """The inverse of `value_to_json`; `dtypes` has the dtypes as attributes, as torch does."""
    if isinstance(value, list):
        return [value_from_json(item, dtypes) for item in value]
    if isinstance(value, dict):
        if "tuple" in value:
            return tuple(value_from_json(item, dtypes) for item in value["tuple"])
        if "dtype" in value:
            return getattr(dtypes, value["dtype"])
        return {key: value_from_json(item, dtypes) for key, item in value["dict"].items()}
    return value
