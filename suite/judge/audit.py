"""Times a few calls of a workload under a second clock, independent of the first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from suite import stats
from suite.counters import TIME
from suite.judge.claims import told_ms
from suite.judge.exchange import CudaExchange
from suite.judge.ncu import NCU_TABLE, ncu_command, read_table
from suite.judge.trial import Attached, UnfitError, verify
from suite.judge.truth import Truth
from suite.judge.worker_process import WorkerFailedError, WorkerProcess
from suite.result import Audit, Status
from suite.worker.device_trace import MARKER

CALLS = 15
DISAGREEMENT = 0.05
MARKERS = 3
"""Of each call."""


def ncu_prefix(directory: Path) -> list[str]:
    """The start of the command that runs a worker under Nsight Compute.

    One metric needs one pass, so no kernel is replayed. The whole process is profiled: a range that a worker
    begins and ends is one that a solution can end earlier. The worker makes the caches cold, as for a sample
    of its own clock: behind ncu's flush a kernel of 11 us takes 0.4 us longer (H200).
    """
    return ncu_command(directory, [TIME], whole=True)


def audit(
    worker: WorkerProcess,
    class_name: str,
    truth: Truth,
    axes: dict[str, Any],
    timeout_s: float,
    *,
    under_ncu: bool,
    flush_ms: float,
) -> Audit | None:
    """Median latency of a few calls under the second clock; None if the clock does not work here.

    Args:
        worker: a worker of its own, started with `ncu_prefix` if `under_ncu`; closed by the caller.
        flush_ms: the least that emptying the caches takes on this card; 0 if nobody knows.

    Raises:
        UnfitError: an output is wrong, or the profiler saw other calls than the judge made, or warm caches.
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
            truths = truth.exact_outputs(case)
            call = attached.call(case, exchange, method if turn else None)
            verify(call.reply, attached, truths, truth)
            if turn:
                claimed_ms.append(told_ms(call.reply, "latency_ms", call.wall_ms) or 0.0)
            del case
        attached.detach()
        if under_ncu:
            worker.finish(timeout_s)
            claimed_ms = read_ncu(worker.directory / NCU_TABLE, CALLS, flush_ms)
    except (WorkerFailedError, OSError, KeyError, ValueError):
        return None
    finally:
        attached.outputs = []
        exchange.release()
    if len(claimed_ms) != CALLS or min(claimed_ms) <= 0:
        return None
    return Audit(clock=method, latency_ms=stats.median(claimed_ms), calls=CALLS)


def read_ncu(path: Path, calls: int, flush_ms: float = 0.0) -> list[float]:
    """The kernel time of each call, ms, from ncu's CSV with one row a launch.

    A call has three marker kernels: the flush of the caches stands between the first two, the call between
    the last two. What runs after its end, up to the next call, is counted to it: nothing of an honest
    solution does.

    Raises:
        OSError, KeyError, ValueError: there is no such table, or ncu could not read the card's counters.
        UnfitError: the calls cannot be told apart: a solution launched markers of its own. Or what ran before
            one of them took less than `flush_ms`: the caches were not emptied.
    """
    launches = [
        (launch.kernel, launch.values.get(TIME) or 0.0)
        for launch in read_table(path.read_text(errors="replace"))
    ]
    markers = [index for index, (name, _) in enumerate(launches) if MARKER in name]
    if not markers:
        raise ValueError(f"{len(launches)} kernel launches and no marker")
    if len(markers) != MARKERS * calls:
        raise UnfitError(
            Status.REJECTED,
            f"rule 'one clock': the profiler saw {len(markers)} markers, not {MARKERS * calls}",
        )

    def taken_ms(start: int, end: int) -> float:
        return sum(duration_ms for name, duration_ms in launches[start:end] if MARKER not in name)

    starts, ends = markers[1::MARKERS], [*markers[MARKERS::MARKERS], len(launches)]
    shortest_ms = min(taken_ms(*flush) for flush in zip(markers[::MARKERS], starts, strict=True))
    if shortest_ms < flush_ms:
        raise UnfitError(
            Status.REJECTED,
            f"rule 'one clock': the profiler saw {shortest_ms:.4f} ms of a flush of the caches that takes "
            f"{flush_ms:.4f} ms at the least",
        )
    return [taken_ms(*call) for call in zip(starts, ends, strict=True)]


def disagrees(latency_ms: float, audited: Audit) -> bool:
    """Are the two clocks more than 5 % apart?"""
    return abs(audited.latency_ms / latency_ms - 1) > DISAGREEMENT
