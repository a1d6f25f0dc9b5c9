"""Evidence for tests, from a source text, launches in a word each, and counters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from suite.analysis.facts import Argument, Built, Launch, Launches, Options, Work
from suite.analysis.inspection import Inspection, LaunchReport
from suite.analysis.sass import SassFacts
from suite.counters import DRAM, GRID, L2_HITS, LONG_SCOREBOARD, REGISTERS, SM, WARP_LATENCY, WARPS
from suite.gpus import RTX_4090, GpuSpec, by_slug
from suite.profile import NCU, KernelProfile, Profile
from suite.result import Result
from suite.stages.evidence import Evidence
from suite.stages.source import read_source
from suite.tests.fake_results import fake_environment

H200 = by_slug("h200")
HEADER = "import torch\nimport torch.nn as nn\nimport triton\nimport triton.language as tl\n"


def launch(
    kernel: str = "k",
    grid: tuple[int, ...] = (64,),
    line: int = 20,
    times: int = 1,
    tensor_cores: Sequence[str] = (),
    problems: tuple[str, ...] = (),
    pointer: str = "*fp32",
    **fields: Any,
) -> LaunchReport:
    """One kind of launch; other keywords are constants of the kernel or `warps`, `stages`, `candidate`."""
    options = Options(fields.pop("warps", 4), fields.pop("stages", 3), 1, None)
    candidate = fields.pop("candidate", False)
    constants = {name: str(value) for name, value in fields.items()}
    x, y, z = (*grid, 1, 1)[:3]
    arguments = (Argument("x", pointer, "D"),)
    made = Launch(kernel, 5, line, (x, y, z), len(grid), constants, arguments, options, candidate, 0)
    built = Built(40, 0, 0, 0, options.num_warps, SassFacts(9, (), dict.fromkeys(tensor_cores, 1), 0, 0))
    return LaunchReport(made, times, x * y * z, built, problems, None, None)


def counters(sm=10.0, warps=80.0, dram=90.0, l2=13.0, stalls=70.0, grid=64.0) -> dict[str, float | None]:
    """The values of one kernel; `stalls` in percent."""
    return {
        SM: sm,
        GRID: grid,
        WARPS: warps,
        DRAM: dram,
        L2_HITS: l2,
        REGISTERS: 40.0,
        LONG_SCOREBOARD: stalls / 10,
        WARP_LATENCY: 10.0,
    }


def kernel_profile(kernel="k", time_ms=1.0, launches=1, grid=64, **values) -> KernelProfile:
    return KernelProfile(
        kernel, (grid, 1, 1), (128, 1, 1), launches, time_ms, counters(grid=float(grid), **values)
    )


def fake_profile(*kernels: KernelProfile, **fields: Any) -> Profile:
    """A profile with counters of an H200; without kernels one that says why there are none."""
    values: dict[str, Any] = {
        "run_id": "20260101-000000-bbbb",
        "created": "2026-01-01T00:00:00+00:00",
        "problem": "argmin",
        "workload": "seed",
        "axes": {"shape": [128, 4096, 4095], "dim": 1},
        "solution": "final",
        "sha256": "0" * 64,
        "device": "nvidia-h200",
        "source": NCU if kernels else "kernel_timestamps",
        "reason": None if kernels else "ncu is not installed",
        "calls": 3,
        "latency_ms": None if kernels else 2.0,
        "kernels": kernels,
        "sandbox": "none",
        "environment": fake_environment(),
    }
    return Profile(**(values | fields))


def evidence(
    text: str,
    *reports: LaunchReport,
    profile: Profile | None = None,
    results: Sequence[Result] = (),
    work: Work | None = None,
    failure: str | None = None,
    gpu: GpuSpec = RTX_4090,
    measured_on: GpuSpec | None = H200,
    name: str = "mine",
) -> Evidence:
    """A solution whose file is `HEADER` and `text`; memory-bound unless `work` says otherwise."""
    launches = tuple(report.launch for report in reports)
    inspection = Inspection(
        problem="argmin",
        workload="seed",
        solution=name,
        gpu=gpu,
        work=work or Work(9_600_000_000, 0, (), ("(3,) float32",)),
        roofs=(),
        reports=reports,
        order=tuple(range(len(reports))),
        launches=Launches(launches, tuple(range(len(reports))), 1, 8, 0, {}) if reports else None,
        failure=failure,
    )
    return Evidence(name, read_source(HEADER + text), inspection, profile, tuple(results), measured_on)
