"""Gives a solution's module the parameters and buffers of the reference.

By name where every parameter of `Model` has one of the same name and shape in `ModelNew`; buffers that
`ModelNew` has too are loaded, others are its own affair. Else by position, where the parameters have the same
shapes in the same order. A class that defines `load_state_dict` itself gets everything and decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

MAX_NAMED = 6


class StateMismatchError(RuntimeError):
    """`ModelNew` cannot hold the reference's parameters; the message names those that differ."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the reference's `state_dict`."""

    name: str
    is_parameter: bool
    values: torch.Tensor


def load_state(model: Any, entries: list[Entry]) -> None:
    """Copy the entries into `model`.

    Raises:
        StateMismatchError: its parameters are others.
    """
    parameters = [entry for entry in entries if entry.is_parameter]
    if not isinstance(model, torch.nn.Module):
        if parameters:
            raise StateMismatchError(
                f"Model has {len(parameters)} parameters that a solution must share, but this one is no "
                "torch.nn.Module: derive ModelNew from it and name its parameters as Model does"
            )
        return
    if type(model).load_state_dict is not torch.nn.Module.load_state_dict:
        model.load_state_dict({entry.name: entry.values for entry in entries})
        return
    own = model.state_dict()
    missing = [entry for entry in parameters if not _fits(entry, own.get(entry.name))]
    if missing:
        chosen = _by_position(model, parameters, missing)
    else:
        chosen = {entry.name: entry.values for entry in parameters}
    buffers = (entry for entry in entries if not entry.is_parameter)
    chosen |= {entry.name: entry.values for entry in buffers if _fits(entry, own.get(entry.name))}
    model.load_state_dict(chosen, strict=False)


def _fits(entry: Entry, own: torch.Tensor | None) -> bool:
    return own is not None and own.shape == entry.values.shape


def _by_position(model: torch.nn.Module, given: list[Entry], missing: list[Entry]) -> dict[str, torch.Tensor]:
    own = dict(model.named_parameters())
    if [value.shape for value in own.values()] != [entry.values.shape for entry in given]:
        lacks = ", ".join(f"{e.name} {tuple(e.values.shape)}" for e in missing[:MAX_NAMED])
        has = ", ".join(f"{name} {tuple(value.shape)}" for name, value in list(own.items())[:MAX_NAMED])
        raise StateMismatchError(
            f"ModelNew cannot take the parameters of Model: it lacks {lacks}; it has {has or 'none'}. Name "
            "them as Model does, or give them the same shapes in the same order"
        )
    return {name: entry.values for name, entry in zip(own, given, strict=True)}
