"""Latencies that others published for a problem: facts to cite with their source, measured by nobody here.

They stand in `published.json` in the problem's folder. Pages show them apart, unranked and marked; they never
meet a measurement of ours on one board.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite.gpus import GpuSpec, by_slug
from suite.problem import ProblemFolderError
from suite.records import decode

FILE = "published.json"


@dataclass(frozen=True, slots=True)
class PublishedFigure:
    """One published latency."""

    solution: str
    """What was timed, in a few words."""
    latency_ms: float

    def __post_init__(self) -> None:
        if not self.solution:
            raise ValueError(f"solution must be a name, found {self.solution!r}")
        if not self.latency_ms > 0:
            raise ValueError(f"latency_ms must be positive, found {self.latency_ms!r}")


@dataclass(frozen=True, slots=True)
class Published:
    """What one source says of one workload on one card."""

    gpu: str
    """The card by its slug; one that `suite.gpus` knows."""
    workload: str
    source: str
    """Who, where, when, under which licence."""
    how: str
    """How it was timed and checked, as far as the source tells."""
    figures: tuple[PublishedFigure, ...]

    @property
    def card(self) -> GpuSpec:
        """The card's datasheet."""
        gpu = by_slug(self.gpu)
        if gpu is None:
            raise ValueError(f"gpu must be a card that we have a datasheet of, found {self.gpu!r}")
        return gpu


def read_published(folder: Path) -> Published | None:
    """The published figures of the problem in `folder`; None where its folder has none.

    Raises:
        ProblemFolderError: the file is there but not what is due; the message names it.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        return _published(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise ProblemFolderError(f"{path}: {error}") from error


def _published(values: Any) -> Published:
    published: Published = decode(Published, values)
    if not published.figures:
        raise ValueError("figures must hold at least one")
    assert published.card
    return published
