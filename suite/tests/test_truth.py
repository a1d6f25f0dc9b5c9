"""A problem that breaks its contract is an error of the problem, never a verdict on a solution."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from suite.judge.arena import Arena
from suite.judge.exchange import ArenaExchange
from suite.judge.truth import ProblemError, Truth


@pytest.fixture
def broken(tiny_root: Path, tmp_path: Path):
    """The small problem with one thing changed."""

    def make(old: str, new: str, file: str = "inputs.py") -> tuple[Truth, ArenaExchange]:
        path = tiny_root / "problems" / "row_argmin" / file
        source = path.read_text()
        assert source.count(old) == 1
        path.write_text(source.replace(old, new))
        return Truth(path.parent, "cpu"), ArenaExchange(Arena())

    return make


def test_a_reference_that_fails_on_its_own_workload_is_no_expectation(broken):
    truth, exchange = broken("return [1]", "return [5]")
    case = truth.fresh_case("small", {"rows": 5, "cols": 37}, exchange)
    with pytest.raises(ProblemError, match=r"^small: the reference must return, but raised IndexError: "):
        truth.expected(case)


def test_an_edge_case_that_should_raise_and_does_not(broken):
    old = 'case("no rows", torch.empty(0, 3)'
    truth, exchange = broken(old, f'{old}, "ValueError"')
    case = truth.edge_cases(exchange)[-1]
    message = "edge case 'no rows': the reference must raise ValueError, but returned"
    with pytest.raises(ProblemError, match=f"^{message}$"):
        truth.expected(case)


def test_an_edge_case_that_raises_something_else(broken):
    truth, exchange = broken('"IndexError"', '"KeyError"')
    case = next(case for case in truth.edge_cases(exchange) if case.expects == "KeyError")
    with pytest.raises(ProblemError, match="must raise KeyError, but raised IndexError"):
        truth.expected(case)


TOLERANCES = ["{}", "1e-3", '{"fp16": 1e-3}', '{"fp32": 0.0}', '{"fp32": "1"}', '"close"']


@pytest.mark.parametrize("tolerance", TOLERANCES)
def test_a_tolerance_that_is_none(broken, tolerance):
    with pytest.raises(ProblemError, match=r"^TOLERANCE must be 'exact' or the largest error of each"):
        broken('TOLERANCE = "exact"', f"TOLERANCE = {tolerance}")


@pytest.mark.parametrize("name", ["get_inputs", "edge_cases", "bytes_moved", "flops"])
def test_a_missing_part_is_named(broken, name):
    with pytest.raises(ProblemError, match=rf"inputs\.py: {name} is missing$"):
        broken(f"def {name}(", f"def not_{name}(")


def test_inputs_that_are_no_tensors(broken):
    truth, exchange = broken("return [torch.rand(rows, cols)]", "return [3.0]")
    with pytest.raises(ProblemError, match=r"^get_inputs of 'small' must give tensors, found float$"):
        truth.fresh_case("small", {"rows": 5, "cols": 37}, exchange)


def test_an_edge_case_without_all_its_keys(broken):
    truth, exchange = broken('"axes": {}, ', "")
    message = "an edge case must have the keys ['axes', 'expects', 'init_inputs', 'inputs', 'name'], found"
    with pytest.raises(ProblemError, match=f"^{re.escape(message)}"):
        truth.edge_cases(exchange)


def test_no_edge_case_at_all(broken):
    truth, exchange = broken("    nan, inf = float", "    return []\n    nan, inf = float")
    with pytest.raises(ProblemError, match=r"^edge_cases\(\) is empty"):
        truth.edge_cases(exchange)


def test_fresh_cases_differ(broken):
    truth, exchange = broken("import torch", "import torch  # unchanged")
    first, second = (truth.fresh_case("small", {"rows": 5, "cols": 37}, exchange) for _ in range(2))
    assert not torch.equal(first.inputs[0], second.inputs[0])
