"""The constants of a launch that size its tile: text that a solution's process sent."""

import pytest

from suite.stages.launch_checks import tile_of
from suite.tests.fake_evidence import evidence, launch

KERNEL = "@triton.jit\ndef k(BLOCK: tl.constexpr):\n    tl.arange(0, BLOCK)\n"


@pytest.mark.parametrize(
    ("value", "tile"),
    [
        ("64", {"BLOCK": 64}),
        ("-1", {"BLOCK": -1}),
        ("wide", {}),
        ("", {}),
        ("--5", {}),
        ("\N{SUPERSCRIPT TWO}", {}),
    ],
)
def test_a_tile_is_sized_by_whole_numbers(value, tile):
    found = evidence(KERNEL, launch("k", BLOCK=value))
    assert tile_of(found, found.inspection.reports[0]) == tile
