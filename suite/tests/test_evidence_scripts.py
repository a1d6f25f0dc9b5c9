"""The scripts that take evidence on a GPU: what of them can be tried without one."""

import ast
import importlib.util
import sys
from pathlib import Path

import pytest

from suite.judge import measure

ROOT = Path(__file__).parents[2]


def load(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def cost():
    yield load("judging_cost")
    del sys.modules["judging_cost"]


def test_what_the_bare_judge_replaces_is_there_to_be_replaced(cost):
    replaced = [
        ast.unparse(target)
        for node in ast.walk(ast.parse(cost.UNCHECKED))
        if isinstance(node, ast.Assign)
        for target in node.targets
        if ast.unparse(target).startswith("measure.")
    ]
    assert len(replaced) == 8
    for name in replaced:
        found = measure
        for part in name.split(".")[1:]:
            found = getattr(found, part)  # raises where there is none
        assert callable(found)


def test_another_judge_can_stand_in(cost):
    words = ["run", "--problem", "argmin", "--solution", "final", "--device", "cpu", "--workload", "check"]
    judge = "import sys; sys.exit('the other judge')"
    with pytest.raises(AssertionError, match="the judge ended early: the other judge"):
        cost.run_once("none", judge, [*words, "--no-save", "--json", "-"])
