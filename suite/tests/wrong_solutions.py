"""Solutions of row_argmin that must not pass.

Each is the right one with one thing changed, beside the status and the reason that it must earn.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from suite.result import Status

TINY = Path(__file__).parent / "tiny"
RIGHT = TINY / "right.py"
RETURN = "        return argmin(x)\n"


@dataclass(frozen=True)
class Wrong:
    """`old` in the right solution becomes `new`; the result has `status`, and a reason like `reason`."""

    name: str
    old: str
    new: str
    status: Status
    reason: str

    def write(self, folder: Path) -> Path:
        source = RIGHT.read_text()
        assert source.count(self.old) == 1, self.name
        path = folder / f"{self.name}.py"
        path.write_text(source.replace(self.old, self.new))
        return path


def _forward(name: str, body: str, status: Status, reason: str) -> Wrong:
    return Wrong(name, RETURN, "".join(f"        {line}\n" for line in body.splitlines()), status, reason)


WRONG = [
    Wrong(
        "off_by_one",
        "axis=0).to(tl.int64))",
        "axis=0).to(tl.int64) + 1)",
        Status.INCORRECT,
        r"small: 5 of 5 elements differ, the first at \(0,\): expected \d+, found \d+",
    ),
    Wrong(
        "last_index_on_ties",
        "tl.min(tl.where(best, cols, BLOCK), axis=0)",
        "tl.max(tl.where(best, cols, -1), axis=0)",
        Status.INCORRECT,
        r"edge case 'ties': 2 of 2 elements differ, the first at \(0,\): expected 1, found 2",
    ),
    Wrong(
        "nan_ignored",
        "    low = tl.min(x, axis=0)\n",
        '    x = tl.where(x == x, x, float("inf"))\n    low = tl.min(x, axis=0)\n',
        Status.INCORRECT,
        r"edge case 'nan': 1 of 2 elements differ, the first at \(0,\): expected 1, found 2",
    ),
    Wrong(
        "zero_length_returns",
        '        raise IndexError("no columns to reduce")\n',
        "        return torch.zeros(n_rows, dtype=torch.int64, device=x.device)\n",
        Status.INCORRECT,
        r"edge case 'no columns': expected IndexError as torch raises, but it returned",
    ),
    _forward(
        "wrong_dtype",
        "return argmin(x).to(torch.int32)",
        Status.INCORRECT,
        r"small: expected dtype int64, found int32",
    ),
    _forward(
        "wrong_shape",
        "return argmin(x)[:, None]",
        Status.INCORRECT,
        r"small: expected shape \[5\], found \[5, 1\]",
    ),
    _forward(
        "two_outputs",
        "return argmin(x), argmin(x)",
        Status.INCORRECT,
        r"small: expected 1 output\(s\), found 2",
    ),
    _forward(
        "no_tensor",
        "return None",
        Status.INCORRECT,
        r"small: expected type Tensor, found NoneType; forward returns nothing",
    ),
    _forward(
        "stale_output",
        "global CACHE\n"
        "key = tuple(x.shape)\n"
        "CACHE = globals().get('CACHE', {})\n"
        "if key not in CACHE:\n"
        "    CACHE[key] = argmin(x)\n"
        "return CACHE[key]",
        Status.INCORRECT,
        r"small: \d of 5 elements differ, the first at \(\d,\): expected \d+, found \d+",
    ),
    _forward(
        "input_changed",
        "out = argmin(x)\nx.zero_()\nreturn out",
        Status.REJECTED,
        r"small: rule 'inputs are read-only': input 0 was changed during the call",
    ),
    _forward(
        "exception",
        "raise ValueError('not today')",
        Status.RUNTIME_ERROR,
        r"small: ValueError: not today \(line \d+\)",
    ),
    _forward(
        "exception_without_words",
        "class Mute(Exception):\n"
        "    def __str__(self):\n"
        "        raise RuntimeError\n"
        "import sys\n"
        "sys.stdout = None\n"
        "raise Mute",
        Status.RUNTIME_ERROR,
        r"small: Mute: \(its message raised RuntimeError\) \(line \d+\)",
    ),
    _forward(
        "crash",
        "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)",
        Status.RUNTIME_ERROR,
        r"small: the process was killed by SIGSEGV during 'call'; a load or store runs past its tensor: .*",
    ),
    _forward(
        "exit",
        "import os\nos._exit(0)",
        Status.RUNTIME_ERROR,
        r"small: the process exited with code 0 during 'call'",
    ),
    _forward(
        "system_exit",
        "raise SystemExit",
        Status.RUNTIME_ERROR,
        r"small: SystemExit: \(no message\) \(line \d+\)",
    ),
    _forward(
        "huge_allocation",
        "return torch.empty(1 << 46, device=x.device).argmin(0)",
        Status.OUT_OF_MEMORY,
        r"small: \w+Error: .*allocat.* \(line \d+\); compute in place or piece by piece",
    ),
    Wrong(
        "syntax_error",
        "class ModelNew(nn.Module):",
        "class ModelNew(nn.Module)",
        Status.COMPILE_ERROR,
        r"SyntaxError: expected ':' \(line \d+\)",
    ),
    Wrong(
        "no_model_new",
        "class ModelNew(",
        "class Other(",
        Status.COMPILE_ERROR,
        r"ImportError: the file defines no class ModelNew; call the torch.nn.Module .*",
    ),
    Wrong(
        "missing_import",
        "import triton.language as tl\n",
        "import triton.language as tl\nimport cupyx_not_here\n",
        Status.COMPILE_ERROR,
        r"ModuleNotFoundError: No module named 'cupyx_not_here' \(line \d+\); "
        r"solutions may import torch, triton and the standard library",
    ),
    Wrong(
        "invented_name",
        "tl.min(x, axis=0)",
        "tl.minimum_reduce(x, axis=0)",
        Status.COMPILE_ERROR,
        r"small: AttributeError: .*minimum_reduce.* \(line \d+\); did you mean tl.minimum\?",
    ),
    _forward(
        "forged_reply",
        'import os, sys\nos.write(int(sys.argv[3]), b\'{"seq": 1, "ok": true}\\n\' * 2)\nreturn argmin(x)',
        Status.REJECTED,
        r"small: protocol: .*'call'.*",
    ),
    _forward(
        "flood",
        "import os, sys\nwhile True:\n    os.write(int(sys.argv[3]), b'x' * 65536)",
        Status.REJECTED,
        r"small: protocol: a reply of over 65536 bytes",
    ),
]
HANG = _forward("hang", "while True: pass", Status.TIMEOUT, r"small: no answer to 'call' within 4 s")
