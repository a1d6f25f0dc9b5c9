"""A problem that breaks its contract is an error of the problem, never a verdict on a solution."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from suite.judge.arena import Arena
from suite.judge.contract import ProblemError
from suite.judge.exchange import ArenaExchange
from suite.judge.truth import Truth


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
    message = r"/reference\.py: small: the reference must return, but raised IndexError: "
    with pytest.raises(ProblemError, match=message):
        truth.expected(case)


def test_an_edge_case_that_should_raise_and_does_not(broken):
    old = 'case("no rows", torch.empty(0, 3)'
    truth, exchange = broken(old, f'{old}, "ValueError"')
    case = truth.edge_cases(exchange)[-1]
    message = "edge case 'no rows': the reference must raise ValueError, but returned"
    with pytest.raises(ProblemError, match=rf"/reference\.py: {message}$"):
        truth.expected(case)


def test_an_edge_case_that_raises_something_else(broken):
    truth, exchange = broken('"IndexError"', '"KeyError"')
    case = next(case for case in truth.edge_cases(exchange) if case.expects == "KeyError")
    with pytest.raises(ProblemError, match="must raise KeyError, but raised IndexError"):
        truth.expected(case)


TOLERANCES = ["{}", "1e-3", '{"fp16": 1e-3}', '{"fp32": 0.0}', '{"fp32": "1"}', '"close"']


@pytest.mark.parametrize("tolerance", TOLERANCES)
def test_a_tolerance_that_is_none(broken, tolerance):
    with pytest.raises(
        ProblemError, match=r"/inputs\.py: TOLERANCE must be 'exact' or the largest error of each"
    ):
        broken('TOLERANCE = "exact"', f"TOLERANCE = {tolerance}")


@pytest.mark.parametrize("name", ["get_inputs", "edge_cases", "bytes_moved", "flops"])
def test_a_missing_part_is_named(broken, name):
    with pytest.raises(ProblemError, match=rf"inputs\.py: {name} is missing$"):
        broken(f"def {name}(", f"def not_{name}(")


def test_inputs_that_are_no_tensors(broken):
    truth, exchange = broken("return [torch.rand(rows, cols)]", "return [3.0]")
    with pytest.raises(
        ProblemError, match=r"/inputs\.py: get_inputs of 'small' must give tensors, found float$"
    ):
        truth.fresh_case("small", {"rows": 5, "cols": 37}, exchange)


def test_an_edge_case_without_all_its_keys(broken):
    truth, exchange = broken('"axes": {}, ', "")
    message = "edge_cases must each have the keys ['axes', 'expects', 'init_inputs', 'inputs', 'name'], found"
    with pytest.raises(ProblemError, match=rf"/inputs\.py: {re.escape(message)}"):
        truth.edge_cases(exchange)


def test_no_edge_case_at_all(broken):
    truth, exchange = broken("    nan, inf = float", "    return []\n    nan, inf = float")
    with pytest.raises(ProblemError, match=r"/inputs\.py: edge_cases is empty; a problem names what"):
        truth.edge_cases(exchange)


def test_fresh_cases_differ(broken):
    truth, exchange = broken("import torch", "import torch  # unchanged")
    first, second = (truth.fresh_case("small", {"rows": 5, "cols": 37}, exchange) for _ in range(2))
    assert not torch.equal(first.genuine[0], second.genuine[0])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("import torch\n", "import torch\nraise OSError(5)\n", r":4: importing it: OSError: 5"),
        ("import torch\n", "import torch\ndef f(\n", r":4: importing it: SyntaxError: .*"),
        (
            "import torch\n",
            "import torch\nDISTRIBUTIONS = ['a']\n",
            r": DISTRIBUTIONS must be a tuple of names .*",
        ),
    ],
)
def test_what_importing_the_problem_raises_is_named_with_its_line(broken, old, new, message):
    with pytest.raises(ProblemError, match=rf"^/.*/row_argmin/inputs\.py{message}$"):
        broken(old, new)


def test_what_the_problem_s_functions_raise_is_named_with_its_line(broken):
    truth, exchange = broken("return [torch.rand(rows, cols)]", "return [torch.rand(rows, colls)]")
    message = r"/inputs\.py:18: get_inputs of 'small': NameError: name 'colls' is not defined"
    with pytest.raises(ProblemError, match=message):
        truth.fresh_case("small", {"rows": 5, "cols": 37}, exchange)


def test_inputs_that_host_memory_cannot_share(broken):
    truth, _ = broken("import torch", "import torch  # unchanged")
    message = (
        r"/inputs\.py: inputs of 'small': ArenaFullError: inputs and outputs of 0\.0 MB do not fit into "
    )
    with pytest.raises(ProblemError, match=message):
        truth.fresh_case("small", {"rows": 50, "cols": 37}, ArenaExchange(Arena(4096)))


def test_an_exhausted_card_is_no_fault_of_the_problem(broken):
    truth, exchange = broken("return [torch.rand(rows, cols)]", "raise torch.OutOfMemoryError('full')")
    with pytest.raises(torch.OutOfMemoryError, match="full"):
        truth.fresh_case("small", {"rows": 5, "cols": 37}, exchange)


FLOATS = """
import torch
TOLERANCE = {"fp32": 1e-5}
def get_init_inputs(**axes): return []
def get_inputs(rows): return [torch.randn(rows, 8)]
def edge_cases(): return []
def bytes_moved(rows): return 36 * rows
def flops(rows): return 0
def error_scale(x): return [x.double().square().sum(dim=1).sqrt()]
"""


@pytest.fixture
def row_sum(tmp_path: Path):
    """A problem with a float result, after a change of its source."""

    def make(old: str = "", new: str = "") -> tuple[Truth, ArenaExchange]:
        (tmp_path / "inputs.py").write_text(FLOATS.replace(old, new))
        (tmp_path / "reference.py").write_text(
            "import torch\nclass Model(torch.nn.Module):\n    def forward(self, x): return x.sum(1)\n"
        )
        return Truth(tmp_path, "cpu"), ArenaExchange(Arena())

    return make


def test_the_scale_of_the_errors_stands_beside_the_float64_outputs(row_sum):
    truth, exchange = row_sum()
    case = truth.fresh_case("x", {"rows": 3}, exchange)
    expected = truth.expected(case)
    assert expected.like[0].dtype == torch.float32
    (answer,) = expected.outputs
    assert torch.equal(answer.values, case.genuine[0].double().sum(1))
    assert torch.allclose(answer.scale, case.genuine[0].double().norm(dim=1))


def test_without_a_scale_there_is_none(row_sum):
    truth, exchange = row_sum("def error_scale", "def scale_not_given")
    assert truth.expected(truth.fresh_case("x", {"rows": 3}, exchange)).outputs[0].scale is None


def test_a_scale_of_another_shape(row_sum):
    truth, exchange = row_sum(".sum(dim=1)", ".sum(dim=0)")
    message = r"error_scale of 'x' must have the shapes of the outputs, \[\(3,\)\], found \[\(8,\)\]$"
    with pytest.raises(ProblemError, match=message):
        truth.expected(truth.fresh_case("x", {"rows": 3}, exchange))


@pytest.mark.parametrize("axes", ["[1]", "{'rows': (1, 2)}", "{3: 4}"])
def test_axes_drawn_for_a_hidden_workload_survive_json(row_sum, axes):
    truth, _ = row_sum("TOLERANCE", f"def draw_axes(randint): return {axes}\nTOLERANCE")
    assert truth.draws_axes
    with pytest.raises(
        ProblemError, match=r"/inputs\.py: draw_axes must give a dict that JSON keeps as it is"
    ):
        truth.draw_axes(lambda low, high: low)
