"""A second call on the same inputs: the same, different but right, or wrong."""

from types import SimpleNamespace

import pytest
import torch

from suite.judge.agreement import require_agreement
from suite.judge.compare import RightOutput
from suite.judge.trial import UnfitError
from suite.judge.truth import Case
from suite.result import Status

RIGHT = torch.tensor([1.0, 2.0, 3.0])


class Solution:
    """Has answered RIGHT; answers the next call as it is told."""

    def __init__(self, answer, changes_input=False):
        self.outputs = [RIGHT.clone()]
        self._answer = answer
        self._changes_input = changes_input

    def call(self, case, _exchange):
        self.outputs[0].copy_(self._answer)
        if self._changes_input:
            case.inputs[0].add_(1)
        described = {"type": "Tensor", "dtype": "float32", "shape": [3], "device": "cpu"}
        return SimpleNamespace(reply={"outputs": [described]}, inputs=case.inputs)


def again(solution, tolerance):
    truth = SimpleNamespace(
        tolerance=tolerance, exact_outputs=lambda case: [RightOutput(case.inputs[0].double())]
    )
    if tolerance == "exact":
        truth.exact_outputs = lambda case: [RightOutput(case.inputs[0].clone())]
    return require_agreement(solution, Case("one", {}, [], [RIGHT.clone()]), None, truth)


@pytest.mark.parametrize("tolerance", ["exact", {"fp32": 1e-6}])
def test_the_same_answer_agrees(tolerance):
    assert again(Solution(RIGHT), tolerance) is True


def test_another_right_answer_is_right_and_not_deterministic():
    assert again(Solution(RIGHT * (1 + 2e-7)), {"fp32": 1e-6}) is False


def test_a_wrong_second_answer_is_refused():
    with pytest.raises(UnfitError) as failure:
        again(Solution(torch.tensor([1.0, 2.0, 4.0])), "exact")
    assert failure.value.status is Status.INCORRECT
    assert failure.value.reason == (
        "a second call on the same inputs: 1 of 3 elements differ, the first at (2,): expected 3.0, found 4.0"
    )


def test_inputs_changed_in_the_second_call_are_refused():
    with pytest.raises(UnfitError, match="rule 'inputs are read-only': input 0 was changed"):
        again(Solution(RIGHT, changes_input=True), "exact")
