"""What a watched call did, as the worker reports it to the judge. Pure records and names; no torch."""

from __future__ import annotations

from dataclasses import dataclass

MAX_ROWS = 64
MAX_NAME = 160  # a kernel of torch says in this much what it fills or copies
MORE_OPERATORS = "(more operators)"
"""The row that stands for what did not fit into `MAX_ROWS`."""
TO_THE_HOST = "aten._to_copy to the host"
"""Any copy whose result is in host memory; computing there is computing."""

# Copy elements to places that are known beforehand, or convert their type.
MOVES = frozenset(
    f"aten.{name}"
    for name in (
        *("_reshape_copy", "_to_copy", "_unsafe_view", "cat", "clone", "constant_pad_nd", "contiguous"),
        *("copy", "copy_", "permute_copy", "reshape", "stack", "to", "transpose_copy", "view_copy"),
    )
)
# Take a tensor for its shape, or overwrite it with a constant; read no element.
FREE = frozenset(
    f"aten.{name}"
    for name in (
        *("detach", "empty_like", "fill", "fill_", "full_like", "is_pinned", "lift", "lift_fresh"),
        *("new_empty", "new_empty_strided", "new_full", "new_ones", "new_zeros", "ones_like"),
        *("record_stream", "resize_", "set_", "zero", "zero_", "zeros_like"),
    )
)


@dataclass(frozen=True, slots=True)
class Operator:
    """Calls of one torch operator from one line of the solution.

    An operator touches the elements of its tensor arguments and results, each tensor counted once.
    `input_elements` sums this over the calls that were given an input or a copy of one, `made_elements` over
    the others.
    """

    name: str
    line: int | None
    calls: int
    input_elements: int
    made_elements: int


@dataclass(frozen=True, slots=True)
class DeviceKernel:
    """Runs of one kernel, copy or fill that the profiler saw on the card."""

    name: str
    runs: int
    total_us: float


@dataclass(frozen=True, slots=True)
class Work:
    """One watched call."""

    noted: bool = False
    """Were torch operators noted? A blind call has none."""
    operators: tuple[Operator, ...] = ()
    kernels: dict[str, int] | None = None
    """Launches of the solution's own kernels, by the name that the device shows; 0 if a graph may run it."""
    strangers: tuple[str, ...] = ()
    """Triton kernels that were launched and are not in the solution's file."""
    replays: int = 0
    """Replays of CUDA graphs."""
    reads_sealed: bool = False
    """Did an operator work on memory that is sealed between launches?"""
    observer_removed: bool = False
    moved_outputs: tuple[int, ...] = ()
    """Outputs that are copies of inputs and were passed to no kernel."""
    device: tuple[DeviceKernel, ...] | None = None
    """None where the profiler was not asked or did not work."""
    busy_us: float = 0.0
    """How long something ran on the card, by the profiler; what runs at the same time counts once."""
