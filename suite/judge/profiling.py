"""Reads hardware counters of a solution's kernels: one `profile` event for each entry and bench workload.

A worker is warmed up first, so that compilation and autotuning lie outside of what is profiled. Where
counters cannot be read the event carries the reason and the time of a call by kernel timestamps.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch

from suite import gpus, stats
from suite.counters import COUNTED
from suite.judge.card import Card, environment
from suite.judge.claims import told_ms
from suite.judge.diagnosis import diagnose
from suite.judge.exchange import ArenaExchange, CudaExchange
from suite.judge.ncu import MAX_TABLE_BYTES, NCU_TABLE, has_ncu, ncu_command, per_call, read_table, why_not
from suite.judge.plan import Entry, Plan
from suite.judge.trial import Attached, UnfitError, verify
from suite.judge.truth import Truth
from suite.judge.worker_process import Prefix, WorkerFailedError, WorkerProcess
from suite.profile import NCU, TIMESTAMPS
from suite.result import MOST_MS, Status
from suite.worker.protocol import spec_to_json

Emit = Callable[[dict[str, Any]], None]

CALLS = 3
IMPORT_TIMEOUT_S = 120.0
REPLAYS = 10
"""A profiled call takes longer: each kernel runs once a pass, its memory saved and restored in between."""


class Spawn(Protocol):
    """Starts the worker of an entry, under a tool if a prefix is given."""

    def __call__(self, entry: Entry, prefix: Prefix | None = None) -> WorkerProcess: ...  # noqa: D102


class NoCountersError(Exception):
    """Nsight Compute gave no numbers; the message says why."""


def profile_prefix(directory: Path) -> list[str]:
    """The start of the command that runs a worker under Nsight Compute with all our metrics."""
    return ncu_command(directory, COUNTED)


class Profiling:
    """One run of one problem in this process."""

    def __init__(self, plan: Plan, emit: Emit, spawn: Spawn) -> None:
        self._plan = plan
        self._emit = emit
        self._spawn = spawn
        self._environment = environment(Card() if plan.device == "cuda" else None)
        self._truth = Truth(Path(plan.folder), plan.device)

    def run(self) -> None:
        """Profile every entry of the plan."""
        self._emit({"event": "environment", "environment": dataclasses.asdict(self._environment)})
        total = len(self._plan.benches)
        for entry in self._plan.entries:
            for done, (workload, axes) in enumerate(self._plan.benches.items()):
                self._emit(
                    {
                        "event": "progress",
                        "solution": entry.name,
                        "text": workload,
                        "done": done,
                        "total": total,
                    }
                )
                self._profile(entry, workload, axes)
        self._emit({"event": "end"})

    def _profile(self, entry: Entry, workload: str, axes: dict[str, Any]) -> None:
        told = {"solution": entry.name, "workload": workload, "axes": axes, "sandbox": self._plan.sandbox}
        try:
            event = {"event": "profile", **told, **self._measured(entry, workload, axes)}
        except UnfitError as error:
            event = {"event": "unfit", **told, "status": error.status, "reason": error.reason}
        except WorkerFailedError as failure:
            status, reason = diagnose(failure)
            event = {"event": "unfit", **told, "status": status, "reason": reason}
        except torch.OutOfMemoryError as error:
            reason = f"{workload} does not fit on this card ({str(error).split('. ')[0]})"
            event = {"event": "unfit", **told, "status": Status.UNSUPPORTED, "reason": reason}
        self._emit(event)

    def _measured(self, entry: Entry, workload: str, axes: dict[str, Any]) -> dict[str, Any]:
        try:
            if not has_ncu():
                raise NoCountersError("Nsight Compute (ncu) is not installed")
            kernels = self._counted(entry, workload, axes)
        except NoCountersError as error:
            return {
                "source": TIMESTAMPS,
                "reason": str(error),
                "calls": CALLS,
                "latency_ms": self._timed(entry, workload, axes),
                "kernels": [],
            }
        return {"source": NCU, "reason": None, "calls": CALLS, "latency_ms": None, "kernels": kernels}

    def _counted(self, entry: Entry, workload: str, axes: dict[str, Any]) -> list[dict[str, Any]]:
        """The counters of one call.

        Raises:
            NoCountersError: ncu gave none.
            UnfitError, WorkerFailedError: the solution fails without ncu as well, or is wrong.
        """
        worker = self._spawn(dataclasses.replace(entry, name=f"{entry.name}-profile"), profile_prefix)
        table = worker.directory / NCU_TABLE
        try:
            self._prepare(entry, worker, workload, axes)
            self._calls(worker, "ncu_range", REPLAYS * self._plan.timeout_s)
            worker.finish(self._plan.timeout_s)
            with table.open(encoding="utf-8", errors="replace") as file:
                text = file.read(MAX_TABLE_BYTES)
            kernels = per_call(read_table(text), CALLS)
        except (WorkerFailedError, OSError, ValueError) as error:
            said = f"{_text(table)}\n{_text(worker.log)}"
            reason = why_not(said)
            raise NoCountersError(f"{reason} ({error})") from error
        finally:
            worker.close()
        return [dataclasses.asdict(kernel) for kernel in kernels]

    def _timed(self, entry: Entry, workload: str, axes: dict[str, Any]) -> float | None:
        """The median time of a call by kernel timestamps; None where even those cannot be had."""
        worker = self._spawn(entry)
        try:
            self._prepare(entry, worker, workload, axes)
            times_ms = self._calls(worker, TIMESTAMPS, self._plan.timeout_s)
        finally:
            worker.close()
        known = [time_ms for time_ms in times_ms if time_ms > 0]
        return stats.median(known) if len(known) == len(times_ms) else None

    def _prepare(self, entry: Entry, worker: WorkerProcess, workload: str, axes: dict[str, Any]) -> None:
        """Start the solution, check one call, and leave the worker with inputs in memory of its own.

        A profiler saves and restores what a kernel writes; memory of another process it may not reach.
        """
        if hashlib.sha256(worker.solution.read_bytes()).hexdigest() != entry.sha256:
            raise UnfitError(Status.REJECTED, "rule 'one file': it changed since the run was planned")
        timeout_s = self._plan.timeout_s
        worker.request("hello", max(timeout_s, IMPORT_TIMEOUT_S))
        card = gpus.torch_properties(gpus.RTX_4090) if self._plan.device == "cpu" else None
        path = str(worker.solution)
        worker.request("start", timeout_s, path=path, class_name=entry.class_name, card=card)
        exchange = CudaExchange() if worker.arena is None else ArenaExchange(worker.arena)
        attached = Attached(worker, "profile", timeout_s)
        try:
            case = self._truth.fresh_case(workload, axes, exchange)
            expected = self._truth.expected(case)
            attached.prepare(case, exchange, expected)
            verify(attached.call(case, exchange).reply, attached, expected.outputs, self._truth)
            specs = [spec_to_json(exchange.spec(tensor)) for tensor in case.inputs]
            worker.request("attach", timeout_s, inputs=specs, outputs=[], private=True)
            del case, expected
        finally:
            attached.outputs = []
            exchange.release()
        _call(worker, None, timeout_s)  # inputs at other addresses may be another compilation

    def _calls(self, worker: WorkerProcess, method: str, timeout_s: float) -> list[float]:
        replies = [_call(worker, method, timeout_s) for _ in range(CALLS)]
        return [told_ms(reply, "latency_ms", MOST_MS) or 0.0 for reply in replies]


def _call(worker: WorkerProcess, method: str | None, timeout_s: float) -> dict[str, Any]:
    """One call on the worker's own inputs, its outputs left where they are."""
    return worker.request("call", timeout_s, method=method, copy=False, watch=None)


def _text(path: Path) -> str:
    """The beginning of what a tool wrote."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(1 << 20)
    except OSError:
        return ""
