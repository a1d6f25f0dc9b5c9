"""Known answers and liars, through the real judge and worker, in Triton's interpreter and on a GPU."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from conftest import copy_small
from suite.machine import gpu_states, used_memory_mb
from suite.problem import Problem, find_problem
from suite.result import Result, Status
from suite.runner import RunOptions, run
from suite.solution import find_solutions, read_solution
from suite.tests.wrong_solutions import HANG, RIGHT, WRONG, Wrong

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
CHECKS = ("check",)


def judge(root: Path, paths: list[Path], options: RunOptions) -> dict[str, Result]:
    """The first result of each file."""
    problem = find_problem(root, "row_argmin")
    results: dict[str, Result] = {}
    for result in run(root, problem, [read_solution(path) for path in paths], options, lambda _: None):
        results.setdefault(result.solution, result)
    return results


@pytest.fixture(scope="module", params=DEVICES)
def verdicts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """All wrong solutions judged in one run, with the right one before, between and after them."""
    root = copy_small(tmp_path_factory.mktemp(request.param))
    paths = [wrong.write(root) for wrong in WRONG]
    for position, name in (
        (0, "right_first"),
        (len(paths) // 2, "right_between"),
        (len(paths) + 2, "right_last"),
    ):
        paths.insert(position, root / f"{name}.py")
        paths[position].write_text(RIGHT.read_text())
    return judge(root, paths, RunOptions(request.param, CHECKS, timeout_s=60))


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name)
def test_a_wrong_solution_earns_its_status_and_reason(verdicts: dict[str, Result], wrong: Wrong) -> None:
    result = verdicts[wrong.name]
    assert (result.status, bool(re.fullmatch(wrong.reason, result.reason or ""))) == (wrong.status, True), (
        result.reason
    )
    assert result.latency_ms is None
    assert "\n" not in (result.reason or "")


@pytest.mark.parametrize("name", ["right_first", "right_between", "right_last"])
def test_the_right_solution_passes_whatever_was_judged_before_it(
    verdicts: dict[str, Result], name: str
) -> None:
    # Two calls of the check workload, and the four edge cases that return something.
    assert verdicts[name].status is Status.PASSED, verdicts[name].reason
    assert verdicts[name].correctness is not None
    assert verdicts[name].correctness.outputs_checked == 6


@pytest.mark.parametrize("device", DEVICES)
def test_a_solution_that_hangs_is_killed_and_the_run_goes_on(tiny_root: Path, device: str) -> None:
    after = tiny_root / "after.py"
    after.write_text(RIGHT.read_text())
    results = judge(tiny_root, [HANG.write(tiny_root), after], RunOptions(device, ("small",), timeout_s=4))
    assert results["hang"].status is Status.TIMEOUT
    assert results["hang"].reason == "small: no answer to 'call' within 4 s"
    assert results["after"].status is Status.PASSED


def test_the_log_of_a_failed_solution_holds_its_whole_output(tiny_root: Path) -> None:
    wrong = next(wrong for wrong in WRONG if wrong.name == "exception")
    result = judge(tiny_root, [wrong.write(tiny_root)], RunOptions("cpu", ("small",)))["exception"]
    assert result.log is not None
    text = (tiny_root / result.log).read_text()
    assert "Traceback (most recent call last)" in text
    assert "ValueError: not today" in text


def test_a_file_that_changes_after_the_start_of_the_run_is_rejected(tiny_root: Path) -> None:
    problem = find_problem(tiny_root, "row_argmin")
    path = tiny_root / "changing.py"
    path.write_text(RIGHT.read_text())
    solution = read_solution(path)
    path.write_text(RIGHT.read_text() + "# another file now\n")
    (result,) = run(tiny_root, problem, [solution], RunOptions("cpu", ("small",)), lambda _: None)
    assert result.status is Status.REJECTED
    assert result.reason == "rule 'one file': it changed between the start of the run and its turn"


def test_the_interpreter_reports_no_latency(tiny_root: Path) -> None:
    right = tiny_root / "solutions" / "row_argmin" / "tests_right.py"
    result = judge(tiny_root, [right], RunOptions("cpu"))["tests_right"]
    assert (result.device, result.workload, result.status) == ("cpu", "check", Status.PASSED)
    assert (result.latency_ms, result.samples_ms, result.environment.gpu) == (None, (), None)


def bench(root: Path, name: str) -> Result:
    """One timed result of `name` on the seed workload."""
    problem: Problem = find_problem(root, "row_argmin")
    solution = next(s for s in find_solutions(root, problem) if s.name == name)
    (result,) = run(root, problem, [solution], RunOptions("cuda", ("seed",)), lambda _: None)
    return result


@pytest.mark.gpu
def test_the_reference_as_a_solution_has_a_speedup_near_one(tiny_root: Path) -> None:
    result = bench(tiny_root, "reference")
    assert result.status is Status.PASSED
    assert result.stage == "reference"
    assert result.reference_latency_ms is not None
    assert result.latency_ms is not None
    assert 0.97 < result.reference_latency_ms / result.latency_ms < 1.03


@pytest.mark.gpu
def test_every_timed_output_is_checked_and_memory_is_given_back(tiny_root: Path) -> None:
    before = used_memory_mb()
    result = bench(tiny_root, "tests_right")
    assert result.status is Status.PASSED
    assert len(result.samples_ms) >= 30
    assert result.correctness is not None
    assert result.timing is not None
    # Two calls warm up, one says how to time the rest, and at least three are watched.
    timed = 3 + len(result.samples_ms) + result.timing.discarded
    assert timed + 3 <= result.correctness.outputs_checked <= timed + 3 + len(result.samples_ms)
    assert "untraced" not in result.flags
    assert result.clocks is not None
    assert len(result.clocks.sm_mhz) == len(result.samples_ms)
    assert result.latency_ci_ms is not None
    assert result.latency_ci_ms[0] <= (result.latency_ms or 0) <= result.latency_ci_ms[1]
    # 65536 x 4096 float32 are 1074 MB; three CUDA contexts come on top.
    assert result.peak_gpu_memory_mb is not None
    assert 1074 < result.peak_gpu_memory_mb < 5000
    assert used_memory_mb() == before
    assert all(state.processes == 0 for state in gpu_states())


@pytest.mark.gpu
def test_a_stale_output_fails_in_the_timed_loop_too(tiny_root: Path) -> None:
    stale = next(wrong for wrong in WRONG if wrong.name == "stale_output")
    result = judge(tiny_root, [stale.write(tiny_root)], RunOptions("cuda", ("seed",)))["stale_output"]
    assert result.status is Status.INCORRECT
    assert re.match(r"\d+ of 65536 elements differ", result.reason or "")


LATER = {
    "no_launch_later": (
        "global CALLS\n"
        "CALLS = globals().get('CALLS', 0) + 1\n"
        "return argmin(x) if CALLS <= 12 else torch.argmin(x, 1)",
        r"rule 'own kernels': .*(aten\.argmin|launched no @triton\.jit kernel of the file).*",
    ),
    "decoy_later": (
        "global CALLS\n"
        "CALLS = globals().get('CALLS', 0) + 1\n"
        "decoy = argmin(x[:1] if CALLS > 12 else x)\n"
        "return decoy if CALLS <= 12 else torch.argmin(x, 1)",
        r"rule 'own kernels': .*",
    ),
    "slow_while_watched": (
        "import sys\n"
        "frame = sys._getframe()\n"
        "while 'request' not in frame.f_locals:\n"
        "    frame = frame.f_back\n"
        "if frame.f_locals['request']['watch'] is None:\n"
        "    return argmin(x)\n"
        "return [argmin(x) for _ in range(4)][-1]",
        r"rule 'own kernels': the card was busy for .* with a traced call, and its timed calls claim .*",
    ),
}


@pytest.mark.gpu
@pytest.mark.parametrize("name", sorted(LATER))
def test_what_timed_calls_do_that_others_do_not_is_found(tiny_root: Path, name: str) -> None:
    body, reason = LATER[name]
    lines = "".join(f"        {line}\n" for line in body.splitlines())
    path = tiny_root / f"{name}.py"
    path.write_text(RIGHT.read_text().replace("        return argmin(x)\n", lines))
    result = judge(tiny_root, [path], RunOptions("cuda", ("seed",)))[name]
    assert result.status is Status.REJECTED, result
    assert re.fullmatch(reason, result.reason or ""), result.reason


def test_wrong_solutions_have_distinct_names() -> None:
    assert len({wrong.name for wrong in [*WRONG, HANG]}) == len(WRONG) + 1
    assert dataclasses.is_dataclass(Wrong)
