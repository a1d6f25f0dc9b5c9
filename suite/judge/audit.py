"""Times a few calls of a workload under a second clock, independent of the first."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

from suite import stats
from suite.judge.exchange import CudaExchange
from suite.judge.trial import Attached
from suite.judge.truth import Truth
from suite.judge.worker_process import WorkerFailedError, WorkerProcess
from suite.result import Audit

CALLS = 7
DISAGREEMENT = 0.05
# In the folder that a confined worker shares with the judge.
NCU_TABLE = Path("shared") / "ncu.csv"
_METRIC = "gpu__time_duration.sum"
# ncu has spelled its units both ways; "base" units are nanoseconds.
_TO_MS = {"nsecond": 1e-6, "ns": 1e-6, "usecond": 1e-3, "us": 1e-3, "msecond": 1.0, "ms": 1.0}


def has_ncu() -> bool:
    """Is Nsight Compute installed?"""
    return shutil.which("ncu") is not None


def ncu_prefix(directory: Path) -> list[str]:
    """The start of the command that runs a worker under Nsight Compute.

    One metric needs one pass, so no kernel is replayed. Clocks are left alone; caches are flushed as our own
    clock does. A confined profiler can write to the table, but not make it.
    """
    (directory / NCU_TABLE).touch()
    return [
        "ncu",
        "--profile-from-start=off",
        "--clock-control=none",
        "--cache-control=all",
        f"--metrics={_METRIC}",
        "--csv",
        "--page=raw",
        "--print-units=base",
        f"--log-file={directory / NCU_TABLE}",
    ]


def audit(
    worker: WorkerProcess,
    class_name: str,
    truth: Truth,
    axes: dict[str, Any],
    timeout_s: float,
    *,
    under_ncu: bool,
) -> Audit | None:
    """Median latency of a few calls under the second clock; None if the clock did not work.

    Args:
        worker: a worker of its own, started with `ncu_prefix` if `under_ncu`; closed by the caller.
    """
    exchange = CudaExchange()
    attached = Attached(worker, "audit", timeout_s)
    method = "ncu" if under_ncu else "kernel_timestamps"
    claimed_ms: list[float] = []
    try:
        worker.request("hello", 2 * timeout_s)
        worker.request("start", timeout_s, path=str(worker.solution), class_name=class_name, card=None)
        for turn in range(CALLS + 1):
            case = truth.fresh_case("audit", axes, exchange)
            if turn == 0:
                attached.prepare(case, exchange, truth.expected(case))
            call = attached.call(case, exchange, method if turn else None)
            if turn:
                claimed_ms.append(float(call.reply.get("latency_ms") or 0.0))
            del case
        attached.detach()
        if under_ncu:
            worker.finish(timeout_s)
            claimed_ms = read_ncu(worker.directory / NCU_TABLE, CALLS)
    except (WorkerFailedError, OSError, ValueError):
        return None
    finally:
        attached.outputs = []
        exchange.release()
    if len(claimed_ms) != CALLS or min(claimed_ms) <= 0:
        return None
    return Audit(clock=method, latency_ms=stats.median(claimed_ms), calls=CALLS)


def read_ncu(path: Path, calls: int) -> list[float]:
    """The kernel time of each call, ms, from ncu's CSV: one row a launch, the same number of launches a call.

    Raises:
        OSError, ValueError: there is no such table, or its rows do not divide into `calls`.
    """
    lines = [line for line in path.read_text().splitlines() if not line.startswith("==")]
    rows = list(csv.DictReader(lines))
    unit = _TO_MS[rows[0][_METRIC]] if rows and rows[0][_METRIC] in _TO_MS else None
    durations = [float(row[_METRIC].replace(",", "")) * (unit or 1e-6) for row in rows[1 if unit else 0 :]]
    if not durations or len(durations) % calls:
        raise ValueError(f"{len(durations)} kernel launches in {calls} calls")
    each = len(durations) // calls
    return [sum(durations[i : i + each]) for i in range(0, len(durations), each)]


def disagrees(latency_ms: float, audited: Audit) -> bool:
    """Are the two clocks more than 5 % apart?"""
    return abs(audited.latency_ms / latency_ms - 1) > DISAGREEMENT
