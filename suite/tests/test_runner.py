"""The host's side of a run: plans, and results from a judge's events. One test starts a real judge."""

import contextlib
import dataclasses
import hashlib
import json
import re
import tempfile
from pathlib import Path

import pytest

from suite import runner
from suite.judge.plan import Entry, Plan, plan_from_json, plan_to_json
from suite.judge_process import JudgeError
from suite.problem import ProblemFolderError, UnknownNameError, find_problem
from suite.result import Clocks, Correctness, Status, from_json, to_json
from suite.runner import NothingToRunError, Progress, RunOptions, make_plan, new_run_id, run
from suite.solution import find_solutions
from suite.tests.fake_results import fake_environment


@pytest.fixture
def problem(tiny_root):
    return find_problem(tiny_root, "row_argmin")


@pytest.fixture
def plan(tiny_root, problem):
    """A function that plans a run of all solutions with the given options."""

    def make(device="cuda", *workloads, **options):
        solutions = find_solutions(tiny_root, problem)
        return make_plan(tiny_root, problem, solutions, RunOptions(device, workloads, **options), "run-1")

    return make


CHECKS = ["small", "wide"]


@pytest.mark.parametrize(
    ("device", "workloads", "quick", "checks", "benches", "edge_cases"),
    [
        ("cuda", (), False, CHECKS, ["seed"], True),
        ("cpu", (), False, CHECKS, [], True),
        ("cuda", (), True, [], ["seed"], False),
        ("cpu", (), True, CHECKS, [], False),
        ("cuda", ("seed",), False, [], ["seed"], False),
        ("cuda", ("check",), False, CHECKS, [], True),
        ("cpu", ("check",), False, CHECKS, [], True),
        ("cuda", ("wide",), False, ["wide"], [], False),
        ("cpu", ("wide", "small"), False, ["wide", "small"], [], False),
        ("cpu", ("wide", "check"), False, ["wide", "small"], [], True),
        ("cuda", ("seed", "wide"), True, ["wide"], ["seed"], False),
        ("cpu", ("seed", "wide"), False, ["wide"], [], False),
    ],
)
def test_what_is_checked_and_what_is_timed(plan, device, workloads, quick, checks, benches, edge_cases):
    planned = plan(device, *workloads, quick=quick)
    assert list(planned.checks) == checks
    assert list(planned.benches) == benches
    assert planned.edge_cases == edge_cases


def test_quick_takes_the_first_few_checks_on_a_cpu(plan, problem):
    inputs = problem.folder / "inputs.py"
    more = "".join(f'    "check_{i}": {{"tier": "check", "axes": {{"rows": {i}}}}},\n' for i in range(9))
    inputs.write_text(inputs.read_text().replace("WORKLOADS = {\n", "WORKLOADS = {\n" + more))
    assert list(plan("cpu", quick=True).checks) == ["check_0", "check_1", "check_2", "check_3"]


@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_edge_cases_can_be_checked_alone(plan, device):
    planned = plan(device, "edge_cases")
    assert (planned.checks, planned.benches, planned.edge_cases, planned.hidden) == ({}, {}, True, 0)


@pytest.mark.parametrize("device", ["cuda", "cpu"])
@pytest.mark.parametrize("quick", [False, True])
def test_axes_are_checked_alone_and_as_they_are(plan, device, quick):
    planned = plan(device, axes={"rows": 3}, quick=quick)
    assert planned.checks == {"axes": {"rows": 3}}
    assert (planned.benches, planned.edge_cases, planned.hidden, planned.deals) == ({}, False, 0, False)


@pytest.mark.parametrize(
    ("workloads", "quick", "hidden"),
    [((), False, 4), (("check",), False, 4), (("small",), False, 0), ((), True, 0), (("seed",), False, 0)],
)
def test_hidden_workloads_belong_to_the_whole_check_tier(plan, workloads, quick, hidden):
    planned = plan("cuda", *workloads, quick=quick)
    assert (planned.hidden, planned.deals) == (hidden, True)


def sha256_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_plan_says_what_the_judge_needs(plan, tiny_root, monkeypatch):
    monkeypatch.setattr(runner, "used_memory_mb", lambda: {"GPU-1": 512})
    planned = plan("cuda", timeout_s=7.5)
    reference = tiny_root / "problems" / "row_argmin" / "reference.py"
    right = tiny_root / "solutions" / "row_argmin" / "tests_right.py"
    assert planned.folder == str(tiny_root / "problems" / "row_argmin")
    assert planned.device == "cuda"
    assert planned.entries == (
        Entry("reference", str(reference), sha256_of(reference), "Model"),
        Entry("tests_right", str(right), sha256_of(right), "ModelNew"),
    )
    assert planned.rival == Entry("reference-rival", str(reference), sha256_of(reference), "Model")
    assert not planned.rival_is_judged
    assert planned.benches == {"seed": {"rows": 65536, "cols": 4096}}
    assert planned.timeout_s == 7.5
    assert planned.log_folder == str(tiny_root / "reports" / "logs" / "run-1")
    assert planned.used_mb == {"GPU-1": 512}
    assert plan("cpu").used_mb == {}


@pytest.mark.parametrize("quick", [False, True])
def test_more_samples_unless_quick(plan, quick):
    fewest, most = plan("cuda", quick=quick).samples
    assert (fewest, most) == ((15, 15) if quick else (30, most))
    assert most >= fewest


def test_an_unknown_workload_is_refused_before_anything_starts(plan):
    with pytest.raises(UnknownNameError, match="has no workload 'sed'; did you mean 'seed'"):
        plan("cpu", "sed")


def test_a_plan_with_nothing_to_run_says_what_would_run(plan):
    with pytest.raises(NothingToRunError) as error:
        plan("cpu", "seed")
    assert str(error.value) == (
        "nothing to run: bench workloads are timed, which needs an NVIDIA GPU; "
        "on the CPU leave --workload out or use --workload check"
    )


def test_a_plan_survives_json(plan):
    planned = plan("cuda", timeout_s=3.0)
    line = plan_to_json(planned)
    assert "\n" not in line
    assert plan_from_json(line) == planned
    assert isinstance(plan_from_json(line), Plan)


def test_run_ids_sort_by_time_and_are_unique():
    ids = [new_run_id() for _ in range(100)]
    assert len(set(ids)) == 100
    assert all(re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{8}", run_id) for run_id in ids)


PASSED = {
    "event": "result", "solution": "tests_right", "workload": "check", "axes": {}, "sandbox": "bubblewrap",
    "status": "passed", "correctness": {"outputs_checked": 8, "max_relative_error": None},
}  # fmt: skip


@pytest.fixture
def judged(tiny_root, problem, monkeypatch):
    """A function that runs against a judge which says the given events."""
    progress = []

    def make(*events, gpu=None, **options):
        first = {"event": "environment", "environment": dataclasses.asdict(fake_environment(gpu))}

        class Judge(contextlib.AbstractContextManager):
            def __init__(self, root, plan):
                self.log_folder = plan.log_folder

            def __exit__(self, *exception):
                pass

            def __iter__(self):
                for event in [first, *events]:
                    text = json.dumps(event)
                    yield json.loads(text.replace("LOGS", self.log_folder))

            def last_words(self):
                return "the judge ended early"

        monkeypatch.setattr(runner, "JudgeProcess", Judge)
        solutions = find_solutions(tiny_root, problem)
        return run(tiny_root, problem, solutions, RunOptions("cpu", **options), progress.append), progress

    return make


def test_a_result_of_the_interpreter(judged, tiny_root):
    results, progress = judged(
        {"event": "progress", "solution": "tests_right", "text": "small", "done": 1, "total": 3},
        PASSED,
        {"event": "end"},
    )
    (result,) = results
    assert progress == [Progress("tests_right", "small", 1, 3)]
    assert (result.problem, result.workload, result.solution) == ("row_argmin", "check", "tests_right")
    assert (result.author, result.stage, result.device) == ("tests", "submitted", "cpu")
    assert (result.status, result.latency_ms, result.samples_ms) == (Status.PASSED, None, ())
    assert (result.correctness, result.sandbox) == (Correctness(8, None), "bubblewrap")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", result.created)
    right = find_solutions(tiny_root, find_problem(tiny_root, "row_argmin"))[1]
    assert result.sha256 == right.sha256
    assert from_json(to_json(result)) == result


def test_a_result_of_a_gpu(judged):
    timed = PASSED | {
        "workload": "seed", "axes": {"rows": 65536, "cols": 4096}, "latency_ms": 0.25,
        "latency_ci_ms": [0.24, 0.26], "samples_ms": [0.25, 0.24, 0.26], "reference_latency_ms": 0.5,
        "reference_samples_ms": [0.5, 0.5, 0.5], "bytes_moved": 1_074_266_112, "flops": 0,
        "precision": None, "peak_gpu_memory_mb": 1600, "flags": ["noisy"],
        "clocks": {"sm_mhz": [1980], "memory_mhz": [3201], "power_w": [400.5], "temperature_c": [40],
                   "throttle_reasons": [0]},
    }  # fmt: skip
    (result,) = judged(timed, {"event": "end"}, gpu="NVIDIA H200")[0]
    assert (result.device, result.latency_ms, result.latency_ci_ms) == ("nvidia-h200", 0.25, (0.24, 0.26))
    assert result.samples_ms == (0.25, 0.24, 0.26)
    assert (result.reference_latency_ms, result.reference_samples_ms) == (0.5, (0.5, 0.5, 0.5))
    assert (result.bytes_moved, result.flops, result.peak_gpu_memory_mb) == (1_074_266_112, 0, 1600)
    assert (result.flags, result.axes) == (("noisy",), {"rows": 65536, "cols": 4096})
    assert result.clocks == Clocks((1980,), (3201,), (400.5,), (40,), (0,))
    assert from_json(to_json(result)) == result


def test_a_failure_names_its_log_relative_to_the_checkout(judged):
    failed = {
        "event": "result", "solution": "tests_right", "workload": "check", "axes": {},
        "sandbox": "none", "status": "timeout", "reason": "small: no answer", "log": "LOGS/tests_right.log",
    }  # fmt: skip
    (result,) = judged(failed, {"event": "end"})[0]
    assert (result.status, result.reason) == (Status.TIMEOUT, "small: no answer")
    assert result.sandbox == "none"
    assert re.fullmatch(r"reports/logs/[0-9TZa-f-]+/tests_right\.log", result.log)


@pytest.mark.parametrize("dies", [False, True])
def test_a_run_that_saves_nothing_needs_no_writable_checkout(judged, tiny_root, tmp_path, monkeypatch, dies):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path.parent))
    (tiny_root / "reports").touch()
    before = set(tmp_path.parent.iterdir())
    results, _ = judged(PASSED, *([] if dies else [{"event": "end"}]), save_logs=False)
    with pytest.raises(JudgeError) if dies else contextlib.nullcontext():
        assert [result.log for result in results] == [None]
    left = set(tmp_path.parent.iterdir()) - before
    assert [path.name.startswith("bench-logs-") for path in left] == ([True] if dies else [])


def test_the_log_of_a_failure_outlasts_a_run_that_saves_nothing(judged, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path.parent))
    failed = PASSED | {"status": "timeout", "reason": "late", "log": "LOGS/tests_right.log"}
    (result,) = judged(failed, {"event": "end"}, save_logs=False)[0]
    assert Path(result.log).parent.is_dir()
    assert Path(result.log).parent.parent == tmp_path.parent


def test_what_was_judged_before_the_judge_died_is_kept(judged):
    results, _ = judged(PASSED)
    assert next(results).status is Status.PASSED
    with pytest.raises(JudgeError, match="the judge ended early"):
        next(results)


def run_all(tiny_root, problem, **options):
    solutions = find_solutions(tiny_root, problem)
    return list(run(tiny_root, problem, solutions, RunOptions("cpu", **options), lambda _: None))


@pytest.fixture
def breaks(problem):
    """A function that changes the problem's inputs.py and says its path."""

    def make(old, new):
        inputs = problem.folder / "inputs.py"
        source = inputs.read_text()
        assert source.count(old) == 1
        inputs.write_text(source.replace(old, new))
        return inputs

    return make


def test_a_judge_that_dies_says_why(tiny_root, problem, breaks):
    breaks("import torch\n", "import torch\nraise SystemExit('enough')\n")
    with pytest.raises(JudgeError) as error:
        run_all(tiny_root, problem)
    (log,) = (tiny_root / "reports" / "logs").glob("*/judge.log")
    assert str(error.value) == f"the judge ended early: enough (log: {log})"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("import torch\n", "import torch\nraise ValueError(3)\n", ":4: importing it: ValueError: 3"),
        ("def flops(", "def no_flops(", ": flops is missing"),
        (
            "rows, cols)]",
            "rows, cols, 0 / 0)]",
            ":18: get_inputs of 'small': ZeroDivisionError: division by zero",
        ),
    ],
)
def test_a_broken_problem_is_the_user_s_to_mend(tiny_root, problem, breaks, old, new, reason):
    inputs = breaks(old, new)
    with pytest.raises(ProblemFolderError) as error:
        run_all(tiny_root, problem, workloads=("small",))
    assert str(error.value) == (
        f"problem 'row_argmin' breaks its contract: {inputs}{reason}; "
        "`bench check-problem row_argmin` says what else it finds"
    )
    (log,) = (tiny_root / "reports" / "logs").glob("*/judge.log")
    assert "Traceback" in log.read_text()


def test_axes_that_the_problem_does_not_take(tiny_root, problem):
    with pytest.raises(ProblemFolderError) as error:
        run_all(tiny_root, problem, axes={"columns": 3})
    assert str(error.value) == (
        f"problem 'row_argmin' with --axes {{\"columns\": 3}}: {problem.folder}/inputs.py: "
        "get_inputs of 'axes': TypeError: get_inputs() got an unexpected keyword argument 'columns'"
    )
