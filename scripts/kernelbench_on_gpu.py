"""Evidence on a GPU for files in the format of KernelBench: `python scripts/kernelbench_on_gpu.py OUT`.

1. `format`: ten such files, a right and a wrong solution each: every right one passes, every wrong one fails.
2. `seed`: a file with the shapes of matmul_large_k against the built-in problem: the same latency.
3. `evaluate`: 30 solutions, of which one hangs and one crashes; killed on the way and started again. The
   other 28 are the files of `format`, some of them twice, so that this says what `format` does.

Each writes what it found to OUT/<name>.json and prints it, with a line that says whether it is as it must be;
verdicts stand in OUT/<name>.jsonl as they come. Names after OUT run those parts alone. On an H200 they take
about 270, 80 and 420 s.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FILES = ROOT / "suite" / "tests" / "kernelbench"
BENCH = [sys.executable, "-m", "suite"]
MATMUL = """import torch
import torch.nn as nn


class Model(nn.Module):
    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.matmul(a, b)


M = 256
N = 256
K = 131072 * 4


def get_inputs():
    return [torch.rand(M, K), torch.rand(K, N)]


def get_init_inputs():
    return []
"""
KILL_AFTER = 8
"""Verdicts after which the evaluation is killed."""
TIMEOUT_S = 560.0
"""Of one command; its verdicts until then are kept."""


def evaluate(problems: str, solutions: Path, out: Path, *more: str) -> list[str]:
    """The command."""
    return [
        *BENCH,
        "evaluate",
        "--problems",
        problems,
        "--solutions",
        str(solutions),
        "--out",
        str(out),
        *more,
    ]


def records(path: Path) -> list[dict[str, Any]]:
    """Whole lines of an evaluation's file."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def status(record: dict[str, Any]) -> str:
    """As `bench evaluate` shows it."""
    failed = [result["status"] for result in record["results"] if result["status"] != "passed"]
    return "error" if record["error"] else (failed or ["passed"])[0]


def format_part(out: Path) -> dict[str, Any]:
    """Ten files, a right and a wrong solution each."""
    lines = out / "format.jsonl"
    lines.unlink(missing_ok=True)
    started = time.monotonic()
    run(evaluate(f"{FILES}/problems/*.py", FILES / "solutions", lines))
    found = {record["solution"]: status(record) for record in records(lines)}
    return {
        "verdicts": found,
        "misjudged": misjudged(found),
        "wall_s": time.monotonic() - started,
        "as it must be": len(found) == 20 and not misjudged(found),
    }


def misjudged(found: dict[str, str]) -> list[str]:
    """Right files that did not pass, and wrong ones that are not called incorrect."""
    due = {"right": "passed", "wrong": "incorrect"}
    return [name for name, said in found.items() if said != due.get(Path(name).stem, said)]


def run(command: list[str]) -> None:
    """Run a command; what it prints is for whoever watches.

    Raises:
        subprocess.TimeoutExpired: it takes too long.
    """
    subprocess.run(command, cwd=ROOT, check=False, timeout=TIMEOUT_S)


def seed_part(out: Path) -> dict[str, Any]:
    """The file and the built-in problem, each judged with the same solution, in turn, twice."""
    path = out / "large_k_as_file.py"
    path.write_text(MATMUL)
    solution = str(ROOT / "problems" / "matmul_large_k" / "final.py")
    latencies: dict[str, list[Any]] = {"file": [], "built in": []}
    for _ in range(2):
        for name, problem in (("file", str(path)), ("built in", "matmul_large_k")):
            command = [*BENCH, "run", "--problem", problem, "--solution", solution, "--workload", "seed"]
            done = subprocess.run(
                [*command, "--json", "-", "--no-save"],
                cwd=ROOT,
                check=False,
                stdout=subprocess.PIPE,
                timeout=TIMEOUT_S,
            )
            result = json.loads(done.stdout.splitlines()[-1])
            if result["status"] != "passed":
                return {name: result["reason"], "as it must be": False}
            keys = ("latency_ms", "latency_ci_ms", "bytes_moved", "flops", "precision")
            latencies[name].append({key: result[key] for key in keys})
    ours, theirs = (latencies[name] for name in ("file", "built in"))
    low, high = (pick(r["latency_ci_ms"][end] for r in theirs) for end, pick in ((0, min), (1, max)))
    agrees = any(r["latency_ci_ms"][0] <= high and low <= r["latency_ci_ms"][1] for r in ours)
    return {**latencies, "intervals overlap": agrees, "as it must be": agrees}


def evaluate_part(out: Path) -> dict[str, Any]:
    """Thirty solutions; killed after some, started again."""
    folder, lines = out / "thirty", out / "evaluate.jsonl"
    shutil.rmtree(folder, ignore_errors=True)
    lines.unlink(missing_ok=True)
    names = sorted(path.stem for path in (FILES / "problems").glob("*.py"))
    for name in names:
        (folder / name).mkdir(parents=True)
        for side in ("right", "wrong"):
            shutil.copy(FILES / "solutions" / name / f"{side}.py", folder / name)
        right = (FILES / "solutions" / name / "right.py").read_text()
        (folder / name / "again.py").write_text(right + "\n# again\n")
    (folder / names[0] / "again.py").write_text("import time\nwhile True:\n    time.sleep(1)\n")
    (folder / names[1] / "again.py").write_text("import os\nos.abort()\n")
    command = evaluate(f"{FILES}/problems/*.py", folder, lines, "--timeout", "20")
    first = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    deadline = time.monotonic() + TIMEOUT_S
    try:
        while first.poll() is None and len(records(lines)) < KILL_AFTER and time.monotonic() < deadline:
            time.sleep(0.2)
    finally:
        if first.poll() is None:
            os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    before = [record["solution"] for record in records(lines)]
    run(command)
    after = records(lines)
    found = {record["solution"]: status(record) for record in after}
    kept = [record["solution"] for record in after][: len(before)] == before
    hung, crashed = (found.get(f"{name}/again.py") for name in names[:2])
    return {
        "before the kill": len(before),
        "solutions": len(after),
        "distinct": len(found),
        "kept": kept,
        "misjudged": misjudged(found),
        "status": found,
        "wall_s": {record["solution"]: record["wall_s"] for record in after},
        "as it must be": len(after) == len(found) == 3 * len(names)
        and kept
        and not misjudged(found)
        and (hung, crashed) == ("timeout", "runtime_error"),
    }


PARTS = {"format": format_part, "seed": seed_part, "evaluate": evaluate_part}


def main() -> int:
    """Run the parts; 0 if each is as it must be."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("names", nargs="*", metavar="PART", help=", ".join(PARTS))
    options = parser.parse_args()
    if not set(options.names) <= set(PARTS):
        parser.error(f"there are {', '.join(PARTS)}")
    out = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    failed = []
    for name in options.names or PARTS:
        try:
            found = PARTS[name](out)
        except (subprocess.TimeoutExpired, ValueError, LookupError) as error:
            found = {"error": repr(error), "as it must be": False}
        (out / f"{name}.json").write_text(json.dumps(found, indent=2) + "\n")
        print(json.dumps(found, indent=2))
        print(f"{name}: {'as it must be' if found['as it must be'] else 'NOT as it must be'}", flush=True)
        failed += [] if found["as it must be"] else [name]
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
