"""`python -m suite.kernelbench.child FD`: a request on standard input, JSON lines on FD.

Request: `folder` with reference.py and a draft of inputs.py, `sizes`, `scale` or null. Lines, each with
`kind`: "step" (`text`) on the way, then "derived" with what was found, or "unfit" with a `reason`.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve one request."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    lines = os.fdopen(int(sys.argv[1]), "wb", buffering=0)
    os.set_inheritable(lines.fileno(), False)
    request = json.loads(sys.stdin.readline())
    # On a machine with a card the file must not use it: its sizes are not known to fit.
    os.environ["CUDA_VISIBLE_DEVICES"] = ""

    def emit(kind: str, **fields: Any) -> None:
        lines.write(json.dumps({"kind": kind, **fields}).encode() + b"\n")

    from suite.kernelbench.child.derive import ADDRESS_SPACE_BYTES, derive
    from suite.kernelbench.child.subject import UnfitFileError

    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
    try:
        found = derive(
            Path(request["folder"]), request["sizes"], request["scale"], lambda text: emit("step", text=text)
        )
        emit("derived", derived=found)
    except UnfitFileError as error:
        emit("unfit", reason=str(error))
    except Exception as error:
        emit("unfit", reason=f"{type(error).__name__}: {error}")
    os._exit(0)  # threads that the file started have no say in when this process ends


if __name__ == "__main__":
    main()
