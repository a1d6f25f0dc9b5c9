"""What an examination is made of: impostors, rounding, the memory and the bytes that are counted."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from suite.judge.authoring.impostors import halves, made_up, rounded
from suite.judge.authoring.storage import Peak, touched_bytes
from suite.judge.authoring.subject import Shapes, Subject
from suite.judge.authoring.work import COMPARE_BYTES, judged_bytes
from suite.judge.compare import RightOutput, compare
from suite.judge.truth import Truth
from suite.problem import find_problem

ROOT = Path(__file__).parents[2]


def test_made_up_answers_have_the_shape_and_dtype_of_a_right_one():
    inputs = [torch.randn(4, 5), torch.randn(3), torch.randn(())]
    like, other = torch.ones(4, 3, dtype=torch.int64), torch.full((4, 3), 7)
    found = dict(made_up(inputs, like, other))
    assert all((answer.shape, answer.dtype) == (like.shape, like.dtype) for answer in found.values())
    assert set(found) == {
        "zeros", "a constant (the mean of other outputs)", "a constant (the most frequent output)",
        "the answer to other inputs",
        "its first slice along 0, repeated", "its first slice along 1, repeated",
        "a copy of input 0", "a copy of input 1", "a copy of input 2",
    }  # fmt: skip
    assert found["a constant (the most frequent output)"].unique().tolist() == [7]
    assert "the first slice of input 0 along 1" in dict(made_up(inputs, torch.ones(4), torch.ones(4)))


def test_a_half_stands_for_the_other():
    x = torch.arange(10.0).reshape(2, 5)
    for (name, change), expected in zip(
        halves([x]), ([[0, 1, 2, 3, 4]] * 2, [[0, 1, 2, 0, 1], [5, 6, 7, 5, 6]]), strict=True
    ):
        changed = [x.clone()]
        assert change(changed), name
        assert changed[0].tolist() == expected


@pytest.mark.parametrize(
    ("name", "dtype"), [("bf16", torch.bfloat16), ("3 mantissa bits", torch.float8_e4m3fn)]
)
def test_rounding_is_that_of_the_dtype(name, dtype):
    x = torch.randn(1000, generator=torch.Generator().manual_seed(0)).clamp(0.1, 100)
    changed = [x.clone()]
    assert rounded(name)(changed)
    assert torch.equal(changed[0], x.to(dtype).float())
    assert not rounded(name)(changed)  # there is nothing left to round


def test_rounding_leaves_strides_and_other_dtypes_alone():
    x, indices = torch.randn(6, 4).t(), torch.arange(5)
    changed = [x, indices]
    expected = x.bfloat16().float()
    assert rounded("bf16")(changed)
    assert torch.equal(changed[0], expected)
    assert torch.equal(indices, torch.arange(5))
    assert not rounded("bf16")([indices])


def test_the_peak_counts_what_lives_at_once():
    with Peak() as peak, torch.device("meta"):
        x = torch.empty(1000)  # 4 kB
        y = x.double() + 1  # two of 8 kB
        del y
        x = x.view(10, 100).t()  # no storage of its own
        z = x.double()  # 8 kB
    assert z.shape == (100, 10)
    assert peak.bytes == 4000 + 2 * 8000


def test_a_comparison_holds_what_it_is_said_to_hold():
    values, scale = torch.randn(64, 512, dtype=torch.float64), torch.rand(64, 512, dtype=torch.float64)
    actual = values.float()
    with Peak() as peak:
        compare(actual, RightOutput(values, scale), {"fp32": 1e-5})
    assert 0.5 * COMPARE_BYTES * actual.numel() < peak.bytes <= COMPARE_BYTES * actual.numel()


@pytest.mark.parametrize(
    ("tensor", "expected"),
    [
        (torch.empty(3, 4), 48),
        (torch.empty(3, 1).expand(3, 4), 12),
        (torch.empty(6, 8)[::2, ::2], 48),
        (torch.empty(0, 4).expand(0, 4), 0),
        (torch.empty((), dtype=torch.int64), 8),
    ],
)
def test_the_bytes_that_a_task_reads_of_a_tensor(tensor, expected):
    assert touched_bytes(tensor) == expected


@pytest.mark.parametrize(
    ("name", "workload", "expected"),
    [
        # 8.59 GB of input, 33.6 MB of indices in two buffers and three workers' hands; nothing in float64.
        ("argmin", "seed", 8_587_837_440 + 5 * 4_193_280),
        # 2.147 GB, twice that in float64; the scale is worked out after those are gone.
        ("matmul_large_k", "long_k", 3 * 2_147_483_648),
    ],
)
def test_what_judging_holds(name, workload, expected):
    problem = find_problem(ROOT, name)
    all_shapes = tuple(Shapes(one.name, one.tier, one.axes) for one in problem.workloads)
    meta = Subject(problem.folder, "meta", Truth(problem.folder, "meta"), all_shapes)
    shapes = next(shapes for shapes in meta.workloads if shapes.name == workload)
    overhead = 3 * (500_000_000 + 2 * 72 * 2**20)
    held, _ = judged_bytes(meta, shapes)
    assert held == pytest.approx(expected + overhead, rel=0.005)
