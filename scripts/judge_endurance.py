"""See whether one judge outlives many bad solutions, one after the other, and what is left of them.

    python scripts/judge_endurance.py                    # 200 solutions on this machine's GPU
    python scripts/judge_endurance.py --device cpu --runs 20

Each crashes, hangs, allocates or floods in one of twelve ways. At the end a right solution must pass, no
process may be left, and the GPU's memory must be back where it was. Writes one line a result to
reports/endurance/<device>.jsonl and a summary to standard output; exits 1 if anything is amiss.
"""

from __future__ import annotations

import argparse
import collections
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from suite.machine import used_memory_mb  # noqa: E402 - the path is set above
from suite.problem import find_problem  # noqa: E402
from suite.result import Result, Status  # noqa: E402
from suite.runner import RunOptions, run  # noqa: E402
from suite.solution import read_solution  # noqa: E402

TINY = ROOT / "suite" / "tests" / "tiny"
RETURN = "        return argmin(x)\n"
TIMEOUT_S = 3.0
# What a freed CUDA context may leave behind for a moment; and how long to wait for it.
MEMORY_SLACK_MB = 64
SETTLE_S = 10.0
MARKER = "endurance-child-51c7"

# Bodies of `forward`, by what they do. Each must cost its solution the run, and nobody else anything.
WAYS = {
    "crash_segv": "import ctypes; ctypes.string_at(0)",
    "crash_abort": "import os; os.abort()",
    "crash_exit": "import os; os._exit(0)",
    "crash_raise": "raise RuntimeError('x' * 1000000)",
    "hang_loop": "while True: pass",
    "crash_device": "argmin_kernel[(1,)](x, x, 1 << 30, 1 << 40, 1 << 40, BLOCK=1024)",
    "hang_child": f"import subprocess; subprocess.run(['sh', '-c', 'sleep 3600 # {MARKER}'])",
    "allocate_host": "held = [bytearray(1 << 30) for _ in range(1000)]",
    "allocate_device": "held = [torch.ones(1 << 33, dtype=torch.uint8, device='cuda') for _ in range(1000)]",
    "flood_output": "while True: print('x' * 100000)",
    "flood_replies": "import os, sys; os.write(int(sys.argv[3]), b'[' * 60000); return argmin(x)",
    "flood_threads": "import threading, time\n"
    "        for _ in range(100000): threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()",
}


def main() -> int:
    """Run them all; see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    chosen = parser.parse_args()
    before_mb = used_memory_mb() if chosen.device == "cuda" else {}
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        shutil.copytree(TINY / "problems", root / "problems")
        paths = [write(root, index, way) for index, way in zip(range(chosen.runs), cycle(), strict=False)]
        problem = find_problem(root, "row_argmin")
        solutions = [read_solution(path) for path in [*paths, TINY / "right.py"]]
        options = RunOptions(chosen.device, ("check",), timeout_s=TIMEOUT_S)
        results = list(run(root, problem, solutions, options, lambda _: None))
    wall_s = time.monotonic() - started
    return report(chosen.device, chosen.runs, results, wall_s, before_mb)


def cycle() -> list[str]:
    """The ways, over and over."""
    return list(WAYS) * 100


def write(root: Path, index: int, way: str) -> Path:
    """One bad solution."""
    source = (TINY / "right.py").read_text()
    assert source.count(RETURN) == 1
    path = root / f"{way}_{index:03d}.py"
    path.write_text(source.replace(RETURN, f"        {WAYS[way]}\n{RETURN}"))
    return path


def report(device: str, runs: int, results: list[Result], wall_s: float, before_mb: dict[str, int]) -> int:
    """Say what came of it; 0 if nothing is amiss."""
    bad, right = results[:-1], results[-1]
    counts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for result in bad:
        counts[result.solution[:-4]][str(result.status)] += 1
    for way, statuses in counts.items():
        print(f"{way:16} {dict(statuses)}")
    left = leftovers()
    grown_mb = settle(before_mb)
    passed = [result.solution for result in bad if result.status is Status.PASSED]
    print(f"{len(bad)} of {runs} judged in {wall_s:.0f} s by one judge, sandbox: {right.sandbox}")
    print(f"then a right one: {right.status}; of the bad ones passed: {passed or 'none'}")
    print(f"processes left: {left or 'none'}; GPU memory grown by: {grown_mb or 'nothing'}")
    lines = [
        {"solution": r.solution, "status": str(r.status), "reason": r.reason, "sandbox": r.sandbox}
        for r in results
    ]
    out = ROOT / "reports" / "endurance" / f"{results[0].device}.jsonl"
    out.parent.mkdir(parents=True, exist_ok=True)
    summary = {"runs": len(bad), "wall_s": round(wall_s, 1), "left": left, "grown_mb": grown_mb}
    out.write_text("".join(json.dumps(line) + "\n" for line in [*lines, summary]))
    return int(bool(len(bad) != runs or passed or left or grown_mb or right.status is not Status.PASSED))


def leftovers() -> list[str]:
    """Command lines of workers and their children that are still running."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (OSError, NotADirectoryError):
            continue
        if "suite.worker" in line or (MARKER in line and "judge_endurance" not in line):
            found.append(line[:80])
    return found


def settle(before_mb: dict[str, int]) -> dict[str, int]:
    """By how much each card's used memory has grown for good, in MB."""
    deadline = time.monotonic() + SETTLE_S
    while True:
        now_mb = used_memory_mb() if before_mb else {}
        grown = {
            card: now_mb[card] - mb for card, mb in before_mb.items() if now_mb[card] - mb > MEMORY_SLACK_MB
        }
        if not grown or time.monotonic() > deadline:
            return grown
        time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
