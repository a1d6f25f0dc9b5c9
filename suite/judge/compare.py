"""Is an output right, and in which precision class?

A float output passes in a class when its error, as a share of a scale, stays within the class's bound: over
the whole output, over each row (a slice along the last dimension), and in each single element. The bound is
what the problem states for a whole output (CONTRIBUTING.md says where it comes from). Fewer errors average
out less, so a row may have a larger share, an element the largest; what each is measured against is its own
size or its own inputs', never its neighbours'.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

# The norm of n independent normal errors exceeds sqrt(n) of their standard deviations by more than SLACK of
# them with probability below exp(-SLACK^2 / 2) = 2e-11: a norm is 1-Lipschitz, and so it concentrates
# (Boucheron, Lugosi, Massart, "Concentration Inequalities", theorem 5.6). For one element that is 8 standard
# deviations.
SLACK = 7.0
# From here on the standard deviation of a root mean square is an eighth of it or less, and a class's bound
# leaves more room than that above what an honest computation loses: the whole output gets no slack.
MANY = 32.0
# Hardware may take what is below float32's smallest normal number for zero, and no dtype resolves less than
# its smallest number: an error of that size is none.
FLUSHED = 2.0**-126
# Exact problems compare bits; the others name the admitted classes, tightest first, with their largest
# relative error.
Tolerance = str | dict[str, float]


@dataclass(frozen=True, slots=True)
class RightOutput:
    """What is right for one output.

    `scale`, of the same shape, is the size of each element as its rounding errors know it; None: the root
    mean square of its row.
    """

    values: torch.Tensor
    scale: torch.Tensor | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason` is None for a right output; `error` and `precision` are None for an exact comparison."""

    reason: str | None
    error: float | None = None
    precision: str | None = None


@dataclass(frozen=True, slots=True)
class _Group:
    """Errors of one kind of part (whole, row, element): the worst share, its slack, and where it is."""

    share: float
    slack: float
    at: int

    @property
    def needed(self) -> float:
        """The bound that would just admit it."""
        return self.share / self.slack


def compare(actual: torch.Tensor, right: RightOutput, tolerance: Tolerance) -> Verdict:
    """Compare an output with the truth.

    Args:
        actual: the solution's output.
        right: the same shape; of the same dtype when `tolerance` is "exact", else float64.
        tolerance: "exact", or the largest relative error ||actual - expected|| / ||expected|| (Frobenius) of
            each admitted precision class, tightest first.
    """
    expected = right.values
    if tolerance == "exact" or not expected.is_floating_point():
        differs = (actual != expected) & ~((actual != actual) & (expected != expected))  # NaN equals NaN
        return Verdict(_first_difference(actual, expected, differs))
    assert isinstance(tolerance, dict)
    reachable, finite, differs = _kinds(actual, expected)
    if bool(differs.any()):
        return Verdict(_first_difference(actual, reachable, differs))
    if expected.numel() == 0:
        return Verdict(None, 0.0, next(iter(tolerance)))
    whole, row, element = _worst(actual, right, finite)
    needed = max(whole.needed, row.needed, element.needed)
    for precision, bound in tolerance.items():
        if needed <= bound:
            return Verdict(None, whole.share, precision)
    return Verdict(_reason(actual, expected, (whole, row, element), max(tolerance.values())), whole.share)


def least_bound(actual: torch.Tensor, right: RightOutput) -> float:
    """The least bound with which `compare` takes a float output; inf where no bound does."""
    _, finite, differs = _kinds(actual, right.values)
    if bool(differs.any()):
        return math.inf
    return max(group.needed for group in _worst(actual, right, finite)) if actual.numel() else 0.0


def _kinds(actual: torch.Tensor, expected: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The truth in the output's dtype, where it is finite, and where the output is of another kind.

    What overflows in the output's dtype is infinite there.
    """
    reachable = expected.to(actual.dtype)
    finite = reachable.isfinite()
    same = torch.where(
        finite, actual.isfinite(), (actual == reachable) | (actual.isnan() & reachable.isnan())
    )
    return reachable, finite, ~same


def _worst(actual: torch.Tensor, right: RightOutput, finite: torch.Tensor) -> tuple[_Group, _Group, _Group]:
    """The whole output, its worst row, its worst element; what is not finite counts nowhere."""
    truth = _rows(torch.where(finite, right.values, 0.0)).abs()
    errors = _rows(torch.where(finite, actual.to(torch.float64) - right.values, 0.0)).abs_()
    kind = torch.finfo(actual.dtype)
    errors.masked_fill_(errors <= max(FLUSHED, kind.tiny * kind.eps), 0.0)
    row_truth = torch.linalg.vector_norm(truth, dim=1)
    if right.scale is None:
        count = _rows(finite).sum(dim=1, dtype=torch.float64).clamp_min(1.0)
        scale = torch.where(_rows(finite), (row_truth / count.sqrt()).unsqueeze(1), 0.0)
    else:
        known = finite & right.scale.isfinite()
        scale = _rows(torch.where(known, right.scale.to(torch.float64), 0.0))
    row_scale = torch.linalg.vector_norm(scale, dim=1)
    row_size = torch.maximum(row_truth, row_scale)
    row_errors = torch.linalg.vector_norm(errors, dim=1)
    fourth = scale.square().square_().sum(dim=1)
    row_slack = _slack(_parts(row_scale.square(), fourth))
    row_shares = _share(row_errors, row_size)
    row_at = int((row_shares / row_slack).argmax())
    element_shares = _share(errors, torch.maximum(truth, scale)).flatten()
    element_at = int(element_shares.argmax())
    parts = _parts(row_scale.square().sum(), fourth.sum())
    whole_size = torch.maximum(row_truth.norm(), row_scale.norm())
    whole_slack = 1.0 if float(parts) >= MANY else float(_slack(parts))
    return (
        _Group(float(_share(row_errors.norm(), whole_size)), whole_slack, 0),
        _Group(float(row_shares[row_at]), float(row_slack[row_at]), row_at),
        _Group(float(element_shares[element_at]), 1 + SLACK, element_at),
    )


def _rows(tensor: torch.Tensor) -> torch.Tensor:
    """As a matrix whose rows are the slices along the last dimension; at most one dimension: one row."""
    return tensor.reshape(-1, tensor.shape[-1] if tensor.dim() else 1)


def _parts(second: torch.Tensor, fourth: torch.Tensor) -> torch.Tensor:
    """How many elements share a group's weight, from the sums of 2nd and 4th powers of its scale."""
    return torch.nan_to_num(second.square() / fourth, nan=1.0, posinf=1.0).clamp_min(1.0)


def _slack(parts: torch.Tensor) -> torch.Tensor:
    return 1 + SLACK / parts.sqrt()


def _share(error: torch.Tensor, size: torch.Tensor) -> torch.Tensor:
    """error / size, where nothing wrong is no share of anything."""
    return torch.where(error == 0, 0.0, error / size)


def _reason(
    actual: torch.Tensor, expected: torch.Tensor, groups: tuple[_Group, _Group, _Group], bound: float
) -> str:
    whole, row, element = (f"{group.share:.2e} (bound {bound * group.slack:.1e})" for group in groups)
    at = _position_of(groups[2].at, expected.shape)
    row_text = ""
    if expected.dim() > 1:
        row_text = f"; worst row {_position_of(groups[1].at, expected.shape[:-1])}: {row}"
    return (
        f"relative error {whole}{row_text}; worst element {at}: {element}, "
        f"expected {expected[at].item():.7g}, found {actual[at].item():.7g}"
    )


def _position_of(index: int, shape: torch.Size) -> tuple[int, ...]:
    position = []
    for size in reversed(shape):
        position.append(index % size)
        index //= size
    return tuple(reversed(position))


def _first_difference(actual: torch.Tensor, expected: torch.Tensor, differs: torch.Tensor) -> str | None:
    count = int(differs.sum())
    if count == 0:
        return None
    at = tuple(int(axis[0]) for axis in torch.nonzero(differs, as_tuple=True)) if differs.dim() else ()
    return (
        f"{count} of {differs.numel()} elements differ, the first at {at}: "
        f"expected {expected[at].item()}, found {actual[at].item()}"
    )
