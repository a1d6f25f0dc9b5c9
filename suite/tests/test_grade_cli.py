"""`bench grade`: exit codes, what goes where, whose records count."""

import functools
import json

import pytest

from suite import profile_store, store
from suite.cli import recorded, stage_verbs
from suite.counters import DRAM
from suite.gpus import RTX_4090
from suite.solution import read_solution
from suite.tests.command import bench
from suite.tests.fake_evidence import evidence, fake_profile, kernel_profile, launch
from suite.tests.fake_results import fake_result
from suite.tests.stage_cases import KERNEL
from suite.tests.wrong_solutions import RIGHT

bench_grade = functools.partial(bench, "grade", "--problem", "row_argmin")
STAGES = ("baseline", "grid_stage", "block_stage", "final")


@pytest.fixture
def root(tiny_root, monkeypatch):
    """row_argmin with four graded files; every inspection finds one launch of `k`."""
    monkeypatch.chdir(tiny_root)
    for number, stem in enumerate(STAGES):
        (tiny_root / "problems" / "row_argmin" / f"{stem}.py").write_text(f"{RIGHT.read_text()}# {number}\n")
    tiles = dict.fromkeys(STAGES, 128)

    def inspect_all(problem, workload, solutions, gpu):
        for solution in solutions:
            yield evidence(KERNEL, launch("argmin_kernel", BLOCK=tiles[solution.name]), gpu=gpu).inspection

    monkeypatch.setattr(stage_verbs, "inspect_all", inspect_all)
    monkeypatch.setattr(recorded, "gpu_states", list)
    return tiny_root, tiles


def measure(root, latencies, profiled=True, stems=STAGES, **fields):
    for stem, latency_ms in zip(stems, latencies, strict=True):
        solution = read_solution(root / "problems" / "row_argmin" / f"{stem}.py")
        result = fake_result(
            stem, latency_ms=latency_ms, problem="row_argmin", sha256=solution.sha256, **fields
        )
        store.append(root / "reports" / "results", result)
        if profiled:
            profile = fake_profile(kernel_profile(dram=90.0), problem="row_argmin", sha256=solution.sha256)
            profile_store.append(root / "reports" / "profiles", profile)


def test_a_graded_file_that_is_no_python_is_a_mistake_in_one_line(root):
    path = root[0] / "problems" / "row_argmin" / "grid_stage.py"
    path.write_text("def f(:\n")
    outcome = bench_grade()
    assert outcome.exit_code == 2
    assert outcome.stderr.endswith(f"Error: {path}:1: not Python: invalid syntax\n")


def test_everything_measured_and_kept(root):
    measure(root[0], (4.0, 3.0, 2.5, 2.0))
    outcome = bench_grade()
    assert outcome.exit_code == 0, outcome.output
    lines = outcome.stdout.splitlines()
    assert lines[0] == (
        f"row_argmin, workload seed: launches as on an {RTX_4090.name}, measured on nvidia-h200"
    )
    assert [line.split()[:4] for line in lines[4:8]] == [
        ["baseline", "4.0000", "0.0100", "10.0"],
        ["grid_stage", "3.0000", "0.0100", "75.0%"],
        ["block_stage", "2.5000", "0.0100", "83.3%"],
        ["final", "2.0000", "0.0100", "80.0%"],
    ]
    assert "not measured" not in outcome.stdout
    assert "failed" not in outcome.stdout


def test_a_broken_rule_is_exit_code_1_and_says_where_and_what_to_do(root):
    folder, tiles = root
    measure(folder, (4.0, 3.0, 2.5, 2.0))
    tiles["grid_stage"] = 64
    outcome = bench_grade()
    assert outcome.exit_code == 1
    assert "line 20, argmin_kernel: BLOCK 128 -> 64" in outcome.stdout


def test_without_measurements_it_says_so_and_fails_nothing(root):
    outcome = bench_grade()
    assert outcome.exit_code == 0
    assert outcome.stdout.splitlines()[0].endswith("nothing measured")
    assert "no profile with counters; run `bench profile`" in outcome.stdout
    assert "no timed result of this file; run `bench run` on a GPU" in outcome.stdout


def test_json_alone_on_standard_output(root):
    measure(root[0], (4.0, 3.0, 2.5, 2.0))
    values = json.loads(bench_grade("--json", "-").stdout)
    assert (values["gpu"], values["measured_on"]) == ("rtx-4090", "nvidia-h200")
    assert [stage["stage"] for stage in values["stages"]] == ["grid", "block", "memory", "micro"]
    final = values["solutions"][-1]
    assert (final["solution"], final["latency_ms"], final["metrics"][DRAM]) == ("final", 2.0, 90.0)


def test_a_second_final_follows_what_the_first_follows(root):
    folder, tiles = root
    stem = "final_fp32"
    path = folder / "problems" / "row_argmin" / f"{stem}.py"
    path.write_text(f"{RIGHT.read_text()}# {stem}\n")
    tiles[stem] = 128
    measure(folder, (4.0, 3.0, 2.5, 1.0))
    measure(folder, (2.0,), stems=(stem,))
    values = json.loads(bench_grade("--json", "-").stdout)
    assert [(stage["stage"], stage["solution"]) for stage in values["stages"][2:]] == [
        (stage, final) for final in ("final", stem) for stage in ("memory", "micro")
    ]
    outcome = bench_grade()
    assert outcome.exit_code == 0, outcome.output
    assert outcome.stdout.splitlines()[8].split()[:4] == [stem, "2.0000", "0.0100", "80.0%"]


def test_a_changed_file_is_not_measured(root):
    folder, _ = root
    measure(folder, (4.0, 3.0, 2.5, 2.0))
    with (folder / "problems" / "row_argmin" / "final.py").open("a") as file:
        file.write("# changed\n")
    values = json.loads(bench_grade("--json", "-").stdout)
    assert values["solutions"][-1]["latency_ms"] is None
    assert values["solutions"][-1]["metrics"][DRAM] is None


def test_the_records_of_one_device_count(root):
    folder, _ = root
    measure(folder, (4.0, 3.0, 2.5, 2.0), created="2026-01-02T00:00:00+00:00")
    measure(
        folder, (8.0, 7.0, 6.0, 5.0), profiled=False, gpu="NVIDIA L4", created="2026-01-01T00:00:00+00:00"
    )
    assert json.loads(bench_grade("--json", "-").stdout)["measured_on"] == "nvidia-h200"
    older = json.loads(bench_grade("--json", "-", "--measured-on", "nvidia-l4").stdout)
    assert older["solutions"][-1]["latency_ms"] == 5.0
    outcome = bench_grade("--measured-on", "nvidia-l5")
    assert outcome.exit_code == 2
    assert outcome.stderr.splitlines()[-1] == (
        "Error: nothing of 'row_argmin' was measured on 'nvidia-l5'; did you mean 'nvidia-l4'?"
    )


def test_a_problem_without_graded_solutions(tiny_root, monkeypatch):
    monkeypatch.chdir(tiny_root)
    outcome = bench_grade()
    assert (outcome.exit_code, outcome.stderr.splitlines()[-1]) == (
        2,
        "Error: problem 'row_argmin' has no graded solutions",
    )
