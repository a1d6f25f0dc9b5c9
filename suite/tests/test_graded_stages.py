"""The graded solutions against the rules of their own stages, with what is recorded of them."""

from pathlib import Path

import pytest

from suite import profile_store, store
from suite.cli.inspecting_verbs import inspect_all
from suite.gpus import RTX_4090, by_slug
from suite.problem import find_problem, find_problems
from suite.solution import find_solutions
from suite.stages.evidence import Outcome
from suite.stages.gather import Records, gather, grade
from suite.stages.stage import GRADED
from suite.stages.tables import sentence

ROOT = Path(__file__).parents[2]
H200 = by_slug("h200")


def graded(problem, gpu, stages=tuple(GRADED)):
    """The stage reports: the launches are captured and compiled for `gpu`, the records are an H200's."""
    solutions = [s for s in find_solutions(ROOT, problem) if s.stage in stages]
    results, _ = store.read(ROOT / "reports" / "results", problem.name)
    profiles, _ = profile_store.read(ROOT / "reports" / "profiles", "nvidia-h200", problem.name)
    records = Records([result for result in results if result.device == "nvidia-h200"], profiles, H200)
    inspections = inspect_all(problem, problem.workload("seed"), solutions, gpu)
    return grade([(s, gather(s, i, records)) for s, i in zip(solutions, inspections, strict=True)])


def failures(reports):
    return [
        (report.stage, report.solution, rule.text, sentence(found))
        for report in reports
        for rule in report.rules
        for found in rule.found
        if found.outcome is Outcome.FAILED
    ]


@pytest.mark.parametrize("problem", find_problems(ROOT), ids=lambda problem: problem.name)
def test_graded_solutions_keep_the_rules_of_their_stages(problem):
    reports = graded(problem, RTX_4090)
    finals = [path.stem for path in sorted(problem.folder.glob("final*.py"))]
    assert finals in (["final"], ["final", "final_fp32"])
    assert [(report.stage, report.solution) for report in reports] == [
        ("grid", "grid_stage"),
        ("block", "block_stage"),
        *((stage, final) for final in finals for stage in ("memory", "micro")),
    ]
    assert failures(reports) == []
    for report in reports:
        passed = {rule.text for rule in report.with_outcome(Outcome.PASSED)}
        assert {"Correct on every workload", "Every launch fits the card"} <= passed


def test_one_rule_is_for_99_kb_of_shared_memory_and_broken_where_there_are_227():
    # The protocol's limit of three stages is an RTX 4090's. Finals of matmul_large_k have four on an H200.
    reports = graded(find_problem(ROOT, "matmul_large_k"), H200, ("final",))
    broken = [failure for failure in failures(reports) if "num_stages" in failure[2]]
    assert {(stage, rule) for stage, _, rule, _ in broken} == {("memory", "num_stages ∈ {1, 2, 3}")}
    sentences = {found.partition(": ")[2] for *_, found in broken}
    assert sentences == {"num_stages = 4; 3 at most: each stage holds its tiles in shared memory"}
