"""The rules on autotuning: what may vary, how often, from where and over which grid."""

import pytest

from suite.stages.stage import Check
from suite.tests.fake_evidence import evidence, launch
from suite.tests.stage_cases import APART, FAILED, KERNEL, PASSED, check, only

TUNED = """
@triton.autotune([triton.Config({"BLOCK": 64}, num_warps=2), triton.Config({"BLOCK": 128})], key=["n"])
@triton.jit
def k(x, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)

def f(x):
    grid = lambda META: (META["BLOCK"],)
    k[grid](x, x.numel())
"""


def trials(*configurations):
    return [
        launch(BLOCK=block, warps=warps, stages=stages, candidate=True)
        for block, warps, stages in configurations
    ]


def test_autotune_varies_one_kind():
    both = evidence(TUNED, *trials((64, 2, 3), (128, 4, 3)), launch(BLOCK=64))
    assert only(Check.AUTOTUNE_ONE_KIND, both) == (
        FAILED,
        "line 20, k",
        "the configurations vary the tile and (num_warps, num_stages) (2 tried)",
    )
    tiles = evidence(TUNED, *trials((64, 4, 3), (128, 4, 3)), launch(BLOCK=64))
    assert only(Check.AUTOTUNE_ONE_KIND, tiles) == (PASSED, "", "k: 2 tried")
    assert only(Check.AUTOTUNE_ONE_KIND, evidence(KERNEL, launch(BLOCK=128)))[0] is APART


def test_how_many_configurations():
    one = evidence(TUNED, *trials((64, 4, 3)), launch(BLOCK=64))
    assert only(Check.AUTOTUNE_2_TO_4, one)[::2] == (FAILED, "not 2 to 4 configurations (1 tried)")
    five = evidence(TUNED, *trials(*((2**i, 4, 3) for i in range(5, 10))), launch(BLOCK=64))
    assert only(Check.AUTOTUNE_2_TO_4, five)[::2] == (FAILED, "not 2 to 4 configurations (5 tried)")
    assert only(Check.AUTOTUNE_3_TO_6, five)[0] is PASSED


def test_configurations_differ_in_whatever_is_tuned_and_count_once_for_all_keys():
    unrolled = TUNED.replace("n, BLOCK", "n, UNROLL: tl.constexpr, BLOCK").replace(
        '"BLOCK": 128', '"UNROLL": 2'
    )
    tried = [launch(BLOCK=64, UNROLL=unroll, candidate=True) for unroll in (1, 2, 4)]
    again = [launch(grid=(7,), BLOCK=64, UNROLL=unroll, candidate=True) for unroll in (1, 2, 4)]
    mine = evidence(unrolled, *tried, *again, launch(BLOCK=64, UNROLL=1))
    assert only(Check.AUTOTUNE_2_TO_4, mine) == (PASSED, "", "k: 3 tried")
    before = evidence(KERNEL, launch(BLOCK=64))  # has no such constant: what both have is compared
    assert [outcome for outcome, *_ in check(Check.AUTOTUNE_3_TO_6, mine, before)] == [PASSED]
    other = evidence(KERNEL, launch(BLOCK=128))
    assert [outcome for outcome, *_ in check(Check.AUTOTUNE_3_TO_6, mine, other)] == [PASSED, FAILED]


def test_the_original_is_among_the_configurations():
    before = evidence(KERNEL, launch(BLOCK=128, warps=8))
    without = evidence(TUNED, *trials((128, 2, 3), (128, 4, 3), (128, 16, 3)), launch(BLOCK=128))
    assert check(Check.AUTOTUNE_3_TO_6, without, before)[1:] == [
        (FAILED, "line 20, k", "the configuration of the stage before is not among those tried")
    ]
    with_it = evidence(TUNED, *trials((128, 2, 3), (128, 8, 3), (128, 16, 3)), launch(BLOCK=128))
    assert [outcome for outcome, *_ in check(Check.AUTOTUNE_3_TO_6, with_it, before)] == [PASSED]


def test_a_tuned_tile_needs_a_grid_that_follows_it():
    assert only(Check.AUTOTUNE_GRID, evidence(TUNED)) == (PASSED, "", "the grid follows the tile")
    fixed = TUNED.replace('lambda META: (META["BLOCK"],)', "(64,)")
    assert only(Check.AUTOTUNE_GRID, evidence(fixed)) == (
        FAILED,
        "line 13",
        "k is tuned over its tile, its grid is fixed",
    )
    warps = TUNED.replace('{"BLOCK": 64}', "{}").replace('{"BLOCK": 128}', "{}")
    assert only(Check.AUTOTUNE_GRID, evidence(warps))[0] is APART


def test_a_tile_is_defined_once():
    assert only(Check.TILE_DEFINED_ONCE, evidence(TUNED))[0] is PASSED
    twice = TUNED.replace("x.numel())", "x.numel(), BLOCK=64)")
    assert only(Check.TILE_DEFINED_ONCE, evidence(twice)) == (
        FAILED,
        "line 13",
        "BLOCK is set by the launch and by the configurations of line 6",
    )
    inside = KERNEL.replace("    i = ", "    BLOCK = 64\n    i = ", 1)
    assert only(Check.TILE_DEFINED_ONCE, evidence(inside)) == (
        FAILED,
        "line 8",
        "k assigns its own parameter BLOCK",
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TUNED, PASSED),
        (KERNEL, APART),
        (KERNEL + "t = triton.autotune([], key=[])(k)\n", PASSED),
        (KERNEL.replace("def f", "@triton.autotune([], key=[])\ndef f"), FAILED),
        (KERNEL.replace("def k", "@triton.autotune([], key=[])\ndef k"), FAILED),  # below @triton.jit
        (KERNEL + "t = triton.autotune([], key=[])(f)\n", FAILED),
    ],
)
def test_autotune_stands_on_the_kernel(text, expected):
    assert only(Check.AUTOTUNE_ON_JIT, evidence(text))[0] is expected
