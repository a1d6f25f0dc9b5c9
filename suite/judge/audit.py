"""Times a few calls of a workload under a second clock, independent of the first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from suite import stats
from suite.counters import TIME
from suite.judge.exchange import CudaExchange
from suite.judge.ncu import NCU_TABLE, ncu_command, read_table
from suite.judge.trial import Attached
from suite.judge.truth import Truth
from suite.judge.worker_process import WorkerFailedError, WorkerProcess
from suite.result import Audit

CALLS = 7
DISAGREEMENT = 0.05


def ncu_prefix(directory: Path) -> list[str]:
    """The start of the command that runs a worker under Nsight Compute.

    One metric needs one pass, so no kernel is replayed.
    """
    return ncu_command(directory, [TIME])


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
    durations = [launch.values.get(TIME) or 0.0 for launch in read_table(path.read_text(errors="replace"))]
    if not durations or len(durations) % calls:
        raise ValueError(f"{len(durations)} kernel launches in {calls} calls")
    each = len(durations) // calls
    return [sum(durations[i : i + each]) for i in range(0, len(durations), each)]


def disagrees(latency_ms: float, audited: Audit) -> bool:
    """Are the two clocks more than 5 % apart?"""
    return abs(audited.latency_ms / latency_ms - 1) > DISAGREEMENT
