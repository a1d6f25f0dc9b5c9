"""The staged loop without a judge: what stands, what goes back, what is kept, where it goes on."""

import dataclasses
import json

import pytest

from suite.optimize.command import NoAnswerError
from suite.optimize.loop import Loop, not_faster
from suite.optimize.record import Compared, Outcome, RunError, RunFolder
from suite.optimize.text import line_of
from suite.problem import find_problem
from suite.tests.fake_workshop import SETTINGS, START, FakeWorkshop, Script, reply, version


@pytest.fixture
def loop(tiny_root):
    """Starts or resumes the run with a script and a workshop; gives its verdicts and the run's folder."""
    problem = find_problem(tiny_root, "row_argmin")
    runs = tiny_root / "reports" / "runs"

    def go(script, workshop=None, **changes):
        folder = (
            RunFolder.find(runs, "run")
            if (runs / "run").exists()
            else RunFolder.create(runs, dataclasses.replace(SETTINGS, **changes), START)
        )
        try:
            loop = Loop(problem, folder.settings(), folder, workshop or FakeWorkshop(), script)
            return list(loop.run()), folder.folder
        finally:
            folder.close()

    return go


def outcomes(verdicts):
    return [(verdict.stage, verdict.round, verdict.outcome.value) for verdict in verdicts]


def test_what_is_correct_and_faster_stands(loop):
    workshop = FakeWorkshop()
    script = Script(reply(version(0.9, grid=128)), reply(version(0.8, block=256, grid=128)))
    verdicts, folder = loop(script, workshop)
    assert outcomes(verdicts) == [("grid", 1, "kept"), ("block", 1, "kept")]
    assert (folder / "best.py").read_text() == version(0.8, block=256, grid=128)
    assert ("compare", "grid_1", "baseline") in workshop.calls
    assert ("compare", "block_1", "grid_1") in workshop.calls
    assert "Focus: Grid layout" in script.prompts[0]
    assert START.rstrip() in script.prompts[0]
    assert '"dram__throughput.avg.pct_of_peak_sustained_elapsed": 50.0' in script.prompts[0]
    assert "Focus: BLOCK_M/N/K" in script.prompts[1]
    assert version(0.9, grid=128).rstrip() in script.prompts[1]
    assert script.asked == {"BENCH_STAGE": "block", "BENCH_ROUND": "1"}


def test_every_prompt_answer_and_verdict_is_kept(loop):
    _, folder = loop(Script(reply(version(0.9)), reply(version(0.8))))
    step = folder / "1_grid_1"
    assert {path.name for path in step.iterdir()} == {
        "prompt.md", "answer.md", "grid_1.py", "grid_1.profile.json", "verdict.json",
    }  # fmt: skip
    assert (step / "answer.md").read_text() == reply(version(0.9))
    verdict = json.loads((step / "verdict.json").read_text())
    assert (verdict["outcome"], verdict["compared"][0]["ratio"]) == ("kept", 0.9)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            "```python\na=1\n```\n```python\nb=1\n```\n",
            "2 Python blocks (lines 1, 4): answer with exactly one",
        ),
        ("I would rather not say.", "no Python block: answer with one block that begins with ```python"),
        (reply(version(0.5, extra="print(1)\n")), "line 20: a statement that runs on import"),
        (reply(version(0.5, block=64)), "line 9, k: BLOCK 128 -> 64; take it back"),
        (reply("import os\nos.remove('x')\n"), "no class ModelNew"),
    ],
)
def test_a_refused_answer_goes_back_with_its_reasons(loop, answer, reason):
    workshop = FakeWorkshop()
    script = Script(answer, reply(version(0.9)), reply(version(0.9)))
    verdicts, _ = loop(script, workshop)
    assert outcomes(verdicts) == [("grid", 1, "refused"), ("grid", 2, "kept"), ("block", 1, "unchanged")]
    assert reason in " ".join(verdicts[0].reasons)
    assert "[WHY IT WAS REFUSED]" in script.prompts[1]
    assert reason in script.prompts[1]
    assert ("check", "grid_1") not in workshop.calls  # nothing of it ran
    assert "[WHY IT WAS REFUSED]" not in script.prompts[2]  # the next stage begins afresh


def test_a_wrong_answer_goes_back_with_the_judge_s_diagnosis(loop):
    script = Script(reply(version(0.5)), reply(version(0.9)), reply(version(0.9)))
    verdicts, folder = loop(script, FakeWorkshop(wrong={"grid_1"}))
    assert outcomes(verdicts)[:2] == [("grid", 1, "failed"), ("grid", 2, "kept")]
    assert verdicts[0].reasons == ("check: incorrect: ties: 3 of 9 differ",)
    assert f"[LAST ANSWER]\n```python\n{version(0.5).rstrip()}\n```" in script.prompts[1]
    assert "- check: incorrect: ties: 3 of 9 differ" in script.prompts[1]
    assert (folder / "best.py").read_text() == version(0.9)


def test_what_is_not_faster_beyond_the_interval_does_not_stand(loop):
    script = Script(*(reply(version(1.0, grid=128, extra=f"# {n}\n")) for n in range(3)), reply(START))
    verdicts, folder = loop(script)
    assert outcomes(verdicts) == [
        ("grid", 1, "not faster"), ("grid", 2, "not faster"), ("grid", 3, "not faster"),
        ("block", 1, "unchanged"),
    ]  # fmt: skip
    assert verdicts[0].reasons == (
        "correct, but no gain on seed: SAME (1.0000 of the time before, 0.9980 to 1.0020)",
    )
    assert not (folder / "best.py").exists()


def compared(**ratios):
    return [
        Compared(name, ratio, (ratio - 0.01, ratio + 0.01), "FASTER" if ratio < 0.98 else "SLOWER")
        for name, ratio in ratios.items()
    ]


def test_a_gain_on_one_workload_that_the_others_pay_for_is_none():
    assert not_faster(compared(seed=0.9, wide=1.05)) == ()
    assert not_faster(compared(seed=0.9, wide=1.5)) == (
        "correct, but slower in the mean over 2 workloads: 1.162 times as long, 1.154 to 1.169 (wide 1.50)",
    )
    assert not_faster(compared(wide=0.5)) == ("correct, but no gain on seed: was not timed",)


def test_a_command_that_never_answers_leaves_the_start_standing(loop):
    script = Script(*(NoAnswerError("it exited with code 1") for _ in range(6)))
    verdicts, folder = loop(script)
    assert outcomes(verdicts) == [(stage, n, "unanswered") for stage in ("grid", "block") for n in (1, 2, 3)]
    assert verdicts[0].reasons == ("it exited with code 1",)
    assert len({*script.prompts}) == 2  # there is nothing to repair
    assert not (folder / "best.py").exists()


def test_without_a_gpu_correct_is_enough_and_that_is_said(loop):
    workshop = FakeWorkshop(times=False)
    script = Script(reply(version(1.0, grid=128)), reply(version(1.0, grid=128)))
    verdicts, _ = loop(script, workshop, device="cpu")
    assert outcomes(verdicts) == [("grid", 1, "kept"), ("block", 1, "unchanged")]
    assert verdicts[0].note == "latency was not compared: that needs an NVIDIA GPU"
    assert not [call for call in workshop.calls if call[0] == "compare"]
    assert "not measured: no GPU here" in script.prompts[0]


def test_a_run_goes_on_where_it_was_ended_and_asks_nothing_twice(loop):
    script = Script(reply(version(0.9)), reply(version(0.8)))
    workshop = FakeWorkshop(dies=["block_1"])
    with pytest.raises(KeyboardInterrupt):
        loop(script, workshop)
    assert script.answers == []
    resumed = FakeWorkshop()
    verdicts, folder = loop(Script(), resumed)  # no answer left: the one that was given is judged
    assert outcomes(verdicts) == [("grid", 1, "kept"), ("block", 1, "kept")]
    assert ("check", "grid_1") not in resumed.calls
    assert ("compare", "block_1", "grid_1") in resumed.calls
    assert (folder / "best.py").read_text() == version(0.8)
    again = FakeWorkshop()
    assert outcomes(loop(Script(), again)[0]) == outcomes(verdicts)
    assert again.calls == []


def test_a_start_that_does_not_pass_is_an_error(loop):
    with pytest.raises(RunError) as error:
        loop(Script(), FakeWorkshop(wrong={"baseline"}))
    assert str(error.value) == "baseline does not pass itself: check: incorrect: ties: 3 of 9 differ"


def test_a_verdict_in_a_line(loop):
    verdicts, _ = loop(Script(reply(version(0.9)), reply("x \x1b[2J= 1\n"), reply(version(0.9))))
    assert line_of(verdicts[0]) == "grid 1: kept; seed 0.9000 of the time before (0.8980 to 0.9020)"
    assert "\x1b" not in line_of(verdicts[1])
    assert line_of(verdicts[2]) == "block 2: unchanged"
    assert verdicts[2].outcome is Outcome.UNCHANGED
