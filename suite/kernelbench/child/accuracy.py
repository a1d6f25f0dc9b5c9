"""How exact an answer must be: errors of the reference itself against float64, on small data.

Where products dominate, classes below float32 are admitted. Their bounds come from the same module in float64
with the operands of its products rounded, as a tensor core rounds them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from suite.worker.dispatch_mode import DispatchMode

ROUNDOFF = 2.0**-24
Rounding = Callable[[torch.Tensor], torch.Tensor]
PRODUCTS = {
    "mm",
    "addmm",
    "bmm",
    "baddbmm",
    "mv",
    "addmv",
    "dot",
    "convolution",
    "_convolution",
    "_scaled_dot_product_flash_attention_for_cpu",
}
FP32_LEAST = 5e-6
"""What a few elementwise functions may lose: those of a GPU are good to some units in the last place."""
HALF_LEAST = {torch.bfloat16: 8e-3, torch.float16: 1e-3}
"""Two roundings of the output."""
ELEMENTS_SLACK = 8.0
"""A single element may be off by this many root mean squares, see `suite.judge.compare`."""
MARGIN = 4.0
CHAIN = 0.58
"""Adding K float32 products one after another errs by 0.35 roundoffs times the root of K (simulated)."""


def needed_bound(actual: torch.Tensor, expected: torch.Tensor) -> float:
    """The relative error that a bound must allow for `actual` to pass; inf where it is not finite alike."""
    finite = expected.isfinite()
    if not bool((actual.isfinite() == finite).all()):
        return math.inf
    truth = expected[finite].double()
    errors = (actual[finite].double() - truth).abs()
    norm = float(truth.norm())
    if not errors.numel() or not bool(errors.any()):
        return 0.0
    if norm == 0:
        return math.inf
    worst = float(errors.max()) * math.sqrt(truth.numel())
    return max(float(errors.norm()), worst / ELEMENTS_SLACK) / norm


class Rounded(DispatchMode):
    """Inside, products round their operands first."""

    def __init__(self, rounding: Rounding) -> None:
        super().__init__()
        self._rounding = rounding

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operator, on rounded floats if it multiplies."""
        if func._schema.name.split("::")[1] in PRODUCTS:
            args = tuple(
                self._rounding(a) if isinstance(a, torch.Tensor) and a.is_floating_point() else a
                for a in args
            )
        return func(*args, **(kwargs or {}))


def to_tf32(x: torch.Tensor) -> torch.Tensor:
    """Truncated to ten explicit bits, in the dtype it has."""
    bits = x.float().view(torch.int32) & ~0x1FFF
    return bits.view(torch.float32).to(x.dtype)


def to_bf16(x: torch.Tensor) -> torch.Tensor:
    """Rounded to bfloat16, in the dtype it has."""
    return x.to(torch.bfloat16).to(x.dtype)


def tolerance_of(
    dtypes: list[torch.dtype],
    own_error: float,
    rounded_errors: tuple[float, float] | None,
    longest_sum: int,
    longest_small_sum: int,
) -> tuple[dict[str, float] | str, str]:
    """(TOLERANCE, where it comes from).

    Args:
        dtypes: of the outputs.
        own_error: the bound that the reference needs in its own precision at small sizes.
        rounded_errors: what it needs with operands truncated to TF32, and with inputs rounded to bfloat16;
            None without products.
        longest_sum: terms of the longest sum at the seed's sizes.
        longest_small_sum: the same at the small sizes.
    """
    floats = [dtype for dtype in dtypes if dtype.is_floating_point]
    if not floats:
        return "exact", "The outputs are whole numbers: exact."
    halves = [dtype for dtype in floats if dtype in HALF_LEAST]
    if halves:
        bound = _rounded_up(max(*(HALF_LEAST[dtype] for dtype in halves), MARGIN * own_error))
        return {"bf16": bound}, f"The reference needs {own_error:.1e} at small sizes; {MARGIN:g} times that."
    chain, small_chain = (CHAIN * ROUNDOFF * math.sqrt(terms) for terms in (longest_sum, longest_small_sum))
    # Where the reference errs by more than its sums do, the task amplifies errors, those of long sums too.
    amplified = chain * max(1.0, own_error / max(small_chain, 4 * ROUNDOFF))
    bound = _rounded_up(max(FP32_LEAST, amplified, MARGIN * own_error))
    text = (
        f"fp32: the reference needs {own_error:.1e} at small sizes; sums of {longest_sum} terms, added one "
        f"after the other, {amplified:.1e}."
    )
    if rounded_errors is None or rounded_errors[0] <= bound:
        return {"fp32": bound}, text
    tf32, bf16 = rounded_errors
    middle = _rounded_up(math.sqrt(tf32 * bf16) if bf16 > tf32 else 1.5 * tf32)
    return {"fp32": min(bound, _rounded_up(middle / 4)), "tf32": middle}, (
        f"{text} tf32: operands truncated to TF32 need {tf32:.1e}, inputs rounded to bfloat16 {bf16:.1e}; "
        "between them."
    )


def _rounded_up(value: float) -> float:
    """To two digits."""
    exponent = math.floor(math.log10(value)) - 1
    return float(f"{math.ceil(value / 10.0**exponent - 1e-9) * 10.0**exponent:.1e}")
