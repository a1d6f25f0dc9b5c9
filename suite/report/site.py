"""What a report is made of, found in a checkout; the measurements themselves are read problem by problem."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from suite import roofs
from suite.lines import plain_name
from suite.problem import Problem, ProblemFolderError, find_problems
from suite.published import Published, read_published
from suite.roofs import Roofs
from suite.solution import Solution, SolutionFileError, find_solutions, reference_variants


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

    `more_results` are folders beside `reports/results`; `only` names the one problem to take. Of all
    problems, one that cannot be read is left out with a warning.

    Raises:
        ProblemFolderError: the folder of `only` breaks its contract.
        SolutionFileError: a file of `only` cannot be a solution.
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
    taken = []
    for problem in problems:
        if only not in (None, problem.name):
            continue
        try:
            taken.append(_site_problem(root, problem))
        except (ProblemFolderError, SolutionFileError) as error:
            if only is not None:
                raise
            warnings.append(f"{problem.name} is left out: {error}")
    return Site(tuple(taken), folders, root, measured), warnings


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
