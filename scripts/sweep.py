"""Try variants of one solution file: is each right, and how long does it take? `--help` has the rest."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import textwrap
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from tabulate import tabulate

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from sweep_knobs import Knob, KnobError, combinations, parse_knob  # noqa: E402 - after the path to it

from suite.analysis.inspection import inspect  # noqa: E402
from suite.cli.console import checkout, plain_errors  # noqa: E402
from suite.gpus import GPUS, RTX_4090, GpuSpec, by_slug, torch_properties  # noqa: E402
from suite.machine import gpu_states  # noqa: E402
from suite.names import did_you_mean  # noqa: E402
from suite.problem import Problem, Workload, find_problem  # noqa: E402
from suite.solution import read_solution, require_solution_form  # noqa: E402

WORKER = ROOT / "scripts" / "sweep_worker.py"
CONTEXT_MB = 2000
"""Device memory of a process beside the inputs and outputs of its call: context, code, partial results."""
LONGEST_REASON = 300
WIDEST = 70


@dataclass
class Row:
    """One combination, or one way to run the reference, and what became of it; the dicts go by workload."""

    values: tuple[str, ...]
    variant: str
    """The path of its file, or a name such as "torch tf32"."""
    latency_ms: dict[str, float] = field(default_factory=dict)
    samples_ms: dict[str, list[float]] = field(default_factory=dict)
    errors: dict[str, float | None] = field(default_factory=dict)
    registers: int | None = None
    spills: int | None = None
    smem_bytes: int | None = None
    first_call_s: float | None = None
    reason: str | None = None

    @property
    def mean_ms(self) -> float | None:
        """The geometric mean over the workloads; None without any."""
        times = list(self.latency_ms.values())
        return math.exp(statistics.fmean(map(math.log, times))) if times else None

    def hear_check(self, reply: dict[str, Any]) -> None:
        """Take in what a process says of the row on one workload."""
        if "failed" in reply:
            self.reason = self.reason or reply["failed"]
            return
        self.errors[reply["workload"]] = reply["error"]
        self.registers, self.spills = reply["registers"], reply["spills"]
        self.smem_bytes = reply["smem_bytes"]
        self.first_call_s = max(self.first_call_s or 0.0, reply["first_call_s"])
        if reply["reason"]:
            self.reason = self.reason or f"{reply['workload']}: {reply['reason']}"


@dataclass(frozen=True)
class Sweep:
    """What the requests to our processes have in common, and the rows to fill."""

    problem: Problem
    workloads: tuple[Workload, ...]
    rows: list[Row]
    folder: Path
    card: dict[str, Any] | None
    """None: on this machine's GPU; else the card to pretend, in Triton's interpreter."""
    jobs: int
    timeout_s: float
    seed: int
    work: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Of each workload: bytes moved and flops."""

    def ask(self, op: str, variants: Sequence[str], **more: Any) -> Iterator[dict[str, Any]]:
        """What a process of ours answers; if it fails, however that comes about, the last line says so."""
        workloads = [
            {"name": one.name, "axes": one.axes, "truth": str(self.folder / f"{one.name}.pt")}
            for one in self.workloads
        ]
        shared = {"problem": str(self.problem.folder), "card": self.card, "seed": self.seed}
        request = {"op": op, "variants": list(variants), "workloads": workloads, **shared, **more}
        return answers(request, self.timeout_s)

    def find_truth(self) -> None:
        """Compute what is right, once.

        Raises:
            click.ClickException: that fails.
        """
        click.echo("computing what is right", err=True)
        for reply in self.ask("truth", []):
            if "failed" in reply:
                raise click.ClickException(f"what is right cannot be computed: {reply['failed']}")
            self.work[reply["workload"]] = reply

    def check(self) -> None:
        """Compile and check every row, several at a time."""
        with ThreadPoolExecutor(min(self.jobs, self._fit())) as pool:
            for done, row in enumerate(pool.map(self._check, self.rows), 1):
                found = row.reason or ", ".join(f"{name} {error_text(e)}" for name, e in row.errors.items())
                click.echo(f"[{done}/{len(self.rows)}] {name_of(row)}: {found}", err=True)

    def _check(self, row: Row) -> Row:
        for reply in self.ask("check", [row.variant]):
            row.hear_check(reply)
        return row

    def _fit(self) -> int:
        """How many processes the card's memory holds at a time."""
        total_mb = next((one.memory_total_mb for one in gpu_states() if one.memory_total_mb), None)
        if self.card is not None or total_mb is None:
            return self.jobs
        each_mb = CONTEXT_MB + 1.2 * max(work["bytes_moved"] for work in self.work.values()) / 1e6
        return max(1, int(0.9 * total_mb / each_mb))

    def measure(self, samples: int) -> None:
        """Time the rows that are right. One that ends the process fails, and the others are timed again.

        Raises:
            click.ClickException: it is no row's fault.
        """
        while rows := {row.variant: row for row in self.rows if row.reason is None}:
            click.echo(f"timing {len(rows)}", err=True)
            trying = failed = None
            for reply in self.ask("time", list(rows), samples=samples):
                trying = reply.get("trying", trying)
                failed = reply.get("failed", failed)
                if "samples_ms" in reply:
                    row = rows[reply["variant"]]
                    row.samples_ms[reply["workload"]] = reply["samples_ms"]
                    row.latency_ms[reply["workload"]] = statistics.median(reply["samples_ms"])
            if failed is None:
                return
            if trying is None:
                raise click.ClickException(f"nothing could be timed: {failed}")
            rows[trying].reason = f"while timing: {failed}"

    def compile_for(self, gpu: GpuSpec) -> None:
        """Fill the rows with what the compiler says for `gpu`; nothing runs."""
        with ThreadPoolExecutor(self.jobs) as pool:
            for done, row in enumerate(pool.map(lambda one: self._compile(one, gpu), self.rows), 1):
                click.echo(f"[{done}/{len(self.rows)}] {name_of(row)}", err=True)

    def _compile(self, row: Row, gpu: GpuSpec) -> Row:
        solution = read_solution(Path(row.variant))
        for workload in self.workloads:
            found = inspect(self.problem, workload, solution, gpu, self.timeout_s)
            built = [report.built for report in found.reports if report.built is not None]
            row.registers = max([row.registers or 0, *(one.registers for one in built)])
            row.spills = (row.spills or 0) + sum(one.spill_bytes for one in built)
            row.smem_bytes = max([row.smem_bytes or 0, *(one.smem_bytes for one in built)])
            problems = "; ".join(problem for report in found.reports for problem in report.problems)
            if not found.fits and row.reason is None:
                row.reason = f"{workload.name}: {found.failure or problems}"[:LONGEST_REASON]
        return row


def answers(request: dict[str, Any], timeout_s: float) -> Iterator[dict[str, Any]]:
    """The lines that a process of ours answers; if it dies or is late, the last one says so."""
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [sys.executable, str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=ROOT,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        late = threading.Event()
        timer = threading.Timer(timeout_s, lambda: (late.set(), process.kill()))
        timer.start()
        try:
            process.stdin.write(json.dumps(request))
            process.stdin.close()
            for line in process.stdout:
                yield json.loads(line)
            code = process.wait()
        finally:
            timer.cancel()
            process.kill()
            process.wait()
            process.stdout.close()
        if late.is_set():
            yield {"failed": f"no answer within {timeout_s:.0f} s"}
        elif code:
            log.seek(0)
            last = (log.read().strip().splitlines() or ["it said nothing"])[-1]
            yield {"failed": f"died with exit code {code}: {last}"[:LONGEST_REASON]}


def name_of(row: Row) -> str:
    """Its values, or what it is without any."""
    return " ".join(row.values) or (row.variant if "/" not in row.variant else "as it is")


def error_text(error: float | None) -> str:
    """A relative error; of an exact problem's right answer there is none."""
    return "right" if error is None else f"{error:.2e}"


def table(sweep: Sweep, knobs: Sequence[Knob]) -> str:
    """All rows, the fastest first, failures last; of a single workload also what is achieved."""
    names = [workload.name for workload in sweep.workloads]
    timed = any(row.latency_ms for row in sweep.rows)
    headers = [knob.label for knob in knobs] or ["variant"]
    if timed:
        headers += [f"{name} ms" for name in names]
        headers += ["mean ms"] if len(names) > 1 else ["GB/s", "TFLOPS"]
    headers += ["error", "regs", "spills", "smem KB", "why not"]
    rows = sorted(sweep.rows, key=lambda row: (row.reason is not None, row.mean_ms or 0.0))
    lines = [
        [*_labels(row, len(knobs)), *(_times(row, names, sweep.work) if timed else []), *_build(row)]
        for row in rows
    ]
    # Not by tabulate's maxcolwidths, which writes "True" for a "False" in a column of nothing else.
    cells = [[textwrap.fill(cell, WIDEST) for cell in line] for line in lines]
    return tabulate(cells, headers, tablefmt="simple", disable_numparse=True)


def _labels(row: Row, knobs: int) -> list[str]:
    return list(row.values) or [name_of(row), *[""] * (knobs - 1)]


def _times(row: Row, names: Sequence[str], work: dict[str, dict[str, Any]]) -> list[str]:
    cells = [_number(row.latency_ms.get(name), ".4f") for name in names]
    if len(names) > 1:
        return [*cells, _number(row.mean_ms if len(row.latency_ms) == len(names) else None, ".4f")]
    latency_ms = row.latency_ms.get(names[0])
    if latency_ms is None:
        return [*cells, "-", "-"]
    moved, flops = work[names[0]]["bytes_moved"], work[names[0]]["flops"]
    return [*cells, f"{moved / latency_ms / 1e6:.0f}", f"{flops / latency_ms / 1e9:.1f}" if flops else "-"]


def _build(row: Row) -> list[str]:
    known = [error for error in row.errors.values() if error is not None]
    error = error_text(max(known, default=None)) if row.errors else "-"
    smem_kb = None if row.smem_bytes is None else row.smem_bytes / 1024
    counts = [_number(row.registers, "d"), _number(row.spills, "d"), _number(smem_kb, ".0f")]
    return [error, *counts, row.reason or ""]


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _card(gpu_name: str | None) -> GpuSpec | None:
    if gpu_name is None:
        return None
    gpu = by_slug(gpu_name)
    if gpu is None:
        raise click.UsageError(f"no card {gpu_name!r}{did_you_mean(gpu_name, [one.slug for one in GPUS])}")
    return gpu


def _variants(solution: Path, knobs: Sequence[Knob], folder: Path) -> list[Row]:
    """Write the file of each combination."""
    require_solution_form(solution)
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, one in enumerate(combinations(solution.read_text(encoding="utf-8"), knobs)):
        path = folder / f"{solution.stem}_{number}.py"
        path.write_text(one.source, encoding="utf-8")
        rows.append(Row(one.values, str(path)))
    return rows


def _torch_rows(problem: Problem) -> list[Row]:
    """The reference in float32 and TF32; of a problem with exact answers as it is and compiled."""
    exact = 'TOLERANCE = "exact"' in (problem.folder / "inputs.py").read_text(encoding="utf-8")
    names = ("torch", "torch.compile") if exact else ("torch fp32", "torch tf32")
    return [Row((), name) for name in names]


@contextlib.contextmanager
def knob_errors() -> Iterator[None]:
    """A knob that cannot be set is one line and exit code 2."""
    try:
        yield
    except KnobError as error:
        raise click.UsageError(str(error)) from error


@click.command()
@click.argument("solution", type=click.Path(path_type=Path))
@click.argument("knobs", nargs=-1, metavar="[NAME=VALUE,VALUE]...")
@click.option("--problem", required=True, help="What the file solves, such as argmin.")
@click.option("--workload", "names", multiple=True, default=("seed",), show_default=True, help="Repeatable.")
@click.option("--samples", default=9, show_default=True, type=click.IntRange(1), help="Timed calls of each.")
@click.option("--check-only", is_flag=True, help="Do not time. Without a GPU: in Triton's interpreter.")
@click.option(
    "--gpu", "gpu_name", metavar="CARD", help="Compile for this card (h200, rtx-4090); run nothing."
)
@click.option("--cublas", "--torch", "with_torch", is_flag=True, help="Add rows for torch itself.")
@click.option(
    "--jobs", default=os.cpu_count() or 1, show_default=True, type=click.IntRange(1), help="At a time."
)
@click.option("--timeout", "timeout_s", default=120.0, show_default=True, help="Seconds of one process.")
@click.option("--seed", default=20, show_default=True, help="Which random inputs.")
@click.option("--keep", type=click.Path(path_type=Path), help="Folder to leave the combinations' files in.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write one line for each row.")
def main(
    solution: Path,
    knobs: tuple[str, ...],
    problem: str,
    names: tuple[str, ...],
    samples: int,
    check_only: bool,
    gpu_name: str | None,
    with_torch: bool,
    jobs: int,
    timeout_s: float,
    seed: int,
    keep: Path | None,
    json_file: Path | None,
) -> None:
    """Try variants of the file SOLUTION: is each right, and how long does it take?

    \b
    python scripts/sweep.py solutions/matmul_large_k/tritonpeak_x.py \\
        --problem matmul_large_k --workload seed --workload wide --cublas \\
        STAGES=3,4 'CONFIG=Config(128, 256, 4),Config(256, 128, 4)'

    A knob is a name in capitals at the top level of the file, read by it at call time. Its values are Python
    expressions, evaluated at the end of that file, so that its own names can be used. A word that is a key of
    the file's dict VARIANTS stands for that entry, and CONFIG.stages=3,4 sets one field of a named tuple. All
    combinations are tried.

    Each is compiled and checked in a process of its own, against float64 where the problem has a tolerance,
    and called twice: the bits must be the same. Those that are right are timed by the suite's clock, in turn
    on the same fresh inputs; the table has the medians. One that fails is a row with its reason.
    """
    with plain_errors(), knob_errors():
        parsed = [parse_knob(text) for text in knobs]
        chosen = find_problem(checkout(), problem)
        workloads = tuple(chosen.workload(name) for name in dict.fromkeys(names))
        with tempfile.TemporaryDirectory() as scratch:
            rows = _variants(solution, parsed, keep or Path(scratch) / "variants")
            rows += _torch_rows(chosen) if with_torch and gpu_name is None else []
            card = None if gpu_states() else torch_properties(RTX_4090)
            sweep = Sweep(chosen, workloads, rows, Path(scratch), card, jobs, timeout_s, seed)
            _run(sweep, _card(gpu_name), None if check_only else samples)
    click.echo(table(sweep, parsed))
    if json_file is not None:
        lines = [{**dataclasses.asdict(row), "knobs": [knob.label for knob in parsed]} for row in rows]
        json_file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    sys.exit(1 if all(row.reason for row in rows) else 0)


def _run(sweep: Sweep, gpu: GpuSpec | None, samples: int | None) -> None:
    """Fill the rows; `samples` None: without timing."""
    if gpu is not None:
        sweep.compile_for(gpu)
        return
    if sweep.card is not None and samples is not None:
        raise click.UsageError("no GPU to time on: add --check-only (interpreter) or --gpu h200 (compiler)")
    sweep.find_truth()
    sweep.check()
    if samples is not None:
        sweep.measure(samples)


if __name__ == "__main__":
    main()
