"""The reference by other means of torch: compiled, or with TF32 allowed."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch._dynamo import config

from suite import runner
from suite.judge.plan import Entry, Plan, plan_from_json, plan_to_json
from suite.judge.session import Session
from suite.problem import Problem
from suite.runner import NothingToRunError, RunOptions
from suite.solution import find_solutions, reference_variants, select_solution
from suite.tests.fake_results import fake_result
from suite.worker.variants import MOST_PROGRAMS, as_variant


@pytest.fixture
def problem(tiny_root):
    return Problem("row_argmin", tiny_root / "problems" / "row_argmin")


@pytest.fixture
def untouched():
    """What a worker sets for itself, put back."""
    precision, limit = torch.get_float32_matmul_precision(), config.recompile_limit
    yield
    torch.set_float32_matmul_precision(precision)
    config.recompile_limit = limit


def test_an_exact_problem_has_no_tf32_reference(problem):
    assert problem.precision_classes == ()
    assert [v.name for v in reference_variants(problem)] == ["torch_compile", "torch_compile_max"]


def test_a_problem_that_admits_tf32_has_one(problem):
    inputs = problem.folder / "inputs.py"
    inputs.write_text(
        inputs.read_text().replace('TOLERANCE = "exact"', 'TOLERANCE = {"fp32": 1e-5, "tf32": 1e-3}')
    )
    assert problem.precision_classes == ("fp32", "tf32")
    variants = reference_variants(problem)
    plain = find_solutions(problem.folder.parents[1], problem)[0]
    assert [dataclasses.replace(v, name="reference", variant=None, idea=None) for v in variants] == [
        plain
    ] * 3
    assert [v.variant for v in variants] == ["torch_compile", "torch_compile_max", "torch_tf32"]


def test_a_variant_is_selected_by_its_name(tiny_root, problem):
    assert select_solution(tiny_root, problem, "torch_compile").variant == "torch_compile"


def planned(root, problem, device, *workloads) -> Plan:
    solutions = [select_solution(root, problem, name) for name in ("reference", "torch_compile")]
    options = RunOptions(device, workloads, sandbox="none")
    return runner.make_plan(root, problem, solutions, options, "run-1")


def test_the_plan_carries_the_variant(tiny_root, problem):
    plan = plan_from_json(plan_to_json(planned(tiny_root, problem, "cuda")))
    assert [(entry.name, entry.class_name, entry.variant) for entry in plan.entries] == [
        ("reference", "Model", None),
        ("torch_compile", "Model", "torch_compile"),
    ]
    assert (plan.rival.variant, [entry.must_own for entry in plan.entries]) == (None, [False, False])


@pytest.mark.parametrize(("device", "workloads"), [("cpu", ()), ("cuda", ("check",))])
def test_a_variant_without_a_clock_proves_nothing(tiny_root, problem, device, workloads):
    with pytest.raises(NothingToRunError) as error:
        planned(tiny_root, problem, device, *workloads)
    assert str(error.value) == (
        "nothing to run: torch_compile would only be timed, on bench workloads and an NVIDIA GPU"
    )


class Started:
    """A session's own steps, with nothing behind them."""

    def __init__(self, monkeypatch, plan):
        self.steps = []
        for step in ("_start", "_check", "_bench"):
            monkeypatch.setattr(
                Session, step, lambda _, entry, *rest, step=step: self._note(step, entry, rest)
            )
        worker = type("Worker", (), {"sandbox": "none", "close": lambda _: None})()
        monkeypatch.setattr("suite.judge.session.Card", lambda: None)
        Session(plan, lambda _event: None, lambda _entry: worker).run()

    def _note(self, step, entry, rest):
        self.steps.append((entry.name, step, *rest[1:]))


def test_a_variant_is_timed_alone(tiny_root, problem, monkeypatch):
    plan = dataclasses.replace(planned(tiny_root, problem, "cuda"), device="cpu")
    assert Started(monkeypatch, plan).steps == [
        ("reference", "_start"),
        ("reference", "_check"),
        ("reference", "_bench", "seed"),
        ("torch_compile", "_start"),
        ("torch_compile", "_bench", "seed"),
    ]


@pytest.mark.parametrize(
    ("variant", "mode"),
    [("torch_compile", "default"), ("torch_compile_max", "max-autotune-no-cudagraphs")],
)
@pytest.mark.usefixtures("untouched")
def test_how_a_model_is_compiled(variant, mode, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda model, **how: (model, how))
    model = torch.nn.Linear(2, 2)
    assert as_variant(model, variant) == (model, {"mode": mode, "dynamic": False})
    assert config.recompile_limit == MOST_PROGRAMS


@pytest.mark.usefixtures("untouched")
def test_tf32_is_allowed_and_the_model_stays():
    model = torch.nn.Linear(2, 2)
    assert as_variant(model, "torch_tf32") is model
    assert torch.get_float32_matmul_precision() == "high"


def test_no_other_variant():
    with pytest.raises(ValueError, match=r"^the reference has no variant 'fast'$"):
        as_variant(torch.nn.Linear(2, 2), "fast")


def test_a_page_of_a_variant_says_what_it_is_and_shows_the_reference(tiny_root, problem, tmp_path):
    from suite.report.records import collect  # draws: a machine that only judges may lack what that takes
    from suite.report.site import read_site

    file = reference_variants(problem)[0]
    timed = fake_result(solution="torch_compile", stage="reference", sha256=file.sha256, author="torch")
    (site_problem,) = read_site(tiny_root)[0].problems
    pages = collect(site_problem, [dataclasses.replace(timed, problem="row_argmin")], {})
    (page,) = [page for page in pages.solutions if page.devices]
    assert (page.name, page.is_current, page.file) == ("torch_compile", True, file)
    assert file.idea == "the reference under torch.compile, a program for each shape"
    assert "torch_compile_max" not in {page.name for page in pages.solutions}


def test_an_entry_is_plain_by_itself():
    assert Entry("final", "final.py", "0" * 64).variant is None
