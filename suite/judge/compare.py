"""Is an output right, and in which precision class?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

# A single element may be off by this many times the bound that holds for the root mean square of all errors.
# Independent rounding errors are close to normal, and 8 standard deviations are not met by chance in 10^14
# elements.
ELEMENT_FACTOR = 8.0
# Exact problems compare bits; the others name the admitted classes, tightest first, with their largest
# relative error.
Tolerance = str | dict[str, float]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason` is None for a right output; `error` and `precision` are None for an exact comparison."""

    reason: str | None
    error: float | None = None
    precision: str | None = None


def compare(actual: torch.Tensor, expected: torch.Tensor, tolerance: Tolerance) -> Verdict:
    """Compare an output with the truth.

    Args:
        actual: the solution's output. expected: the same shape; of the same dtype when `tolerance` is
        "exact", else float64. tolerance: "exact", or the largest relative Frobenius error ||actual -
        expected|| / ||expected|| of each admitted
            precision class, tightest first.
    """
    if tolerance == "exact" or not expected.is_floating_point():
        differs = (actual != expected) & ~((actual != actual) & (expected != expected))  # NaN equals NaN
        return Verdict(_first_difference(actual, expected, differs))
    assert isinstance(tolerance, dict)
    reachable = expected.to(actual.dtype)  # what overflows in the output's dtype is infinite there
    same_kind = torch.where(
        reachable.isfinite(), actual.isfinite(), (actual == reachable) | (actual.isnan() & reachable.isnan())
    )
    if not bool(same_kind.all()):
        return Verdict(_first_difference(actual, reachable, ~same_kind))
    finite = reachable.isfinite()
    truth = expected[finite]
    difference = actual[finite].to(torch.float64) - truth
    if truth.numel() == 0:
        return Verdict(None, 0.0, next(iter(tolerance)))
    return _classify(actual, expected, difference, truth, tolerance)


def _classify(
    actual: torch.Tensor,
    expected: torch.Tensor,
    difference: torch.Tensor,
    truth: torch.Tensor,
    tolerance: dict[str, float],
) -> Verdict:
    norm = float(truth.norm())
    size = float(difference.norm())
    error = size / norm if norm > 0 else (0.0 if size == 0 else math.inf)
    largest = float(difference.abs().max()) * math.sqrt(truth.numel())
    worst = largest / norm if norm > 0 else error
    for precision, bound in tolerance.items():
        if error <= bound and worst <= ELEMENT_FACTOR * bound:
            return Verdict(None, error, precision)
    bound = max(tolerance.values())
    at = _position(torch.nan_to_num((actual.to(torch.float64) - expected).abs()) == difference.abs().max())
    wanted, found = expected[at].item(), actual[at].item()
    return Verdict(
        f"relative error {error:.2e} (bound {bound:.1e}), largest element error {worst:.2e} of the root mean "
        f"square (bound {ELEMENT_FACTOR * bound:.1e}) at {at}: expected {wanted:.7g}, found {found:.7g}",
        error,
    )


def _position(mask: torch.Tensor) -> tuple[int, ...]:
    return tuple(int(axis[0]) for axis in torch.nonzero(mask, as_tuple=True)) if mask.dim() else ()


def _first_difference(actual: torch.Tensor, expected: torch.Tensor, differs: torch.Tensor) -> str | None:
    count = int(differs.sum())
    if count == 0:
        return None
    at = _position(differs)
    return (
        f"{count} of {differs.numel()} elements differ, the first at {at}: "
        f"expected {expected[at].item()}, found {actual[at].item()}"
    )
