"""What is captured of solutions that nobody trusts, each in a child as in `bench inspect`."""

import json
import os
import textwrap
from pathlib import Path

import pytest
import torch

from suite import child
from suite.analysis import process
from suite.analysis.child.meta import Bookkeeper, MetaCuda, NeedsValuesError
from suite.analysis.child.session import describe_error
from suite.analysis.facts import FactsError, Launches, Raised, Variant, Work, read_fact
from suite.analysis.inspection import inspect
from suite.gpus import RTX_4090
from suite.judge import sandbox
from suite.problem import find_problem
from suite.solution import read_solution

HEADER = """
import os, subprocess, sys, time
import torch
import torch.nn as nn
import triton
import triton.language as tl
"""


@pytest.fixture
def follow(tiny_root):
    """A function that inspects a solution given as source, on row_argmin's seed workload: 65536 x 4096."""
    problem = find_problem(tiny_root, "row_argmin")

    def run(source, timeout_s=120.0):
        path = tiny_root / "mine, größer.py"  # ptxas takes no such name
        path.write_text(HEADER + textwrap.dedent(source))
        return inspect(problem, problem.workload("seed"), read_solution(path), RTX_4090, timeout_s)

    return run


def model(body, init="self.dim = dim"):
    text = textwrap.indent(textwrap.dedent(body), "        ")
    return f"""
class ModelNew(nn.Module):
    def __init__(self, dim):
        super().__init__()
        {init}

    def forward(self, x):
{text}
"""


def line_of(source, text):
    return next(i for i, row in enumerate((HEADER + source).splitlines(), 1) if text in row)


LAUNCHES = """
@triton.jit
def copy_kernel(x_ptr, y_ptr, n, stride, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y_ptr + i, tl.load(x_ptr + i * stride, mask=i < n), mask=i < n)

tuned_kernel = triton.autotune(
    [
        triton.Config({"BLOCK": 256}, num_warps=2, pre_hook=lambda arguments: arguments["y_ptr"].fill_(1)),
        triton.Config({"BLOCK": 1024}, num_warps=8),
    ],
    key=["n"],
    reset_to_zero=["y_ptr"],
    restore_value=["x_ptr"],
)(copy_kernel)
guessed_kernel = triton.heuristics({"BLOCK": lambda args: 512 if args["n"] > 1000 else 16})(copy_kernel)

def copy(x, y, stride=1):
    grid = lambda META: (triton.cdiv(y.numel(), META["BLOCK"]),)
    copy_kernel[grid](x, y, y.numel(), stride, BLOCK=128)
""" + model("""
assert x.is_cuda and x.device == torch.device("cuda:0") and not x.is_cpu
properties = torch.cuda.get_device_properties(x.device)
assert (properties.multi_processor_count, properties.major, properties.minor) == (128, 8, 9)
y = torch.empty(1 << 20, device=x.device)
for start in range(0, 4096, 1024):
    copy(x[start : start + 1024], y)
copy(x[:, 1:], y, 4096)
copy(x.view(-1)[4:], y)
copy(x.t().contiguous(), y)
half = x[:1000].to(torch.float16)
copy(half, torch.zeros(999, dtype=torch.float64, device="cuda"))
copy((half + y[0]), torch.full((8,), 2, device=x.device))
grid = lambda META: (triton.cdiv(y.numel(), META["BLOCK"]), 2)
tuned_kernel[grid](x, y, y.numel(), 1)
tuned_kernel[grid](x, y, y.numel(), 1)
guessed_kernel[(7, 5, 3)](x, y, y.numel(), 1)
return torch.empty(65536, dtype=torch.int64, device=x.device)
""")


def specializations(launch):
    return [argument.specialization for argument in launch.arguments]


def test_launches_are_captured_in_order(follow):
    seen = follow(LAUNCHES)
    assert seen.failure is None, seen.failure
    in_order = [seen.reports[place].launch for place in seen.order]
    chunks, rest = in_order[:4], in_order[4:]
    assert {launch.grid for launch in chunks} == {(8192, 1, 1)}
    assert {tuple(specializations(launch)) for launch in chunks} == {("D", "D", "D", "=1")}
    assert seen.reports[0].times == 6  # those of the aligned views and of the copy are the same launch
    # One column on is 4 bytes on; four are 16. A fresh tensor is aligned.
    assert [specializations(launch)[0] for launch in rest[:3]] == ["", "D", "D"]
    assert specializations(rest[0]) == ["", "D", "D", "D"]
    types = [[argument.type for argument in launch.arguments] for launch in rest[3:5]]
    assert types == [["*fp16", "*fp64", "i32", "constexpr"], ["*fp16", "*i64", "i32", "constexpr"]]
    assert specializations(rest[3]) == ["D", "D", "", "=1"]
    tuned = [(launch.candidate, launch.grid, launch.constants) for launch in rest[5:9]]
    assert tuned == [
        (True, (4096, 2, 1), {"BLOCK": "256"}),
        (True, (1024, 2, 1), {"BLOCK": "1024"}),
        (False, (4096, 2, 1), {"BLOCK": "256"}),
        (False, (4096, 2, 1), {"BLOCK": "256"}),
    ]
    assert [launch.options.num_warps for launch in rest[5:8]] == [2, 8, 2]
    assert (rest[9].grid, rest[9].constants) == ((7, 5, 3), {"BLOCK": "512"})
    assert len(rest) == 10

    assert in_order[0].line == line_of(LAUNCHES, "copy_kernel[grid](x, y, y.numel(), stride")
    assert in_order[0].kernel_line == line_of(LAUNCHES, "def copy_kernel")
    first = seen.reports[0].built
    assert [(a.kind, a.line) for a in first.sass.accesses] == [
        ("load", line_of(LAUNCHES, "tl.store")),
        ("store", line_of(LAUNCHES, "tl.store")),
    ]
    whole = 65536 * 4096 * 4
    half = 1000 * 4096 * 2
    assert seen.launches.output_bytes == 65536 * 8
    assert seen.launches.intermediate_bytes == 4 * (1 << 20) + whole + 2 * half + 999 * 8 + 8 * 8
    # What the tuner resets and restores between its trials is no work of a call; a chosen pre_hook is.
    operations = {"clone": 1, "_to_copy": 1, "zeros": 1, "add": 1, "full": 1, "fill_": 2}
    assert seen.launches.torch_operations == operations
    assert seen.fits
    assert seen.work == Work(4 * 65536 * 4096 + 8 * 65536, 0, (), ("(65536, 4096) float32",))


REFUSED = """
@triton.jit
def wide_kernel(x_ptr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i[:, None] * BLOCK + i[None, :])
    y = tl.load(x_ptr + i[:, None] * BLOCK + i[None, :] + BLOCK * BLOCK)
    tl.store(x_ptr + i[:, None] * BLOCK + i[None, :], tl.dot(x, y))

@triton.jit
def broken_kernel(x_ptr, BLOCK: tl.constexpr):
    tl.store(x_ptr + tl.arange(0, BLOCK), no_such_name)

@triton.jit
def good_kernel(x_ptr):
    tl.store(x_ptr, 1.0)

@triton.jit
def invented(x):
    return tl.tanh(x)

@triton.jit
def calling_kernel(x_ptr, BLOCK: tl.constexpr):
    x = tl.load(x_ptr + tl.arange(0, BLOCK))
    tl.store(x_ptr + tl.arange(0, BLOCK), invented(x))

@triton.jit
def asserting_kernel(x_ptr, BLOCK: tl.constexpr):
    tl.static_assert(BLOCK > 1000)

@triton.jit
def mixing_kernel(x_ptr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)[:, None] + tl.arange(0, BLOCK)[None, :]
    x = tl.load(x_ptr + i)
    tl.store(x_ptr + i, tl.dot(x, x, tl.zeros((BLOCK, BLOCK), tl.int32)))

@triton.jit
def endless_kernel(x_ptr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    while i < 3:
        i += 1

@triton.jit
def assembly_kernel(x_ptr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    j = tl.inline_asm_elementwise("bogus $0, $1;", "=r,r", [i], dtype=tl.int32, is_pure=False, pack=1)
    tl.store(x_ptr + i, j.to(tl.float32))
""" + model("""
for kernel in (calling_kernel, asserting_kernel, mixing_kernel, endless_kernel, assembly_kernel):
    kernel[(1,)](x, BLOCK=128)
broken_kernel[(1,)](x, BLOCK=128)
wide_kernel[(2,)](x, BLOCK=128, num_warps=8)
good_kernel[(1, 70000)](x)
good_kernel[(1,)](x)
return x
""")


def test_what_a_card_refuses_is_named_and_the_rest_still_shows(follow):
    seen = follow(REFUSED)
    assert seen.failure is None
    *silent, broken, wide, tall, good = seen.reports
    nested, static, own, *others = [problem for report in silent for problem in report.problems]
    assert own.startswith("does not compile: AssertionError in Triton's semantic.py: assert ")  # its words
    assert own.endswith(f" (line {line_of(REFUSED, 'tl.dot(x, x, ')})")
    assert [nested, static, *others] == [
        "does not compile: AttributeError(\"module 'triton.language' has no attribute 'tanh'\") "
        f"(line {line_of(REFUSED, 'tl.tanh')})",
        "does not compile: CompileTimeAssertionFailure: tl.static_assert(BLOCK > 1000) "
        f"(line {line_of(REFUSED, 'static_assert')})",
        "does not compile: 'scf.condition' op operand #0 must be 1-bit signless integer, "
        f"but got 'tensor<128xi1>' (line {line_of(REFUSED, 'while i < 3')})",
        "does not compile: ptxas: Not a name of any known instruction: 'bogus'",
    ]
    line = line_of(REFUSED, "no_such_name")
    assert broken.problems == (f"does not compile: NameError('no_such_name is not defined') (line {line})",)
    assert wide.problems == ("exceeds shared memory: 131072 of 101376 bytes",)
    assert wide.built.sass.tensor_cores
    assert tall.problems == ("exceeds grid y: 70000 of 65535 programs",)
    assert (good.problems, good.built.dynamic_smem_bytes) == ((), 0)
    assert not seen.fits


def test_what_a_launch_refuses_is_refused_here(follow):
    seen = follow(
        """
@triton.jit
def fill_kernel(x_ptr, n, BLOCK: tl.constexpr):
    tl.store(x_ptr + tl.arange(0, BLOCK), 1.0)
"""
        + model("""
attempts = [
    lambda: fill_kernel[(x.numel() / 64,)](x, 8, BLOCK=64),
    lambda: fill_kernel[(4, -1)](x, 8, BLOCK=64),
    lambda: fill_kernel[(1,)](torch.empty(64), 8, BLOCK=64),
    lambda: fill_kernel.warmup(x, 8, BLOCK=64, grid=(1,)).n_regs,
]
said = []
for attempt in attempts:
    try:
        attempt()
    except Exception as error:
        said.append(str(error))
raise RuntimeError(" | ".join(said))
""")
    )
    assert seen.failure.partition("): ")[2].split(" | ") == [
        "the sizes of a grid are integers, got (4194304.0,): divide with triton.cdiv",
        "the sizes of a grid are not negative, got (4, -1): a card launches nothing then",
        "argument 'x_ptr' is a tensor on the CPU, which a kernel cannot access: make it on the device of the "
        "inputs",
        "'n_regs' of what kernel.warmup() gives is known once a card has loaded it: "
        "size the grid by torch.cuda.get_device_properties(x.device).multi_processor_count",
    ]


def test_control_flow_that_needs_values_is_named_with_its_line(follow):
    source = model("if x.max() > 0:  # here\n    return x\nreturn x")
    seen = follow(source)
    assert seen.failure == (
        f"cannot be followed without data (line {line_of(source, '# here')}): "
        "bool() needs the values of a tensor of shape (). "
        "What the solution does next depends on values, which do not exist here"
    )
    assert not seen.fits


def test_torch_s_own_complaints_about_missing_values_are_understood():
    with MetaCuda():
        x = torch.empty(3, device="cuda")
        with pytest.raises((RuntimeError, NotImplementedError)) as raised:
            x[x > 0]
    assert describe_error(raised.value, Path("mine.py"))["needs_values"]


def running(marker):
    """Does any process have `marker` on its command line? In a namespace its number would be another."""
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and marker.encode() in (entry / "cmdline").read_bytes():
                return True
        except OSError:
            continue
    return False


def test_a_solution_that_hangs_is_ended_with_its_children(follow, tmp_path):
    marker = f"sleeps-for-{tmp_path.name}-{os.getpid()}"
    child = f"[sys.executable, '-c', 'import time; time.sleep(600)', {marker!r}]"
    alone = "start_new_session=True"
    seen = follow(
        f"subprocess.Popen({child})\nsubprocess.Popen({child}, {alone})\nwhile True:\n    pass\n", timeout_s=4
    )
    assert seen.failure == "the process that ran the solution did not end within 4 s"
    if sandbox.available() is None:  # without one a process that left its group lives on
        assert not running(marker)


@pytest.mark.skipif(sandbox.available() is not None, reason=f"no sandbox here: {sandbox.available()}")
def test_a_solution_sees_nothing_of_the_checkout_and_has_no_network(follow):
    here = str(Path(__file__).resolve())
    seen = follow(f"""
        routes = open("/proc/self/net/route").read().count("\\n") - 1
        raise RuntimeError(f"checkout {{os.path.exists({here!r})}}, {{routes}} routes")
    """)
    assert seen.failure.endswith("checkout False, 0 routes")


# A child's own descriptors are whatever numbers were free in the process that started it.
PIPES = """
import fcntl, stat
pipes = []
for fd in range(3, 4096):
    try:
        writes = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY
    except OSError:
        continue
    if writes and stat.S_ISFIFO(os.fstat(fd).st_mode):
        pipes.append(fd)
assert pipes, "no pipe to write into"
"""


def test_a_solution_that_writes_into_the_pipe_gets_nothing_but_its_own_failure(follow):
    seen = follow(
        PIPES
        + """
for fd in pipes:
    os.write(fd, b'{"kind": "work", "bytes_moved": 1, "flops": 0, "classes": [], "inputs": []}\\n')
    os.write(fd, b'\\x1b[2J{"kind": "launches"')
os._exit(0)
"""
    )
    assert seen.failure is not None
    assert seen.work.bytes_moved == 4 * 65536 * 4096 + 8 * 65536
    assert not seen.fits


def test_endless_output_is_cut(monkeypatch, follow):
    monkeypatch.setattr(child, "MAX_BYTES", 1 << 20)
    seen = follow(
        PIPES
        + """
while True:
    for fd in pipes:
        os.write(fd, b"a" * 65536)
"""
    )
    assert seen.failure == f"the process that ran the solution said over {1 << 20} bytes"


def test_an_exception_is_named_with_step_and_line_and_nothing_is_left(follow, tmp_path, monkeypatch):
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(process.tempfile, "tempdir", str(tmp_path / "scratch"))
    before = sorted(path.name for path in Path("/proc/self/fd").iterdir())
    source = model("return x", init="raise ValueError('not today')  # here")
    seen = follow(source)
    assert sorted(path.name for path in Path("/proc/self/fd").iterdir()) == before
    assert list((tmp_path / "scratch").iterdir()) == []
    assert seen.failure == f"ValueError in ModelNew(...) (line {line_of(source, '# here')}): not today"


class TestMeta:
    """Tensors without data, in this process."""

    def test_addresses_are_those_of_an_allocator(self):
        with MetaCuda():
            x = torch.empty(64, 100, device="cuda")
            y = torch.empty_like(x)
            assert x.data_ptr() % 512 == y.data_ptr() % 512 == 0
            assert x.data_ptr() != y.data_ptr()
            assert x[1].data_ptr() == x.data_ptr() + 400
            assert x.t().data_ptr() == x.view(-1).data_ptr() == x.data_ptr()
            assert x.half()[:, 1:].data_ptr() % 16 == 2

    @pytest.mark.parametrize("device", ["cuda", "cuda:0", torch.device("cuda"), 0])
    def test_everything_on_the_card_answers_so(self, device):
        with MetaCuda():
            made = [
                torch.empty(2, device=device),
                torch.zeros(2, device=device) + 1,
                torch.full((2,), 1.0, device=device),
                torch.empty(2).to(device),
                torch.empty(2).cuda(),
                torch.empty(3, device=device).new_zeros(2),
            ]
            for x in made:
                assert (x.is_cuda, x.is_cpu, x.is_meta, str(x.device)) == (True, False, False, "cuda:0")
            assert not torch.empty(2).is_cuda
            assert torch.tensor([2, 3]).tolist() == [2, 3]

    @pytest.mark.parametrize(
        "need", [torch.Tensor.item, bool, float, int, torch.Tensor.tolist, torch.nonzero]
    )
    def test_values_are_refused(self, need):
        with (
            MetaCuda(),
            pytest.raises(NeedsValuesError, match=r"needs the values of a tensor of shape \(1,\)"),
        ):
            need(torch.ones(1, device="cuda"))

    def test_allocations_and_operations_are_counted(self):
        with MetaCuda():
            given = torch.empty(10, device="cuda")
            books = Bookkeeper()
            books.know([given])
            with books:
                given.view(2, 5)[1:].add_(1)
                made = given.double()
                made.t()
                torch.empty(7, device="cuda")
                torch.empty(1000)
        assert sorted(books.allocated.values()) == [28, 80]
        assert dict(books.operations) == {"add_": 1, "_to_copy": 1}


LAUNCH = {
    "kernel": "k\x1b[2J",
    "kernel_line": 3,
    "line": None,
    "grid": [1, 1, 1],
    "rank": 3,
    "constants": {"BLOCK": "2"},
    "arguments": [],
    "options": {"num_warps": 4, "num_stages": 3, "num_ctas": 1, "maxnreg": None},
    "candidate": False,
    "variant": 0,
}
CALL = {
    "kind": "launches",
    "launches": [LAUNCH],
    "order": [0],
    "variants": 1,
    "output_bytes": 0,
    "intermediate_bytes": 0,
    "torch_operations": {},
}


def fact(**values):
    return read_fact(json.dumps(values).encode())


def test_facts_are_read_and_lose_escape_sequences():
    seen = fact(**CALL)
    assert isinstance(seen, Launches)
    assert (seen.launches[0].kernel, seen.launches[0].options.num_warps) == ("k[2J", 4)
    assert fact(kind="variant", number=0, built=None, reason="no") == Variant(0, None, "no")
    raised = fact(kind="error", step="call", type="E", message="m", line=3, needs_values=False)
    assert raised == Raised("call", "E", "m", 3, False)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"{}",
        b'{"kind": []}',
        b'{"kind": "secret"}',
        b"[" * 100_000,
        json.dumps({**CALL, "order": [1]}).encode(),
        json.dumps({**CALL, "order": [-1]}).encode(),
        json.dumps({**CALL, "order": ["0"]}).encode(),
        json.dumps({**CALL, "order": [True]}).encode(),
        json.dumps({**CALL, "variants": 0}).encode(),
        json.dumps({**CALL, "extra": 0}).encode(),
        json.dumps({**CALL, "launches": [{**LAUNCH, "grid": [1]}]}).encode(),
        json.dumps({**CALL, "launches": [{**LAUNCH, "grid": [1e400, 1, 1]}]}).encode(),
        json.dumps({**CALL, "launches": [{**LAUNCH, "grid": [2**70, 1, 1]}]}).encode(),
        json.dumps({**CALL, "launches": [{**LAUNCH, "options": None}]}).encode(),
        json.dumps({**CALL, "launches": {}}).encode(),
    ],
)
def test_lines_that_are_not_facts(line):
    with pytest.raises(FactsError):
        read_fact(line)
