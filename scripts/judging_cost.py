"""What isolation and checking add to the wall time of an honest run.

    python scripts/judging_cost.py        # needs a GPU; three rounds of three kinds of run, about a minute

Runs `argmin`'s final on the seed workload as users do; without the sandbox; and without sandbox and checks
(one input for all calls, no expected outputs, no comparison), in turn. Prints medians and writes them to
reports/cost/nvidia-h200.json.
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
ROUNDS = 3
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
        measure.Truth.exact_outputs = lambda self, case: []
        measure.fingerprint = measure.check_inputs = measure.verify = nothing
    return take(self, *arguments)


def nothing(*_):
    return []


judge.Workers.take = without_checks
judge.main()
"""


def wall_s(sandbox: str, judge: str | None = None) -> float:
    """Seconds from start to exit of one run."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "suite", *WORDS, "--sandbox", sandbox]
    if judge is not None:
        start = (
            "import subprocess, sys\n"
            "popen = subprocess.Popen\n"
            "def swapped(command, **rest):\n"
            f"    bare = [sys.executable, '-P', '-c', {judge!r}]\n"
            "    return popen(bare if 'suite.judge' in command else command, **rest)\n"
            "import suite.runner\n"
            "suite.runner.subprocess.Popen = swapped\n"
            "from suite.cli import main\n"
            "main()\n"
        )
        command = [sys.executable, "-c", start, *WORDS, "--sandbox", sandbox]
    started = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    elapsed_s = time.monotonic() - started
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["status"] for line in lines] == ["passed"], done.stdout[-2000:] + done.stderr[-2000:]
    return elapsed_s


def main() -> None:
    """Measure in turn, print, write."""
    kinds = {
        "as users run it": lambda: wall_s("auto"),
        "without the sandbox": lambda: wall_s("none"),
        "without sandbox and checks": lambda: wall_s("none", UNCHECKED),
    }
    wall_s("none")  # Python's caches
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(ROUNDS):
        for kind, take in kinds.items():
            times[kind].append(take())
    medians = {kind: statistics.median(values) for kind, values in times.items()}
    bare_s = medians["without sandbox and checks"]
    for kind, middle_s in medians.items():
        print(f"{kind}: {middle_s:.2f} s, {middle_s / bare_s - 1:+.1%} of the bare run")
    out = ROOT / "reports" / "cost" / "nvidia-h200.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"wall_s": times}, indent=1) + "\n")


if __name__ == "__main__":
    main()
