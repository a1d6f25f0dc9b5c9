"""The problem under examination, and what sections say of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from suite.finding import Finding
from suite.judge.compare import compare
from suite.judge.truth import Case, Expected, Truth
from suite.worker.protocol import TensorSpec

Findings = Iterator[Finding]


class Unshared:
    """Where no worker is, inputs stay where they are."""

    lends = False

    def allocating_inputs(self) -> contextlib.AbstractContextManager[None]:  # noqa: D102
        return contextlib.nullcontext()

    def publish(self, tensors: list[torch.Tensor]) -> list[torch.Tensor]:  # noqa: D102
        return tensors

    def output_buffers(self, like: list[torch.Tensor], role: str) -> list[torch.Tensor]:  # noqa: D102
        raise NotImplementedError

    def spec(self, tensor: torch.Tensor) -> TensorSpec:  # noqa: D102
        raise NotImplementedError

    def release(self) -> None:  # noqa: D102
        return


@dataclass(frozen=True, slots=True)
class Shapes:
    """A workload of the problem."""

    name: str
    tier: str
    axes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Subject:
    """A problem folder, its truth on the device where it is examined, and its workloads."""

    folder: Path
    device: str
    truth: Truth
    workloads: tuple[Shapes, ...]

    @property
    def tried(self) -> list[Shapes]:
        """The workloads whose inputs are really made here: without a GPU the small ones."""
        return [shapes for shapes in self.workloads if shapes.tier == "check" or self.device == "cuda"]

    def draw(self, shapes: Shapes, **more: Any) -> Case:
        """Fresh inputs."""
        return self.truth.fresh_case(shapes.name, {**shapes.axes, **more}, Unshared())

    def on_meta(self) -> Subject:
        """The same problem on tensors that have a size and no data."""
        return replace(self, device="meta", truth=Truth(self.folder, "meta"))

    def refusal(self, outputs: list[torch.Tensor], expected: Expected) -> str | None:
        """Why the checker refuses some outputs; None: it takes them."""
        for output, answer in zip(outputs, expected.outputs, strict=True):
            verdict = compare(output, answer, self.truth.tolerance)
            if verdict.reason is not None:
                return verdict.reason
        return None


def passed(subject: str, text: str) -> Finding:
    """All is well."""
    return Finding(subject, "ok", text)


def refused(subject: str, text: str, remedy: str) -> Finding:
    """The problem cannot be taken like this."""
    return Finding(subject, "fix", text, remedy)


def warned(subject: str, text: str, remedy: str) -> Finding:
    """The problem would be better otherwise."""
    return Finding(subject, "warning", text, remedy)
