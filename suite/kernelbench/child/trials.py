"""Runs of a file on small data, against the same in float64: how much it errs, and how answers differ."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import torch

from suite.judge.compare import RightOutput, least_bound
from suite.kernelbench.child.accuracy import Rounded, Rounding, needed_bound, to_bf16
from suite.kernelbench.child.subject import Sizes, Subject, UnfitFileError, kind, seeded

DRAWS = 6
DRAWS_S = 2.0
"""After so long no further draw is begun: one or two of large sizes tell enough."""
HEADROOM = 64
"""An output whose dtype holds no number so many times as large may overflow on another draw."""


class Trials:
    """Draws of a file's inputs, and what its module makes of them."""

    def __init__(self, subject: Subject, folder: Path) -> None:
        self._subject = subject
        self._folder = folder

    def errors(
        self,
        sizes: Sizes,
        distribution: str,
        draws: int = DRAWS,
        rounding: Rounding | None = None,
    ) -> float:
        """The bound that the reference needs, the worst of some draws.

        With `rounding`, that of the reference in float64 with the operands of its products rounded.

        Raises:
            UnfitFileError: it does not run in float64.
        """
        worst = 0.0
        for seed in _while_quick(draws):
            model, inputs = self._drawn(seed, sizes, distribution)
            try:
                truth = self._subject.run_wide(model, inputs)
            except Exception as error:
                raise UnfitFileError(
                    "it does not run in float64, which answers are compared with: "
                    f"{described(error, self._folder)}"
                ) from error
            if rounding is None:
                answers = self._subject.run(model, inputs)
            else:
                with Rounded(rounding):
                    answers = self._subject.run_wide(model, inputs)
            worst = max(worst, _needed(answers, truth))
        return worst

    def errors_of_bf16_inputs(self, sizes: Sizes, distribution: str) -> float:
        """The bound that the least of some draws needs when the inputs alone are rounded to bfloat16."""
        needed = []
        for seed in _while_quick(DRAWS):
            model, inputs = self._drawn(seed, sizes, distribution)
            truth = self._subject.run_wide(model, inputs)
            coarse = [to_bf16(x.double()) if x.is_floating_point() else x for x in inputs]
            needed.append(_needed(self._subject.run_wide(model, coarse), truth))
        return min(needed)

    def judged(self, sizes: Sizes, distribution: str, rounding: Rounding | None = None) -> float:
        """The least bound with which the judge takes the reference's answers, the worst of some draws.

        inf where none does: an output overflows or nearly so, is no number, or is another whole number in
        float64. With `rounding` as in `errors`.
        """
        worst = 0.0
        for seed in _while_quick(DRAWS):
            model, inputs = self._drawn(seed, sizes, distribution)
            truth = self._subject.run_wide(model, inputs)
            answers = self._subject.run(model, inputs)
            if rounding is not None:
                with Rounded(rounding):
                    coarse = self._subject.run_wide(model, inputs)
                answers = [wide.to(answer.dtype) for wide, answer in zip(coarse, answers, strict=True)]
            worst = max(worst, *(_judged(*pair) for pair in zip(answers, truth, strict=True)))
        return worst

    def stays_finite(self, sizes: Sizes, distribution: str) -> bool:
        """Whether no output of a draw is infinite or no number."""
        outputs = self._subject.run_wide(*self._drawn(4, sizes, distribution))
        return all(bool(out.isfinite().all()) for out in outputs)

    def spreads(self, sizes: Sizes) -> list[float]:
        """How far, as a share of its size, each output is from its mean over draws of the file's own inputs.

        Outputs that are whole numbers, all zero or not finite are left out.
        """
        with seeded(5):
            model = self._subject.model(sizes, "cpu")
            draws = [
                self._subject.run_wide(model, self._subject.inputs(sizes))
                for _ in _while_quick(DRAWS, least=2)
            ]
        shares = [_spread(torch.stack(output)) for output in zip(*draws, strict=True)]
        return [share for share in shares if share is not None]

    def _drawn(
        self, seed: int, sizes: Sizes, distribution: str
    ) -> tuple[torch.nn.Module, list[torch.Tensor]]:
        with seeded(seed):
            return self._subject.model(sizes, "cpu"), self._subject.inputs(sizes, distribution)


def _while_quick(draws: int, least: int = 1) -> Iterator[int]:
    """The numbers of the draws: `least` in any case, the others while there is time."""
    deadline = time.monotonic() + DRAWS_S
    for number in range(draws):
        if number >= least and time.monotonic() > deadline:
            return
        yield number


def _needed(answers: list[torch.Tensor], truth: list[torch.Tensor]) -> float:
    """The largest bound that a floating-point output needs."""
    pairs = zip(answers, truth, strict=True)
    return max((needed_bound(a, t) for a, t in pairs if t.is_floating_point()), default=0.0)


def _judged(answer: torch.Tensor, truth: torch.Tensor) -> float:
    if not answer.is_floating_point():
        return 0.0 if bool((answer == truth).all()) else math.inf
    if not float(truth.abs().max()) * HEADROOM < torch.finfo(answer.dtype).max:  # NaN too
        return math.inf
    return least_bound(answer, RightOutput(truth))


def _spread(draws: torch.Tensor) -> float | None:
    if not draws.is_floating_point() or not bool(draws.isfinite().all()):
        return None
    size = float(draws.square().mean().sqrt())
    return float(draws.var(dim=0).mean().sqrt()) / size if size else None


def alike(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    """Whether two answers are the same to the bit, NaN and infinities at the same places."""
    return len(one) == len(other) and all(
        kind(a) == kind(b) and bool(torch.isclose(a, b, rtol=0, atol=0, equal_nan=True).all())
        for a, b in zip(one, other, strict=True)
    )


def described(error: BaseException, folder: Path) -> str:
    """Type and message on one line, and the line of the file that it came from."""
    text = " ".join(str(error).split())[:300]
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename) == folder / "reference.py"]
    return f"{type(error).__name__}{f' (line {lines[-1]})' if lines else ''}: {text}"
