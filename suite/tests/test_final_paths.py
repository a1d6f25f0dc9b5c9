"""Every path of argmin's and argmax's final, on shapes that the interpreter can take.

Its tiles are made for slabs of millions of values, so the check tier meets few of its paths there. Here the
tiles shrink with the shapes.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CUTS = {
    "WIDE": (128, 1, 2, 64, 6),
    "SHALLOW": (32, 1, 2, 64, 1),
    "NARROW": (128, 1, 2, 64, 6),
    "LONG": (64, 1, 2, 64, 6),
}
SHAPES = {
    "phases": [(2, 100, 65), (1, 69, 96), (1, 97, 257)],
    "four rows a tile": [(2, 61, 33), (3, 90, 41), (1, 23, 130)],
    "rows laid end to end": [(2, 150, 3), (1, 260, 9), (2, 120, 20)],
    "one column": [(3, 700, 1), (1, 1023, 1)],
}
PROGRAM = """
import importlib.util, json, sys
import torch

name, cuts, shapes = json.loads(sys.argv[1])
spec = importlib.util.spec_from_file_location("final", f"problems/{name}/final.py")
final = importlib.util.module_from_spec(spec)
spec.loader.exec_module(final)
for cut, values in cuts.items():
    setattr(final, cut, final.Cut(*values))
final.LEAST_CHUNKS, final.LEAST_BATCHES, final.UNIT_ROWS = 1, 2, 128
taken, wrong = set(), []
for path in ("phases", "lines"):
    launch = getattr(final, f"launch_{path}")
    setattr(final, f"launch_{path}", lambda *a, launch=launch, path=path: (taken.add(path), launch(*a)))
torch.manual_seed(1)
found = {}
for place, shaped in shapes.items():
    final.LEAST_COLUMNS = 64 if place == "phases" else 10**6
    for shape in shaped:
        for kind in ("ties", "last", "nan", "infinite"):
            x = torch.rand(shape)
            if kind == "ties":
                x = x.mul(4).round()
            elif kind == "last":  # the answer is in a slab's last row
                x[:, -1] = -2.0 if name == "argmin" else 2.0
            elif kind == "nan":
                x[x < 0.02] = torch.nan
            else:
                x = torch.full(shape, torch.inf if name == "argmin" else -torch.inf)
            if not torch.equal(final.ModelNew(1)(x), getattr(torch, name)(x, 1)):
                wrong.append([list(shape), kind])
    found[place] = sorted(taken)
    taken.clear()
print(json.dumps({"wrong": wrong, "taken": found}))
"""


@pytest.mark.parametrize("name", ["argmin", "argmax"])
def test_finals_are_right_on_every_path(name):
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps([name, CUTS, SHAPES])],
        cwd=ROOT,
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    taken = {place: ["phases" if place == "phases" else "lines"] for place in SHAPES}
    assert json.loads(finished.stdout) == {"wrong": [], "taken": taken}
