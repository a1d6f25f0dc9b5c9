"""A solution on a card that is not here: its launches, what each needs, and what the card allows."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from suite import roofline
from suite.analysis.facts import Built, FactsError, Launch, Launches, Raised, Variant, Work, read_fact
from suite.analysis.occupancy import Occupancy, Waves, exceeded, occupancy, waves
from suite.analysis.process import facts
from suite.child import ChildError
from suite.gpus import GpuSpec
from suite.problem import Problem, Workload
from suite.result import PRECISIONS
from suite.solution import Solution


@dataclass(frozen=True, slots=True)
class LaunchReport:
    """One kind of launch and how the card takes it."""

    launch: Launch
    times: int
    """How often the call makes it."""
    blocks: int
    built: Built | None
    problems: tuple[str, ...]
    """Why the card refuses: limits exceeded, or the compiler's reason. None: it runs."""
    occupancy: Occupancy | None
    waves: Waves | None


@dataclass(frozen=True, slots=True)
class Roof:
    """The speed of light of a task in one precision class; `precision` None where nothing is computed."""

    precision: str | None
    memory_ms: float
    compute_ms: float
    bound: roofline.Bound


@dataclass(frozen=True, slots=True)
class Inspection:
    """All that is known of one solution on one workload and card without running it."""

    problem: str
    workload: str
    solution: str
    gpu: GpuSpec
    work: Work | None
    roofs: tuple[Roof, ...]
    reports: tuple[LaunchReport, ...]
    order: tuple[int, ...]
    launches: Launches | None
    failure: str | None
    """Why there is nothing, or not all."""

    @property
    def fits(self) -> bool:
        """Whether the card takes every launch and has the memory.

        A tuned configuration over a limit is no failure while another of its kernel fits: Triton's tuner
        drops it. One that does not compile is.
        """
        return (
            self.too_large is None
            and self.failure is None
            and all(
                not report.problems or (report.built is not None and self._has_another(report))
                for report in self.reports
            )
        )

    @property
    def too_large(self) -> str | None:
        """Why the card cannot hold inputs, state and outputs; None: it can, or nothing is known of them."""
        if self.work is None or self.work.bytes_moved <= self.gpu.memory_gb * 10**9:
            return None
        held_gb = self.work.bytes_moved / 1e9
        return f"exceeds memory: tensors of {held_gb:.1f} GB, of {self.gpu.memory_gb} GB"

    @property
    def n_launches(self) -> int:
        """Launches that the call makes, an autotuner's trials left out."""
        return sum(report.times for report in self.reports if not report.launch.candidate)

    def configurations(self, report: LaunchReport) -> int:
        """How many configurations a tuner tried for a launch, which has the first of them; 0: not tuned.

        Which one wins is known on a card alone.
        """
        if report.launch.candidate:
            return 0
        place = (report.launch.kernel, report.launch.line)
        trials = [r.launch for r in self.reports if r.launch.candidate]
        return len(
            {
                (tuple(trial.constants.items()), trial.options)
                for trial in trials
                if (trial.kernel, trial.line) == place
            }
        )

    def _has_another(self, report: LaunchReport) -> bool:
        """Whether a tuner tried a configuration of the same kernel, at the same line, that fits."""
        place = (report.launch.kernel, report.launch.line)
        return any(
            other.launch.candidate and not other.problems
            for other in self.reports
            if (other.launch.kernel, other.launch.line) == place
        )


class _Told:
    """What a child has told so far."""

    def __init__(self) -> None:
        self.work: Work | None = None
        self.launches: Launches | None = None
        self.variants: dict[int, Variant] = {}
        self.failure: str | None = None

    def hear(self, fact: Work | Launches | Variant | Raised) -> None:
        """Take one record. The first account of each thing stands: it came before what a solution may add."""
        match fact:
            case Work():
                self.work = self.work or fact
            case Launches():
                self.launches = self.launches or fact
            case Variant():
                self.variants.setdefault(fact.number, fact)
            case Raised():
                self.failure = self.failure or _failure(fact)


def inspect(
    problem: Problem, workload: Workload, solution: Solution, gpu: GpuSpec, timeout_s: float = 120.0
) -> Inspection:
    """Capture, compile and judge a solution for `gpu`. What fails stands in the result: nothing is raised."""
    return assemble(
        problem.name,
        workload.name,
        solution.name,
        gpu,
        facts(problem, workload, solution, gpu, timeout_s),
    )


def assemble(problem: str, workload: str, solution: str, gpu: GpuSpec, lines: Iterable[bytes]) -> Inspection:
    """The inspection that a child's lines amount to; what fails while they come stands in it."""
    told = _Told()
    try:
        for line in lines:
            told.hear(read_fact(line))
    except ChildError as error:
        told.failure = told.failure or f"the process that ran the solution {error}"
    except FactsError as error:
        told.failure = told.failure or f"the process that ran the solution sent a malformed line: {error}"
    if told.failure is None and (told.work is None or told.launches is None):
        told.failure = "the process that ran the solution ended without an answer"
    counts = Counter(told.launches.order if told.launches else ())
    return Inspection(
        problem=problem,
        workload=workload,
        solution=solution,
        gpu=gpu,
        work=told.work,
        roofs=_roofs(told.work, gpu) if told.work else (),
        reports=tuple(
            _report(launch, counts[place], told.variants.get(launch.variant), gpu)
            for place, launch in enumerate(told.launches.launches if told.launches else ())
        ),
        order=told.launches.order if told.launches else (),
        launches=told.launches,
        failure=told.failure,
    )


def _report(launch: Launch, times: int, variant: Variant | None, gpu: GpuSpec) -> LaunchReport:
    x, y, z = launch.grid
    blocks = x * y * z * launch.options.num_ctas
    if variant is None or variant.built is None:
        reason = f"does not compile: {variant.reason}" if variant else "the compiler did not get to it"
        return LaunchReport(launch, times, blocks, None, (reason,), None, None)
    built = variant.built
    problems = exceeded(gpu, (x, y, z), built.num_warps, built.registers, built.smem_bytes)
    resident = occupancy(gpu, max(built.num_warps, 1), built.registers, built.smem_bytes)
    if not problems and resident.blocks_per_sm == 0:
        problems = (f"{' and '.join(resident.limits)}: an SM cannot hold one block",)
    return LaunchReport(
        launch,
        times,
        blocks,
        built,
        tuple(f"exceeds {problem}" for problem in problems),
        resident,
        waves(gpu, blocks, resident.blocks_per_sm),
    )


def _roofs(work: Work, gpu: GpuSpec) -> tuple[Roof, ...]:
    moved_ms = roofline.memory_ms(work.bytes_moved, gpu)
    if not work.flops or not work.classes:
        return (Roof(None, moved_ms, 0.0, "memory"),)
    return tuple(
        Roof(
            precision,
            moved_ms,
            roofline.compute_ms(work.flops, gpu, precision),
            roofline.bound(work.bytes_moved, work.flops, gpu, precision),
        )
        for precision in work.classes
        if precision in PRECISIONS
    )


def _failure(raised: Raised) -> str:
    where = f" (line {raised.line})" if raised.line else ""
    if raised.needs_values:
        return (
            f"cannot be followed without data{where}: {raised.message}. "
            "What the solution does next depends on values, which do not exist here"
        )
    steps = {
        "inputs": "the problem's inputs",
        "import": "import",
        "init": "ModelNew(...)",
        "call": "the call",
    }
    return f"{raised.type} in {steps.get(raised.step, raised.step)}{where}: {raised.message}"


def to_json(inspection: Inspection) -> dict[str, Any]:
    """The JSON form; the card by its slug."""
    values = {
        field.name: getattr(inspection, field.name)
        for field in dataclasses.fields(inspection)
        if field.name not in ("gpu", "launches")
    }
    launches = inspection.launches
    totals = None if launches is None else {
        "launches": inspection.n_launches,
        "output_bytes": launches.output_bytes,
        "intermediate_bytes": launches.intermediate_bytes,
        "torch_operations": launches.torch_operations,
    }  # fmt: skip
    return {**_plain(values), "gpu": inspection.gpu.slug, "fits": inspection.fits, "totals": totals}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (tuple, list)) else value
