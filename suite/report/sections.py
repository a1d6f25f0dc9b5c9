"""What is known of a solution beside its measurements: only what was stored, nothing is run here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from suite.analysis.inspection import Inspection
from suite.analysis.kept import read_kept
from suite.analysis.tables import advice, card_table, code_table, launches_table, totals_table
from suite.gpus import RTX_4090
from suite.report.names import stage_order
from suite.report.records import ProblemPages, SolutionPage
from suite.tables import Table


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


def inspection_of(root: Path | None, page: SolutionPage) -> tuple[Inspection, str] | None:
    """What `bench inspect --keep` found for an RTX 4090 of exactly the file that the page shows."""
    return None if root is None else read_kept(root, RTX_4090, page.name, page.sha256)


def solution_sections(root: Path | None, page: SolutionPage) -> tuple[Section, ...]:
    """All that is stored of a solution."""
    found = inspection_of(root, page)
    if found is None:
        return ()
    inspection, triton = found
    fits = "Every launch fits." if inspection.fits else "The card would refuse a launch."
    return (
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
