"""The prompt of a stage: its form, what it says of card, code and profile, and whose profile it takes."""

import functools
import json

import pytest

from suite import profile_store, store
from suite.analysis.facts import Work
from suite.cli import prompting_verbs, recorded
from suite.counters import DRAM, MEMORY_STALLS, SM
from suite.gpus import GPUS, RTX_4090, by_slug
from suite.machine import GpuState
from suite.problem import Problem
from suite.profile import to_json as profile_json
from suite.solution import read_solution
from suite.stages.answer import code_of
from suite.stages.card_facts import card_facts
from suite.stages.findings import binding, compiled
from suite.stages.profile_file import ProfileFileError, read_profile_file
from suite.stages.prompt import Repair, compose, metrics_of, to_json, to_markdown
from suite.stages.stage import BLOCK, GRID, MICRO
from suite.tests.command import bench
from suite.tests.fake_evidence import evidence, fake_profile, kernel_profile, launch
from suite.tests.fake_results import fake_result
from suite.tests.stage_cases import KERNEL
from suite.tests.wrong_solutions import RIGHT

H200 = by_slug("h200")
CODE = "import torch\nx = 1\n"


bench_prompt = functools.partial(
    bench, "prompt", "--problem", "row_argmin", "--solution", "tests_right", "--stage", "grid"
)


def prompt(tmp_path, stage=GRID, code=CODE, profile=None, repair=None, **fields):
    mine = evidence(KERNEL, launch(BLOCK=128), **fields)
    metrics = None if profile is None else metrics_of(profile)
    return compose(Problem("argmin", tmp_path), mine, stage, code, metrics, "no counters here", repair)


def test_the_parts_stand_in_the_order_of_the_protocol(tmp_path):
    text = to_markdown(prompt(tmp_path, profile=fake_profile(kernel_profile("k", sm=8.69, dram=81.17))))
    headings = [line for line in text.splitlines() if line.startswith(("#", "[", "**Task**", "OUTPUT"))]
    assert [heading.partition(":")[0] for heading in headings] == [
        "# Target GPU",
        "[PROBLEM]",
        "[OPTIMIZATION STAGE]",
        "## Current Optimization Stage",
        "[CURRENT CODE]",
        "[NCU PROFILING METRICS]",
        "[WHAT BINDS]",
        "[COMPILED FOR NVIDIA GeForce RTX 4090]",
        "**Task**",
        "OUTPUT RULES (STRICT)",
        "# <optimized Triton code>",
    ]
    profile = text.partition("[NCU PROFILING METRICS]\n")[2].partition("\n\n[WHAT")[0]
    values = json.loads(profile)["k"]
    assert (values[SM], values[DRAM], values[MEMORY_STALLS]) == (8.69, 81.17, 70.0)
    assert list(values)[:5] == [
        "sm__throughput.avg.pct_of_peak_sustained_elapsed",
        "launch__grid_size",
        "sm__warps_active.avg.pct_of_peak_sustained_active",
        "dram__throughput.avg.pct_of_peak_sustained_elapsed",
        "lts__t_sector_hit_rate.pct",
    ]


def test_the_stage_is_written_out(tmp_path):
    text = to_markdown(prompt(tmp_path, BLOCK))
    stage = text.partition("## Current Optimization Stage\n\n")[2].partition("\n\n[CURRENT")[0]
    assert stage.startswith(
        "Focus: BLOCK_M/N/K selection.\n\n"
        "Metrics:\n- sm__warps_active.avg.pct_of_peak_sustained_active (>50%)\n\n"
        "Rules:\n- BLOCK_* must be powers of 2\n"
    )
    assert "Safety:" not in stage  # this stage has none
    assert "Safety:" in to_markdown(prompt(tmp_path, MICRO))


def test_a_card_in_the_words_of_its_datasheet():
    facts = card_facts(RTX_4090)
    assert (facts["GPU Name"], facts["Architecture"]) == ("NVIDIA GeForce RTX 4090", "Ada Lovelace")
    assert (facts["Memory Bandwidth"], facts["Maximum threads per SM"]) == ("1008 GB/s", "1536")
    assert facts["Maximum shared memory per thread block"] == "99 KB"
    assert card_facts(H200)["Architecture"] == "Hopper"
    assert all(card_facts(gpu) for gpu in GPUS)


def test_without_counters_the_reason_stands_there(tmp_path):
    assert "[NCU PROFILING METRICS]\nnot measured: no counters here\n" in to_markdown(prompt(tmp_path))


def test_a_kernel_with_two_grids_appears_twice():
    profile = fake_profile(
        kernel_profile("k", grid=262144), kernel_profile("k", grid=4096), kernel_profile("j")
    )
    assert list(metrics_of(profile)) == ["k, grid 262144 x 1 x 1", "k, grid 4096 x 1 x 1", "j"]
    assert metrics_of(fake_profile()) is None


def test_what_binds_and_how_far_away_it_is():
    work = Work(1_073_741_824, 68_719_476_736, ("fp32", "tf32"), ())
    results = [fake_result(latency_ms=0.25, precision="tf32")]
    mine = evidence(KERNEL, launch(BLOCK=128), work=work, results=results)
    assert binding(mine, H200) == [
        "The task reads and writes at least 1.074 GB: 0.224 ms at 4800 GB/s.",
        "It computes 68.7 GFLOP: 0.139 ms at 494.7 TFLOPS of tf32.",
        f"So memory binds; the speed of light: 0.224 ms. What counts is {DRAM} over 60 %, "
        "whatever the other one says.",
        "Measured here: 0.2500 ms, 89.5% of the speed of light.",
    ]
    assert not any("Measured" in text for text in binding(mine, RTX_4090))  # it was not measured there


def test_launches_that_could_not_be_followed_are_told(tmp_path):
    text = to_markdown(prompt(tmp_path, failure="needs values (line 7)"))
    assert "- The launches could not be followed: needs values (line 7)." in text


def test_a_refused_answer_comes_back_with_its_reasons(tmp_path):
    text = to_markdown(prompt(tmp_path, repair=Repair("broken = 1\n", ("line 3: tl.tanh does not exist",))))
    last = text.partition("[LAST ANSWER]\n")[2]
    assert last.startswith(
        "```python\nbroken = 1\n```\n\n[WHY IT WAS REFUSED]\n- line 3: tl.tanh does not exist\n"
    )


def test_an_exact_task_that_computes_is_bound_by_memory():
    mine = evidence("", work=Work(4_800_000_000, 10**15, (), ("(3,) int64",)))
    assert binding(mine, H200) == [
        "The task reads and writes at least 4.800 GB: 1.000 ms at 4800 GB/s.",
        f"So memory binds; the speed of light: 1.000 ms. What counts is {DRAM} over 60 %, whatever the other "
        "one says.",
    ]


def test_code_with_a_fence_in_it_stays_one_block(tmp_path):
    code = '"""\n```python\nx\n```\n"""\n'
    text = to_markdown(prompt(tmp_path, code=code))
    block = text.partition("[CURRENT CODE]\n")[2].partition("\n\n[NCU")[0]
    assert code_of(block) == code


def test_json_says_the_same(tmp_path):
    values = to_json(prompt(tmp_path, repair=Repair("x", ("y",))))
    assert json.loads(json.dumps(values)) == values
    assert (values["gpu"]["slug"], values["stage"]["name"], values["code"]) == ("rtx-4090", "grid", CODE)
    assert (values["metrics"], values["unmeasured"]) == (None, "no counters here")
    assert values["repair"] == {"code": "x", "reasons": ["y"]}


def test_a_profile_file_of_our_own(tmp_path):
    path = tmp_path / "p.jsonl"
    old = fake_profile(kernel_profile("k", dram=10.0), created="2026-01-01T00:00:00+00:00")
    new = fake_profile(kernel_profile("k", dram=20.0), created="2026-01-02T00:00:00+00:00")
    path.write_text(f"{profile_json(new)}\n{profile_json(old)}\n")
    assert read_profile_file(path, "0" * 64, "seed")["k"][DRAM] == 20.0
    with pytest.raises(ProfileFileError) as error:
        read_profile_file(path, "1" * 64, "seed")
    assert str(error.value) == f"{path}: no profile of this file on 'seed'; it holds final on seed"


def test_a_profile_file_in_the_form_of_the_protocol(tmp_path):
    path = tmp_path / "p.json"
    path.write_text('{"k": {"launch__grid_size": 4.0, "x": null}}')
    assert read_profile_file(path, "", "seed") == {"k": {"launch__grid_size": 4.0, "x": None}}


def test_a_tuned_launch_is_said_to_be_one_of_several():
    trials = [launch(BLOCK=block, candidate=True) for block in (64, 128)]
    text = compiled(evidence(KERNEL, *trials, launch(BLOCK=64)))[0]
    assert text.startswith(
        "line 20, k: grid 64 (BLOCK=64, 4 warps, 3 stages), the first of 2 configurations, "
        "of which a card keeps the fastest: 40 registers"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "no kernel in it"),
        ('{"k": 3}', "'k' is no object of metrics and numbers"),
        ('{"k": {"m": "high"}}', "'k' is no object of metrics and numbers"),
        ('{"k": {"m": NaN}}', "'k' is no object of metrics and numbers"),
        ('{"k": {"m": 1e999}}', "'k' is no object of metrics and numbers"),
        ('{"k": {"m": true}}', "'k' is no object of metrics and numbers"),
        ("hello", "no profile: not JSON: Expecting value: line 1 column 1 (char 0)"),
        ("", "no profile of this file on 'seed'; it holds nothing"),
        (profile_json(fake_profile()), "a profile without counters: ncu is not installed"),
    ],
)
def test_profile_files_that_are_none(tmp_path, text, message):
    path = tmp_path / "p.json"
    path.write_text(text)
    with pytest.raises(ProfileFileError) as error:
        read_profile_file(path, "0" * 64, "seed")
    assert str(error.value) == f"{path}: {message}"


@pytest.fixture
def root(tiny_root, monkeypatch):
    monkeypatch.chdir(tiny_root)
    monkeypatch.setattr(recorded, "gpu_states", list)

    def inspect_all(problem, workload, solutions, gpu):
        return [evidence(KERNEL, launch("argmin_kernel", BLOCK=128), gpu=gpu).inspection for _ in solutions]

    monkeypatch.setattr(prompting_verbs, "inspect_all", inspect_all)
    return tiny_root


def test_the_command_writes_for_the_reference_card_without_another(root):
    outcome = bench_prompt()
    assert outcome.exit_code == 0, outcome.output
    assert "GPU Name: NVIDIA GeForce RTX 4090\n" in outcome.stdout
    assert RIGHT.read_text().rstrip() in outcome.stdout
    assert "not measured: no profile of this file on this card (`bench profile` takes one)" in outcome.stdout


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (b"def f(:\n", ":1: not Python: invalid syntax"),
        (b"# \xff\n", ": not UTF-8: invalid start byte at byte 2"),
    ],
)
def test_a_file_that_is_no_python_is_a_mistake_in_one_line(root, source, message):
    path = root / "solutions" / "row_argmin" / "tests_right.py"
    path.write_bytes(source)
    outcome = bench_prompt()
    assert outcome.exit_code == 2
    assert outcome.stderr.endswith(f"Error: {path}{message}\n")


def test_the_command_writes_for_the_card_that_is_here(root, monkeypatch):
    state = GpuState("GPU-1", "NVIDIA H200", "580", 1, 2, 0)
    monkeypatch.setattr(recorded, "gpu_states", lambda: [state])
    assert "GPU Name: NVIDIA H200 SXM\n" in bench_prompt().stdout
    assert "GPU Name: NVIDIA L4\n" in bench_prompt("--gpu", "l4").stdout


def test_a_recorded_profile_counts_on_its_own_card_alone(root):
    sha256 = read_solution(root / "solutions" / "row_argmin" / "tests_right.py").sha256
    profile = fake_profile(kernel_profile("argmin_kernel"), problem="row_argmin", sha256=sha256)
    profile_store.append(root / "reports" / "profiles", profile)
    result = fake_result("tests_right", latency_ms=4.0, problem="row_argmin", sha256=sha256)
    store.append(root / "reports" / "results", result)
    values = json.loads(bench_prompt("--gpu", "h200", "--format", "json").stdout)
    assert values["metrics"]["argmin_kernel"][DRAM] == 90.0
    assert values["binding"][-1] == "Measured here: 4.0000 ms, 50.0% of the speed of light."
    assert json.loads(bench_prompt("--format", "json").stdout)["metrics"] is None


def test_a_profile_by_hand_and_a_mistake_in_it(root):
    path = root / "ncu.json"
    path.write_text('{"k": {"launch__grid_size": 4}}')
    assert '"launch__grid_size": 4' in bench_prompt("--profile", str(path)).stdout
    path.write_text('{"k": 4}')
    outcome = bench_prompt("--profile", str(path))
    assert outcome.exit_code == 2
    assert outcome.stderr.splitlines()[-1] == f"Error: {path}: 'k' is no object of metrics and numbers"


def test_recorded_lines_that_are_none_are_named(tmp_path, capsys):
    paths = [
        tmp_path / "reports" / "results" / "nvidia-h200" / "argmin.jsonl",
        tmp_path / "reports" / "profiles" / "nvidia-h200" / "argmin.jsonl",
    ]
    for path in paths:
        path.parent.mkdir(parents=True)
        path.write_text("torn\n")
    records = recorded.records_on(tmp_path, Problem("argmin", tmp_path), H200)
    assert (records.results, records.profiles) == ([], [])
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(":1: ")[0] for line in said] == [f"warning: {path}" for path in paths]
