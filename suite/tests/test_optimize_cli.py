"""`bench optimize`: its mistakes, its interruption, and a scripted command with the real judge."""

import functools
from fractions import Fraction

import click
import pytest

from suite.cli import optimizing_verbs
from suite.cli.console import SCALE_KEY
from suite.judge import sandbox
from suite.optimize.loop import Loop
from suite.problem import find_problem
from suite.tests.command import bench
from suite.tests.fake_workshop import reply
from suite.tests.wrong_solutions import RIGHT

bench_optimize = functools.partial(bench, "optimize")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--problem and --command are needed, or --resume RUN"),
        (("--problem", "row_argmin"), "--problem and --command are needed, or --resume RUN"),
        (("--problem", "zzz", "--command", "x"), "there is no problem 'zzz'; there are: row_argmin"),
        (("--problem", "row_argmin", "--command", "x"), "problem 'row_argmin' has no solution 'baseline'"),
        (
            ("--problem", "row_argmin", "--command", "x", "--solution", "tests_right", "--workload", "small"),
            "'small' is no bench workload: nothing is timed on it",
        ),
        (("--resume", "nothing"), "no run 'nothing'; there are: none"),
        (
            ("--resume", "nothing", "--rounds", "5", "--problem", "row_argmin", "--command", "x"),
            "a run goes on as it was begun; leave out --problem, --rounds, or begin another",
        ),
        (
            ("--problem", "row_argmin", "--command", "x", "--device", "cuda"),
            "latencies are to be compared, and no NVIDIA GPU answers here",
        ),
        (
            ("--problem", "row_argmin", "--command", "x", "--sandbox", "none"),
            "nothing confines the answers: --sandbox none; --allow-unsandboxed runs them all the same",
        ),
    ],
)
def test_mistakes_are_one_line_and_begin_no_run(tiny_root, monkeypatch, arguments, message):
    monkeypatch.chdir(tiny_root)
    monkeypatch.setattr(optimizing_verbs, "has_gpu", lambda: False)
    monkeypatch.setattr(optimizing_verbs, "device_of", lambda choice: "cpu" if choice == "auto" else choice)
    monkeypatch.setattr(sandbox, "available", lambda _device="cpu": None)
    outcome = bench_optimize(*arguments)
    assert outcome.exit_code == 2
    assert outcome.stderr.splitlines()[-1].startswith(f"Error: {message}")
    assert not (tiny_root / "reports").exists()


def test_an_interruption_says_how_to_go_on(tiny_root, monkeypatch):
    monkeypatch.chdir(tiny_root)
    monkeypatch.setattr(sandbox, "available", lambda _device="cpu": None)

    def interrupted(_loop):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(Loop, "run", interrupted)
    words = ("--problem", "row_argmin", "--solution", "tests_right", "--command", "x", "--device", "cpu")
    outcome = bench_optimize(*words)
    (run,) = (tiny_root / "reports" / "runs").iterdir()
    assert outcome.exit_code == 130
    assert outcome.stderr.splitlines()[-1] == f"interrupted: bench optimize --resume {run.name} goes on"
    assert (run / "start.py").read_bytes() == RIGHT.read_bytes()


def test_a_run_that_goes_on_keeps_its_scale(tiny_root, monkeypatch):
    monkeypatch.chdir(tiny_root)
    monkeypatch.setattr(sandbox, "available", lambda _device="cpu": None)
    monkeypatch.setattr(Loop, "run", lambda _loop: iter(()))
    scales = []

    def found(root, _name):
        scales.append(click.get_current_context().meta.get(SCALE_KEY))
        return find_problem(root, "row_argmin")

    monkeypatch.setattr(optimizing_verbs, "find_problem", found)
    words = ("--problem", "a file.py", "--scale", "1/4", "--solution", "tests_right", "--command", "x")
    bench_optimize(*words, "--device", "cpu")
    (run,) = (tiny_root / "reports" / "runs").iterdir()
    bench_optimize("--resume", run.name)
    assert scales == [Fraction(1, 4)] * 3


DELETES = RIGHT.read_text().replace(
    "import triton.language as tl\n",
    "import triton.language as tl\nimport os\nimport shutil\n\n"
    "GONE = [shutil.rmtree(path, True) for path in (WHERE, os.path.expanduser('~'))]\n",
)


@pytest.mark.skipif(sandbox.available() is not None, reason=f"no sandbox here: {sandbox.available()}")
def test_a_scripted_command_on_the_cpu_from_malice_to_a_kept_answer(tiny_root, monkeypatch):
    monkeypatch.chdir(tiny_root)
    precious = tiny_root / "problems" / "row_argmin" / "inputs.py"
    first, second = tiny_root / "1.md", tiny_root / "2.md"
    first.write_text(reply(DELETES.replace("WHERE", repr(str(tiny_root)))))
    second.write_text(reply(RIGHT.read_text() + "# another\n"))
    script = f"cat > /dev/null; cat {tiny_root}/$BENCH_ROUND.md"
    outcome = bench_optimize(
        "--problem", "row_argmin", "--solution", "tests_right", "--command", script, "--stage", "grid",
        "--rounds", "2", "--device", "cpu", "--sandbox", "bubblewrap",
    )  # fmt: skip
    assert outcome.exit_code == 0, outcome.output
    lines = outcome.stdout.splitlines()
    # In its sandbox it finds neither the checkout nor a home, so that what it deletes is its own; it computes
    # the right answer, and without a clock that is enough.
    assert lines == ["grid 1: kept; latency was not compared: that needs an NVIDIA GPU"]
    assert precious.exists()
    assert first.exists()
    (run,) = (tiny_root / "reports" / "runs").iterdir()
    assert "shutil.rmtree" in (run / "best.py").read_text()
    resumed = bench_optimize("--resume", run.name)
    assert (resumed.exit_code, resumed.stdout.splitlines()) == (0, lines)
