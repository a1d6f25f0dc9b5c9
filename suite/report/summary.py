"""What the index and the compare page say of a problem: small, so that hundreds fit on one page."""

from __future__ import annotations

from dataclasses import dataclass

from suite.report.card import CardView, shortest_lights_ms
from suite.report.history import Step
from suite.report.records import ProblemPages
from suite.report.text import card, leaders, significant
from suite.report.views import DeviceView
from suite.result import Status
from suite.rows import Row


@dataclass(frozen=True, slots=True)
class Leader:
    """Who leads a precision class."""

    precision: str | None
    names: tuple[str, ...]
    hrefs: tuple[str, ...]
    fraction_of_peak: float | None
    roof: float | None
    """Where the measured roof stands, as a fraction of the datasheet's peak."""
    latency_ms: float | None
    speedup: float | None


@dataclass(frozen=True, slots=True)
class Panel:
    """A problem on one card, as the index shows it."""

    device: str
    label: str
    is_timed: bool
    leaders: tuple[Leader, ...]
    n_passed: int
    n_failed: int
    steps: tuple[Step, ...]
    versions: str
    newest: str
    facts: tuple[tuple[str, str], ...] = ()
    """Of a card without a measurement: what is known all the same."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A solution that the compare page offers."""

    name: str
    href: str
    stage: str


@dataclass(frozen=True, slots=True)
class Summary:
    """A problem."""

    name: str
    description: str
    panels: tuple[Panel, ...]
    entries: tuple[Entry, ...]
    n_workloads: int


def summarize(pages: ProblemPages, views: list[DeviceView], reference: CardView | None) -> Summary:
    """The summary of a problem's pages."""
    panels = [_panel(pages, view) for view in views]
    if reference is not None:
        panels.append(_reference_panel(reference))
    return Summary(
        name=pages.problem.name,
        description=pages.problem.description,
        panels=tuple(panels),
        entries=tuple(Entry(page.name, page.href, page.stage) for page in pages.solutions if page.devices),
        n_workloads=len(pages.problem.bench_workloads),
    )


def _panel(pages: ProblemPages, view: DeviceView) -> Panel:
    standing = view.board
    made = standing.environment
    versions = (("driver", made.driver), ("torch", made.torch), ("Triton", made.triton))
    failed = {f.solution for f in standing.failures if f.status is not Status.UNSUPPORTED}
    return Panel(
        device=standing.device,
        label=card(standing),
        is_timed=bool(standing.workloads),
        leaders=tuple(_leader(pages, precision, rows) for precision, rows in leaders(standing)),
        n_passed=len(standing.rows),
        n_failed=len(failed),
        steps=view.steps,
        versions=", ".join(f"{name} {version}" for name, version in versions if version),
        newest=standing.newest,
    )


def _leader(pages: ProblemPages, precision: str | None, rows: list[Row]) -> Leader:
    top = rows[0]
    share, of_roof = top.fraction_of_peak, top.fraction_of_measured_roof
    return Leader(
        precision=precision,
        names=tuple(row.solution for row in rows),
        hrefs=tuple(pages.hrefs[row.solution] for row in rows),
        fraction_of_peak=share,
        roof=share / of_roof if share and of_roof else None,
        latency_ms=top.geomean_latency_ms,
        speedup=top.speedup,
    )


def _reference_panel(view: CardView) -> Panel:
    facts = [
        (f"speed of light, {workload}", f"{significant(light_ms)} ms")
        for workload, light_ms in list(shortest_lights_ms(view.lights).items())[:1]
    ]
    if view.n_inspected:
        facts.append(("launches fit the card", f"{view.n_fit} of {view.n_inspected} solutions"))
    if view.rows and view.published:
        facts += [
            (f"{row.solution}, {view.published.workload}", f"{significant(row.latency_ms)} ms")
            for row in view.rows
        ]
    return Panel(
        device=view.device,
        label=view.gpu.name,
        is_timed=False,
        leaders=(),
        n_passed=0,
        n_failed=0,
        steps=(),
        versions="",
        newest="",
        facts=tuple(facts),
    )
