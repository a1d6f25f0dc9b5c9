"""`bench profile` against a judge that says what it is told; a real one needs a GPU."""

import contextlib
import dataclasses
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from click.testing import CliRunner

from suite import cli, profile_store, profiling, runner
from suite.cli import profiling_verbs
from suite.counters import DRAM, DRAM_BYTES, MEMORY_STALLS
from suite.judge.arena import Arena
from suite.judge.exchange import ArenaExchange
from suite.judge.plan import Entry, Plan, plan_from_json, plan_to_json
from suite.judge.profiling import Profiling
from suite.judge.worker_process import WorkerProcess
from suite.judge_process import JudgeError
from suite.problem import find_problem
from suite.profile import from_json
from suite.solution import select_solution
from suite.tests.fake_evidence import kernel_profile
from suite.tests.fake_results import fake_environment
from suite.tests.test_inspect_cli import FINE
from suite.tests.wrong_solutions import RIGHT, WRONG
from suite.worker.protocol import spec_to_json
from suite.worker.solution_host import SolutionHost

COUNTED = {
    "event": "profile", "solution": "tests_right", "workload": "seed", "axes": {"rows": 65536, "cols": 4096},
    "sandbox": "bubblewrap", "source": "ncu", "reason": None, "calls": 3, "latency_ms": None,
    "kernels": [dataclasses.asdict(kernel_profile("argmin_kernel", 0.25))],
}  # fmt: skip
BLIND = COUNTED | {
    "source": "kernel_timestamps", "reason": "Nsight Compute (ncu) is not installed", "latency_ms": 0.5,
    "kernels": [],
}  # fmt: skip
UNFIT = {
    "event": "unfit", "solution": "tests_right", "workload": "seed", "axes": {}, "sandbox": "none",
    "status": "incorrect", "reason": "3 of 9 elements differ",
}  # fmt: skip
END = {"event": "end"}


@pytest.fixture
def says(tiny_root, monkeypatch):
    """Sets what the judge says; gives the plans it was started with."""
    monkeypatch.chdir(tiny_root)
    monkeypatch.setattr(profiling_verbs, "has_gpu", lambda: True)
    monkeypatch.setattr(profiling, "choose", lambda choice, device: ("none", "here"))
    plans = []

    def install(*events):
        first = {"event": "environment", "environment": dataclasses.asdict(fake_environment())}

        class Judge(contextlib.AbstractContextManager):
            def __init__(self, root, plan):
                plans.append(plan)

            def __exit__(self, *exception):
                pass

            def __iter__(self):
                return (json.loads(json.dumps(event)) for event in [first, *events])

            def last_words(self):
                return "the judge ended early"

        monkeypatch.setattr(runner, "JudgeProcess", Judge)
        return plans

    return install


def bench(*arguments):
    return CliRunner().invoke(cli.main, ["profile", "--problem", "row_argmin", *arguments])


def test_counters_are_shown_and_recorded(says, tiny_root):
    says(COUNTED, END)
    outcome = bench("--solution", "tests_right")
    assert outcome.exit_code == 0, outcome.output
    lines = outcome.stdout.splitlines()
    assert lines[1] == "tests_right on nvidia-h200, workload seed"
    assert lines[4].split() == [
        "argmin_kernel",
        "1",
        "64",
        "0.2500",
        "100%",
        "10.0",
        "80.0",
        "90.0",
        "13.0",
        "70.0",
        "40",
    ]
    assert lines[5].split()[:4] == ["the", "solution", "1", "64"]
    (profile,), warnings = profile_store.read(tiny_root / "reports" / "profiles", "nvidia-h200", "row_argmin")
    assert (profile.solution, profile.value(DRAM), warnings) == ("tests_right", 90.0, [])
    assert profile.kernels[0].grid == (64, 1, 1)


def test_a_broken_problem_is_the_user_s_to_mend(says):
    says({"event": "broken", "reason": "get_inputs must return tensors"})
    outcome = bench("--solution", "tests_right")
    assert outcome.exit_code == 2
    assert outcome.stderr.endswith(
        "Error: problem 'row_argmin' breaks its contract: get_inputs must return tensors; "
        "`bench check-problem row_argmin` says what else it finds\n"
    )


def test_the_plan_profiles_one_workload_and_survives_json(says):
    plans = says(COUNTED, END)
    bench("--solution", "tests_right", "--timeout", "9")
    (plan,) = plans
    assert plan.profile
    assert (plan.benches, plan.checks, plan.edge_cases) == (
        {"seed": {"rows": 65536, "cols": 4096}},
        {},
        False,
    )
    assert [entry.name for entry in plan.entries] == ["tests_right"]
    assert (plan.timeout_s, plan.sandbox) == (9.0, "none")
    assert plan_from_json(plan_to_json(plan)) == plan


def test_json_alone_on_standard_output(says):
    says(COUNTED, END)
    outcome = bench("--json", "-", "--no-save")
    (line,) = outcome.stdout.splitlines()
    assert from_json(line).kernels[0].kernel == "argmin_kernel"


def test_without_counters_the_reason_and_what_is_known_all_the_same(says, monkeypatch):
    says(BLIND, END)
    monkeypatch.setattr(profiling_verbs, "inspect_all", lambda *_: iter([FINE]))
    outcome = bench("--solution", "tests_right")
    assert outcome.exit_code == 0, outcome.output
    lines = outcome.stdout.splitlines()
    assert lines[2:4] == [
        "no counters: Nsight Compute (ncu) is not installed",
        "0.5000 ms by kernel timestamps, 2000 GB/s of declared bytes",
    ]
    assert "occupancy" in lines[4]


def test_a_wrong_solution_is_not_profiled(says, tiny_root):
    says(UNFIT, END)
    outcome = bench("--solution", "tests_right")
    assert outcome.exit_code == 1
    assert outcome.stderr.splitlines()[-1] == "tests_right: incorrect: 3 of 9 elements differ"
    assert not (tiny_root / "reports" / "profiles").exists()


def test_a_file_from_elsewhere_is_not_recorded(says, tiny_root, tmp_path_factory):
    path = tmp_path_factory.mktemp("elsewhere") / "mine.py"
    path.write_bytes(RIGHT.read_bytes())
    says(COUNTED | {"solution": "mine"}, END)
    assert bench("--solution", str(path)).exit_code == 0
    assert not (tiny_root / "reports" / "profiles").exists()


def test_a_judge_that_dies_is_an_error(says):
    says(COUNTED)
    outcome = bench("--solution", "tests_right")
    assert outcome.exit_code == 1
    assert outcome.stderr.splitlines()[-1] == f"Error: {JudgeError('the judge ended early')}"


def test_without_a_gpu_it_names_inspect(tiny_root, monkeypatch):
    monkeypatch.chdir(tiny_root)
    monkeypatch.setattr(profiling_verbs, "has_gpu", lambda: False)
    monkeypatch.setattr(profiling_verbs, "find_problem", lambda root, _name: find_problem(root, "row_argmin"))
    file = CliRunner().invoke(
        cli.main, ["profile", "--problem", "my task.py", "--scale", "1/4", "--solution", "tests_right"]
    )
    assert file.stderr.splitlines()[-1] == (
        "profile needs an NVIDIA GPU; none answers here. Without one, `bench inspect --problem 'my task.py' "
        "--scale 1/4 --solution tests_right` says what a card would make of the code"
    )
    outcome = bench("--solution", "tests_right")
    assert outcome.exit_code == 2
    assert outcome.stderr.splitlines() == [
        "profile needs an NVIDIA GPU; none answers here. Without one, `bench inspect --problem row_argmin "
        "--solution tests_right` says what a card would make of the code"
    ]


def test_private_inputs_are_the_worker_s_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    arena = Arena(1 << 24)
    exchange = ArenaExchange(arena)
    (shared,) = exchange.publish([torch.arange(6.0).view(2, 3).t()])
    host = SolutionHost("cpu", arena.fd)
    specs = [spec_to_json(exchange.spec(shared))]
    host.handle({"op": "attach", "inputs": specs, "outputs": [], "private": True})
    shared.zero_()
    (own,) = host._inputs
    assert own.tolist() == [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]
    assert own.stride() == (1, 3)


NCU = f"""#!{sys.executable}
import os, subprocess, sys
words = sys.argv[1:]
start = next(place for place, word in enumerate(words) if not word.startswith("--"))
table = next(word.partition("=")[2] for word in words[:start] if word.startswith("--log-file="))
metrics = next(word.partition("=")[2] for word in words[:start] if word.startswith("--metrics=")).split(",")
code = subprocess.run(words[start:], close_fds=False).returncode
columns = ["ID", "Process ID", "Kernel Name", "Block Size", "Grid Size", *metrics]
rows = [columns, [""] * 5 + ["ns" if name.endswith("duration.sum") else "" for name in metrics]]
row = ["7", "argmin_kernel", "(128, 1, 1)", "(5, 1, 1)", *["50.0"] * len(metrics)]
rows += [[str(number), *row] for number in range(3)]
with open(table, "w") as file:
    file.write("==PROF== Connected\\n" if SAYS else "==ERROR== ERR_NVGPUCTRPERM - not permitted\\n")
    for row in rows if SAYS else []:
        file.write(",".join(f'"{{cell}}"' for cell in row) + "\\n")
sys.exit(code)
"""


@pytest.fixture
def judge(tiny_root, monkeypatch):
    """Profiles `tests_right`, or a file, in a real worker on the CPU under a pretended ncu."""

    def run(says=True, path=None):
        folder = tiny_root / "bin"
        folder.mkdir()
        (folder / "ncu").write_text(NCU.replace("SAYS", str(says)))
        (folder / "ncu").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        problem = find_problem(tiny_root, "row_argmin")
        solution = select_solution(tiny_root, problem, str(path) if path else "tests_right")
        plan = Plan(
            folder=str(problem.folder), device="cpu", rival=Entry("r", "", ""), rival_is_judged=False,
            entries=(Entry(solution.name, str(solution.path), solution.sha256),), checks={},
            benches={"small": problem.workload("small").axes}, edge_cases=False, samples=(1, 1),
            timeout_s=120.0, log_folder=str(tiny_root / "logs"), profile=True,
        )  # fmt: skip
        events = []
        log = tiny_root / "logs" / "worker.log"

        def spawn(entry, prefix=None):
            return WorkerProcess("cpu", Path(entry.path), log, prefix, None)

        Profiling(plan, events.append, spawn).run()
        assert [event["event"] for event in events[:2]] == ["environment", "progress"]
        assert events[-1] == {"event": "end"}
        return events[2]

    return run


def test_the_judge_brackets_warm_calls_under_the_profiler(judge):
    event = judge()
    assert (event["source"], event["reason"], event["calls"]) == ("ncu", None, 3)
    (kernel,) = event["kernels"]
    assert (kernel["kernel"], kernel["grid"], kernel["launches"]) == ("argmin_kernel", (5, 1, 1), 1)
    assert kernel["values"][DRAM] == 50.0


def test_without_permission_the_judge_says_so_and_goes_on(judge):
    event = judge(says=False)
    assert event["source"] == "kernel_timestamps"
    assert event["reason"] == (
        "this user may not read the GPU's counters (see `bench doctor`) (ncu wrote no table)"
    )
    assert (event["kernels"], event["latency_ms"]) == ([], None)  # a CPU has no kernel timestamps


def test_the_judge_profiles_nothing_that_is_wrong(judge, tiny_root):
    path = WRONG[0].write(tiny_root)
    event = judge(path=path)
    assert (event["event"], event["status"]) == ("unfit", "incorrect")


@pytest.mark.gpu
def test_a_real_profile(tiny_root):
    problem = find_problem(tiny_root, "row_argmin")
    right = select_solution(tiny_root, problem, "tests_right")
    (found,) = profiling.profile(tiny_root, problem, [right], problem.workload("seed"), lambda _: None)
    if found.source == "kernel_timestamps":
        assert found.reason
        assert found.latency_ms > 0
        return
    (kernel,) = found.kernels
    assert (kernel.kernel, kernel.grid, kernel.launches) == ("argmin_kernel", (65536, 1, 1), 1)
    assert 1 < kernel.value(DRAM) <= 100.5
    assert 0 < kernel.value(MEMORY_STALLS) <= 100
    assert kernel.value(DRAM_BYTES) >= 4 * 65536 * 4096


def test_only_a_time_counts_as_what_a_worker_tells():
    replies = iter([{"latency_ms": 2.5}, {"latency_ms": float("nan")}, {}])
    worker = SimpleNamespace(request=lambda *_, **__: next(replies))
    assert Profiling._calls(None, worker, "kernel_timestamps", 1.0) == [2.5, 0.0, 0.0]
