"""Which cases a check has, and that hidden workloads find what the declared ones do not."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from conftest import copy_small
from suite.judge.plan import Entry, Plan
from suite.judge.schedule import draws, shuffled
from suite.problem import find_problem
from suite.result import Result, Status
from suite.runner import RunOptions, run
from suite.solution import read_solution
from suite.tests.wrong_solutions import RIGHT

NAMES = ("normal", "ties", "nan", "offset")


def plan(checks, **values):
    entry = Entry("x", "x.py", "0")
    return Plan("f", "cpu", entry, False, (entry,), checks, {}, True, (1, 1), 1.0, "logs", **values)


def truth(distributions=NAMES, draw_axes=None):
    return SimpleNamespace(distributions=distributions, draws_axes=draw_axes is not None, draw_axes=draw_axes)


def axes_in(draw):
    return json.loads(re.fullmatch(r".*--axes '(.*)'", draw.name)[1])


@pytest.mark.parametrize("count", [1, 3, 4, 9])
def test_every_workload_comes_twice_and_every_distribution_once_at_least(count):
    checks = {f"w{i}": {"n": i} for i in range(count)}
    found = draws(plan(checks), truth(), random.Random(count))
    plain = [draw for draw in found if "distribution" not in draw.axes]
    dealt = [draw for draw in found if "distribution" in draw.axes]
    assert {draw.name: draw.axes for draw in plain} == checks
    assert len(dealt) == max(count, len(NAMES))
    assert {draw.axes["distribution"] for draw in dealt} == set(NAMES)
    assert {draw.axes["n"] for draw in dealt} == set(range(count))
    assert max(Counter(draw.axes["distribution"] for draw in dealt).values()) == -(-len(dealt) // len(NAMES))


def test_a_dealt_draw_says_how_to_ask_for_it_again():
    found = draws(plan({"w": {"shape": [3, 5]}}), truth(("ties",)), random.Random(0))
    assert sorted(draw.name for draw in found) == [
        "w",
        """w, --axes '{"shape": [3, 5], "distribution": "ties"}'""",
    ]


def test_a_problem_may_choose_the_distribution_of_its_hidden_workloads():
    chosen = truth(draw_axes=lambda randint: {"n": randint(1, 9), "distribution": "ties"})
    found = [draw for draw in draws(plan({}, hidden=20), chosen, random.Random(0)) if draw.is_hidden]
    assert [draw.axes["distribution"] for draw in found] == 20 * ["ties"]


@pytest.mark.parametrize(("distributions", "deals"), [((), True), (NAMES, False)])
def test_without_distributions_every_workload_comes_twice_as_it_stands(distributions, deals):
    found = draws(plan({"a": {"n": 1}, "b": {"n": 2}}, deals=deals), truth(distributions), random.Random(1))
    assert Counter((draw.name, draw.axes["n"]) for draw in found) == {("a", 1): 2, ("b", 2): 2}


def test_a_dealt_distribution_takes_the_place_of_the_workload_s_own():
    found = draws(plan({"w": {"distribution": "offset"}}), truth(("ties",)), random.Random(2))
    assert sorted(draw.axes["distribution"] for draw in found) == ["offset", "ties"]


def test_hidden_workloads_are_drawn_with_any_distribution():
    given = iter(range(50))
    drawn = draws(plan({}, hidden=50), truth(NAMES, lambda randint: {"n": next(given)}), random.Random(3))
    assert all(draw.is_hidden for draw in drawn)
    assert sorted(draw.axes["n"] for draw in drawn) == list(range(50))
    assert {draw.axes["distribution"] for draw in drawn} == set(NAMES)
    assert all(axes_in(draw) == draw.axes and draw.name.startswith("hidden workload, ") for draw in drawn)


def test_hidden_workloads_are_drawn_by_the_problem_s_bounds():
    asked = []

    def draw_axes(randint):
        asked.append([randint(2, 4) for _ in range(40)])
        return {"rows": randint(1, 1)}

    draws(plan({}, hidden=1), truth((), draw_axes), random.Random(4))
    assert set(asked[0]) == {2, 3, 4}


def test_a_problem_that_draws_no_axes_gets_no_hidden_workloads():
    assert draws(plan({}, hidden=4), truth(), random.Random(5)) == []


def test_the_order_differs_from_run_to_run():
    checks = {f"w{i}": {} for i in range(6)}
    orders = {
        tuple(draw.name for draw in draws(plan(checks), truth(()), random.Random(seed))) for seed in range(20)
    }
    assert len(orders) == 20
    assert shuffled([], random.Random(0)) == []


LARGE = "        if x.shape[0] > 5:\n            return argmin(x) + 1\n        return argmin(x)\n"


@pytest.fixture(scope="module")
def drawn_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small checkout, whose problem draws 6 to 9 rows."""
    root = copy_small(tmp_path_factory.mktemp("drawn"))
    inputs = root / "problems" / "row_argmin" / "inputs.py"
    source = inputs.read_text()
    draw = "\n\ndef draw_axes(randint):\n    return {'rows': randint(6, 9), 'cols': randint(2, 20)}\n"
    inputs.write_text(source + draw)
    return root


def judge(root: Path, text: str, options: RunOptions) -> Result:
    path = root / "mine.py"
    path.write_text(text)
    (result,) = run(root, find_problem(root, "row_argmin"), [read_solution(path)], options, lambda _: None)
    return result


def test_a_solution_that_is_right_on_the_declared_shapes_alone_fails(drawn_root):
    source = RIGHT.read_text().replace("        return argmin(x)\n", LARGE)
    result = judge(drawn_root, source, RunOptions("cpu"))
    assert result.status is Status.INCORRECT
    found = re.fullmatch(
        r"hidden workload, --axes '(\{\"rows\": [6-9], \"cols\": \d+\})': (\d) of \2 elements differ, .*",
        result.reason,
    )
    assert found, result.reason
    again = judge(drawn_root, source, RunOptions("cpu", axes=json.loads(found[1])))
    assert again.status is Status.INCORRECT
    assert again.reason.startswith("axes: ")


def test_a_right_solution_s_result_counts_the_hidden_workloads(drawn_root):
    result = judge(drawn_root, RIGHT.read_text(), RunOptions("cpu"))
    assert result.status is Status.PASSED, result.reason
    # Two calls of the check workload, four hidden ones, four edge cases that return something.
    assert (result.correctness.outputs_checked, result.correctness.hidden_workloads) == (10, 4)


def test_named_axes_are_checked_alone(drawn_root):
    result = judge(drawn_root, RIGHT.read_text(), RunOptions("cpu", axes={"rows": 3, "cols": 4}))
    assert (result.status, result.workload) == (Status.PASSED, "check")
    assert (result.correctness.outputs_checked, result.correctness.hidden_workloads) == (2, 0)
