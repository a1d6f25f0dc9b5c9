"""`pytest problems --benchmark-only` in a small checkout: recorded samples, and a card that is made up."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from suite import store
from suite.problem import find_problem
from suite.result import Clocks, Result, Status, to_json
from suite.solution import find_solutions
from suite.tests.fake_results import H200, RTX_4090, fake_result
from suite.versions import torch_versions

ROOT = Path(__file__).parents[2]
SAMPLES_MS = tuple(2.0 + 0.001 * (index % 7) + 1e-7 * index for index in range(40))
TEST = "problems/test_benchmarks.py::test_latency"

# Stands in for the card, its driver and the judge; notes what it was asked to run.
FAKE_CARD = """
import json
from pathlib import Path

from suite import benchmark_sources
from suite.machine import GpuCondition, GpuState
from suite.result import Status, from_json
from suite.judge_process import JudgeError


def fake_run(root, problem, solutions, options, on_progress):
    lines = Path("judged.jsonl").read_text().splitlines()
    results = [from_json(line) for line in lines]
    with Path("asked.jsonl").open("a") as file:
        asked = [problem.name, sorted(one.name for one in solutions), list(options.workloads)]
        file.write(json.dumps(asked) + "\\n")
    yield from (one for one in results if one.problem == problem.name)
    if Path("judge_dies").exists():
        raise JudgeError("the judge ended early: out of luck")


benchmark_sources.gpu_states = lambda: [GpuState("GPU-0", "NVIDIA H200", "580.95.05", 0, 143156, 0)]
benchmark_sources.gpu_conditions = lambda: [GpuCondition("NVIDIA H200", top_sm_mhz=1980)]
benchmark_sources.run = fake_run
"""


@pytest.fixture
def checkout(tiny_root: Path) -> Path:
    """Two problems of two bench workloads and two solutions each, with this repository's pytest settings."""
    for name in ("pyproject.toml", "conftest.py", "problems/test_benchmarks.py"):
        shutil.copy(ROOT / name, tiny_root / name)
    inputs = tiny_root / "problems" / "row_argmin" / "inputs.py"
    wide = '    "tall": {"tier": "bench", "axes": {"rows": 131072, "cols": 2048}},\n'
    text = inputs.read_text()
    inputs.write_text(text.replace('    "small":', wide + '    "small":', 1))
    shutil.copytree(inputs.parent, tiny_root / "problems" / "other")
    (tiny_root / "fake_card.py").write_text(FAKE_CARD)
    return tiny_root


def results_of(checkout: Path, problem: str = "row_argmin", **fields: Any) -> list[Result]:
    """A result of each solution on each bench workload, of the files as they are."""
    fields = {"samples_ms": SAMPLES_MS} | fields
    found = find_problem(checkout, problem)
    return [
        fake_result(one.name, workload, problem=problem, sha256=one.sha256, stage=one.stage, **fields)
        for workload in found.bench_workloads
        for one in find_solutions(checkout, found)
    ]


def record(checkout: Path, results: list[Result]) -> None:
    for result in results:
        store.append(checkout / "reports" / "results", result)


def judged(checkout: Path, results: list[Result]) -> None:
    """What the made-up judge will say."""
    (checkout / "judged.jsonl").write_text("".join(to_json(result) + "\n" for result in results))


def run_pytest(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "problems", "--benchmark-only", "-p", "no:cacheprovider"]
    # One that takes itself for a part of this session, where that has several, measures nothing.
    outer = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    environment = {**outer, "PYTHONPATH": os.pathsep.join([str(ROOT), str(checkout)])}
    return subprocess.run(
        [*command, *arguments], cwd=checkout, env=environment, capture_output=True, text=True, timeout=120
    )


def benchmarks(path: Path) -> dict[str, dict[str, Any]]:
    """By the parameters in the test's name."""
    return {one["param"]: one for one in json.loads(path.read_text())["benchmarks"]}


def test_the_json_holds_the_recorded_samples_and_the_machine(checkout: Path) -> None:
    clocks = Clocks((1980, 1965) * 20, (2619,) * 40, (500.0,) * 40, (50,) * 40, (0,) * 40)
    record(checkout, results_of(checkout, samples_ms=(9.0, 9.0), created="2025-12-31T00:00:00+00:00"))
    record(checkout, results_of(checkout, clocks=clocks))
    record(checkout, results_of(checkout, "other"))
    odd = checkout / "reports" / "results" / "nvidia-h100" / "row_argmin.jsonl"
    odd.parent.mkdir()
    odd.write_text("torn\n")
    done = run_pytest(checkout, "--from-results", "--benchmark-json", "out.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"warning: {odd}:1: skipped, not JSON" in done.stdout
    found = benchmarks(checkout / "out.json")
    assert sorted(found) == sorted(
        f"{problem}-{workload}-{solution}"
        for problem in ("other", "row_argmin")
        for workload in ("seed", "tall")
        for solution in ("reference", *(["tests_right"] if problem == "row_argmin" else []))
    )
    one = found["row_argmin-tall-tests_right"]
    assert one["fullname"] == f"{TEST}[row_argmin-tall-tests_right]"
    assert one["stats"]["data"] == [ms / 1000 for ms in SAMPLES_MS]
    assert one["stats"]["median"] == pytest.approx(0.0020030, rel=1e-4)
    assert (one["stats"]["rounds"], one["stats"]["iterations"]) == (40, 1)
    assert {name: benchmark["group"] for name, benchmark in found.items()} == {
        name: " ".join(name.split("-")[:2]) for name in found
    }
    assert one["params"] == {"problem": "row_argmin", "workload": "tall", "solution": "tests_right"}
    assert (one["extra_info"]["sm_mhz"], one["extra_info"]["gpu"]) == (1972.5, H200)
    machine = json.loads((checkout / "out.json").read_text())["machine_info"]
    assert {name: machine[name] for name in ("gpu", "driver", "cuda", "torch", "triton", "clocks")} == {
        "gpu": H200,
        "driver": "580.95.05",
        "cuda": "13.0",
        "torch": "2.11.0",
        "triton": "3.6.0",
        "clocks": {"highest_sm_mhz": 1980},
    }
    assert "hz_actual" not in machine["cpu"]
    for group in ("row_argmin seed", "row_argmin tall", "other seed", "other tall"):
        assert f"benchmark '{group}'" in done.stdout


@pytest.mark.parametrize(("slower", "code"), [(1.06, 1), (1.04, 0)])
def test_compare_fail_works_on_device_time(checkout: Path, slower: float, code: int) -> None:
    record(checkout, results_of(checkout))
    saved = run_pytest(checkout, "--from-results", "--problem", "row_argmin", "--benchmark-save", "before")
    assert saved.returncode == 0, saved.stdout + saved.stderr
    now = tuple(slower * ms for ms in SAMPLES_MS)
    record(checkout, results_of(checkout, samples_ms=now, created="2026-01-02T00:00:00+00:00"))
    arguments = ("--from-results", "--problem", "row_argmin", "--benchmark-compare")
    done = run_pytest(checkout, *arguments, "--benchmark-compare-fail", "median:5%")
    assert done.returncode == code, done.stdout + done.stderr
    assert ("Performance has regressed" in done.stdout + done.stderr) is bool(code)
    assert "machine_info is different" not in done.stderr


def test_another_gpu_is_refused(checkout: Path) -> None:
    record(checkout, results_of(checkout))
    record(checkout, results_of(checkout, gpu=RTX_4090, sm_count=128))
    slug = ("--from-results", "--device-slug")
    assert run_pytest(checkout, *slug, "nvidia-h200", "--benchmark-save", "before").returncode == 0
    done = run_pytest(checkout, *slug, "nvidia-geforce-rtx-4090", "--benchmark-compare")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stderr.strip().splitlines()[-1] == (
        f"ERROR: --benchmark-compare: the saved run is of {H200}, this one of {RTX_4090}; "
        "latencies of different GPUs do not compare"
    )
    assert "Traceback" not in done.stderr


def test_records_that_do_not_hold_are_not_replayed(checkout: Path) -> None:
    """Another version of the file, a workload without a record, a failure, an unsupported one."""
    seed_reference, seed_right, tall_reference, _ = results_of(checkout)
    fields = {"problem": "row_argmin", "latency_ms": None}
    record(checkout, [seed_reference])
    sha = tall_reference.sha256
    unsupported = {"status": Status.UNSUPPORTED, "reason": "needs 80 GB", "sha256": sha}
    record(checkout, [fake_result("reference", "tall", **fields, **unsupported)])
    failed = {
        "status": Status.INCORRECT,
        "reason": "output 0: 3 elements differ",
        "sha256": seed_right.sha256,
    }
    record(checkout, [fake_result("tests_right", "check", **fields, **failed), seed_right])
    solution = checkout / "solutions" / "other" / "ada_new.py"
    solution.parent.mkdir()
    solution.write_text("# version 2")
    record(checkout, [fake_result("ada_new", problem="other", sha256="1" * 64, samples_ms=SAMPLES_MS)])
    done = run_pytest(checkout, "--from-results", "--benchmark-json", "out.json", "-rfs", "-vv")
    assert done.returncode == 1, done.stdout + done.stderr
    assert list(benchmarks(checkout / "out.json")) == ["row_argmin-seed-reference"]
    reason = "tests_right on check: incorrect: output 0: 3 elements differ"
    for workload in ("seed", "tall"):
        assert f"FAILED {TEST}[row_argmin-{workload}-tests_right] - Failed: {reason}" in done.stdout
    assert "reference on tall: unsupported: needs 80 GB" in done.stdout
    assert "ada_new has changed since it was recorded: measure it again" in done.stdout
    assert "no record of reference on seed on nvidia-h200" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert "2 failed" in done.stdout
    assert "5 skipped" in done.stdout
    assert " error" not in done.stdout


def test_the_judge_runs_once_a_problem_and_only_what_is_selected(checkout: Path) -> None:
    results = results_of(checkout) + results_of(checkout, "other")
    judged(checkout, results)
    done = run_pytest(
        checkout, "-p", "fake_card", "-k", "row_argmin-tall or other", "--benchmark-json", "out.json"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [json.loads(line) for line in (checkout / "asked.jsonl").read_text().splitlines()] == [
        ["other", ["reference"], ["check", "seed", "tall"]],
        ["row_argmin", ["reference", "tests_right"], ["check", "tall"]],
    ]
    assert len(benchmarks(checkout / "out.json")) == 4
    machine = json.loads((checkout / "out.json").read_text())["machine_info"]
    assert (machine["gpu"], machine["driver"], machine["clocks"]) == (
        H200,
        "580.95.05",
        {"highest_sm_mhz": 1980},
    )
    assert (machine["torch"], machine["cuda"]) == torch_versions()
    assert not (checkout / "reports" / "results").exists()


def test_a_judge_that_dies_fails_what_it_did_not_reach(checkout: Path) -> None:
    judged(checkout, results_of(checkout)[:1])
    (checkout / "judge_dies").touch()
    done = run_pytest(checkout, "-p", "fake_card", "--problem", "row_argmin")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert "3 failed" in done.stdout
    assert done.stdout.splitlines().count("the judge ended early: out of luck") == 3
    assert len((checkout / "asked.jsonl").read_text().splitlines()) == 1


@pytest.mark.skipif(Path("/proc/driver/nvidia").exists(), reason="needs a machine without a GPU")
def test_without_a_gpu_benchmarks_skip_with_a_reason(checkout: Path) -> None:
    done = run_pytest(checkout, "--problem", "row_argmin", "--benchmark-json", "out.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 skipped" in done.stdout
    assert "needs an NVIDIA GPU, none answers here; --from-results replays recorded samples" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--problem", "row_argmim"], "there is no problem 'row_argmim'; did you mean 'row_argmin'?"),
        (["--from-results"], "holds no results of a GPU; run `bench run` on one"),
        (
            ["--device-slug", "nvidia-h200"],
            "--device-slug chooses among recorded results: add --from-results",
        ),
    ],
)
def test_wrong_options_are_usage_errors(checkout: Path, arguments: list[str], message: str) -> None:
    done = run_pytest(checkout, *arguments)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stderr.strip().endswith(message)
    assert "Traceback" not in done.stderr


def test_with_several_cards_the_slug_is_asked_for(checkout: Path) -> None:
    record(checkout, results_of(checkout))
    record(checkout, results_of(checkout, gpu=RTX_4090, sm_count=128))
    done = run_pytest(checkout, "--from-results")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "holds results of nvidia-geforce-rtx-4090, nvidia-h200: choose with --device-slug" in done.stderr
    done = run_pytest(checkout, "--from-results", "--device-slug", "nvidia-h20")
    assert "holds no results of 'nvidia-h20'; did you mean 'nvidia-h200'?" in done.stderr
