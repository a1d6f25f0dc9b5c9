"""A solution's module gets the reference's parameters and buffers, by name or by position."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from suite.worker.protocol import value_from_json, value_to_json
from suite.worker.state import Entry, StateMismatchError, load_state


def entries(model: nn.Module) -> list[Entry]:
    parameters = dict(model.named_parameters())
    return [Entry(name, name in parameters, values) for name, values in model.state_dict().items()]


def test_parameters_go_by_name_and_buffers_that_are_missing_do_not_matter() -> None:
    given, own = nn.BatchNorm2d(3), nn.Module()
    given.weight.data.uniform_()
    own.bias, own.weight = nn.Parameter(torch.ones(3)), nn.Parameter(torch.zeros(3))
    load_state(own, entries(given))
    assert torch.equal(own.weight, given.weight)
    assert torch.equal(own.bias, given.bias)


def test_parameters_of_other_names_go_by_position() -> None:
    given, own = nn.Linear(4, 2), nn.Module()
    own.w, own.b = nn.Parameter(torch.zeros(2, 4)), nn.Parameter(torch.zeros(2))
    load_state(own, entries(given))
    assert torch.equal(own.w, given.weight)
    assert torch.equal(own.b, given.bias)


def test_a_class_with_its_own_load_state_dict_gets_everything() -> None:
    class Packed(nn.Module):
        def load_state_dict(self, state, strict=True, assign=False):
            self.packed = state["weight"].t().contiguous()

    given, own = nn.Linear(4, 2), Packed()
    load_state(own, entries(given))
    assert torch.equal(own.packed, given.weight.t())


def test_what_cannot_be_shared_is_named() -> None:
    own = nn.Module()
    own.w = nn.Parameter(torch.zeros(4, 2))
    with pytest.raises(StateMismatchError) as refused:
        load_state(own, entries(nn.Linear(4, 2)))
    assert str(refused.value) == (
        "ModelNew cannot take the parameters of Model: it lacks weight (2, 4), bias (2,); it has w (4, 2). "
        "Name them as Model does, or give them the same shapes in the same order"
    )
    with pytest.raises(StateMismatchError, match=r"Model has 2 parameters that a solution must share"):
        load_state(lambda x: x, entries(nn.Linear(4, 2)))


def test_arguments_survive_the_way_to_the_worker() -> None:
    values = [1, 2.5, None, "a", (3, [4, (5,)]), {"k": (1,)}, torch.float16]
    assert value_from_json([value_to_json(value) for value in values], torch) == values
    with pytest.raises(TypeError, match=r"an argument of Model\(...\) must be .*, found Tensor"):
        value_to_json(torch.zeros(1))
