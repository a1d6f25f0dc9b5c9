"""What a report is made of, found in a checkout; the measurements themselves are read problem by problem."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from suite import roofs
from suite.lines import plain_name
from suite.problem import Problem, find_problems
from suite.published import Published, read_published
from suite.roofs import Roofs
from suite.solution import Solution, find_solutions, reference_variants


@dataclass(frozen=True, slots=True)
class SiteProblem:
    """What the pages of a problem say beside its results."""

    name: str
    description: str = ""
    """One paragraph of plain text."""
    bench_workloads: tuple[str, ...] = ()
    """The workloads that are timed, in the order to show."""
    solutions: tuple[Solution, ...] = ()
    """The files that are there now."""
    variants: tuple[Solution, ...] = ()
    """Other ways to run the reference; shown where one was timed."""
    published: Published | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """Everything that the pages are made of."""

    problems: tuple[SiteProblem, ...]
    results: tuple[Path, ...]
    """Folders of results as `suite.store` reads them."""
    root: Path | None = None
    """The checkout with the kept inspections and the clock's evidence, if there is one."""
    roofs: Mapping[str, Sequence[Roofs]] = field(default_factory=dict)
    """The measured roofs of each device that has some, of all its boards."""


def read_site(
    root: Path, more_results: Iterable[Path] = (), only: str | None = None
) -> tuple[Site, list[str]]:
    """The site of a checkout, and a warning for each line of its roofs that is no record.

    `more_results` are folders beside `reports/results`; `only` names the one problem to take.

    Raises:
        ProblemFolderError: a problem's folder breaks its contract.
        SolutionFileError: a solution's file cannot be one.
    """
    problems = sorted(find_problems(root), key=lambda problem: problem.name)
    folders = (root / "reports" / "results", *more_results)
    devices = sorted({path.name for folder in folders for path in folder.glob("*") if path.is_dir()})
    measured: dict[str, Sequence[Roofs]] = {}
    warnings: list[str] = []
    for device in devices:
        if _is_plain(device):
            records, found = roofs.read(root / "reports" / "roofs", device)
            warnings += found
            if records:
                measured[device] = records
    taken = tuple(_site_problem(root, problem) for problem in problems if only in (None, problem.name))
    return Site(taken, folders, root, measured), warnings


def _is_plain(device: str) -> bool:
    try:
        return bool(plain_name("device", device))
    except ValueError:
        return False


def _site_problem(root: Path, problem: Problem) -> SiteProblem:
    return SiteProblem(
        name=problem.name,
        description=problem.description,
        bench_workloads=problem.bench_workloads,
        solutions=tuple(find_solutions(root, problem)),
        variants=tuple(reference_variants(problem)),
        published=read_published(problem.folder),
    )
