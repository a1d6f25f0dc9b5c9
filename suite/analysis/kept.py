"""Inspections kept for the pages: what the compiler said of a file for a card, found by the file's hash.

`reports/inspect/<card>/<sha256>.jsonl` holds a line on what was compiled, and with what, and then the child's
own lines. Fit, occupancy and roofs are derived on reading, as from a fresh inspection.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from suite.analysis.inspection import Inspection, assemble
from suite.analysis.process import facts
from suite.gpus import GpuSpec
from suite.problem import Problem, Workload
from suite.solution import Solution
from suite.versions import torch_versions, triton_version

SCHEMA = 1


def path_of(root: Path, gpu: GpuSpec, sha256: str) -> Path:
    """Where the inspection of a file for a card lies."""
    return root / "reports" / "inspect" / gpu.slug / f"{sha256}.jsonl"


def inspect_and_keep(
    root: Path,
    problem: Problem,
    workload: Workload,
    solution: Solution,
    gpu: GpuSpec,
    timeout_s: float = 120.0,
) -> Inspection:
    """Inspect, and keep what was found; nothing is kept of an inspection that failed.

    Raises:
        OSError: it cannot be written.
    """
    lines: list[bytes] = []
    told = _recorded(facts(problem, workload, solution, gpu, timeout_s), lines)
    inspection = assemble(problem.name, workload.name, solution.name, gpu, told)
    if inspection.failure is None:
        head = {
            "schema": SCHEMA,
            "problem": problem.name,
            "workload": workload.name,
            "sha256": solution.sha256,
            "triton": triton_version(),
            "torch": torch_versions()[0],
        }
        _write(path_of(root, gpu, solution.sha256), [json.dumps(head).encode(), *lines])
    return inspection


def read_kept(root: Path, gpu: GpuSpec, solution: str, sha256: str) -> tuple[Inspection, str] | None:
    """The kept inspection of a file, named `solution`, and the Triton version that compiled it.

    None where there is none, or none that this version can read.
    """
    path = path_of(root, gpu, sha256)
    if not re.fullmatch(r"[0-9a-f]{64}", sha256) or not path.is_file():
        return None
    first, *lines = path.read_bytes().splitlines() or [b""]
    try:
        head = json.loads(first)
        if head["schema"] != SCHEMA or head["sha256"] != sha256:
            return None
        inspection = assemble(str(head["problem"]), str(head["workload"]), solution, gpu, lines)
    except (ValueError, KeyError, TypeError):
        return None
    return None if inspection.failure else (inspection, str(head.get("triton") or "unknown"))


def _recorded(lines: Iterable[bytes], into: list[bytes]) -> Iterator[bytes]:
    for line in lines:
        into.append(line)
        yield line


def _write(path: Path, lines: list[bytes]) -> None:
    """All of it or nothing: a reader never sees a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(b"".join(line + b"\n" for line in lines))
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
