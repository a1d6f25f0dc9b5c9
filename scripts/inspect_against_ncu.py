"""Hold what `bench inspect` foretells against what Nsight Compute sees, on this machine's GPU.

    python scripts/inspect_against_ncu.py                      # every graded solution on every bench workload
    python scripts/inspect_against_ncu.py argmin/final         # one of them
    python scripts/inspect_against_ncu.py --jobs 6             # so many solutions at a time

For each launch: kernel, grid, registers a thread, static and dynamic shared memory of a block. Only metrics
of the launch are asked for, so that no kernel is replayed; each solution is one process under ncu. Prints one
table with the differences, writes reports/inspect/<device>/<problem>.jsonl as the solutions are done, and
exits with 1 where anything differs. A solution takes a minute, all of them about 3 minutes with six jobs on
16 cores; nothing is timed, so that other work may go on beside it.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from suite import child  # noqa: E402 - after the path to it
from suite.analysis.inspection import Inspection, inspect  # noqa: E402
from suite.counters import DYNAMIC_SMEM, LAUNCHED, REGISTERS, STATIC_SMEM  # noqa: E402
from suite.gpus import GpuSpec, find_gpu, slugify  # noqa: E402
from suite.judge.ncu import NcuLaunch, read_table, why_not  # noqa: E402
from suite.machine import gpu_states  # noqa: E402
from suite.problem import Problem, find_problems  # noqa: E402
from suite.solution import Solution, find_solutions  # noqa: E402
from suite.stages.source import read_source  # noqa: E402
from suite.stages.stage import GRADED  # noqa: E402

MARKER = "spin_kernel"  # what torch.cuda._sleep launches; it stands between the workloads
TIMEOUT_S = 300.0
"""Of one solution under ncu; what it had profiled by then is lost."""
_running: set[int] = set()


@dataclass(frozen=True)
class Launched:
    """One launch as either side tells of it."""

    kernel: str
    grid: tuple[int, ...]
    registers: int | None
    static_smem_bytes: int | None
    dynamic_smem_bytes: int | None


def main() -> None:
    """Compare everything that is named, or all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="PROBLEM/SOLUTION")
    parser.add_argument("--jobs", type=int, default=3)
    parser.add_argument("--timeout", type=float, default=TIMEOUT_S, help="seconds that one solution may take")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        run_all_workloads(options.names[0])
        return
    states = gpu_states()
    gpu = find_gpu(states[0].name) if states else None
    if gpu is None:
        sys.exit("this needs an NVIDIA GPU whose datasheet we have")
    device = slugify(states[0].name)
    graded = {
        f"{problem.name}/{solution.name}": (problem, solution)
        for problem in find_problems(ROOT)
        for solution in find_solutions(ROOT, problem)
        if solution.stage in GRADED
    }
    unknown = set(options.names) - set(graded)
    if unknown:
        parser.error(f"no such graded solution: {', '.join(sorted(unknown))}")
    chosen = [graded[name] for name in options.names or graded]
    records: list[dict[str, Any]] = []
    with ThreadPoolExecutor(options.jobs) as pool:
        try:
            for done in as_completed([pool.submit(compare, *pair, gpu, options.timeout) for pair in chosen]):
                records += done.result()
                keep(device, records)
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            end_all()
            sys.exit(130)
    show(records)
    sys.exit(any(record["differences"] for record in records))


def keep(device: str, records: list[dict[str, Any]]) -> None:
    """One file a problem, in the order of the solutions' names; the lines of others stay as they are."""
    for problem in {record["problem"] for record in records}:
        path = ROOT / "reports" / "inspect" / device / f"{problem}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        mine = [record for record in records if record["problem"] == problem]
        done = {record["solution"] for record in mine}
        held = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        mine += [record for record in held if record["solution"] not in done]
        mine.sort(key=lambda record: str(record["solution"]))
        path.write_text("".join(json.dumps(record) + "\n" for record in mine))


def compare(problem: Problem, solution: Solution, gpu: GpuSpec, timeout_s: float) -> list[dict[str, Any]]:
    """One record a bench workload."""
    workloads = list(problem.bench_workloads)
    with ThreadPoolExecutor(3) as pool:
        seen_first = pool.submit(under_ncu, problem, solution, workloads, timeout_s)
        inspections = list(
            pool.map(lambda name: inspect(problem, problem.workload(name), solution, gpu), workloads)
        )
        counted = seen_first.result()
    records = []
    for name, inspection in zip(workloads, inspections, strict=True):
        foretold = captured(inspection)
        seen = counted.get(name)
        problems = [inspection.failure] if inspection.failure else []
        problems += ["ncu saw nothing of it"] if seen is None else differences(foretold, seen)
        records.append(
            {
                "problem": problem.name,
                "solution": solution.name,
                "sha256": solution.sha256,
                "workload": name,
                "inspect": [vars(launch) for launch in foretold],
                "ncu": [vars(launch) for launch in seen or ()],
                "differences": problems,
            }
        )
    equal = sum(not record["differences"] for record in records)
    print(f"{problem.name}/{solution.name}: {equal}/{len(records)} equal", flush=True)
    return records


def captured(inspection: Inspection) -> list[Launched]:
    """The launches of a call in order, without an autotuner's trials."""
    launches = []
    for place in inspection.order:
        report = inspection.reports[place]
        if not report.launch.candidate:
            built = report.built
            launches.append(
                Launched(
                    report.launch.kernel,
                    tuple(report.launch.grid),
                    built.registers if built else None,
                    built.static_smem_bytes if built else None,
                    built.dynamic_smem_bytes if built else None,
                )
            )
    return launches


def under_ncu(
    problem: Problem, solution: Solution, workloads: list[str], timeout_s: float
) -> dict[str, list[Launched]]:
    """What ncu sees of one call on each workload; Triton's kernels alone."""
    name = f"{problem.name}/{solution.name}"
    with tempfile.TemporaryDirectory(prefix="bench-ncu-") as folder:
        table = Path(folder) / "ncu.csv"
        command = [
            *("ncu", "--profile-from-start=off", "--clock-control=none", "--cache-control=none", "--csv"),
            *("--page=raw", "--print-units=base", f"--metrics={','.join(LAUNCHED)}", f"--log-file={table}"),
            *(sys.executable, __file__, "--child", name),
        ]
        code, said = run_whole(command, {**os.environ, "TRITON_CACHE_DIR": folder}, timeout_s)
        if code:
            print(f"{name}: exit code {code}: {said[-2000:]}", file=sys.stderr)
        text = table.read_text(errors="replace") if table.exists() else ""
        try:
            rows = read_table(text)
        except ValueError as error:
            print(f"{name}: {error}: {why_not(f'{text}{said}')}", file=sys.stderr)
            return {}
    return by_workload(rows, workloads, read_source(solution.path.read_bytes()).kernels)


def run_whole(command: list[str], environment: dict[str, str], timeout_s: float) -> tuple[int, str]:
    """(exit code, what it said) of a command; at the deadline it ends with all that it started."""
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        _running.add(process.pid)
        try:
            said = process.communicate(timeout=timeout_s)[0]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            said = f"{process.communicate()[0]}\nstopped after {timeout_s:g} s"
        finally:
            _running.discard(process.pid)
        return process.returncode, said


def end_all() -> None:
    """Kill what every thread waits for: nothing of it may disturb what comes next on this card."""
    for pid in list(_running):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    child.end_all()


def by_workload(
    rows: list[NcuLaunch], workloads: list[str], kernels: Collection[str]
) -> dict[str, list[Launched]]:
    """Rows between the markers, of the solution's own kernels; what torch launches for itself is left out."""
    parts: list[list[Launched]] = []
    for row in rows:
        if MARKER in row.kernel:
            parts.append([])
        elif parts and row.kernel in kernels:
            numbers = [row.values.get(name) for name in (REGISTERS, STATIC_SMEM, DYNAMIC_SMEM)]
            registers, static, dynamic = (None if n is None else round(n) for n in numbers)
            parts[-1].append(Launched(row.kernel, row.grid, registers, static, dynamic))
    return dict(zip(workloads, parts, strict=False))


def differences(foretold: list[Launched], seen: list[Launched]) -> list[str]:
    """All in which two accounts of the same call differ; equal ones are told once, with their number."""
    if [launch.kernel for launch in foretold] != [launch.kernel for launch in seen]:
        names = [", ".join(launch.kernel for launch in launches) for launches in (foretold, seen)]
        return [f"inspect foretells {names[0] or 'nothing'}; ncu sees {names[1] or 'nothing'}"]
    found: Counter[str] = Counter()
    for mine, theirs in zip(foretold, seen, strict=True):
        for field in ("grid", "registers", "static_smem_bytes", "dynamic_smem_bytes"):
            if getattr(mine, field) != getattr(theirs, field):
                found[f"{mine.kernel}: {field} {getattr(mine, field)}, ncu {getattr(theirs, field)}"] += 1
    return [text if count == 1 else f"{text} ({count} times)" for text, count in found.items()]


def show(records: list[dict[str, Any]]) -> None:
    """One row a solution and workload."""
    print(f"\n{'problem':16}{'solution':14}{'workload':22}{'launches':>8}  differences")
    for record in records:
        told = "; ".join(record["differences"]) or "none"
        names = f"{record['problem']:16}{record['solution']:14}{record['workload']:22}"
        print(f"{names}{len(record['ncu']):8}  {told}")
    equal = sum(not record["differences"] for record in records)
    launches = sum(len(record["ncu"]) for record in records)
    print(f"\n{equal} of {len(records)} pairs of solution and workload are equal, {launches} launches in all")


def run_all_workloads(name: str) -> None:
    """In the child: one profiled call on each bench workload, a marker before each."""
    import torch

    problem_name, stem = name.split("/")
    problem = next(p for p in find_problems(ROOT) if p.name == problem_name)
    inputs = load(problem.folder / "inputs.py", "inputs")
    solution = load(problem.folder / f"{stem}.py", "solution")
    for workload_name in problem.bench_workloads:
        axes = problem.workload(workload_name).axes
        with torch.device("cuda"), torch.no_grad():
            tensors = inputs.get_inputs(**axes)
            model = solution.ModelNew(*inputs.get_init_inputs(**axes))
            model(*tensors)  # compiles and tunes, outside of what is profiled
            torch.cuda.synchronize()
            torch.cuda.profiler.start()
            torch.cuda._sleep(1)
            output = model(*tensors)
            torch.cuda.synchronize()
            torch.cuda.profiler.stop()
        del tensors, model, output
        torch.cuda.empty_cache()


def load(path: Path, name: str) -> ModuleType:
    """A file as a module."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
