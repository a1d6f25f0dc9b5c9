"""A good problem is accepted; one thing changed, it is refused, and the finding says what and where."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from conftest import TINY
from suite import authoring, cli
from suite.child import ChildError
from suite.cli import authoring_verbs
from suite.finding import Finding
from suite.judge.authoring.examination import examine
from suite.judge.authoring.impostors import halves, made_up, rounded
from suite.judge.authoring.storage import Peak, touched_bytes
from suite.judge.authoring.subject import Shapes, Subject
from suite.judge.authoring.work import COMPARE_BYTES, judged_bytes
from suite.judge.compare import RightOutput, compare
from suite.judge.truth import Truth
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
        r"memory: workload 'seed' needs 28\.99 GB to be judged, of 12 GB",
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


def test_the_command_examines_in_a_child(monkeypatch):
    monkeypatch.chdir(ROOT)
    outcome = bench("argmin", "--device", "cpu")
    assert outcome.exit_code == 0, outcome.stdout
    assert outcome.stdout.splitlines()[1] == "argmin: accepted"
    assert outcome.stdout.count("\nok ") == 8


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('"seed"', '"sead"', "WORKLOADS has no workload 'seed'"),
        ("WORKLOADS = {", "WORKLOADS = {} or {", "WORKLOADS must be a literal: "),
        ('"tier": "bench"', '"tier": "large"', "workload 'seed' must be "),
    ],
)
def test_malformed_workloads_are_a_finding(tiny_root, old, new, text):
    inputs = tiny_root / "problems" / "row_argmin" / "inputs.py"
    inputs.write_text(inputs.read_text().replace(old, new))
    (finding,) = authoring.examine(find_problem(tiny_root, "row_argmin"), "cpu", 60, lambda *_: None)
    assert (finding.subject, finding.state) == ("contract", "fix")
    assert finding.text.startswith(f"{inputs}: {text}")


def test_a_child_that_dies_is_a_finding(tiny_root, monkeypatch):
    def lines(*_arguments):
        yield b'{"kind": "section", "name": "work", "number": 0, "count": 7}'
        raise ChildError("was killed by SIGSEGV")

    monkeypatch.setattr(authoring.child, "lines", lines)
    seen = []
    found = authoring.examine(find_problem(tiny_root, "row_argmin"), "cpu", 60, lambda *s: seen.append(s))
    assert texts(list(found)) == ["examination: the process that examined the problem was killed by SIGSEGV"]
    assert seen == [("work", 0, 7)]


def bench(*arguments):
    outcome = CliRunner().invoke(cli.main, ["check-problem", *arguments])
    if outcome.exception is not None and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    return outcome


@pytest.fixture
def finds(tiny_root, monkeypatch):
    """Sets what the examination of any problem finds."""
    monkeypatch.chdir(tiny_root)

    def install(*findings):
        def examine(problem, device, timeout_s, on_section):
            on_section("work", 0, 1)
            yield from findings

        monkeypatch.setattr(authoring_verbs, "examine", examine)

    return install


GOOD = Finding("work", "ok", "all agree")
WARNING = Finding("edge cases", "warning", "none with NaN", "add one")
WRONG = Finding("memory", "fix", "too large", "make it smaller")


@pytest.mark.parametrize(
    ("findings", "code", "verdict"),
    [((GOOD,), 0, "accepted"), ((GOOD, WARNING), 0, "accepted"), ((GOOD, WRONG), 1, "refused")],
)
@pytest.mark.parametrize("names", [("row_argmin",), ("--all",)])
def test_the_verdict_stands_above_the_findings(finds, names, findings, code, verdict):
    finds(*findings)
    outcome = bench(*names)
    assert outcome.exit_code == code
    lines = outcome.stdout.splitlines()
    assert lines[1] == f"row_argmin: {verdict}"
    assert all(any(finding.text in line for line in lines) for finding in findings)
    assert outcome.stderr == "judging row_argmin\n"


def test_json_lines_alone_on_standard_output(finds):
    finds(GOOD, WRONG)
    outcome = bench("row_argmin", "--json", "-")
    assert outcome.exit_code == 1
    assert json.loads(outcome.stdout) == {
        "problem": "row_argmin",
        "accepted": False,
        "findings": [GOOD.to_json(), WRONG.to_json()],
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name a problem, or say --all"),
        (("row_argmin", "--device", "cuda"), "--device cuda needs an NVIDIA GPU; none answers here"),
        (("row_argmim",), "there is no problem 'row_argmim'; did you mean 'row_argmin'?"),
    ],
)
def test_wrong_usage_is_exit_code_2(finds, monkeypatch, arguments, message):
    finds(GOOD)
    monkeypatch.setattr(authoring_verbs, "has_gpu", lambda: False)
    outcome = bench(*arguments)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert outcome.stderr.splitlines()[-1] == f"Error: {message}"


def test_ctrl_c_is_exit_code_130(finds, monkeypatch):
    def interrupted(*_arguments):
        raise KeyboardInterrupt

    finds()
    monkeypatch.setattr(authoring_verbs, "examine", interrupted)
    outcome = bench("row_argmin")
    assert (outcome.exit_code, outcome.stderr) == (130, "interrupted\n")


def test_made_up_answers_have_the_shape_and_dtype_of_a_right_one():
    inputs = [torch.randn(4, 5), torch.randn(3), torch.randn(())]
    like, other = torch.ones(4, 3, dtype=torch.int64), torch.full((4, 3), 7)
    found = dict(made_up(inputs, like, other))
    assert all((answer.shape, answer.dtype) == (like.shape, like.dtype) for answer in found.values())
    assert set(found) == {
        "zeros", "a constant (the mean of other outputs)", "a constant (the most frequent output)",
        "the answer to other inputs",
        "its first slice along 0, repeated", "its first slice along 1, repeated",
        "a copy of input 0", "a copy of input 1", "a copy of input 2",
    }  # fmt: skip
    assert found["a constant (the most frequent output)"].unique().tolist() == [7]
    assert "the first slice of input 0 along 1" in dict(made_up(inputs, torch.ones(4), torch.ones(4)))


def test_a_half_stands_for_the_other():
    x = torch.arange(10.0).reshape(2, 5)
    for (name, change), expected in zip(
        halves([x]), ([[0, 1, 2, 3, 4]] * 2, [[0, 1, 2, 0, 1], [5, 6, 7, 5, 6]]), strict=True
    ):
        changed = [x.clone()]
        assert change(changed), name
        assert changed[0].tolist() == expected


@pytest.mark.parametrize(
    ("name", "dtype"), [("bf16", torch.bfloat16), ("3 mantissa bits", torch.float8_e4m3fn)]
)
def test_rounding_is_that_of_the_dtype(name, dtype):
    x = torch.randn(1000, generator=torch.Generator().manual_seed(0)).clamp(0.1, 100)
    changed = [x.clone()]
    assert rounded(name)(changed)
    assert torch.equal(changed[0], x.to(dtype).float())
    assert not rounded(name)(changed)  # there is nothing left to round


def test_rounding_leaves_strides_and_other_dtypes_alone():
    x, indices = torch.randn(6, 4).t(), torch.arange(5)
    changed = [x, indices]
    expected = x.bfloat16().float()
    assert rounded("bf16")(changed)
    assert torch.equal(changed[0], expected)
    assert torch.equal(indices, torch.arange(5))
    assert not rounded("bf16")([indices])


def test_the_peak_counts_what_lives_at_once():
    with Peak() as peak, torch.device("meta"):
        x = torch.empty(1000)  # 4 kB
        y = x.double() + 1  # two of 8 kB
        del y
        x = x.view(10, 100).t()  # no storage of its own
        z = x.double()  # 8 kB
    assert z.shape == (100, 10)
    assert peak.bytes == 4000 + 2 * 8000


def test_a_comparison_holds_what_it_is_said_to_hold():
    values, scale = torch.randn(64, 512, dtype=torch.float64), torch.rand(64, 512, dtype=torch.float64)
    actual = values.float()
    with Peak() as peak:
        compare(actual, RightOutput(values, scale), {"fp32": 1e-5})
    assert 0.5 * COMPARE_BYTES * actual.numel() < peak.bytes <= COMPARE_BYTES * actual.numel()


@pytest.mark.parametrize(
    ("tensor", "expected"),
    [
        (torch.empty(3, 4), 48),
        (torch.empty(3, 1).expand(3, 4), 12),
        (torch.empty(6, 8)[::2, ::2], 48),
        (torch.empty(0, 4).expand(0, 4), 0),
        (torch.empty((), dtype=torch.int64), 8),
    ],
)
def test_the_bytes_that_a_task_reads_of_a_tensor(tensor, expected):
    assert touched_bytes(tensor) == expected


@pytest.mark.parametrize(
    ("name", "workload", "expected"),
    [
        # 8.59 GB of input, 33.6 MB of indices in two buffers and three workers' hands; nothing in float64.
        ("argmin", "seed", 8_587_837_440 + 5 * 4_193_280),
        # 2.147 GB, twice that in float64; the scale is worked out after those are gone.
        ("matmul_large_k", "long_k", 3 * 2_147_483_648),
    ],
)
def test_what_judging_holds(name, workload, expected):
    problem = find_problem(ROOT, name)
    meta = Subject(problem.folder, "meta", Truth(problem.folder, "meta"), shapes_of(problem))
    shapes = next(shapes for shapes in meta.workloads if shapes.name == workload)
    overhead = 3 * (500_000_000 + 2 * 72 * 2**20)
    held, _ = judged_bytes(meta, shapes)
    assert held == pytest.approx(expected + overhead, rel=0.005)
