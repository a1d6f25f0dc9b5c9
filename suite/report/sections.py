"""What is known of a solution beside its measurements: only what was stored, nothing is run here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from suite.analysis.inspection import Inspection
from suite.analysis.kept import path_of, read_kept
from suite.analysis.tables import advice, card_table, code_table, launches_table, totals_table
from suite.gpus import RTX_4090
from suite.problem import Problem
from suite.profile import NCU, Profile
from suite.profile_store import latest, read
from suite.profile_tables import profile_table
from suite.report.names import stage_order
from suite.report.records import REFERENCE_CARD, ProblemPages, SolutionPage
from suite.report.text import card, shown, significant
from suite.solution import SolutionFileError, python_text
from suite.stages.gather import Records, gather
from suite.stages.prompt import compose, known_metrics, to_markdown
from suite.stages.stage import stage_named
from suite.tables import Table

NEXT_STAGE = {"baseline": "grid", "grid": "block", "block": "memory", "final": "micro"}
"""What to ask for after each graded stage."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a solution's page that may be there or not."""

    key: str
    """Its anchor."""
    title: str
    note: str
    """Where it comes from, in a sentence."""
    tables: tuple[Table, ...] = ()
    items: tuple[str, ...] = ()
    """Findings, a line each."""
    text: str = ""
    """A document of its own, shown as it is."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What was stored of a problem's solutions beside their results."""

    root: Path | None
    problem: str
    profiles: Mapping[str, list[Profile]] = field(default_factory=dict)
    """By device."""
    warnings: tuple[str, ...] = ()
    """One for each line that is no profile and each inspection that cannot be read."""


def stored(root: Path | None, pages: ProblemPages) -> Stored:
    """What is there and can be read."""
    if root is None:
        return Stored(None, pages.problem.name)
    folder = root / "reports" / "profiles"
    devices = {device.name for device in pages.devices} | {REFERENCE_CARD}
    profiles: dict[str, list[Profile]] = {}
    warnings: list[str] = []
    for name in sorted(devices):
        profiles[name], skipped = read(folder, name, pages.problem.name)
        warnings += skipped
    for page in pages.solutions:
        path = path_of(root, RTX_4090, page.sha256)
        if path.is_file() and inspection_of(root, page) is None:
            warnings.append(f"{path}: skipped, no inspection that this version reads (bench inspect --keep)")
    return Stored(root, pages.problem.name, profiles, tuple(warnings))


def inspection_of(root: Path | None, page: SolutionPage) -> tuple[Inspection, str] | None:
    """What `bench inspect --keep` found for an RTX 4090 of exactly the file that the page shows."""
    return None if root is None else read_kept(root, RTX_4090, page.name, page.sha256)


def solution_sections(known: Stored, page: SolutionPage) -> tuple[Section, ...]:
    """All that is stored of a solution."""
    found = inspection_of(known.root, page)
    profiled = tuple(_profiles(known, page))
    if found is None:
        return profiled
    inspection, triton = found
    fits = "Every launch fits." if inspection.fits else "The card would refuse it."
    return (
        *profiled,
        Section(
            key="inspect",
            title=f"On an {RTX_4090.name}, without one",
            note=(
                f"Found by bench inspect on the workload {inspection.workload}: its launches, compiled for "
                f"sm_89 by Triton {triton}; nothing was run on that card. {fits}"
            ),
            tables=(launches_table(inspection), code_table(inspection), totals_table([inspection])),
            items=tuple(advice(inspection)),
        ),
        *_prompt(known, page, inspection),
    )


def _profiles(known: Stored, page: SolutionPage) -> Iterator[Section]:
    """The newest profile of each workload on each device, of exactly the file that the page shows."""
    for device, _, _ in page.devices:
        profiles = known.profiles.get(device.name, [])
        for workload in dict.fromkeys(profile.workload for profile in profiles):
            profile = latest(profiles, page.sha256, workload)
            if profile is None:
                continue
            where = f"{card(device.board)}, workload {shown(workload)}, {shown(profile.created[:10])}"
            if profile.source == NCU:
                note = f"{where}: Nsight Compute's counters of one call, median of {profile.calls}."
            else:
                span = (
                    ""
                    if profile.latency_ms is None
                    else f"; the call took {significant(profile.latency_ms)} ms"
                )
                note = f"{where}: no counters ({shown(profile.reason, 200)}){span}."
            yield Section(
                key=f"profile-{device.name}-{len(workload)}-{shown(workload)}",
                title="Profile, kernel by kernel",
                note=note,
                tables=(profile_table(profile),) if profile.source == NCU else (),
            )


def _prompt(known: Stored, page: SolutionPage, inspection: Inspection) -> Iterator[Section]:
    """What `bench prompt` would ask for next, for an RTX 4090."""
    if known.root is None or page.file is None or page.stage not in NEXT_STAGE or not page.is_current:
        return
    profiles = known.profiles.get(REFERENCE_CARD, [])
    results = [result for device, _, own in page.devices if device.name == REFERENCE_CARD for result in own]
    metrics, unmeasured = known_metrics(profiles, page.sha256, inspection.workload)
    try:
        evidence = gather(page.file, inspection, Records(results, profiles, RTX_4090))
        code = python_text(page.file.path)
    except SolutionFileError:
        return
    stage = stage_named(NEXT_STAGE[page.stage])
    problem = Problem(known.problem, known.root / "problems" / known.problem)
    yield Section(
        key="prompt",
        title=f"The prompt for the next stage: {stage.name}",
        note=f"As bench prompt --stage {stage.name} writes it; bench submit takes the answer.",
        text=to_markdown(compose(problem, evidence, stage, code, metrics, unmeasured)),
    )


def card_section(root: Path | None, pages: ProblemPages) -> Section | None:
    """How an RTX 4090 would take the launches of a problem's solutions; None if nothing was kept."""
    ordered = sorted(pages.solutions, key=lambda page: stage_order(page.stage))
    kept = [found for page in ordered if (found := inspection_of(root, page)) is not None]
    if not kept:
        return None
    tritons = ", ".join(sorted({triton for _, triton in kept}))
    workloads = ", ".join(sorted({inspection.workload for inspection, _ in kept}))
    return Section(
        key="inspect",
        title="What the compiler says",
        note=(
            f"Launches on the workload {workloads}, compiled for sm_89 by Triton {tritons} (bench inspect); "
            "nothing was run on that card."
        ),
        tables=(card_table([inspection for inspection, _ in kept]),),
    )
