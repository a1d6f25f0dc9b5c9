"""Kernels to hold against the rules of the stages, and the one line of a report that a test is about."""

from suite.analysis.facts import Work
from suite.stages.checks import run_check
from suite.stages.evidence import Case, Outcome

KERNEL = """
@triton.jit
def k(x, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(x + i, 0.0, mask=i < n)

def f(x):
    k[(64,)](x, x.numel(), BLOCK=128)
"""


MATMUL = """
@triton.jit
def mm(a, b, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr):
    m = tl.program_id(axis=0) * BLOCK_M + tl.arange(0, BLOCK_M)
    n = tl.program_id(axis=1) * BLOCK_N
    tl.dot(a, b)
"""


COMPUTE = Work(1_000_000, 10**13, ("tf32",), ())


def check(which, mine, parent=None, previous=None, may_fall_short=False):
    """(outcome, where, found) of everything that a check finds."""
    case = Case(mine, parent, previous or parent)
    return [
        (found.outcome, found.where, found.found)
        for found in run_check(which, case, may_fall_short=may_fall_short)
    ]


def only(which, mine, *others, **fields):
    (found,) = check(which, mine, *others, **fields)
    return found


PASSED, FAILED, SHORT, SHOWN = Outcome.PASSED, Outcome.FAILED, Outcome.SHORT, Outcome.SHOWN


UNMEASURED, APART = Outcome.NOT_MEASURED, Outcome.NOT_APPLICABLE
