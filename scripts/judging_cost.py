"""What isolation and checking add to the wall time of an honest run.

    python scripts/judging_cost.py        # needs a GPU; two rounds of three kinds of run, about a minute

Runs `argmin`'s final on the seed workload as users do; without the sandbox; and without sandbox and checks
(one input for all calls, no expected outputs, no comparison, no watched calls), in turn. Prints each time as
it is taken, then medians, and writes them to reports/cost/<device>.json.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 2
TIMEOUT_S = 120.0
WORDS = "run --problem argmin --solution final --workload seed --no-save --json -".split()  # noqa: SIM905
# The judge with its checks taken out: only here, and only in the process that this starts.
UNCHECKED = """
import suite.judge.__main__ as judge

take = judge.Workers.take


def without_checks(self, *arguments):
    from suite.judge import measure  # imported by now: the workers start first, as ever

    if measure.verify is not nothing:
        fresh = measure.Bench._fresh_case
        measure.Bench._fresh_case = lambda self: self._case if self._case is not None else fresh(self)
        measure.Bench._agrees = lambda self: True
        measure.Bench._watched_round = lambda self, method: None
        measure.Bench._trace = lambda self, sampler: True
        measure.Truth.exact_outputs = lambda self, case: []
        measure.fingerprint = measure.check_inputs = measure.verify = nothing
    return take(self, *arguments)


def nothing(*_):
    return []


judge.Workers.take = without_checks
judge.main()
"""


# Starts the command as ever, but for the judge.
SWAPPED = """
import subprocess, sys
import suite.judge_process

popen = subprocess.Popen


def swapped(command, **rest):
    bare = [sys.executable, "-P", "-c", {judge!r}]
    return popen(bare if "suite.judge" in command else command, **rest)


suite.judge_process.subprocess.Popen = swapped
from suite.__main__ import main

main()
"""


def run_once(sandbox: str, judge: str | None = None, words: list[str] = WORDS) -> tuple[float, str]:
    """(seconds from start to exit, the device) of one run.

    Raises:
        AssertionError: it did not pass; the message is the end of what it said.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    start = ["-m", "suite"] if judge is None else ["-c", SWAPPED.format(judge=judge)]
    command = [sys.executable, *start, *words, "--sandbox", sandbox]
    started = time.monotonic()
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=TIMEOUT_S
    )
    elapsed_s = time.monotonic() - started
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["status"] for line in lines] == ["passed"], done.stdout[-2000:] + done.stderr[-2000:]
    return elapsed_s, lines[0]["device"]


def main() -> None:
    """Measure in turn, print, write."""
    kinds = {
        "as users run it": ("auto", None),
        "without the sandbox": ("none", None),
        "without sandbox and checks": ("none", UNCHECKED),
    }
    device = run_once("none")[1]  # Python's caches
    out = ROOT / "reports" / "cost" / f"{device}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(ROUNDS):
        for kind, (sandbox, judge) in kinds.items():
            times[kind].append(run_once(sandbox, judge)[0])
            print(f"{kind}: {times[kind][-1]:.2f} s", flush=True)
            out.write_text(json.dumps({"wall_s": times}, indent=1) + "\n")
    medians = {kind: statistics.median(values) for kind, values in times.items()}
    bare_s = medians["without sandbox and checks"]
    print("medians:")
    for kind, middle_s in medians.items():
        print(f"{kind}: {middle_s:.2f} s, {middle_s / bare_s - 1:+.1%} of the bare run")


if __name__ == "__main__":
    main()
