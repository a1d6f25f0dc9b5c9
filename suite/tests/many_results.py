"""A checkout of the size a popular leaderboard grows to: made quickly, and the same each time."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import random
from pathlib import Path

from suite.result import Clocks, Correctness, Status, Timing, to_json
from suite.tests.fake_results import fake_result

WORKLOADS = ("seed", "pow2_twin", "last_dim", "first_dim", "giant", "tiny", "narrow")
DEVICES = (("NVIDIA H200", 132, 1.0), ("NVIDIA H100 80GB HBM3", 132, 1.43))
N_SAMPLES = 30
INPUTS = "WORKLOADS = " + json.dumps({name: {"tier": "bench", "axes": {"n": 1}} for name in WORKLOADS}) + "\n"


def many_results(root: Path, source: str, n_results: int, n_solutions: int, n_problems: int) -> None:
    """A checkout in `root` with that many results, of as many solutions each problem's share.

    Half of the samples' records, with clocks, are as long as those of a real run; one solution in ten fails.
    Each solution's file is `source` with a line of its own on top.
    """
    draw = random.Random(4090)
    written = 0
    for number in range(n_problems):
        name = f"problem_{number:02}"
        folder = root / "problems" / name
        folder.mkdir(parents=True)
        (folder / "inputs.py").write_text(INPUTS)
        (folder / "reference.py").write_text("# the reference\n")
        mine = n_solutions // n_problems + (number < n_solutions % n_problems)
        budget = (n_results - written) // (n_problems - number)
        written += _problem(root, name, source, mine, budget, draw)
    assert written == n_results, written


def _problem(
    root: Path, name: str, source: str, n_solutions: int, n_results: int, draw: random.Random
) -> int:
    files = {}
    for number in range(n_solutions):
        stage = {1: "baseline", 2: "grid", 3: "block", 4: "final"}.get(number, "submitted")
        solution = {0: "reference", 1: "baseline", 2: "grid_stage", 3: "block_stage", 4: "final"}.get(
            number, f"author{number % 9}_idea_{number}"
        )
        path = root / "problems" / name / f"{solution}.py"
        if stage == "submitted" and number:
            path = root / "solutions" / name / f"{solution}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = f"# {name} {solution}\n{source}"
        path.write_text(text)
        files[solution] = ("reference" if not number else stage, hashlib.sha256(text.encode()).hexdigest())
    lines: dict[str, list[str]] = {}
    templates = {
        (gpu, workload): _template(name, gpu, sms, workload)
        for gpu, sms, _ in DEVICES
        for workload in WORKLOADS
    }
    count = round_number = 0
    while count < n_results:
        for solution, (stage, sha256) in files.items():
            least_ms = draw.randrange(19, 80) / 10  # the task takes an H200 1.79 ms at least
            for gpu, _, factor in DEVICES:
                for place, workload in enumerate(WORKLOADS):
                    if count == n_results:
                        break
                    device, template = templates[gpu, workload]
                    time = f"{count // 3600 % 24:02}:{count // 60 % 60:02}:{count % 60:02}"
                    created = f"2026-01-{1 + round_number % 28:02}T{time}"
                    line = template.replace("@solution", solution).replace("@stage", stage)
                    line = line.replace("@sha256", sha256).replace("@created", f"{created}+00:00")
                    if stage == "submitted" and hash_of(solution) % 10 == 0 and place == 3:
                        line = _failed(line)
                    else:
                        line = _timed(line, factor * least_ms * (1 + place / 10))
                    lines.setdefault(device, []).append(line)
                    count += 1
        round_number += 1
    for device, own in lines.items():
        path = root / "reports" / "results" / device / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(own))
    return count


def hash_of(name: str) -> int:
    """A number that is the same in every process."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)


def _template(problem: str, gpu: str, sms: int, workload: str) -> tuple[str, str]:
    """The device, and a line of its results to be filled in."""
    clocks = Clocks(
        (1980,) * N_SAMPLES, (3201,) * N_SAMPLES, (512.25,) * N_SAMPLES, (61,) * N_SAMPLES, (0,) * N_SAMPLES
    )
    result = fake_result(
        "@solution",
        workload,
        problem=problem,
        stage="@stage",
        sha256="@sha256",
        created="@created",
        author="@solution",
        gpu=gpu,
        sm_count=sms,
        clocks=clocks,
        timing=Timing("events", 251658240, 0.00128, 1),
        correctness=Correctness(33),
        bytes_moved=8_592_030_720,
    )
    values = json.loads(to_json(dataclasses.replace(result, samples_ms=(), reference_samples_ms=())))
    line = json.dumps({**values, "latency_ms": "@ms", "latency_ci_ms": "@ci", "samples_ms": "@own",
                       "reference_samples_ms": "@theirs", "reference_latency_ms": 5.4321})  # fmt: skip
    return result.device, line + "\n"


def _timed(line: str, latency_ms: float) -> str:
    return (
        line.replace('"@ms"', repr(latency_ms))
        .replace('"@ci"', f"[{latency_ms * 0.999!r}, {latency_ms * 1.001!r}]")
        .replace('"@own"', _samples(latency_ms))
        .replace('"@theirs"', _samples(5.4321))
    )


@functools.cache
def _samples(latency_ms: float) -> str:
    spread = ((7 * place) % 11 - 5 for place in range(N_SAMPLES))
    return str([round(latency_ms * (1 + 0.0004 * step), 9) for step in spread])


def _failed(line: str) -> str:
    emptied = (
        line.replace('"@ms"', "null")
        .replace('"@ci"', "null")
        .replace('"@own"', "[]")
        .replace('"@theirs"', "[]")
    )
    return emptied.replace('"status": "passed"', f'"status": "{Status.INCORRECT.value}"').replace(
        '"reason": null', '"reason": "output 0 differs in 17 of 524160 elements, the first at [0, 1]"'
    )
