"""Where the wall time of one run goes, beside that of importing torch on the same host.

    python scripts/wall_time.py [RUNS]     # needs a GPU; five runs take a minute

Runs `argmin`'s final on the seed workload as users do, with a judge that notes when it asks its workers what.
Prints the medians of phases that add up to the wall time, and writes them to reports/cost/<device>-wall.json.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from judging_cost import ROOT, WORDS, run_once

RUNS = 5
AT_ONCE = 3  # the judge and two workers import torch at the same time
# The judge as ever, which notes begin and end of what it asks of its workers: only here.
TIMED = """
import time
begun = time.monotonic()
import functools, json, os
import suite.judge.__main__ as judge
from suite.judge.worker_process import WorkerProcess

notes = open(os.environ["WALL_NOTES"], "w", buffering=1)


def note(what, who, begun):
    print(json.dumps([what, who, begun, time.monotonic()]), file=notes)


def noted(name):
    function = getattr(WorkerProcess, name)

    @functools.wraps(function)
    def run(self, *arguments, **fields):
        begun = time.monotonic()
        try:
            return function(self, *arguments, **fields)
        finally:
            note(arguments[0] if name == "request" else name, self.log.stem, begun)

    setattr(WorkerProcess, name, run)


note("judge", None, begun)
for name in ("__init__", "request", "close"):
    noted(name)
judge.main()
"""
Note = tuple[str, str | None, float, float]


def phases(begun: float, ended: float, solution: str, notes: list[Note]) -> dict[str, float]:
    """The seconds of a run from `begun` to `ended`, phase after phase.

    Each note says what was asked, of which worker, and when that began and ended; in order of ends.
    """
    own = [note for note in notes if note[1] == solution]
    hello = next(note for note in own if note[0] == "hello")
    first_call = next(note for note in own if note[0] == "call")
    marks = {
        "host, until the judge starts": notes[0][2],
        "judge, until the solution's worker starts": own[0][3],
        "imports, until the judge asks": hello[2],
        "imports, until the worker answers": hello[3],
        "greeting, inputs": first_call[2],
        "first call: Triton compiles": first_call[3],
        "timing and checks": next(note for note in notes if note[0] == "close")[2],
        "closing workers": notes[-1][3],
        "judge's and host's end": ended,
    }
    starts = [begun, *marks.values()]
    return {name: mark - start for (name, mark), start in zip(marks.items(), starts, strict=False)}


def import_torch_s(times: int) -> float:
    """How long `times` processes take that import torch at once."""
    begun = time.monotonic()
    for process in [subprocess.Popen([sys.executable, "-c", "import torch"]) for _ in range(times)]:
        assert process.wait() == 0
    return time.monotonic() - begun


def measure(words: list[str], solution: str, notes: Path) -> tuple[dict[str, float], str]:
    """(seconds of each phase, the device) of one run."""
    os.environ["WALL_NOTES"] = str(notes)
    begun = time.monotonic()
    _, device = run_once("auto", TIMED, words)
    ended = time.monotonic()
    noted = [json.loads(line) for line in notes.read_text().splitlines()]
    return phases(begun, ended, solution, noted), device


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="?", type=int, default=RUNS, help=f"Default: {RUNS}.")
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        measured = [measure(WORDS, "final", Path(folder) / "notes") for _ in range(runs + 1)]
    kept = [seconds for seconds, _ in measured[1:]]  # the first run fills caches
    taken_s = {
        "wall": [sum(seconds.values()) for seconds in kept],
        "import torch": [import_torch_s(1) for _ in range(runs)],
        f"import torch, {AT_ONCE} at once": [import_torch_s(AT_ONCE) for _ in range(runs)],
        **{phase: [seconds[phase] for seconds in kept] for phase in kept[0]},
    }
    out = ROOT / "reports" / "cost" / f"{measured[0][1]}-wall.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"seconds": taken_s}, indent=1) + "\n")
    for what, seconds in taken_s.items():
        print(f"{statistics.median(seconds):6.2f} s  {what}")


if __name__ == "__main__":
    main()
