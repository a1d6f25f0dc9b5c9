"""`python -m suite.judge.authoring FD`: a request on standard input, findings as JSON lines on FD.

Request: `folder`, `device`, and `workloads`, a list of {"name", "tier", "axes"}. Lines, each with `kind`:
"section" (`name`, `number`, `count`) or
"finding" (`subject`, `state`, `text`, `remedy`).
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve one request."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lines = os.fdopen(int(sys.argv[1]), "wb", buffering=0)
    os.set_inheritable(lines.fileno(), False)
    request = json.loads(sys.stdin.readline())

    def emit(kind: str, **fields: Any) -> None:
        lines.write(json.dumps({"kind": kind, **fields}).encode() + b"\n")

    import torch

    from suite.judge.authoring.examination import examine
    from suite.judge.authoring.subject import Shapes

    torch.set_num_threads(1)  # what is computed on a CPU is small

    def on_section(name: str, number: int, count: int) -> None:
        emit("section", name=name, number=number, count=count)

    workloads = tuple(Shapes(**workload) for workload in request["workloads"])
    for finding in examine(Path(request["folder"]), request["device"], workloads, on_section):
        emit("finding", **finding.to_json())


if __name__ == "__main__":
    main()
