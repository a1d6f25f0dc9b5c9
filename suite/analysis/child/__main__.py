"""`python -m suite.analysis.child FD`: a request on standard input, facts as JSON lines on FD.

Request: `folder` of the problem, `axes`, `solution` (a copy that may be run), `class_name`, `card` as torch
reports it, and `scratch`, a folder. Lines, each with `kind`: "work" before any code of the solution runs,
"launches", then one "variant" for each compilation; or "error".
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
MAX_FILE_BYTES = 256 << 20
ADDRESS_SPACE_BYTES = 16 << 30


def _limit_process() -> None:
    """Die with the host, ignore its Ctrl-C, and fail a runaway allocation before the machine does."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_FILE_BYTES, MAX_FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))


def main() -> None:
    """Serve one request."""
    _limit_process()
    facts = os.fdopen(int(sys.argv[1]), "wb", buffering=0)
    os.set_inheritable(facts.fileno(), False)
    request = json.loads(sys.stdin.readline())

    def emit(kind: str, **fields: Any) -> None:
        facts.write(json.dumps({"kind": kind, **fields}).encode() + b"\n")

    from suite.analysis.child.session import Session, describe_error

    session = Session(request, emit)
    try:
        session.run()
    except BaseException as error:
        traceback.print_exc()
        emit("error", step=session.step, **describe_error(error, Path(request["solution"])))
    sys.stdout.flush()
    os._exit(0)  # threads and atexit handlers of the solution have no say in when this process ends


if __name__ == "__main__":
    main()
