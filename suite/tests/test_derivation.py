"""What the suite finds out about a file in the format of KernelBench: sizes, bounds, work, inputs."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from suite.judge.authoring.subject import Unshared
from suite.judge.compare import compare
from suite.judge.truth import Truth
from suite.kernelbench import folder as folders
from suite.kernelbench.child import shrinking
from suite.kernelbench.child.derive import derive
from suite.kernelbench.child.subject import Subject, UnfitFileError
from suite.kernelbench.child.trials import alike
from suite.kernelbench.source import SourceError, read_source


def write(folder: Path, text: str) -> Path:
    path = folder / "task.py"
    path.write_text(f"import torch\nimport torch.nn as nn\n{text}\n")
    return path


def test_sizes_are_the_numbers_that_the_generators_alone_depend_on(tmp_path: Path) -> None:
    source = read_source(
        write(
            tmp_path,
            """
rows, columns = 64, 32
depth = 16 * 4
half = rows // 2
shape = (8, 16)
eps = 1e-5
LIMIT = 100
class Model(nn.Module):
    def __init__(self, depth):
        super().__init__()
    def forward(self, x):
        rows = x[:LIMIT]
        return rows
def get_inputs():
    return [torch.rand(rows, columns, depth, *shape)]
def get_init_inputs():
    return [half]
""",
        )
    )
    assert source.sizes == {"rows": 64, "columns": 32, "depth": 64, "shape": [8, 16]}
    assert source.fixed == ("LIMIT",)


FORWARD = """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        {init}
    def forward(self, {arguments}):
        {forward}
n = 64
m = 96
def get_inputs():
    return [{inputs}]
def get_init_inputs():
    return []
"""


def test_a_sum_of_a_thousand_terms_is_a_mistake_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "deep.py"
    parts = "class Model: pass\ndef get_inputs(): pass\ndef get_init_inputs(): pass\n"
    path.write_text(f"n = {'1 + ' * 1500}1\n{parts}")
    with pytest.raises(SourceError, match=r"deep\.py: nested too deeply to find its sizes"):
        read_source(path)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ([1.0, float("nan"), float("inf")], [1.0, float("nan"), float("inf")], True),
        ([float("nan")], [0.0], False),
        ([float("inf")], [torch.finfo(torch.float32).max], False),
        ([1.0], [1.0 + 2**-23], False),
        ([True], [True], True),
        ([1], [1.0], False),
    ],
)
def test_answers_are_alike_to_the_bit(one, other, same):
    assert alike([torch.tensor(one)], [torch.tensor(other)]) is same


def derived(
    folder: Path,
    forward: str,
    inputs: str = "torch.rand(n, m)",
    init: str = "pass",
    arguments: str = "x",
    scale: float | None = None,
) -> dict[str, Any]:
    text = FORWARD.format(forward=forward, inputs=inputs, init=init, arguments=arguments)
    source = read_source(write(folder, text))
    (folder / "reference.py").write_bytes(source.content)
    (folder / "inputs.py").write_text(folders.inputs_text("task", folders._draft()))
    return derive(folder, dict(source.sizes), scale, lambda _text: None)


def test_bytes_and_flops_are_those_of_the_operators(tmp_path: Path) -> None:
    found = derived(tmp_path, "return torch.relu(self.linear(x))", init="self.linear = nn.Linear(96, 32)")
    # x 64 x 96, weight 32 x 96, bias 32, output 64 x 32; a product, then a rectifier.
    assert found["work"][0] == (
        {"n": 64, "m": 96},
        (4 * (64 * 96 + 32 * 96 + 32 + 64 * 32), 2 * 64 * 96 * 32 + 64 * 32),
    )
    assert found["state_bytes"] == 4 * (32 * 96 + 32)
    assert list(found["tolerance"]) == ["fp32", "tf32"]


def test_a_table_counts_what_is_looked_up_and_an_unused_input_nothing(tmp_path: Path) -> None:
    found = derived(
        tmp_path,
        "return table[numbers]",
        inputs="torch.rand(5000, m), torch.randint(0, 5000, (n,)), torch.rand(n)",
        arguments="table, numbers, unused",
    )
    assert found["work"][0][1] == (4 * 64 * 96 + 8 * 64 + 4 * 64 * 96, 0)


def test_dropout_is_judged_in_the_mode_of_eval(tmp_path: Path) -> None:
    found = derived(tmp_path, "return self.drop(x)", init="self.drop = nn.Dropout(0.5)")
    assert found["training"] is False
    assert found["remarks"] == [
        "As constructed, two calls on the same inputs differ (dropout, or another draw in forward). Judged "
        "in the mode of eval(), to which solutions are set too."
    ]


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"forward": "return x + torch.rand_like(x)"}, "two calls on the same inputs differ"),
        (
            {"forward": "return x * self.w", "init": "self.w = torch.rand(())"},
            "its outputs depend on something random that is neither a parameter nor a buffer",
        ),
        (
            {
                "forward": "self.seen += 1; return x * self.seen",
                "init": "self.register_buffer('seen', torch.zeros(()))",
            },
            "its outputs depend on the calls before",
        ),
        ({"forward": "return x * 2", "inputs": "3.5"}, "input 0 of get_inputs is float; "),
        (
            {"forward": "return x * 2", "inputs": "torch.rand(n, m, generator=torch.manual_seed(0))"},
            "get_inputs gives the same inputs on every call, whatever the seed: ",
        ),
        (
            {"forward": "return x * 2", "inputs": "torch.ones(n, m)"},
            "get_inputs gives the same inputs on every call, whatever the seed: ",
        ),
        ({"forward": "return {'y': x}"}, "Model.forward returns dict; "),
        ({"forward": "return x[x > 0.5]"}, "its forward cannot be followed without data: "),
        ({"forward": "return x.double()"}, "an output is float64, "),
        ({"forward": "return x @ x"}, "its forward cannot be followed without data: RuntimeError (line 9)"),
    ],
)
def test_what_cannot_be_judged_is_refused_with_the_reason(
    tmp_path: Path, parts: dict[str, str], reason: str
) -> None:
    with pytest.raises(UnfitFileError) as refused:
        derived(tmp_path, **parts)
    assert str(refused.value).startswith(reason)


def test_parameters_that_are_one_number_as_constructed_are_moved() -> None:
    """A LayerNorm that leaves its weights of 1 and biases of 0 out would be right."""
    import torch

    from suite.judge.truth import _unsettle

    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.LayerNorm(4096))
    model.register_parameter("small", torch.nn.Parameter(torch.full((64,), 1e-6)))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        _unsettle(model)
    after = model.state_dict()
    for name in ("0.weight", "0.bias"):
        assert torch.equal(after[name], before[name])
    for name, low, high in (("1.weight", 0.75, 1.25), ("1.bias", -0.25, 0.25), ("small", 0.75e-6, 1.25e-6)):
        assert low <= after[name].min() < after[name].max() <= high
        assert after[name].max() - after[name].min() > 0.8 * (high - low)


def test_zeros_that_kernelbench_takes_are_named(tmp_path: Path) -> None:
    found = derived(tmp_path, "return torch.softmax(x, 1) * 1e-3")
    (remark,) = [text for text in found["remarks"] if text.startswith("Zeros pass")]
    assert "Zeros pass at KernelBench's own tolerance (0.0001)" in remark
    assert list(found["tolerance"]) == ["fp32"]


def test_inputs_are_normal_where_an_answer_that_ignores_them_would_pass(tmp_path: Path) -> None:
    found = derived(
        tmp_path, "return x @ y", "torch.rand(2, 600000), torch.rand(600000, 2)", arguments="x, y"
    )
    assert found["workloads"]["seed"]["axes"]["distribution"] == "normal"
    assert "inputs are drawn from the standard normal instead" in found["remarks"][1]
    near = derived(tmp_path, "return x @ y", "torch.randn(n, m), torch.randn(m, n)", arguments="x, y")
    assert "distribution" not in near["workloads"]["seed"]["axes"]


@pytest.mark.parametrize(
    ("loading_s", "names"), [(120.0, ["seed", "small", "odd"]), (0.0, ["seed", "small"])]
)
def test_running_a_slow_file_anew_is_not_counted_and_a_search_that_ends_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loading_s: float, names: list[str]
) -> None:
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now)

    ran: list[dict[str, Any]] = []

    def run_file(subject: Subject, sizes: dict[str, Any]) -> None:
        clock.now += 0.0 if sizes in ran else 4.0
        ran.append(sizes)

    monkeypatch.setattr(shrinking, "time", clock)
    monkeypatch.setattr(Subject, "run_file", run_file)
    monkeypatch.setattr(shrinking, "BUDGET_S", 3.0)
    monkeypatch.setattr(shrinking, "LOADING_S", loading_s)
    found = derived(tmp_path, "return x.sum(1)")
    assert list(found["workloads"]) == names
    ends = [text for text in found["remarks"] if text.startswith("Looking for small sizes was ended")]
    if not loading_s:
        assert ends == [
            "Looking for small sizes was ended after 4 s, without odd sizes and hidden workloads. Each size "
            "that is tried runs the file anew, which takes 4.0 s: move what is slow out of its module level."
        ]
    else:
        assert ends == []


def test_sizes_that_cannot_be_shrunk_are_named_with_what_to_do(tmp_path: Path) -> None:
    hint = (
        "Make its sizes names at module level (such as `rows = 16384`) that get_inputs and get_init_inputs "
        "read, and nothing else: such sizes are shrunk for checks, and by --scale"
    )
    found = derived(tmp_path, "return x * 2", inputs="torch.rand(640, 96)")
    assert found["remarks"] == [
        f"No module-level size can be changed: checks are of {2 * 640 * 96} elements. {hint}."
    ]
    with pytest.raises(UnfitFileError) as refused:
        derived(tmp_path, "return x if x.is_meta else torch.empty(1 << 40)")
    assert str(refused.value) == (
        f"this process may take 16 GiB, and a tensor of 4398.0 GB did not fit. {hint}"
    )


@pytest.mark.parametrize(
    ("forward", "naive"),
    [
        ("return torch.softmax(x, 1)", lambda x: x.exp() / x.exp().sum(1, keepdim=True)),
        ("return nn.functional.softplus(x)", lambda x: (1 + x.exp()).log()),
        ("return torch.tanh(x)", lambda x: ((-2 * x).exp() - 1) / -((-2 * x).exp() + 1)),
    ],
)
def test_an_exponential_that_overflows_is_wrong_on_large_inputs_alone(
    tmp_path: Path, forward: str, naive: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    found = derived(tmp_path, forward)
    assert found["distributions"] == ["given", "normal", "large"]
    assert found["hidden_distributions"] == ["given", "normal"]
    (tmp_path / "inputs.py").write_text(folders.inputs_text("task", found))
    truth = Truth(tmp_path, "cpu")
    taken = {}
    for name in truth.distributions:
        case = truth.fresh_case(
            "small", {**found["workloads"]["small"]["axes"], "distribution": name}, Unshared()
        )
        (x,), (right,) = case.inputs, truth.expected(case).outputs
        own = compare(truth.outputs(case)[0], right, truth.tolerance)
        taken[name] = (own.reason, compare(naive(x), right, truth.tolerance).reason is None)
    assert taken == {"given": (None, True), "normal": (None, True), "large": (None, False)}
    assert "large" not in {truth.draw_axes(random.Random(n).randint)["distribution"] for n in range(20)}


@pytest.mark.parametrize(
    ("forward", "why"),
    [
        ("return torch.exp(x * y)", "there an output overflows, is no number, or is decided by rounding"),
        ("return torch.softmax(x @ y.t() / 1024, 1)", "the reference itself would need a bound of "),
    ],
)
def test_large_inputs_that_a_right_answer_fails_on_are_left_out_and_that_is_said(
    tmp_path: Path, forward: str, why: str
) -> None:
    found = derived(tmp_path, forward, "torch.rand(n, m), torch.rand(n, m)", arguments="x, y")
    assert found["distributions"] == ["given", "normal"]
    (remark,) = [text for text in found["remarks"] if "times as large" in text]
    assert remark.startswith(f"Inputs 64 times as large are not tried: {why}")
    whole = derived(tmp_path, "return torch.argmax(x, 1)")
    assert (whole["distributions"], whole["tolerance"]) == (["given", "normal"], "exact")


def test_inputs_made_on_the_cpu_are_moved_and_that_is_said(tmp_path: Path) -> None:
    found = derived(tmp_path, "return x * 2", inputs="torch.rand(n, m, device='cpu')")
    assert found["remarks"][0].startswith("get_inputs makes input 0 on the CPU whatever the default device")


def test_a_scale_shrinks_the_seed_and_leaves_the_file(tmp_path: Path) -> None:
    found = derived(tmp_path, "return x.sum(1)", scale=0.25)
    assert found["workloads"]["seed"]["axes"] == {"n": 16, "m": 96}
    with pytest.raises(SourceError, match="a scale is a number between 0 and 1"):
        folders.parse_scale("2")
