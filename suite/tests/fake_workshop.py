"""A workshop that knows its verdicts beforehand, and a command that answers from a list."""

import re

from suite.optimize.record import Compared, Settings
from suite.result import Status
from suite.tests.fake_evidence import HEADER, evidence, fake_profile, kernel_profile, launch
from suite.tests.fake_results import fake_result

BODY = """
@triton.jit
def k(x, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(x + i, 0.0, mask=i < n)


def f(x):
    k[(GRID,)](x, x.numel(), BLOCK=128)  # 1.00
    return x


class ModelNew(nn.Module):
    def forward(self, x):
        return f(x)
"""


START = HEADER + BODY.replace("GRID", "64")


def version(time=1.0, block=128, grid=64, extra=""):
    """A version that takes `time` of the first one's time."""
    code = START.replace("(64,)", f"({grid},)").replace("BLOCK=128", f"BLOCK={block}")
    return code.replace("# 1.00", f"# {time:.2f}") + extra


def reply(code):
    return f"Here:\n\n```python\n{code}```\n"


def facts(code):
    """Time, tile and grid of a version."""
    return (
        float(re.search(r"# (\d\.\d\d)", code)[1]),
        int(re.search(r"BLOCK=(\d+)", code)[1]),
        int(re.search(r"\[\((\d+),\)\]", code)[1]),
    )


class FakeWorkshop:
    """Judges by what stands in the file."""

    def __init__(self, times=True, wrong=(), dies=()):
        self.times = times
        self.wrong, self.dies = set(wrong), list(dies)
        self.calls = []

    def inspect(self, solution):
        self.calls.append(("inspect", solution.name))
        _, block, grid = facts(solution.path.read_text())
        return evidence(BODY, launch("k", (grid,), line=9, BLOCK=block), name=solution.name).inspection

    def check(self, solution):
        self.calls.append(("check", solution.name))
        if solution.name in self.dies:
            self.dies.remove(solution.name)
            raise KeyboardInterrupt
        if solution.name in self.wrong:
            failed = fake_result(
                solution.name, "check", status=Status.INCORRECT, reason="ties: 3 of 9 differ"
            )
            return [failed]
        return [fake_result(solution.name, "check", None)]

    def compare(self, solution, before):
        self.calls.append(("compare", solution.name, before.name))
        ratio = facts(solution.path.read_text())[0] / facts(before.path.read_text())[0]
        verdict = "FASTER" if ratio < 0.99 else "SAME" if ratio < 1.01 else "SLOWER"
        compared = [
            Compared(name, ratio, (ratio - 0.002, ratio + 0.002), verdict) for name in ("seed", "wide")
        ]
        return [fake_result(solution.name)], compared

    def profile(self, solution):
        self.calls.append(("profile", solution.name))
        return fake_profile(kernel_profile("k", dram=50.0)) if self.times else None


class Script:
    """Answers in turn; an exception is raised. Keeps the prompts."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.prompts = []

    def __call__(self, prompt, log, variables):
        self.prompts.append(prompt.read_text())
        self.asked = variables
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer


SETTINGS = Settings(
    id="run", created="2026-01-01T00:00:00+00:00", problem="row_argmin", solution="baseline", sha256="0" * 64,
    command="x", rounds=3, stages=("grid", "block"), workloads=("seed", "wide"), device="cuda",
    gpu="rtx-4090", timeout_s=60.0, answer_timeout_s=600.0, sandbox="auto",
)  # fmt: skip
