"""`python -m suite.judge`: reads a plan from standard input, writes events to standard output."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from suite.judge.plan import Entry, Plan, plan_from_json
from suite.judge.sandbox import BUBBLEWRAP, confine
from suite.judge.worker_process import Prefix, WorkerProcess
from suite.worker.ahead import while_importing
from suite.worker.cuda_ipc import start_context

PR_SET_PDEATHSIG = 1
MOST_AHEAD = 8  # half a GB of memory each, on the card too


class Workers:
    """Starts workers ahead of need: they import torch, for seconds, while the judge does."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        root = Path(plan.folder).parents[1]
        self._confinement = (
            confine(plan.device, plan.sandbox_owner, root) if plan.sandbox == BUBBLEWRAP else None
        )
        self._ready: dict[Entry, WorkerProcess] = {}
        self._ahead = min(MOST_AHEAD, max(1, (os.cpu_count() or 1) // 2))
        if not plan.profile:
            self._start(plan.entries[0])
            if plan.benches:
                self._start(plan.rival)

    def take(self, entry: Entry, prefix: Prefix | None = None) -> WorkerProcess:
        """The worker of an entry.

        Where there is no clock to disturb, the next entries' workers start at the same time.
        """
        worker = self._ready.pop(entry, None) or self._spawn(entry, prefix)
        if not self._plan.benches:
            following = self._plan.entries.index(entry) + 1
            for waiting in self._plan.entries[following : following + self._ahead]:
                if waiting not in self._ready:
                    self._start(waiting)
        return worker

    def close(self) -> None:
        """End the workers that nobody took."""
        for worker in self._ready.values():
            worker.kill()
        for worker in self._ready.values():
            worker.close()
        self._ready.clear()

    def _start(self, entry: Entry) -> None:
        self._ready[entry] = self._spawn(entry)

    def _spawn(self, entry: Entry, prefix: Prefix | None = None) -> WorkerProcess:
        log = Path(self._plan.log_folder) / f"{entry.name}.log"
        return WorkerProcess(self._plan.device, Path(entry.path), log, prefix, self._confinement)


def _stop(_signal: int, _frame: Any) -> None:
    """End through the `finally` blocks, which kill the workers."""
    sys.exit(128 + signal.SIGTERM)


def main() -> None:
    """Judge one plan. Standard output carries events alone: whatever else prints goes to standard error."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    events = os.dup(1)
    os.dup2(2, 1)
    plan = plan_from_json(sys.stdin.readline())
    workers = Workers(plan)

    def emit(event: dict[str, Any]) -> None:
        os.write(events, json.dumps(event).encode() + b"\n")

    try:
        # After the workers' start: this imports torch.
        with while_importing(*([start_context] if plan.device == "cuda" else [])):
            from suite.judge.contract import ProblemError
            from suite.judge.profiling import Profiling
            from suite.judge.session import Session

        try:
            if plan.profile:
                Profiling(plan, emit, workers.take).run()
            else:
                Session(plan, emit, workers.take).run()
        except ProblemError as error:
            traceback.print_exc()
            emit({"event": "broken", "reason": str(error)})
    finally:
        workers.close()
    # In order, torch and its CUDA context take half a second to go, and the kernel frees all the same.
    os._exit(0)


if __name__ == "__main__":
    main()
