"""The view of a card that nobody measured on: its speed of light, the compiler's word, published figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from suite import roofline
from suite.gpus import RTX_4090, GpuSpec
from suite.published import Published
from suite.report.records import REFERENCE_CARD, ProblemPages
from suite.report.sections import Section, card_section, inspection_of


@dataclass(frozen=True, slots=True)
class Light:
    """The least time of a workload in one precision class."""

    workload: str
    bytes_moved: int
    flops: int
    precision: str | None
    """None for an exact problem."""
    memory_ms: float
    compute_ms: float
    bound: str

    @property
    def speed_of_light_ms(self) -> float:
        """The longer of the two."""
        return max(self.memory_ms, self.compute_ms)


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """A published latency beside the speed of light."""

    solution: str
    latency_ms: float
    fraction_of_peak: float | None
    """Of the loosest class, whose speed of light is the shortest; None where the task's bytes are unknown."""


@dataclass(frozen=True, slots=True)
class CardView:
    """A problem on a card without a measurement."""

    gpu: GpuSpec
    device: str
    lights: tuple[Light, ...]
    published: Published | None
    rows: tuple[PublishedRow, ...]
    section: Section | None
    n_fit: int
    """Solutions whose launches all fit, of `n_inspected`."""
    n_inspected: int


def reference_card(root: Path | None, pages: ProblemPages) -> CardView | None:
    """The RTX 4090's view; None where results were measured on one, or where nothing can be said."""
    if any(device.name == REFERENCE_CARD and device.board.workloads for device in pages.devices):
        return None
    kept = [found[0] for page in pages.solutions if (found := inspection_of(root, page)) is not None]
    work, classes = dict(pages.work), pages.classes
    for inspection in kept:
        if inspection.work is not None:
            work.setdefault(inspection.workload, (inspection.work.bytes_moved, inspection.work.flops))
            classes = classes or inspection.work.classes
    published = pages.problem.published
    if published is not None and published.card is not RTX_4090:
        published = None
    if not work and published is None:
        return None
    order = {name: place for place, name in enumerate(pages.problem.bench_workloads)}
    lights = tuple(
        light
        for workload in sorted(work, key=lambda name: order.get(name, len(order)))
        for light in _lights(workload, *work[workload], classes)
    )
    return CardView(
        gpu=RTX_4090,
        device=REFERENCE_CARD,
        lights=lights,
        published=published,
        rows=_published_rows(published, lights),
        section=card_section(root, pages),
        n_fit=sum(inspection.fits for inspection in kept),
        n_inspected=len(kept),
    )


def _lights(workload: str, bytes_moved: int, flops: int, classes: tuple[str, ...]) -> list[Light]:
    memory_ms = roofline.memory_ms(bytes_moved, RTX_4090)
    if not flops or not classes:
        return [Light(workload, bytes_moved, flops, None, memory_ms, 0.0, "memory")]
    return [
        Light(
            workload,
            bytes_moved,
            flops,
            precision,
            memory_ms,
            roofline.compute_ms(flops, RTX_4090, precision),
            roofline.bound(bytes_moved, flops, RTX_4090, precision),
        )
        for precision in classes
    ]


def _published_rows(published: Published | None, lights: tuple[Light, ...]) -> tuple[PublishedRow, ...]:
    if published is None:
        return ()
    own = [light.speed_of_light_ms for light in lights if light.workload == published.workload]
    found = [
        PublishedRow(figure.solution, figure.latency_ms, min(own) / figure.latency_ms if own else None)
        for figure in published.figures
    ]
    return tuple(sorted(found, key=lambda row: row.latency_ms))


def shortest_lights_ms(lights: tuple[Light, ...]) -> Mapping[str, float]:
    """The shortest speed of light of each workload."""
    found: dict[str, float] = {}
    for light in lights:
        found[light.workload] = min(
            light.speed_of_light_ms, found.get(light.workload, light.speed_of_light_ms)
        )
    return found
