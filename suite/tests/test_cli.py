"""The `bench` command: exit codes, messages, what goes where. One test runs a real judge on the CPU."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from conftest import copy_tiny
from suite import cli, store
from suite.cli import judging, judging_verbs
from suite.judge_process import JudgeError
from suite.problem import Problem
from suite.result import Status, from_json
from suite.runner import Progress, RunOptions
from suite.solution import read_solution
from suite.tests.command import bench
from suite.tests.fake_results import fake_result
from suite.tests.wrong_solutions import RIGHT, WRONG

ROOT = Path(__file__).parents[2]
NO_GPU = "no GPU: checking correctness in Triton's interpreter; latency and fractions need an NVIDIA GPU"
RUN = ("run", "--problem", "row_argmin", "--device", "cpu")


@pytest.fixture
def root(tiny_root, monkeypatch):
    """The small checkout as the current folder, in which every solution passes without a judge."""
    monkeypatch.chdir(tiny_root)
    monkeypatch.setattr(judging, "run", fake_run({}))
    monkeypatch.setattr(judging_verbs, "show_card_columns", lambda *_: None)
    monkeypatch.setattr(judging_verbs, "warn_of_workloads", lambda *_: None)
    return tiny_root


def fake_run(statuses, ends=None, workload="check"):
    """A run in which each solution passes, or has the status that `statuses` names."""

    def run(root, problem, solutions, options, on_progress):
        for solution in solutions:
            on_progress(Progress(solution.name, "small", 0, 3))
            status = statuses.get(solution.name, Status.PASSED)
            yield fake_result(
                solution.name,
                workload,
                None,
                gpu=None,
                problem=problem.name,
                stage=solution.stage,
                author=solution.author,
                status=status,
            )
        if ends is not None:
            raise ends

    return run


def recorded(root):
    results, warnings = store.read(root / "reports" / "results")
    assert warnings == []
    return [result.solution for result in results]


def commands():
    return [(name, cli.main.commands[name]) for name in sorted(cli.main.commands)]


@pytest.mark.parametrize(("name", "command"), [("bench", cli.main), *commands()])
def test_every_command_and_every_option_has_help_and_examples(name, command):
    assert command.help
    examples = command.help.partition("Examples:")[2].split("\n")
    lines = [line.strip() for line in examples if line.strip()]
    assert lines, f"{name}: no examples"
    wanted = "bench " if command is cli.main else f"bench {name}"
    assert all(line.startswith(wanted) for line in lines), lines
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    assert [option.name for option in options if not option.help] == []


@pytest.mark.parametrize("flag", ["--help", "-h"])
@pytest.mark.parametrize("name", [[], *([name] for name, _ in commands())])
def test_help_is_shown(name, flag):
    outcome = bench(*name, flag)
    assert outcome.exit_code == 0
    assert outcome.stdout.startswith("Usage: main ")
    assert "Examples:" in outcome.stdout


def test_it_runs_as_a_module_too(tmp_path):
    finished = subprocess.run(
        [sys.executable, "-m", "suite", "--help"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    assert "Benchmark Triton kernels" in finished.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("list", "--problem", "row_argmim"), "there is no problem 'row_argmim'; did you mean 'row_argmin'?"),
        (("run", "--problem", "zzz"), "there is no problem 'zzz'; there are: row_argmin"),
        (
            ("submit", "x.py", "--problem", "zzz", "--author", "a"),
            "there is no problem 'zzz'; there are: row_argmin",
        ),
        (
            (*RUN, "--workload", "smal"),
            "problem 'row_argmin' has no workload 'smal'; did you mean 'small'?",
        ),
        (
            (*RUN, "--solution", "test_right"),
            "problem 'row_argmin' has no solution 'test_right'; did you mean 'tests_right'? "
            "(a path must end in .py)",
        ),
        (
            (*RUN, "--axes", "{}", "--workload", "small"),
            "--axes stands for a workload of its own; leave --workload out",
        ),
        (
            (*RUN, "--axes", "[3]"),
            "Invalid value for '--axes': expected a JSON object such as '{\"rows\": 7}', found '[3]'.",
        ),
        (
            (*RUN, "--axes", "{rows: 7}"),
            "Invalid value for '--axes': '{rows: 7}' is not JSON: Expecting property name enclosed in double "
            "quotes: line 1 column 2 (char 1)",
        ),
        ((*RUN, "--solution", "no/such.py"), "no/such.py: no such file"),
        ((*RUN, "--solution", "x" * 300 + ".py"), f"{'x' * 300}.py: File name too long"),
        (
            (*RUN, "--workload", "seed"),
            "nothing to run: bench workloads are timed, which needs an NVIDIA GPU; "
            "on the CPU leave --workload out or use --workload check",
        ),
        (
            ("submit", "x.py", "--problem", "row_argmin", "--author", "a_b"),
            "author 'a_b': use 1 to 39 letters, digits and hyphens",
        ),
        (("submit", "x.py", "--problem", "row_argmin", "--author", "ada"), "x.py: no such file"),
    ],
)
@pytest.mark.usefixtures("root")
def test_a_mistake_is_one_line_and_exit_code_2(arguments, message):
    outcome = bench(*arguments)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert outcome.stderr.splitlines()[-1] == f"Error: {message}"


@pytest.mark.parametrize(
    "arguments",
    [
        ("rum",),
        ("run",),
        ("run", "--problem"),
        ("run", "--problem", "row_argmin", "--device", "tpu"),
        (*RUN, "--timeout", "0"),
        (*RUN, "--timeout", "soon"),
        (*RUN, "--json", "."),
        ("submit", "x.py", "--problem", "row_argmin"),
        ("submit", "--problem", "row_argmin", "--author", "ada"),
        ("list", "extra"),
    ],
)
@pytest.mark.usefixtures("root")
def test_wrong_usage_is_exit_code_2(arguments):
    outcome = bench(*arguments)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert outcome.stderr.splitlines()[-1].startswith("Error: ")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "WORKLOADS is missing"),
        ("WORKLOADS = {2**20: 1}", "WORKLOADS must be a literal: malformed node or string on line 1"),
        ("WORKLOADS = {", "not Python: '{' was never closed"),
    ],
)
@pytest.mark.parametrize("arguments", [("list",), RUN, ("list", "--json")])
def test_a_broken_problem_folder_is_named(root, arguments, source, message):
    inputs = root / "problems" / "row_argmin" / "inputs.py"
    inputs.write_text(source)
    outcome = bench(*arguments)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert outcome.stderr.splitlines()[-1].startswith(f"Error: {inputs}")
    assert message in outcome.stderr


def test_a_broken_problem_folder_does_not_hide_the_others(root):
    (root / "problems" / "begun").mkdir()
    (root / "problems" / "begun" / "inputs.py").write_text("WORKLOADS = {}")
    outcome = bench("list")
    assert outcome.exit_code == 2
    assert [line.split()[0] for line in outcome.stdout.splitlines()[2:]] == ["row_argmin"]
    assert outcome.stderr.endswith("inputs.py: WORKLOADS must be a dict with at least one entry\n")


def test_a_problem_folder_without_inputs_is_named(root):
    (root / "problems" / "begun").mkdir()
    outcome = bench("check-problem", "begun")
    assert outcome.exit_code == 2
    assert outcome.stderr.splitlines()[-1] == (
        "Error: problems/begun has no inputs.py; CONTRIBUTING.md says what a problem holds"
    )


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (
            "problems/row_argmin/",
            "problems/row_argmin/ is the folder of a problem, which is called 'row_argmin'",
        ),
        (
            "solutions/row_argmin",
            "solutions/row_argmin is a folder, but none of a problem here: name one that `bench list` "
            "shows, or FILE.py in the format of KernelBench; `bench evaluate --problems 'FOLDER/*.py'` "
            "judges solutions of many files",
        ),
    ],
)
def test_a_folder_for_a_problem_s_name_is_told_what_is_due(root, name, why):
    outcome = bench("run", "--problem", name)
    assert (outcome.exit_code, outcome.stderr.splitlines()[-1]) == (2, f"Error: {why}")


def test_a_problem_without_a_reference_is_named(root):
    reference = root / "problems" / "row_argmin" / "reference.py"
    reference.unlink()
    outcome = bench("list")
    assert outcome.exit_code == 2
    assert outcome.stderr.splitlines()[-1] == f"Error: {reference}: no such file"


@pytest.mark.usefixtures("root")
def test_a_json_file_that_cannot_be_made():
    outcome = bench(*RUN, "--json", "no/such/folder/results.jsonl")
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert outcome.stderr.splitlines()[-1] == "Error: no/such/folder/results.jsonl: No such file or directory"


def test_a_results_folder_that_is_a_file(root):
    (root / "reports").write_text("")
    outcome = bench(*RUN)
    assert outcome.exit_code == 1
    assert outcome.stderr.splitlines()[-1].startswith(f"Error: {root}/reports")


def test_a_full_disk(root, monkeypatch):
    def append(_root, _result):
        raise OSError("results.jsonl: wrote 3 of 90 bytes; is the disk full?")

    monkeypatch.setattr(store, "append", append)
    outcome = bench(*RUN)
    assert outcome.exit_code == 1
    assert outcome.stderr.splitlines()[-1] == ("Error: results.jsonl: wrote 3 of 90 bytes; is the disk full?")


@pytest.mark.parametrize("seconds", ["nan", "inf", "0", "-1"])
def test_a_timeout_is_a_number_of_seconds(tiny_root, monkeypatch, seconds):
    monkeypatch.chdir(tiny_root)
    outcome = bench(*RUN, "--timeout", seconds)
    assert outcome.exit_code == 2
    assert "Invalid value for '--timeout'" in outcome.stderr


def test_all_passed(root):
    outcome = bench(*RUN)
    assert outcome.exit_code == 0
    assert outcome.stderr.splitlines() == [NO_GPU, "judging reference", "judging tests_right"]
    lines = outcome.stdout.splitlines()
    assert lines[0].split() == ["solution", "stage", "author", "status", "outputs", "checked"]
    assert lines[3].split() == ["tests_right", "submitted", "tests", "passed", "40"]
    assert recorded(root) == ["reference", "tests_right"]


def test_a_failed_solution_is_exit_code_1(root, monkeypatch):
    monkeypatch.setattr(judging, "run", fake_run({"tests_right": Status.INCORRECT}))
    outcome = bench(*RUN)
    assert outcome.exit_code == 1
    assert "output 0 differs" in outcome.stdout
    assert recorded(root) == ["reference", "tests_right"]


def test_a_solution_without_a_result_is_exit_code_1(root, monkeypatch):
    def run(root, problem, solutions, options, on_progress):
        yield from fake_run({})(root, problem, solutions[:1], options, on_progress)

    monkeypatch.setattr(judging, "run", run)
    assert bench(*RUN).exit_code == 1


def test_a_judge_that_died_keeps_what_it_had(root, monkeypatch):
    monkeypatch.setattr(judging, "run", fake_run({}, JudgeError("the judge ended early: Killed")))
    outcome = bench(*RUN)
    assert outcome.exit_code == 1
    assert outcome.stderr.splitlines()[-1] == "Error: the judge ended early: Killed"
    assert recorded(root) == ["reference", "tests_right"]


def test_ctrl_c_keeps_what_it_had(root, monkeypatch):
    monkeypatch.setattr(judging, "run", fake_run({}, KeyboardInterrupt()))
    outcome = bench(*RUN)
    assert outcome.exit_code == 130
    assert outcome.stderr.splitlines()[-1] == "interrupted: 2 result(s) kept"
    assert recorded(root) == ["reference", "tests_right"]


@pytest.mark.parametrize("words", [["--no-save"], []])
def test_no_save_leaves_the_checkout_alone(root, monkeypatch, words):
    saved = []

    def run(root, problem, solutions, options, on_progress):
        saved.append(options.save_logs)
        return fake_run({})(root, problem, solutions, options, on_progress)

    monkeypatch.setattr(judging, "run", run)
    assert bench(*RUN, *words).exit_code == 0
    assert saved == [not words]
    assert (root / "reports").exists() == (not words)


def test_a_second_run_is_appended(root):
    bench(*RUN)
    bench(*RUN, "--solution", "tests_right")
    assert recorded(root) == ["reference", "tests_right", "tests_right"]
    assert sorted(path.name for path in (root / "reports" / "results" / "cpu").iterdir()) == [
        "row_argmin.jsonl"
    ]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--quick",), "--quick takes few samples"),
        (("--workload", "small"), "a part of the check tier"),
        (("--workload", "edge_cases"), "a part of the check tier"),
        (("--quick", "--workload", "check"), "--quick takes few samples"),
        (("--axes", '{"rows": 3, "cols": 2}'), "a part of the check tier"),
    ],
)
def test_a_part_of_the_check_tier_is_not_recorded(root, options, why):
    outcome = bench(*RUN, *options)
    assert outcome.exit_code == 0
    assert outcome.stderr.splitlines()[-1] == f"not recorded: reference, tests_right ({why})"
    assert recorded(root) == []


def test_results_are_shown_in_the_order_of_the_problem(root, monkeypatch):
    """The judge times workloads in a random order."""
    problem = root / "problems" / "row_argmin" / "inputs.py"
    more = "".join(f'    "b{i}": {{"tier": "bench", "axes": {{"rows": {i}}}}},\n' for i in range(3))
    problem.write_text(problem.read_text().replace("WORKLOADS = {\n", "WORKLOADS = {\n" + more))

    def run(root, problem, solutions, options, on_progress):
        for workload in ("b2", "seed", "check", "b0", "b1"):
            yield from (fake_result(solution=s.name, workload=workload) for s in reversed(solutions))

    monkeypatch.setattr(judging, "run", run)
    shown = []
    monkeypatch.setattr(judging_verbs, "show", lambda root, problem, results, samples: shown.extend(results))
    assert bench(*RUN, "--device", "cuda").exit_code == 0
    assert [(result.solution, result.workload) for result in shown] == [
        (solution, workload)
        for solution in ("reference", "tests_right")
        for workload in ("check", "b0", "b1", "b2", "seed")
    ]


def test_the_whole_check_tier_by_its_name_is_recorded(root):
    assert bench(*RUN, "--workload", "check").exit_code == 0
    assert recorded(root) == ["reference", "tests_right"]


def test_a_file_from_elsewhere_is_judged_and_not_recorded(root, tmp_path_factory):
    mine = tmp_path_factory.mktemp("elsewhere") / "mine.py"
    mine.write_text(RIGHT.read_text())
    outcome = bench(*RUN, "--solution", mine, "--solution", "tests_right")
    assert outcome.exit_code == 0
    assert outcome.stderr.splitlines()[-1] == (
        "not recorded: mine (a file from elsewhere; bench submit adds one that passes to "
        "solutions/row_argmin)"
    )
    assert "mine" in outcome.stdout
    assert recorded(root) == ["tests_right"]


def test_why_a_file_s_results_are_not_recorded_is_about_the_problem(root, tmp_path):
    problem = Problem("task", tmp_path / "reports" / "imported" / "task-0" / "problems" / "task")
    mine = read_solution(RIGHT)
    assert judging._not_kept(root, problem, mine, fake_result(), RunOptions("cpu")) == (
        "its problem is a file; bench import kernelbench makes it a problem of this checkout"
    )


def test_a_file_of_the_checkout_is_recorded_by_its_path_too(root):
    assert bench(*RUN, "--solution", "solutions/row_argmin/tests_right.py").exit_code == 0
    assert recorded(root) == ["tests_right"]


def test_two_files_of_the_same_name_are_refused(root):
    paths = [root / folder / "mine.py" for folder in ("a", "b")]
    for path in paths:
        path.parent.mkdir()
        path.write_text(RIGHT.read_text())
    outcome = bench(*RUN, "--solution", paths[0], "--solution", paths[1])
    assert outcome.exit_code == 2
    assert outcome.stderr.splitlines()[-1] == (
        f"Error: {paths[1]} and {paths[0]} have the same name; rename one"
    )


def test_an_answer_is_submitted_from_standard_input(root, monkeypatch):
    monkeypatch.setattr(judging_verbs, "choose", lambda *_: ("bubblewrap", ""))
    reply = f"Here it is:\n```python\n{RIGHT.read_text()}```\n"
    arguments = ["submit", "-", "--problem", "row_argmin", "--device", "cpu", "--author", "ada"]
    outcome = CliRunner().invoke(cli.main, [*arguments, "--idea", "piped"], input=reply)
    assert (outcome.exit_code, outcome.stdout.splitlines()[-1]) == (
        0,
        "submitted: solutions/row_argmin/ada_piped.py",
    )
    assert (root / "solutions" / "row_argmin" / "ada_piped.py").read_text() == RIGHT.read_text()
    empty = CliRunner().invoke(cli.main, arguments, input="")
    assert empty.exit_code == 2
    assert empty.stderr.endswith("Error: standard input: the answer is empty\n")
    broken = CliRunner().invoke(cli.main, arguments, input="class ModelNew:\n    def (\n")
    assert broken.stderr.splitlines()[-1] == "Error: standard input:2: not Python: invalid syntax"
    monkeypatch.setattr(judging_verbs, "choose", lambda *_: ("none", "no bubblewrap"))
    unconfined = CliRunner().invoke(cli.main, [*arguments, "--idea", "other"], input=reply)
    assert unconfined.stderr.splitlines()[-1] == (
        "Error: nothing confines standard input: no bubblewrap; --allow-unsandboxed submits it all the same"
    )
    foreign = CliRunner().invoke(cli.main, arguments, input=f"{RIGHT.read_text()}\nprint(1)\n")
    assert "Error: standard input breaks the output rules (see CONTRIBUTING.md):\n" in foreign.stderr


def test_what_passed_is_submitted_though_the_inspection_after_it_is_interrupted(root, monkeypatch):
    def inspect(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(judging_verbs, "choose", lambda *_: ("bubblewrap", ""))
    monkeypatch.setattr(judging_verbs, "warn_of_workloads", inspect)
    outcome = bench(
        "submit", RIGHT, "--problem", "row_argmin", "--device", "cpu", "--author", "ada", "--idea", "x"
    )
    assert (outcome.exit_code, outcome.stdout.splitlines()[-1]) == (
        0,
        "submitted: solutions/row_argmin/ada_x.py",
    )
    assert outcome.stderr.splitlines()[-1].startswith("interrupted: it is submitted; bench inspect says ")
    assert (root / "solutions" / "row_argmin" / "ada_x.py").exists()


def test_a_submitted_file_called_like_a_stage_is_refused(root):
    stage, submitted = root / "problems/row_argmin/final.py", root / "solutions/row_argmin/final.py"
    for path in (stage, submitted):
        path.write_text(RIGHT.read_text())
    outcome = bench(*RUN)
    assert outcome.exit_code == 2
    assert outcome.stderr.splitlines()[-1] == f"Error: {submitted} and {stage} have the same name; rename one"


@pytest.mark.usefixtures("root")
def test_one_file_named_twice_is_judged_once():
    outcome = bench(
        *RUN, "--solution", "tests_right", "--solution", "solutions/row_argmin/../row_argmin/tests_right.py"
    )
    assert outcome.stderr.splitlines() == [NO_GPU, "judging tests_right"]


@pytest.mark.usefixtures("root")
def test_json_lines_alone_on_standard_output():
    outcome = bench(*RUN, "--json", "-")
    assert [from_json(line).solution for line in outcome.stdout.splitlines()] == ["reference", "tests_right"]


def test_json_lines_to_a_file_beside_the_table(root):
    outcome = bench(*RUN, "--json", "out.jsonl")
    lines = (root / "out.jsonl").read_text().splitlines()
    assert [from_json(line).solution for line in lines] == ["reference", "tests_right"]
    assert "tests_right" in outcome.stdout


def test_results_of_an_interrupted_run_stand_in_the_json_file(root, monkeypatch):
    monkeypatch.setattr(judging, "run", fake_run({}, KeyboardInterrupt()))
    bench(*RUN, "--json", "out.jsonl")
    assert len((root / "out.jsonl").read_text().splitlines()) == 2


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """A real run of the reference, a right and a wrong solution."""
    root = copy_tiny(tmp_path_factory.mktemp("real"))
    shutil.move(WRONG[0].write(root), root / "solutions" / "row_argmin" / "tests_wrong.py")
    (root / "random.py").write_text("raise ImportError('not the one of the standard library')")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        return root, bench(*RUN, "--json", "-")


def test_a_real_run_reports_and_records_the_same(real):
    root, outcome = real
    assert outcome.exit_code == 1
    printed = [from_json(line) for line in outcome.stdout.splitlines()]
    found = [(result.solution, result.status.value, result.workload) for result in printed]
    assert found == [
        ("reference", "passed", "check"),
        ("tests_right", "passed", "check"),
        ("tests_wrong", "incorrect", "check"),
    ]
    kept, warnings = store.read(root / "reports" / "results")
    assert (kept, warnings) == (printed, [])
    path = root / "reports" / "results" / "cpu" / "row_argmin.jsonl"
    assert path.read_text() == outcome.stdout


def test_a_real_run_says_what_it_does_on_standard_error(real):
    (logs,) = (real[0] / "reports" / "logs").iterdir()
    assert real[1].stderr.splitlines() == [
        NO_GPU,
        "judging reference",
        "judging tests_right",
        "judging tests_wrong",
        f"what failed solutions printed: reports/logs/{logs.name}",
    ]
