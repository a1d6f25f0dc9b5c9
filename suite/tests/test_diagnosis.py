"""What kernel authors' first answers fail of, as the worker reports it, and what a hostile worker may say."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.judge.diagnosis import MAX_REASON, diagnose, plain, raised
from suite.judge.trial import UnfitError, check_case
from suite.judge.truth import Case, Expected
from suite.judge.worker_process import WorkerFailedError
from suite.result import Status

LONGEST_ADVICE = 110
# What Triton 3.7 says of a kernel that it cannot compile: where, the source, a caret, the cause.
AT_KERNEL = """at 6:8:
def kernel(x_ptr, BLOCK: tl.constexpr):
    x = tl.load(x_ptr + tl.arange(0, BLOCK))
    y = tl.tanh(x)
        ^
"""


def failure(*chain, line=None):
    """A failed request with an error of these (type, message) pairs, as it comes out of JSON."""
    error = {"chain": [{"type": kind, "message": message} for kind, message in chain], "line": line}
    return WorkerFailedError(Status.RUNTIME_ERROR, "exception during call", json.loads(json.dumps(error)))


@pytest.mark.parametrize(
    ("chain", "line", "status", "reason"),
    [
        (
            [
                (
                    "CompilationError",
                    AT_KERNEL + "AttributeError(\"module 'triton.language' has no attribute 'tanh'\")",
                ),
                ("AttributeError", "module 'triton.language' has no attribute 'tanh'"),
            ],
            31,
            Status.COMPILE_ERROR,
            "AttributeError: module 'triton.language' has no attribute 'tanh' (line 31); "
            "write 2 * tl.sigmoid(2 * x) - 1, or take libdevice.tanh from triton.language.extra",
        ),
        (
            [
                ("InterpreterError", "AttributeError(\"module 'triton.language' has no attribute 'tanh'\")"),
                ("AttributeError", "module 'triton.language' has no attribute 'tanh'"),
            ],
            12,
            Status.COMPILE_ERROR,
            "AttributeError: module 'triton.language' has no attribute 'tanh' (line 12); "
            "write 2 * tl.sigmoid(2 * x) - 1, or take libdevice.tanh from triton.language.extra",
        ),
        (
            [("CompilationError", AT_KERNEL + "NameError('offs_m is not defined')")],
            None,
            Status.COMPILE_ERROR,
            "CompilationError: NameError('offs_m is not defined')",
        ),
        (
            [("ModuleNotFoundError", "No module named 'cupy'")],
            3,
            Status.COMPILE_ERROR,
            "ModuleNotFoundError: No module named 'cupy' (line 3); "
            "solutions may import torch, triton and the standard library",
        ),
        (
            [("NameError", "name 'math' is not defined")],
            17,
            Status.RUNTIME_ERROR,
            "NameError: name 'math' is not defined (line 17); import math",
        ),
        (
            [("SyntaxError", "invalid syntax (mine.py, line 4)")],
            4,
            Status.COMPILE_ERROR,
            "SyntaxError: invalid syntax (line 4)",
        ),
        (
            [("ImportError", "the file defines no class ModelNew")],
            None,
            Status.COMPILE_ERROR,
            "ImportError: the file defines no class ModelNew; "
            "call the torch.nn.Module that launches your kernels so",
        ),
        (
            [("TypeError", "ModelNew.__init__() takes 1 positional argument but 2 were given")],
            None,
            Status.RUNTIME_ERROR,
            "TypeError: ModelNew.__init__() takes 1 positional argument but 2 were given; "
            "ModelNew takes the arguments of the problem's Model",
        ),
        (
            [("TypeError", "ModelNew.forward() takes 1 positional argument but 2 were given")],
            None,
            Status.RUNTIME_ERROR,
            "TypeError: ModelNew.forward() takes 1 positional argument but 2 were given; "
            "its forward takes the arguments of that of the problem's Model",
        ),
        (
            [("TypeError", "object of type 'int' has no len()")],
            33,
            Status.RUNTIME_ERROR,
            "TypeError: object of type 'int' has no len() (line 33); "
            "if this is a launch: its grid is a tuple, kernel[(n,)](...)",
        ),
        (
            [("AttributeError", "'NoneType' object has no attribute '_init_handles'")],
            29,
            Status.RUNTIME_ERROR,
            "AttributeError: 'NoneType' object has no attribute '_init_handles' (line 29); "
            "a compiled kernel needs a card: size the grid by the number of SMs",
        ),
        (
            [
                (
                    "ValueError",
                    "Conflicting meta-parameters: BLOCK_M. Make sure that you don't re-define "
                    "auto-tuned symbols.",
                )
            ],
            40,
            Status.RUNTIME_ERROR,
            "ValueError: Conflicting meta-parameters: BLOCK_M. Make sure that you don't re-define "
            "auto-tuned symbols. (line 40); leave out of the launch what @triton.autotune passes",
        ),
        (
            [
                (
                    "OutOfMemoryError",
                    "CUDA out of memory. Tried to allocate 64.00 GiB.\nGPU 0 has a total capacity of 24 GiB",
                )
            ],
            22,
            Status.OUT_OF_MEMORY,
            "OutOfMemoryError: CUDA out of memory. Tried to allocate 64.00 GiB. (line 22); "
            "compute in place or piece by piece",
        ),
        (
            [("RuntimeError", "Triton Error [CUDA]: out of memory")],
            22,
            Status.OUT_OF_MEMORY,
            "RuntimeError: Triton Error [CUDA]: out of memory (line 22); compute in place or piece by piece",
        ),
        (
            [
                (
                    "RuntimeError",
                    "DefaultCPUAllocator: can't allocate memory",
                )
            ],
            22,
            Status.OUT_OF_MEMORY,
            "RuntimeError: DefaultCPUAllocator: can't allocate memory (line 22); "
            "compute in place or piece by piece",
        ),
        (
            [
                ("InterpreterError", "..."),
                ("_ArrayMemoryError", "Unable to allocate 64.0 GiB for an array with shape (8589934592,)"),
            ],
            9,
            Status.OUT_OF_MEMORY,
            "_ArrayMemoryError: Unable to allocate 64.0 GiB for an array with shape (8589934592,) (line 9); "
            "compute in place or piece by piece",
        ),
        (
            [
                (
                    "OutOfResources",
                    "out of resource: shared memory, Required: 196608, Hardware limit: 101376. "
                    "Reducing block sizes or `num_stages` may help.",
                )
            ],
            33,
            Status.COMPILE_ERROR,
            "OutOfResources: out of resource: shared memory, Required: 196608, Hardware limit: 101376. "
            "Reducing block sizes or `num_stages` may help. (line 33); "
            "smaller blocks or fewer stages; see bench inspect",
        ),
        (
            [
                ("CompilationError", AT_KERNEL + 'ValueError("arange\'s range must be a power of 2")'),
                ("ValueError", "arange's range must be a power of 2"),
            ],
            8,
            Status.COMPILE_ERROR,
            "ValueError: arange's range must be a power of 2 (line 8); "
            "round the block up with triton.next_power_of_2 and mask the rest",
        ),
        (
            [("CompileTimeAssertionFailure", "at 3:4:\n    tl.static_assert(K % BLOCK_K == 0)\n    ^\n")],
            8,
            Status.COMPILE_ERROR,
            "CompileTimeAssertionFailure: tl.static_assert(K % BLOCK_K == 0) (line 8)",
        ),
        (
            [("UnsupportedLanguageConstruct", AT_KERNEL + "unsupported AST node type: Try")],
            8,
            Status.COMPILE_ERROR,
            "UnsupportedLanguageConstruct: unsupported AST node type: Try (line 8)",
        ),
        (
            [
                (
                    "AcceleratorError",
                    "CUDA error: an illegal memory access was encountered\n"
                    "CUDA kernel errors might be asynchronously reported at some other API call",
                )
            ],
            None,
            Status.RUNTIME_ERROR,
            "AcceleratorError: CUDA error: an illegal memory access was encountered; "
            "a load or store runs past its tensor: "
            "check masks and strides, and offsets of 2**31 or more need int64",
        ),
        (
            [("RuntimeError", "PassManager::run failed")],
            33,
            Status.COMPILE_ERROR,
            "RuntimeError: PassManager::run failed (line 33)",
        ),
        (
            [("PTXASError", "PTXAS error: Internal Triton PTX codegen error\n`ptxas` stderr:\n...")],
            33,
            Status.COMPILE_ERROR,
            "PTXASError: PTXAS error: Internal Triton PTX codegen error (line 33)",
        ),
        ([("SystemExit", "")], 5, Status.RUNTIME_ERROR, "SystemExit: (no message) (line 5)"),
        ([("ValueError", "\n \n\tfirst\nsecond")], 5, Status.RUNTIME_ERROR, "ValueError: first (line 5)"),
        (
            # The inner exception of one that wraps nothing for Triton is no better known than the outer one.
            [("RuntimeError", "grid must not be empty"), ("KeyError", "'BLOCK'")],
            5,
            Status.RUNTIME_ERROR,
            "RuntimeError: grid must not be empty (line 5)",
        ),
    ],
)
def test_each_kind_of_failure_has_its_status_and_one_line(chain, line, status, reason):
    assert diagnose(failure(*chain, line=line)) == (status, reason)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("maximun", "did you mean tl.maximum?"),
        ("silu", "write x * tl.sigmoid(x)"),
        ("qqqqqq", "triton.language has no such function"),
    ],
)
def test_an_invented_name_is_answered_with_a_known_one(name, advice):
    message = f"module 'triton.language' has no attribute '{name}'"
    assert diagnose(failure(("AttributeError", message)))[1] == f"AttributeError: {message}; {advice}"


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGBUS", "SIGABRT"])
def test_a_crash_is_most_often_an_access_out_of_bounds(name):
    crash = WorkerFailedError(Status.RUNTIME_ERROR, f"the process was killed by {name} during 'call'")
    assert diagnose(crash)[1].startswith(f"the process was killed by {name} during 'call'; a load or store")


def test_a_failure_of_the_worker_itself_keeps_its_own_words():
    timeout = WorkerFailedError(Status.TIMEOUT, "no answer to 'call' within 60 s")
    assert diagnose(timeout) == (Status.TIMEOUT, "no answer to 'call' within 60 s")
    assert raised(timeout) is None


def test_a_long_message_is_cut_and_the_line_still_shown():
    status, reason = diagnose(failure(("ValueError", "x" * 5000), line=7))
    assert status is Status.RUNTIME_ERROR
    assert reason == "ValueError: " + "x" * (MAX_REASON - len("ValueError: ")) + " (line 7)"


def test_what_a_terminal_would_obey_is_not_passed_on():
    _, reason = diagnose(failure(("Value\x1b[2JError", "a\tb\x1b]0;x\x07c\ud800 naïve ★")))
    assert reason == "Value [2JError: a b ]0;x c  naïve ★"
    assert plain("one\ntwo\r\x85\u2028\x00") == "one two    "
    reason.encode()


@pytest.mark.parametrize(
    "error",
    [
        {},
        {"chain": None},
        {"chain": []},
        {"chain": "ValueError"},
        {"chain": 3, "line": "x"},
        {"chain": ["ValueError", None, 3], "line": None},
        {"chain": {"type": "ValueError"}, "line": [1]},
    ],
)
def test_an_error_without_a_usable_chain(error):
    broken = WorkerFailedError(Status.RUNTIME_ERROR, "exception during call", error)
    assert diagnose(broken) == (Status.RUNTIME_ERROR, "Exception: the worker did not say which")
    assert raised(broken) == "Exception"


@pytest.mark.parametrize(
    "item", [{}, {"type": None}, {"type": 3, "message": ["x"]}, {"type": {}, "message": {}}]
)
def test_an_item_without_text(item):
    broken = WorkerFailedError(Status.RUNTIME_ERROR, "exception during call", {"chain": [item]})
    assert diagnose(broken) == (Status.RUNTIME_ERROR, "Exception: (no message)")


@pytest.mark.parametrize("line", [True, 0, -3, 10**4000, 1.5, "7", None, [7]])
def test_a_line_that_is_none(line):
    assert diagnose(failure(("ValueError", "no"), line=line)) == (Status.RUNTIME_ERROR, "ValueError: no")


def test_the_name_of_what_was_raised_is_bounded():
    assert raised(failure(("IndexError", "no columns"), ("KeyError", "x"))) == "IndexError"
    assert raised(failure(("E" * 60_000, ""))) == "E" * 100


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["type", "message"]) | st.text(), inner),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from(["chain", "line"]) | st.text(), json_values)
    | st.fixed_dictionaries(
        {
            "chain": st.lists(st.fixed_dictionaries({"type": json_values, "message": json_values})),
            "line": json_values,
        }
    )
)
def test_whatever_a_worker_says_becomes_one_printable_line(error):
    status, reason = diagnose(WorkerFailedError(Status.RUNTIME_ERROR, "exception during call", error))
    assert status in {Status.RUNTIME_ERROR, Status.COMPILE_ERROR, Status.OUT_OF_MEMORY}
    assert reason.isprintable()
    assert 0 < len(reason) <= MAX_REASON + len(" (line 1000000); ") + LONGEST_ADVICE


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ({"x": 1}, "expected IndexError as torch raises, found Exception"),
        ({"chain": [{"type": "Key\nError"}]}, "expected IndexError as torch raises, found Key Error"),
    ],
)
def test_an_edge_case_that_must_raise_takes_any_error_a_worker_makes_up(error, reason):
    class Liar:
        def prepare(self, case, exchange, expected):
            raise WorkerFailedError(Status.RUNTIME_ERROR, "exception during init", error)

    class Raising:
        def expected(self, case):
            return Expected([], [], "IndexError")

    with pytest.raises(UnfitError) as unfit:
        check_case(Liar(), Case("no columns", {}, [1], []), Raising(), None)
    assert (unfit.value.status, unfit.value.reason) == (Status.INCORRECT, reason)
