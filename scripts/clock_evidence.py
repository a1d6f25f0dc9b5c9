"""Put the clock to the test on this machine's GPU, with the suite's own commands.

    python scripts/clock_evidence.py repeat    # one solution ten times, five of them after a minute of load
    python scripts/clock_evidence.py same      # 42 comparisons of a kernel with itself
    python scripts/clock_evidence.py differ    # 20 comparisons with a kernel that reads 2 % more rows
    python scripts/clock_evidence.py audit     # finals and short kernels against Nsight Compute

Each writes what the suite printed, line by line, to reports/clock/<device>/ and a summary to standard output.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "reports" / "clock" / "nvidia-h200"
WORKLOADS = ("seed", "last_dim", "first_dim")
LOAD_S = 60
SHORT = {"a": (1024, 1024), "b": (4096, 2048), "c": (8192, 2048), "d": (16384, 2048), "e": (24576, 2048)}


def bench(*words: str, root: Path = ROOT) -> list[dict[str, Any]]:
    """What a `bench` command prints as JSON lines; its exit code is the caller's to judge by the lines."""
    command = [sys.executable, "-m", "suite", *words]
    done = subprocess.run(
        command, cwd=root, stdout=subprocess.PIPE, text=True, check=False, env=environment()
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def environment() -> dict[str, str]:
    """This process's environment with the suite importable from anywhere."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def keep(name: str, lines: list[dict[str, Any]]) -> None:
    """Write lines as they are."""
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / name).write_text("".join(json.dumps(line) + "\n" for line in lines))


def load() -> None:
    """A minute of matrix products: the board reaches its power cap."""
    code = (
        "import time, torch\n"
        "x = torch.randn(8192, 8192, device='cuda', dtype=torch.bfloat16)\n"
        f"end = time.monotonic() + {LOAD_S}\n"
        "while time.monotonic() < end:\n"
        "    for _ in range(50): x @ x\n"
        "    torch.cuda.synchronize()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


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
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout)


def repeat() -> None:
    """Ten measurements of one solution, every other one right after load, each followed by a plain loop."""
    words = "run --problem argmax --solution final --workload seed --no-save --json -".split()  # noqa: SIM905
    lines, plain_ms = [], []
    for turn in range(10):
        if turn % 2:
            load()
        lines += bench(*words)
        plain_ms.append(plain_loop())
    keep("repeat.jsonl", lines)
    after_load = [bool(turn % 2) for turn in range(10)]
    plain = [{"median_ms": m, "after_load": a} for m, a in zip(plain_ms, after_load, strict=True)]
    keep("repeat_plain_loop.jsonl", plain)
    ours_ms = [line["latency_ms"] for line in lines]
    for name, values in (("suite", ours_ms), ("plain loop", plain_ms)):
        spread = max(values) / min(values) - 1
        print(f"{name}: {[round(value, 4) for value in values]} ms, spread {spread:.2%}")


def compare(name: str, change: tuple[str, str] | None, workloads: tuple[str, ...], times: int) -> None:
    """Compare argmin's final with a copy of it, changed or not."""
    source = (ROOT / "problems" / "argmin" / "final.py").read_text()
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder) / "other.py"
        if change is not None:
            assert source.count(change[0]) == 1, "the final has changed: mend this script"
            source = source.replace(*change)
        other.write_text(source)
        words = [word for workload in workloads for word in ("--workload", workload)]
        lines = []
        for _ in range(times):
            lines += bench("compare", str(other), "final", "--problem", "argmin", "--json", *words)
    keep(f"{name}.jsonl", lines)
    verdicts = [line["verdict"] for line in lines]
    counts = {verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts))}
    print(f"{name}: {len(lines)} comparisons, {counts}")
    for workload in workloads:
        ratios = [line["ratio"] for line in lines if line["workload"] == workload]
        middle = statistics.median(ratios)
        print(f"  {workload}: ratios {min(ratios):.4f} to {max(ratios):.4f}, median {middle:.4f}")


def audit() -> None:
    """Our latency against ncu's: the finals on seed, and one kernel at five sizes from 3 to 50 us."""
    lines = []
    for problem in ("argmin", "argmax", "matmul_large_k"):
        words = f"run --problem {problem} --solution final --workload seed --audit --no-save --json -"
        lines += bench(*words.split())
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        tiny = ROOT / "suite" / "tests" / "tiny"
        shutil.copytree(tiny / "problems", root / "problems")
        inputs = root / "problems" / "row_argmin" / "inputs.py"
        sizes = "".join(
            f'    "{name}": {{"tier": "bench", "axes": {{"rows": {rows}, "cols": {cols}}}}},\n'
            for name, (rows, cols) in SHORT.items()
        )
        inputs.write_text(inputs.read_text().replace("WORKLOADS = {\n", "WORKLOADS = {\n" + sizes))
        words = [word for name in SHORT for word in ("--workload", name)]
        solution = str(tiny / "right.py")
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
        lines += bench(*command, *words, root=root)
    keep("audit.jsonl", lines)
    for line in lines:
        ours_us, theirs = 1000 * line["latency_ms"], line["audit"]
        theirs_us = 1000 * theirs["latency_ms"]
        print(
            f"{line['problem']} {line['workload']}: {ours_us:.2f} us, {theirs['clock']} {theirs_us:.2f} us, "
            f"{ours_us / theirs_us - 1:+.2%}, {ours_us - theirs_us:+.2f} us"
        )


# The second launch reads the first 2 % of the rows once more and writes to an output of its own.
TWO_PERCENT = (
    "    launch(x.reshape(outer, rows, inner), out, _plan(outer, rows, inner))\n",
    "    launch(x.reshape(outer, rows, inner), out, _plan(outer, rows, inner))\n"
    "    more = rows // 50\n"
    "    launch(x.reshape(outer, rows, inner)[:, :more], torch.empty_like(out), _plan(outer, more, inner))\n",
)


def main() -> None:
    """Run the experiments that are named."""
    experiments = {
        "repeat": repeat,
        "same": lambda: compare("same", None, WORKLOADS, 14),
        # On the smaller workloads a second launch alone costs more than 2 %.
        "differ": lambda: compare("differ", TWO_PERCENT, ("seed",), 20),
        "audit": audit,
    }
    for name in sys.argv[1:] or experiments:
        started = time.monotonic()
        experiments[name]()
        print(f"({name}: {time.monotonic() - started:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
