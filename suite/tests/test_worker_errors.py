"""Which line of a solution the worker names for what Triton could not compile."""

import importlib
import sys
from pathlib import Path

import pytest
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

WORKER = Path(__file__).parents[1] / "worker" / "__main__.py"
KERNEL = """import triton
import triton.language as tl


@triton.jit
def kernel(x_ptr,
           BLOCK: tl.constexpr):
    offs = tl.arange(0, BLOCK)
    tl.store(x_ptr + offs, tl.loda(x_ptr + offs))
"""


@pytest.fixture
def describe_error():
    """The worker's own function; the module itself serves as soon as it is imported."""
    source = WORKER.read_text().removesuffix("main()\n")
    names = {"__name__": "worker_main"}
    exec(compile(source, str(WORKER), "exec"), names)
    return names["describe_error"]


@pytest.mark.parametrize(("block", "line"), [(128, 9), (100, 8)])
def test_a_line_that_triton_cannot_compile_is_named_as_the_file_counts(
    tmp_path, monkeypatch, describe_error, block, line
):
    path = tmp_path / "broken_kernel.py"
    path.write_text(KERNEL)
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module("broken_kernel")
    source = ASTSource(module.kernel, {"x_ptr": "*fp32", "BLOCK": "constexpr"}, {"BLOCK": block})
    with pytest.raises(triton.compiler.errors.CompilationError) as raised:
        triton.compile(source, target=GPUTarget("cuda", 89, 32))
    assert describe_error(raised.value, str(path))["line"] == line
    sys.modules.pop("broken_kernel")
