"""Answers that somebody might give instead of doing the work; a checker must refuse them all.

Ways in which published benchmarks have passed wrong answers: zeros where outputs are small, a constant where
they hardly vary, a prefix of the work scaled up, inputs of lower precision than was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

MANTISSA_BITS = {"tf32": 10, "bf16": 7, "3 mantissa bits": 3}
"""Explicit mantissa bits of what inputs are rounded to; three are those of float8_e4m3."""
CHUNK = 1 << 24


Change = Callable[[list[torch.Tensor]], bool]
"""Alters inputs in place, and says whether it altered anything."""


def made_up(
    inputs: list[torch.Tensor], like: torch.Tensor, other: torch.Tensor
) -> Iterator[tuple[str, torch.Tensor]]:
    """Named answers that cost nothing, in the shape and dtype of a right one.

    Args:
        inputs: of the case.
        like: the right answer.
        other: the right answer for other inputs of the same shapes.
    """
    yield "zeros", torch.zeros_like(like)
    finite = other[other.isfinite()]
    if finite.numel():
        mean = finite.to(torch.float64).mean()
        whole = mean if like.is_floating_point() else mean.round()
        yield "a constant (the mean of other outputs)", torch.full_like(like, whole.item())
        if not like.is_floating_point():
            most_frequent = finite.flatten().mode().values.item()
            yield "a constant (the most frequent output)", torch.full_like(like, most_frequent)
    yield "the answer to other inputs", other
    yield from _first_rows(like)
    for index, tensor in enumerate(inputs):
        copied = _fitted(tensor, like)
        if copied is not None:
            yield f"a copy of input {index}", copied
        for dim in range(tensor.dim()):
            if tensor.shape[dim] > 1 and tensor.select(dim, 0).shape == like.shape:
                yield f"the first slice of input {index} along {dim}", tensor.select(dim, 0).to(like.dtype)


def _first_rows(like: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    for dim, size in enumerate(like.shape):
        if size > 1 and like.numel():
            yield f"its first slice along {dim}, repeated", like.narrow(dim, 0, 1).expand_as(like)


def _fitted(tensor: torch.Tensor, like: torch.Tensor) -> torch.Tensor | None:
    """The tensor broadcast, cut or repeated to the shape of `like`."""
    if tensor.numel() == 0 or like.numel() == 0:
        return None
    try:
        return tensor.expand(like.shape).to(like.dtype)
    except RuntimeError:
        flat = tensor.reshape(-1)
        times = -(-like.numel() // flat.numel())
        return flat.repeat(times)[: like.numel()].reshape(like.shape).to(like.dtype)


def halves(inputs: list[torch.Tensor]) -> list[tuple[str, Change]]:
    """Read half of an input, and let it stand for the other half: along each dimension of each."""
    return [
        (f"half of input {index} along {dim}, twice", _halver(index, dim))
        for index, tensor in enumerate(inputs)
        if tensor.is_floating_point()
        for dim in range(tensor.dim())
        if tensor.shape[dim] > 1
    ]


def _halver(index: int, dim: int) -> Change:
    def change(inputs: list[torch.Tensor]) -> bool:
        tensor = inputs[index]
        half = tensor.shape[dim] // 2
        tensor.narrow(dim, tensor.shape[dim] - half, half).copy_(tensor.narrow(dim, 0, half))
        return True

    return change


def rounded(name: str) -> Change:
    """Inputs with fewer mantissa bits, rounded to nearest."""

    def change(inputs: list[torch.Tensor]) -> bool:
        altered = [_round_(x, MANTISSA_BITS[name]) for x in inputs if x.is_floating_point()]
        return any(altered)

    return change


def _round_(tensor: torch.Tensor, mantissa_bits: int) -> bool:
    """Round in place, piece by piece: an input may fill most of a card."""
    dropped = 23 - mantissa_bits
    altered = False
    rows = max(1, CHUNK * tensor.shape[0] // max(1, tensor.numel())) if tensor.dim() else 1
    for piece in torch.split(tensor, rows) if tensor.dim() else (tensor,):
        single = piece.to(torch.float32)
        bits = single.view(torch.int32)
        altered |= bool((bits & ((1 << dropped) - 1)).any())
        bits.add_(1 << (dropped - 1)).bitwise_and_(-1 << dropped)
        if single is not piece:
            piece.copy_(single)
    return altered
