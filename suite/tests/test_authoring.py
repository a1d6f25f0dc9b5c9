"""A good problem is accepted; one thing changed, it is refused, and the finding says what and where."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from conftest import TINY
from suite.finding import Finding
from suite.judge.authoring.examination import examine
from suite.judge.authoring.subject import Shapes
from suite.problem import Problem, find_problem, find_problems

ROOT = Path(__file__).parents[2]

INPUTS = '''"""A product of a tall matrix and a narrow one."""
import torch
WORKLOADS = {
    "seed": {"tier": "bench", "axes": {"rows": 500000, "cols": 200}},
    "even": {"tier": "check", "axes": {"rows": 40, "cols": 300}},
    "odd": {"tier": "check", "axes": {"rows": 33, "cols": 129}},
}
TOLERANCE = {"fp32": 1e-5, "tf32": 1.5e-3}
DISTRIBUTIONS = ("normal", "nan")

def get_init_inputs(**axes):
    return []

def get_inputs(rows=500000, cols=200, distribution="normal"):
    x, w = torch.randn(rows, cols), torch.randn(cols, 48)
    if distribution == "nan":
        x[0, 0] = torch.nan
    return [x, w]

def edge_cases():
    return [{"name": "empty", "axes": {}, "init_inputs": [], "inputs": [torch.ones(0, 8), torch.ones(8, 48)],
             "expects": "reference"}]

def bytes_moved(rows=500000, cols=200):
    return 4 * (rows * cols + cols * 48 + rows * 48)

def flops(rows=500000, cols=200):
    return 2 * rows * cols * 48

def draw_axes(randint):
    return {"rows": randint(1, 50), "cols": randint(1, 300)}

def error_scale(x, w):
    return [(x.double().square() @ w.double().square()).sqrt()]
'''
REFERENCE = """import torch
class Model(torch.nn.Module):
    def forward(self, x, w):
        return x @ w
"""


@pytest.fixture(autouse=True)
def _one_thread():
    """Products this small take longer to share than to do."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def examined(tmp_path: Path):
    """A function that examines the good problem with some things changed."""

    def make(*changes: tuple[str, str]) -> list[Finding]:
        files = {"inputs.py": INPUTS, "reference.py": REFERENCE}
        for old, new in changes:
            holding = [name for name, source in files.items() if old in source]
            assert len(holding) == 1, old
            files[holding[0]] = files[holding[0]].replace(old, new)
        folder = tmp_path / "problems" / "tall"
        folder.mkdir(parents=True)
        for name, source in files.items():
            (folder / name).write_text(source)
        return list(examine(folder, "cpu", shapes_of(Problem("tall", folder)), lambda *_: None))

    return make


def shapes_of(problem: Problem) -> tuple[Shapes, ...]:
    return tuple(Shapes(w.name, w.tier, w.axes) for w in problem.workloads)


def texts(findings: list[Finding], state: str = "fix") -> list[str]:
    return [f"{finding.subject}: {finding.text}" for finding in findings if finding.state == state]


def test_a_good_problem_is_accepted(examined):
    findings = examined()
    assert texts(findings) == []
    assert texts(findings, "ok") == [
        "contract: reference.py and inputs.py hold what they must",
        "work: bytes and flops of 3 workloads agree",
        "memory: the largest, 'seed', needs 4.66 GB of 12 GB to be judged",
        "inputs: 2 workloads: fresh, varied, the reference passes",
        "edge cases: 1, of which 0 must raise; with ties, an empty input",
        next(
            text for text in texts(findings, "ok") if text.startswith("hidden workloads: 20 drawn, such as {")
        ),
        "wrong answers: none passes at any of 2 workloads",
    ]
    assert texts(findings, "warning") == [
        "edge cases: none with NaN, infinities, a non-contiguous input, a size of 1",
        "distributions: none called uniform, offset, heavy_tails, integers, ties, infinities, denormals",
    ]


@dataclass(frozen=True)
class Bad:
    """The changes that make a problem bad, and a finding that must be among those that refuse it."""

    name: str
    changes: tuple[tuple[str, str], ...]
    finding: str


def bad(name: str, finding: str, *changes: tuple[str, str]) -> Bad:
    return Bad(name, changes, finding)


DRAWN = "x, w = torch.randn(rows, cols), torch.randn(cols, 48)"
TOLERANCE = '{"fp32": 1e-5, "tf32": 1.5e-3}'
BADS = [
    bad(
        "imports_the_suite",
        r"contract: /.*/reference\.py:2: imports suite\.stats",
        ("import torch\nclass", "import torch\nfrom suite.stats import median\nclass"),
    ),
    bad(
        "imports_its_neighbour",
        r"contract: /.*/reference\.py:2: imports \.inputs",
        ("import torch\nclass", "import torch\nfrom .inputs import x\nclass"),
    ),
    bad("lacks_a_name", r"contract: /.*/inputs\.py: flops is missing", ("def flops", "def flop")),
    bad(
        "lacks_two_names",
        r"contract: /.*/inputs\.py: bytes_moved, flops are missing",
        ("def flops", "def flop"),
        ("def bytes_moved", "def bytes_move"),
    ),
    bad("has_no_model", r"contract: /.*/reference\.py: Model is missing", ("class Model", "class Other")),
    bad(
        "cannot_be_imported",
        r"contract: /.*/inputs\.py:2: importing it: ModuleNotFoundError: No module named 'tourch'",
        (
            '"""A product of a tall matrix and a narrow one."""\nimport torch\n',
            '"""A product of a tall matrix and a narrow one."""\nimport tourch\nimport torch\n',
        ),
    ),
    bad(
        "draws_the_same_twice",
        r"inputs: input 1 of workload 'even' is the same on two draws",
        (DRAWN, f"torch.manual_seed(7); {DRAWN}"),
    ),
    bad(
        "has_a_constant_input",
        r"inputs: input 1 of workload 'odd' is constant",
        (DRAWN, "x, w = torch.randn(rows, cols), torch.randn(1, 1).repeat(cols, 48)"),
    ),
    bad(
        "its_reference_fails_its_own_checker",
        r"inputs: the reference fails its own checker on workload 'even': relative error .*",
        (TOLERANCE, '{"fp32": 1e-9}'),
    ),
    bad(
        "zeros_pass",
        r"wrong answers: workload 'even' takes zeros, on 8 of 8 draws",
        ("sqrt()]", "sqrt() * 1e6]"),
    ),
    bad(
        "a_constant_passes",
        r"wrong answers: workload 'even' takes a constant \(the mean of other outputs\), on 8 of 8 draws",
        (DRAWN, "x, w = torch.rand(rows, cols) + 9, torch.rand(cols, 48) + 9"),
        (TOLERANCE, '{"bf16": 2e-2}'),
    ),
    bad(
        "its_reference_is_statistically_trivial",
        r"wrong answers: workload 'odd' takes a constant \(the mean of other outputs\), on 8 of 8 draws",
        ("return x @ w", "return torch.sigmoid((x @ w) / 1e5)"),
        ("def error_scale", "def no_scale"),
    ),
    bad(
        "a_copy_of_the_input_passes",
        r"wrong answers: workload 'even' takes a copy of input 0, on 8 of 8 draws",
        (DRAWN, "x, w = torch.rand(rows, cols), torch.rand(cols, 48)"),
        ("return x @ w", "return x.relu()"),
        ("def error_scale", "def no_scale"),
    ),
    bad(
        "a_cut_copy_of_the_input_passes",
        r"wrong answers: workload 'odd' takes a copy of input 1, on 8 of 8 draws",
        ("return x @ w", "return w[:2].clone()"),
        ("def error_scale", "def no_scale"),
    ),
    bad(
        "the_first_slice_passes",
        r"wrong answers: workload 'odd' takes the first slice of input 0 along 0, on 8 of 8 draws",
        (DRAWN, "x, w = torch.randn(rows, cols).sort(0, descending=True).values, torch.randn(cols, 48)"),
        ("return x @ w", "return x.amax(0)"),
        ("def error_scale", "def no_scale"),
    ),
    bad(
        "one_row_stands_for_all",
        r"wrong answers: workload 'odd' takes its first slice along 0, repeated, on 8 of 8 draws",
        (DRAWN, "x, w = torch.randn(1, cols).repeat(rows, 1), torch.randn(cols, 48)"),
    ),
    bad(
        "half_of_the_work_passes",
        r"wrong answers: workload 'even' takes half of input 0 along 0, twice, always",
        (DRAWN, "x, w = torch.randn(rows // 2 or 1, cols).repeat(2, 1)[:rows], torch.randn(cols, 48)"),
    ),
    bad(
        "bfloat16_inputs_pass_as_tf32",
        r"wrong answers: workload 'odd' takes inputs rounded to bf16 as tf32, on 8 of 8 draws",
        (TOLERANCE, '{"fp32": 1e-5, "tf32": 5e-3}'),
    ),
    bad(
        "tf32_inputs_pass_as_float32",
        r"wrong answers: workload 'odd' takes inputs rounded to tf32 as fp32, on 8 of 8 draws",
        (TOLERANCE, '{"fp32": 1e-3, "tf32": 1.5e-3}'),
    ),
    bad(
        "coarser_inputs_than_bfloat16_pass",
        r"wrong answers: workload 'odd' takes inputs rounded to 3 mantissa bits as bf16, on 8 of 8 draws",
        (TOLERANCE, '{"bf16": 0.1}'),
    ),
    bad(
        "outputs_do_not_depend_on_inputs",
        r"wrong answers: workload 'even' takes the answer to other inputs, on 8 of 8 draws",
        (
            "return x @ w",
            "return torch.outer(torch.arange(1.0, len(x) + 1).to(x), 3 + torch.arange(48).to(w))",
        ),
    ),
    bad(
        "an_input_does_not_matter",
        r"wrong answers: workload 'even' takes any input 1, on 8 of 8 draws",
        ("return x @ w", "return x[:, :48] * (w * 0 + 1)[:1]"),
        ("def error_scale", "def no_scale"),
    ),
    bad(
        "needs_more_than_12_gb",
        r"memory: workload 'seed' needs 28\.99 GB to be judged, of 12 GB; too much for "
        r"GeForce RTX 4090 \(24 GB\), GeForce RTX 3090 \(24 GB\), L4 \(24 GB\), A10 \(24 GB\)",
        ('"rows": 500000', '"rows": 5000000'),
    ),
    bad(
        "fits_a_cache",
        r"memory: workload 'seed': inputs of 80\.0 MB, which caches may hold",
        ('"rows": 500000', '"rows": 100000'),
    ),
    bad(
        "counts_too_few_bytes",
        r"work: workload 'odd': bytes_moved gives 41796, but inputs, state and outputs occupy 48132",
        (" + rows * 48)", ")"),
    ),
    bad(
        "counts_too_many_bytes",
        r"work: workload 'odd': bytes_moved gives 96264, but inputs, state and outputs occupy 48132",
        ("return 4 * (rows", "return 8 * (rows"),
    ),
    bad(
        "counts_too_few_flops",
        r"work: workload 'seed': flops gives 4800000000, but torch counts 9600000000",
        ("return 2 * rows", "return rows"),
    ),
    bad(
        "an_edge_case_does_not_raise",
        r"edge cases: /.*: edge case 'empty': the reference must raise IndexError, but returned",
        ('"expects": "reference"', '"expects": "IndexError"'),
    ),
    bad(
        "two_edge_cases_of_one_name",
        r"edge cases: two are called edge case 'empty'",
        ('"expects": "reference"}]', '"expects": "reference"}] * 2'),
    ),
    bad(
        "a_distribution_is_not_what_it_says",
        r"distributions: inputs of distribution 'nan' are not anywhere NaN",
        ("x[0, 0] = torch.nan", "x[0, 0] = 0.0"),
    ),
    bad(
        "a_distribution_is_not_taken",
        r"distributions: /.*/inputs\.py: get_inputs of 'even': TypeError: .*unexpected keyword argument .*",
        (', distribution="normal"):\n', '):\n    distribution = ""\n'),
    ),
    bad(
        "the_reference_fails_on_a_distribution",
        r"distributions: the reference fails its own checker on 'even' with 'offset': relative error .*",
        ('("normal", "nan")', '("normal", "offset")'),
        ("x[0, 0] = torch.nan", ""),
        ('distribution == "nan":', 'distribution == "offset":\n        x, w = x + 1e5, w - w.mean(0)'),
        ("def error_scale", "def no_scale"),
    ),
    bad(
        "hidden_workloads_are_always_the_same",
        r"hidden workloads: draw_axes gave \{'rows': 5, 'cols': 5\} 20 times",
        ('{"rows": randint(1, 50), "cols": randint(1, 300)}', '{"rows": 5, "cols": 5}'),
    ),
    bad(
        "hidden_workloads_are_large",
        r"hidden workloads: draw_axes gave \{'rows': 9000, 'cols': 300\}: 2714400 elements, more than .*",
        ('{"rows": randint(1, 50), "cols": randint(1, 300)}', '{"rows": 9000, "cols": 300}'),
    ),
    bad(
        "hidden_workloads_break_the_reference",
        r"hidden workloads: /.*/inputs\.py: get_inputs of 'drawn by draw_axes': TypeError: .*",
        ('{"rows": randint(1, 50), "cols": randint(1, 300)}', '{"depth": 3}'),
    ),
]


@pytest.mark.parametrize("one", BADS, ids=lambda one: one.name)
def test_a_bad_problem_is_refused_for_its_reason(examined, one):
    findings = examined(*one.changes)
    found = texts(findings)
    assert any(re.fullmatch(one.finding, text) for text in found), found
    # What is missing does not stand beside "holds what it must".
    states = [finding.state for finding in findings if finding.subject == "contract"]
    assert len(set(states)) == 1


def test_one_that_is_too_large_is_told_how_much_smaller(examined):
    findings = examined(('"rows": 500000', '"rows": 5000000'))
    (remedy,) = (finding.remedy for finding in findings if "28.99 GB" in finding.text)
    assert remedy == "make it smaller: about 0.41 of its elements"


def test_the_bad_problems_differ():
    assert len({one.name for one in BADS}) == len(BADS) >= 10


def test_a_problem_without_hidden_workloads_is_warned(examined):
    findings = examined(("def draw_axes", "def no_axes"))
    assert texts(findings) == []
    assert "hidden workloads: no draw_axes: the judge draws no hidden workloads" in texts(findings, "warning")


def test_a_reference_that_needs_values_is_not_sized(examined):
    findings = examined(("return x @ w", "return (x @ w) * (1.0 if x.sum().item() > -1e9 else 0.0)"))
    assert texts(findings) == []
    unsized = [text for text in texts(findings, "warning") if "cannot be told from sizes: " in text]
    assert [text.partition(":")[0] for text in unsized] == ["work", "memory"]
    assert "/reference.py:4: Model of 'seed': " in unsized[0]


def test_a_reference_whose_operations_torch_does_not_count_is_warned(examined):
    findings = examined(("return x @ w", "return (x.unsqueeze(2) * w).sum(1)"))
    assert texts(findings)[0].startswith("memory: workload 'seed' needs ")  # all products at once
    assert "work: torch counts no flops of these operations" in texts(findings, "warning")


def test_an_exact_problem_must_tell_bfloat16_from_its_own_inputs():
    """Few outputs, and uniform numbers whose least is far from the next: rounding changes no answer."""
    problem = find_problem(TINY, "row_argmin")
    found = texts(list(examine(problem.folder, "cpu", shapes_of(problem), lambda *_: None)))
    assert any("takes inputs rounded to bf16, on " in text for text in found)


@pytest.mark.parametrize("problem", find_problems(ROOT), ids=lambda problem: problem.name)
def test_every_problem_here_is_accepted(problem):
    findings = list(examine(problem.folder, "cpu", shapes_of(problem), lambda *_: None))
    assert texts(findings) == []
    assert {finding.subject for finding in findings if finding.state == "ok"} == {
        "contract", "work", "memory", "inputs", "edge cases", "distributions", "hidden workloads",
        "wrong answers",
    }  # fmt: skip
