"""Every problem folder keeps its contract; its graded solutions are right and measured as they stand."""

from __future__ import annotations

import hashlib
import random
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from suite import store
from suite.gpus import RTX_4090
from suite.judge.authoring.subject import Unshared
from suite.judge.contract import load_module
from suite.judge.truth import Truth
from suite.problem import Problem, find_problem, find_problems
from suite.result import Result, Status
from suite.runner import RunOptions, run
from suite.solution import STAGES, find_solutions

ROOT = Path(__file__).parents[2]
PROBLEMS = find_problems(ROOT)
SEEDS = {
    "argmin": ({"shape": [128, 4096, 4095], "dim": 1}, 8_587_837_440 + 4_193_280, 0),
    "argmax": ({"shape": [128, 4096, 4095], "dim": 1}, 8_587_837_440 + 4_193_280, 0),
    "matmul_large_k": ({"m": 256, "k": 524288, "n": 256}, 1_073_741_824 + 262_144, 68_719_476_736),
}
by_problem = pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)


def test_the_three_seed_problems_are_here() -> None:
    assert set(SEEDS) <= {problem.name for problem in PROBLEMS}


@by_problem
def test_the_folder_is_complete(problem: Problem) -> None:
    names = {path.name for path in problem.folder.iterdir() if path.is_file()}
    stages = {f"{stem}.py" for stem in STAGES if stem != "final_fp32"}
    assert "final_fp32.py" not in names or {"fp32", "tf32"} <= set(problem.precision_classes)
    assert names - {"final_fp32.py"} == {"reference.py", "inputs.py", "published.json", "README.md", *stages}
    assert len(problem.description) > 40


@pytest.mark.parametrize("name", SEEDS)
def test_the_seed_workload_is_the_seed_documents(name: str) -> None:
    problem = find_problem(ROOT, name)
    axes, bytes_moved, flops = SEEDS[name]
    inputs = load_module(problem.folder / "inputs.py")
    seed = problem.workload("seed").axes
    assert {name: seed[name] for name in axes} == axes
    assert (inputs.bytes_moved(**seed), inputs.flops(**seed)) == (bytes_moved, flops)


@by_problem
def test_there_are_enough_workloads_and_bench_inputs_exceed_the_cache(problem: Problem) -> None:
    inputs = load_module(problem.folder / "inputs.py")
    tiers = [workload.tier for workload in problem.workloads]
    assert tiers.count("bench") >= 5
    assert tiers.count("check") >= 12
    for name in problem.bench_workloads:
        with torch.device("meta"):
            tensors = inputs.get_inputs(**problem.workload(name).axes)
        nbytes = sum(tensor.untyped_storage().nbytes() for tensor in tensors)
        assert nbytes > 4 * RTX_4090.l2_cache_mb * 2**20, name
        assert nbytes <= 8.7e9, name


@by_problem
def test_there_are_enough_edge_cases_distributions_and_hidden_shapes(problem: Problem) -> None:
    truth = Truth(problem.folder, "cpu")
    assert len(truth.edge_cases(Unshared())) >= 10
    assert {
        "normal",
        "uniform",
        "offset",
        "heavy_tails",
        "integers",
        "ties",
        "nan",
        "infinities",
        "denormals",
    } <= (set(truth.distributions))
    drawn = [truth.draw_axes(random.Random(seed).randint) for seed in range(50)]
    assert len({str(axes) for axes in drawn}) > 40


@pytest.mark.parametrize(("name", "sign"), [("argmin", 1.0), ("argmax", -1.0)])
def test_slices_end_at_tiles_and_are_decided_in_their_second_half(name: str, sign: float) -> None:
    truth = Truth(find_problem(ROOT, name).folder, "cpu")
    cases = [case for case in truth.edge_cases(Unshared()) if "slices_of" in case.name]
    assert {case.inputs[0].shape[case.init_inputs[0]] % 32 for case in cases} == {31, 0, 1}
    assert max(max(case.inputs[0].shape) for case in cases) >= 1023
    for case in cases:
        x = case.inputs[0] if case.init_inputs == [0] else case.inputs[0].t()
        rows, found = x.shape[0], truth.expected(case).outputs[0].values
        assert (found >= rows // 2).tolist() == [True, False, True, True, False, True]
        assert found[0] == rows - 1
        assert [x[found[2], 2].isnan(), x[found[3], 3].isinf(), 0 < abs(x[found[5], 5]) < 1e-38] == [True] * 3
        last = rows - 1 - (sign * x).flip(0).argmin(0)  # a rule that takes the last of two
        assert (last >= rows // 2).all()
        assert [x[last[1], 1], x[last[4], 4]] == [x[found[1], 1], 0.0]


def test_k_ends_at_tiles_and_beyond_the_other_check_workloads() -> None:
    truth = Truth(find_problem(ROOT, "matmul_large_k").folder, "cpu")
    cases = [case for case in truth.edge_cases(Unshared()) if "k_of" in case.name]
    assert {case.inputs[1].shape[0] % 32 for case in cases} == {31, 0, 1}
    assert max(case.inputs[1].shape[0] for case in cases) >= 2047
    for case in cases:
        a, b = case.inputs
        wrong_rows = truth.expected(case).outputs[0].values.isnan().all(1)
        assert (int(wrong_rows.sum()), bool(b.isfinite().all())) == (1, True)
        assert a[:, : b.shape[0] // 2].isfinite().all()


@by_problem
def test_every_solution_here_passes_the_check_tier_in_the_interpreter(problem: Problem) -> None:
    solutions = find_solutions(ROOT, problem)
    results = {r.solution: r for r in run(ROOT, problem, solutions, RunOptions("cpu"), lambda _: None)}
    assert {name: (r.status, r.reason) for name, r in results.items()} == {
        solution.name: (Status.PASSED, None) for solution in solutions
    }


def graded_results(problem: Problem) -> dict[str, dict[str, Result]]:
    """The newest committed H200 results of the files as they stand, by file and workload."""
    results, warnings = store.read(ROOT / "reports" / "results", problem.name)
    assert [warning for warning in warnings if "/nvidia-h200/" in warning] == []
    found: dict[str, dict[str, Result]] = {}
    for stem in STAGES:
        if stem == "final_fp32" and not (problem.folder / "final_fp32.py").exists():
            continue
        sha256 = hashlib.sha256((problem.folder / f"{stem}.py").read_bytes()).hexdigest()
        mine = [r for r in results if r.device == "nvidia-h200" and r.sha256 == sha256 and r.solution == stem]
        found[stem] = {r.workload: r for r in mine}
    return found


@by_problem
def test_every_graded_solution_was_measured_as_it_stands(problem: Problem) -> None:
    for stem, results in graded_results(problem).items():
        assert set(results) == {"check", *problem.bench_workloads}, stem
        assert {result.status for result in results.values()} == {Status.PASSED}, stem
        assert all(len(results[name].samples_ms) >= 30 for name in problem.bench_workloads), stem


@by_problem
def test_each_stage_is_faster_than_the_one_before_beyond_the_interval(problem: Problem) -> None:
    seeds = {stem: results["seed"] for stem, results in graded_results(problem).items()}
    steps = list(pairwise(seeds[stem] for stem in seeds if stem != "final_fp32"))
    if "final_fp32" in seeds:
        steps.append((seeds["block_stage"], seeds["final_fp32"]))
    for before, after in steps:
        assert before.latency_ci_ms is not None
        assert after.latency_ci_ms is not None
        assert after.latency_ci_ms[1] < before.latency_ci_ms[0], (before.solution, after.solution)
