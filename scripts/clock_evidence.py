"""Put the clock to the test on this machine's GPU, with the suite's own commands.

    python scripts/clock_evidence.py repeat    # one solution ten times, five of them after a minute of load
    python scripts/clock_evidence.py same      # 42 comparisons of a kernel with itself
    python scripts/clock_evidence.py differ    # 20 comparisons with a kernel that reads 2 % more rows
    python scripts/clock_evidence.py audit     # finals and short kernels against Nsight Compute

Each writes what the suite printed to reports/clock/<device>/, line by line as it comes, and a summary to
standard output. On an H200 they take about 200 to 275 s (with `--load 20`; without it 200 s more), 160, 170
and 80 to 110 s.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from suite.gpus import slugify  # noqa: E402 - after the path to it
from suite.machine import gpu_states  # noqa: E402

WORKLOADS = ("seed", "last_dim", "first_dim")
LOAD_S = 60.0
TIMEOUT_S = 300.0
"""Of one command; its lines until then are kept."""
SHORT = {"a": (1024, 1024), "b": (4096, 2048), "c": (8192, 2048), "d": (16384, 2048), "e": (24576, 2048)}


class Kept:
    """Lines under reports/clock, on disk as soon as they are known."""

    def __init__(self, name: str) -> None:
        folder = ROOT / "reports" / "clock" / slugify(gpu_states()[0].name)
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / name
        self._path.write_text("")
        self.lines: list[dict[str, Any]] = []

    def add(self, line: dict[str, Any]) -> None:
        """Append one."""
        self.lines.append(line)
        with self._path.open("a") as file:
            file.write(json.dumps(line) + "\n")


def bench(*words: str, root: Path = ROOT) -> Iterator[dict[str, Any]]:
    """What a `bench` command prints as JSON lines; its exit code is the caller's to judge by the lines."""
    command = [sys.executable, "-m", "suite", *words]
    try:
        done = subprocess.run(
            command,
            cwd=root,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        said = done.stdout
    except subprocess.TimeoutExpired as late:
        print(f"stopped after {TIMEOUT_S:g} s: {' '.join(command)}", file=sys.stderr)
        said = (late.stdout or b"").decode()
    for line in said.rpartition("\n")[0].splitlines():  # the last may be cut off
        yield json.loads(line)


def timed(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those with a latency; the reasons of the others go to standard error."""
    for line in lines:
        if line["latency_ms"] is None:
            print(
                f"{line['problem']} {line['workload']}: {line['status']}: {line['reason']}", file=sys.stderr
            )
    return [line for line in lines if line["latency_ms"] is not None]


def load(load_s: float) -> None:
    """Matrix products: the board reaches its power cap."""
    code = (
        "import time, torch\n"
        "x = torch.randn(8192, 8192, device='cuda', dtype=torch.bfloat16)\n"
        f"end = time.monotonic() + {load_s}\n"
        "while time.monotonic() < end:\n"
        "    for _ in range(50): x @ x\n"
        "    torch.cuda.synchronize()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=load_s + TIMEOUT_S)


def plain_loop() -> float:
    """The same kernel as peers time it: synchronize, flush, events, in a loop over one input; median ms."""
    code = (
        "import sys, statistics, torch\n"
        "sys.path.insert(0, 'problems/argmax')\n"
        "from final import ModelNew\n"
        "x = torch.rand(128, 4096, 4095, device='cuda')\n"
        "flush = torch.empty(256 << 20, device='cuda', dtype=torch.uint8)\n"
        "model, times = ModelNew(1), []\n"
        "for _ in range(105):\n"
        "    torch.cuda.synchronize(); flush.zero_()\n"
        "    a, b = (torch.cuda.Event(enable_timing=True) for _ in range(2))\n"
        "    a.record(); model(x); b.record(); torch.cuda.synchronize(); times.append(a.elapsed_time(b))\n"
        "print(statistics.median(times[5:]))\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True, timeout=TIMEOUT_S)
    return float(done.stdout)


def repeat(load_s: float) -> None:
    """Ten measurements of one solution, every other one right after load, each followed by a plain loop."""
    words = "run --problem argmax --solution final --workload seed --no-save --json -".split()  # noqa: SIM905
    ours, plain = Kept("repeat.jsonl"), Kept("repeat_plain_loop.jsonl")
    for turn in range(10):
        if turn % 2:
            load(load_s)
        for line in bench(*words):
            ours.add(line)
        plain.add({"median_ms": plain_loop(), "after_load": bool(turn % 2)})
    plain_ms = [line["median_ms"] for line in plain.lines]
    for name, values in (
        ("suite", [line["latency_ms"] for line in timed(ours.lines)]),
        ("plain loop", plain_ms),
    ):
        if values:
            spread = max(values) / min(values) - 1
            print(f"{name}: {[round(value, 4) for value in values]} ms, spread {spread:.2%}")


def compare(name: str, change: tuple[str, str] | None, workloads: tuple[str, ...], times: int) -> None:
    """Compare argmin's final with a copy of it, changed or not."""
    source = (ROOT / "problems" / "argmin" / "final.py").read_text()
    kept = Kept(f"{name}.jsonl")
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder) / "other.py"
        if change is not None:
            assert source.count(change[0]) == 1, "the final has changed: mend this script"
            source = source.replace(*change)
        other.write_text(source)
        words = [word for workload in workloads for word in ("--workload", workload)]
        for _ in range(times):
            for line in bench("compare", str(other), "final", "--problem", "argmin", "--json", *words):
                kept.add(line)
    verdicts = [line["verdict"] for line in kept.lines]
    counts = {verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts))}
    print(f"{name}: {len(verdicts)} of {times * len(workloads)} comparisons, {counts}")
    for workload in workloads:
        ratios = [line["ratio"] for line in kept.lines if line["workload"] == workload]
        if ratios:
            middle = statistics.median(ratios)
            print(f"  {workload}: ratios {min(ratios):.4f} to {max(ratios):.4f}, median {middle:.4f}")


def audit() -> None:
    """Our latency against ncu's: the finals on seed, and one kernel at five sizes from 3 to 50 us."""
    kept = Kept("audit.jsonl")
    for problem in ("argmin", "argmax", "matmul_large_k"):
        words = f"run --problem {problem} --solution final --workload seed --audit --no-save --json -"
        for line in bench(*words.split()):
            kept.add(line)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with_short_workloads(root)
        words = [word for name in SHORT for word in ("--workload", name)]
        solution = str(ROOT / "suite" / "tests" / "tiny" / "right.py")
        command = [
            "run",
            "--problem",
            "row_argmin",
            "--solution",
            solution,
            "--audit",
            "--no-save",
            "--json",
            "-",
        ]
        for line in bench(*command, *words, root=root):
            kept.add(line)
    for line in timed(kept.lines):
        ours_us, theirs = 1000 * line["latency_ms"], line["audit"]
        told = f"{line['problem']} {line['workload']}: {ours_us:.2f} us, "
        if theirs is None:
            print(f"{told}no second clock worked")
            continue
        theirs_us = 1000 * theirs["latency_ms"]
        print(
            f"{told}{theirs['clock']} {theirs_us:.2f} us, "
            f"{ours_us / theirs_us - 1:+.2%}, {ours_us - theirs_us:+.2f} us"
        )


def with_short_workloads(root: Path) -> None:
    """Make the tests' small problem in `root`, with bench workloads that take microseconds."""
    shutil.copytree(ROOT / "suite" / "tests" / "tiny" / "problems", root / "problems")
    inputs = root / "problems" / "row_argmin" / "inputs.py"
    sizes = "".join(
        f'    "{name}": {{"tier": "bench", "axes": {{"rows": {rows}, "cols": {cols}}}}},\n'
        for name, (rows, cols) in SHORT.items()
    )
    inputs.write_text(inputs.read_text().replace("WORKLOADS = {\n", "WORKLOADS = {\n" + sizes))


# The second launch reads the first 2 % of the rows once more and writes to an output of its own.
TWO_PERCENT = (
    "        launch_phases(x, out, phases)\n",
    "        launch_phases(x, out, phases)\n"
    "        more = rows // 50\n"
    "        launch_tiles(x[:, :more], torch.empty_like(out), _tiles(outer, more, inner))\n",
)


def main() -> None:
    """Run the experiments that are named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="EXPERIMENT")
    parser.add_argument("--load", type=float, default=LOAD_S, metavar="S", help="seconds of load in `repeat`")
    options = parser.parse_args()
    experiments = {
        "repeat": lambda: repeat(options.load),
        "same": lambda: compare("same", None, WORKLOADS, 14),
        # On the smaller workloads a second launch alone costs more than 2 %.
        "differ": lambda: compare("differ", TWO_PERCENT, ("seed",), 20),
        "audit": audit,
    }
    unknown = set(options.names) - set(experiments)
    if unknown:
        parser.error(f"no such experiment: {', '.join(sorted(unknown))}; there are {', '.join(experiments)}")
    if not gpu_states():
        parser.error("this needs an NVIDIA GPU; none answers here")
    for name in options.names or experiments:
        started = time.monotonic()
        experiments[name]()
        print(f"({name}: {time.monotonic() - started:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
