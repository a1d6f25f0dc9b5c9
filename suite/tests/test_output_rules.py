"""The output rules, on text alone."""

from pathlib import Path

import pytest

from suite.solution import STAGES
from suite.stages.output_rules import breaches
from suite.tests.wrong_solutions import RIGHT

ROOT = Path(__file__).parents[2]
HONEST = sorted((ROOT / "suite" / "tests" / "honest").glob("*.py"))
GRADED = [path for path in sorted((ROOT / "problems").glob("*/*.py")) if path.stem in STAGES]
IMPORTS = "import torch\nimport torch.nn as nn\nimport triton\nimport triton.language as tl\n"
KERNEL = "@triton.jit\ndef k(x, BLOCK: tl.constexpr):\n    pass\n"
WRAPPER = "def f(x):\n    k[(1,)](x, BLOCK=2)\n    return x\n"
MODEL = "class ModelNew(nn.Module):\n    def forward(self, x):\n        return f(x)\n"

TUNED = "def configs():\n    return []\n@triton.autotune(configs=configs(), key=[])\n"
HANDED_ON = "def run(kernel, x):\n    kernel[(1,)](x)\ndef f(x):\n    return run(k, x)\n"
TRIED = "try:\n    from triton.language.extra import libdevice\nexcept ImportError:\n    libdevice = None\n"
METHOD = "    def go(self, x):\n        k[(1,)](x, BLOCK=2)\n"


def test_the_files_were_found():
    assert len([path for path in GRADED if path.stem != "final_fp32"]) == 12
    assert len(HONEST) >= 10


@pytest.mark.parametrize(
    "path", [*GRADED, *HONEST, RIGHT], ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_graded_and_honest_solutions_keep_the_rules(path):
    assert breaches(path.read_bytes()) == []


def found(text):
    return [str(breach) for breach in breaches(text)]


@pytest.mark.parametrize(
    "text",
    [
        IMPORTS + KERNEL + WRAPPER + MODEL,
        '"""What it does."""\n' + IMPORTS + "SIZE = 4\n" + KERNEL + "N: int = 3\n" + WRAPPER + MODEL,
        IMPORTS + TUNED + KERNEL + WRAPPER + MODEL,
        IMPORTS + KERNEL + "fast = triton.autotune([], key=[])(k)\n" + WRAPPER.replace("k[", "fast[") + MODEL,
        IMPORTS + KERNEL + HANDED_ON + MODEL,
        IMPORTS + TRIED + KERNEL + WRAPPER + MODEL,
        IMPORTS + KERNEL + MODEL.replace("f(x)", "self.go(x)") + METHOD,
        IMPORTS + "class Plan(nn.Module):\n    pass\n" + KERNEL + WRAPPER + MODEL,
    ],
)  # fmt: skip
def test_forms_that_are_fine(text):
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (IMPORTS + WRAPPER + KERNEL + MODEL,
         ["line 9: kernel 'k' stands after the wrapper 'f' of line 5; kernels come before wrappers"]),
        (KERNEL + IMPORTS + WRAPPER + MODEL,
         [f"line {line}: an import after the code of line 2; move it to the top" for line in (4, 5, 6, 7)]),
        (IMPORTS + KERNEL + MODEL + WRAPPER,
         ["line 11: 'f' stands after ModelNew; ModelNew is the last part: move it up"]),
        (IMPORTS + KERNEL + WRAPPER,
         ["line 10: no class ModelNew; "
          "end with `class ModelNew(nn.Module)` and the signature of the problem's Model"]),
        ("import numpy as np\n" + IMPORTS + KERNEL + WRAPPER + MODEL,
         ["line 1: imports numpy; import torch, triton and the standard library alone"]),
        (IMPORTS + KERNEL + WRAPPER.replace("return", "import cupy; return") + MODEL,
         ["line 10: imports cupy; import torch, triton and the standard library alone"]),
        ("from . import reference\n" + IMPORTS + KERNEL + WRAPPER + MODEL,
         ["line 1: a relative import; a solution is one file"]),
        ("import triton.testing\n" + IMPORTS + KERNEL + WRAPPER + MODEL,
         ["line 1: imports triton.testing; leave tests and benchmarks out: the suite has them"]),
        (IMPORTS + KERNEL + WRAPPER + MODEL + 'if __name__ == "__main__":\n    f(1)\n',
         ["line 14: an `if __name__` block; a solution is imported, never run: leave it out"]),
        (IMPORTS + KERNEL + "def get_init_inputs():\n    return []\n" + WRAPPER + MODEL,
         ["line 8: defines get_init_inputs; the problem makes the inputs: leave it out"]),
        (IMPORTS + KERNEL + WRAPPER + "def test_f():\n    assert f(1)\n" + MODEL,
         ["line 11: defines test_f; leave tests and the reference out"]),
        (IMPORTS + KERNEL + WRAPPER + MODEL + "print(f(1))\n",
         ["line 14: a statement that runs on import; leave calls, prints and tests out"]),
        (IMPORTS + KERNEL + WRAPPER + "get_inputs = list\n" + MODEL,
         ["line 11: defines get_inputs; the problem makes the inputs: leave it out"]),
        (IMPORTS + KERNEL + WRAPPER + MODEL + "if torch.cuda.is_available():\n    A = 1\n    print(A)\n",
         ["line 16: a statement that runs on import; leave calls, prints and tests out"]),
        (IMPORTS + KERNEL + WRAPPER + MODEL + "try:\n    f(1)\nexcept ValueError:\n    print(1)\n",
         [f"line {line}: a statement that runs on import; leave calls, prints and tests out"
          for line in (15, 17)]),
        ("import torch\ntorch.backends.cuda.matmul.allow_tf32 = True\n" + IMPORTS + KERNEL + WRAPPER + MODEL,
         ["line 2: sets torch.backends.cuda.matmul.allow_tf32; "
          "a solution changes nothing outside of itself"]),
        (IMPORTS + "def f(x):\n    return x\n" + MODEL,
         ["line 7: there is no @triton.jit kernel; compute with Triton kernels of your own"]),
        (IMPORTS + KERNEL + WRAPPER + MODEL.replace("f(x)", "torch.argmin(x)"),
         ["line 11: ModelNew launches no kernel; call the wrapper that launches them from ModelNew.forward"]),
        (IMPORTS + KERNEL + KERNEL.replace("def k", "def decoy") + WRAPPER + MODEL,
         ["line 9: kernel 'decoy' is never launched from ModelNew; launch it or leave it out"]),
        ("def f(:\n", ["line 1: not Python: invalid syntax; send code that Python can read"]),
    ],
)  # fmt: skip
def test_breaches_are_named_with_their_lines(text, expected):
    assert found(text) == expected
