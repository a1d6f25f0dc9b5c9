"""Small, valid results for tests; every field can be set by its name."""

import dataclasses
from typing import Any

from suite.gpus import slugify
from suite.result import Correctness, Environment, Result, Status

H200 = "NVIDIA H200"
RTX_4090 = "NVIDIA GeForce RTX 4090"


def fake_environment(gpu: str | None = H200, sm_count: int | None = 132) -> Environment:
    return Environment(
        gpu=gpu,
        sm_count=sm_count,
        l2_cache_bytes=None if gpu is None else 60 * 2**20,
        gpu_memory_mb=None if gpu is None else 143156,
        driver=None if gpu is None else "580.95.05",
        cuda=None if gpu is None else "13.0",
        torch="2.11.0",
        triton="3.6.0",
        python="3.11.2",
        platform="Linux-6.1-x86_64",
    )


def on_board(board: str) -> Environment:
    """That of one H200."""
    return dataclasses.replace(fake_environment(), board=board)


def fake_result(
    solution: str = "final", workload: str = "seed", latency_ms: float | None = 2.0, **fields: Any
) -> Result:
    """A passed argmin result on an H200: 9.6 GB moved, so that 2.0 ms is its speed of light.

    `half_width_ms` sets a symmetric interval around the latency; `gpu=None` makes a CPU result.
    """
    status = fields.setdefault("status", Status.PASSED)
    if status is not Status.PASSED:
        latency_ms = None
    gpu = fields.pop("gpu", H200)
    sm_count = fields.pop("sm_count", 132)
    half_width_ms = fields.pop("half_width_ms", 0.01)
    timed = latency_ms is not None
    values: dict[str, Any] = {
        "run_id": "20260101-000000-aaaa",
        "created": "2026-01-01T00:00:00+00:00",
        "problem": "argmin",
        "workload": workload,
        "axes": {"shape": [128, 4096, 4095], "dim": 1},
        "solution": solution,
        "sha256": "0" * 64,
        "author": "tritonpeak",
        "stage": solution if solution in ("baseline", "grid", "block", "final", "reference") else "submitted",
        "device": "cpu" if gpu is None else slugify(gpu),
        "reason": None if status is Status.PASSED else "output 0 differs",
        "correctness": Correctness(outputs_checked=40),
        "latency_ms": latency_ms,
        "latency_ci_ms": (latency_ms - half_width_ms, latency_ms + half_width_ms) if timed else None,
        "samples_ms": (latency_ms, latency_ms, latency_ms) if timed else (),
        "reference_latency_ms": 4.0 if timed else None,
        "reference_samples_ms": (4.0, 4.0, 4.0) if timed else (),
        "bytes_moved": 9_600_000_000,
        "flops": 0,
        "precision": None,
        "peak_gpu_memory_mb": 9200 if timed else None,
        "sandbox": "bubblewrap",
        "timing": None,
        "audit": None,
        "clocks": None,
        "environment": fake_environment(gpu, sm_count if gpu else None),
    }
    return Result(**(values | fields))
