"""`bench inspect`: exit codes, messages, what goes where. Two tests follow and compile for real."""

import dataclasses
import functools
import json
import time
from pathlib import Path

import pytest

from suite.analysis.facts import Argument, Built, Launch, Launches, Options, Work
from suite.analysis.inspection import Inspection, LaunchReport, Roof
from suite.analysis.occupancy import Occupancy, Waves
from suite.analysis.sass import Access, SassFacts
from suite.analysis.tables import advice, card_table, code_table, launches_table, totals_table
from suite.cli import inspecting_verbs
from suite.cli.inspecting_verbs import find_card, show_card_columns, warn_of_workloads
from suite.gpus import RTX_4090, by_slug
from suite.problem import UnknownNameError, find_problem
from suite.result import Status
from suite.solution import find_solutions
from suite.tests.command import bench
from suite.tests.fake_results import fake_result

bench_inspect = functools.partial(bench, "inspect")
ROOT = Path(__file__).parents[2]

LAUNCH = Launch(
    kernel="k",
    kernel_line=3,
    line=20,
    grid=(70, 2, 1),
    rank=2,
    constants={"BLOCK": "128"},
    arguments=(
        Argument("x_ptr", "*fp32", "D"),
        Argument("stride", "i32", ""),
        Argument("one", "constexpr", "=1"),
        Argument("scale", "fp32", ""),
    ),
    options=Options(4, 3, 1, None),
    candidate=False,
    variant=0,
)
BUILT = Built(
    40, 8, 0, 2048, 4, SassFacts(9, (Access("load", 4, 8, 12, 4),), {"HMMA.1688.F32.TF32": 2}, 1, 0)
)
REPORT = LaunchReport(LAUNCH, 3, 140, BUILT, (), Occupancy(12, 48, 1.0, ("warps",)), Waves(0.09, 0.09))
FINE = Inspection(
    problem="row_argmin",
    workload="seed",
    solution="mine",
    gpu=RTX_4090,
    work=Work(10**9, 2 * 10**9, ("fp32", "tf32"), ("(3,) float32",)),
    roofs=(Roof("fp32", 1.0, 2.0, "compute"), Roof("tf32", 1.0, 0.5, "memory")),
    reports=(REPORT,),
    order=(0, 0, 0),
    launches=Launches((LAUNCH,), (0, 0, 0), 1, 8, 2_000_000, {"add_": 2}),
    failure=None,
)
TOO_LARGE = dataclasses.replace(REPORT, problems=("exceeds shared memory: 131072 of 101376 bytes",))
UNFIT = dataclasses.replace(FINE, reports=(TOO_LARGE,))
HUGE = dataclasses.replace(FINE, work=Work(25 * 10**9, 0, (), ("(6250000000,) float32",)))
LOST = dataclasses.replace(
    FINE, reports=(), order=(), launches=None, failure="cannot be followed without data"
)


@pytest.fixture
def answers(tiny_root, monkeypatch):
    """Sets what the inspection of any solution finds."""
    monkeypatch.chdir(tiny_root)

    def install(inspection):
        monkeypatch.setattr(
            inspecting_verbs,
            "inspect",
            lambda problem, workload, solution, gpu, timeout_s: dataclasses.replace(
                inspection, solution=solution.name, gpu=gpu, workload=workload.name
            ),
        )

    return install


def row(table):
    (only,) = table.rows
    return dict(zip(table.headers, only, strict=True))


def test_tables():
    launches = row(launches_table(FINE))
    assert (launches["grid"], launches["programs"], launches["threads"]) == ("70 x 2", "140", "128")
    assert (launches["registers"], launches["spills"], launches["shared"]) == ("40", "8", "2048")
    assert (launches["fits"], launches["occupancy"], launches["limited by"]) == ("yes", "100%", "warps")
    code = row(code_table(FINE))
    assert (code["global loads"], code["tensor cores"], code["local"]) == (
        "8 x 4 B",
        "2 HMMA.1688.F32.TF32",
        "1",
    )
    totals = [
        dict(zip(totals_table([FINE]).headers, cells, strict=True)) for cells in totals_table([FINE]).rows
    ]
    assert [(r["class"], r["speed of light ms"], r["bound"]) for r in totals] == [
        ("fp32", "2.0000", "compute"),
        ("tf32", "1.0000", "memory"),
    ]
    assert (totals[0]["launches"], totals[0]["intermediates MB"]) == ("3", "2.000")
    assert row(card_table([FINE]))["fits"] == "yes"
    assert row(card_table([HUGE]))["fits"] == "exceeds memory: tensors of 25.0 GB, of 24 GB"
    assert dataclasses.replace(HUGE, gpu=by_slug("rtx-5090")).fits
    assert row(card_table([LOST]))["fits"] == "cannot be followed without data"


def test_a_tuner_drops_what_does_not_fit_while_something_does():
    tried = dataclasses.replace(LAUNCH, candidate=True)
    small, large = dataclasses.replace(REPORT, launch=tried), dataclasses.replace(TOO_LARGE, launch=tried)
    broken = dataclasses.replace(large, built=None, problems=("does not compile: no",))
    elsewhere = dataclasses.replace(small, launch=dataclasses.replace(tried, line=99))

    def fits(*reports):
        return dataclasses.replace(FINE, reports=reports).fits

    assert fits(small, large, REPORT)
    assert fits(large, small, TOO_LARGE)  # which configuration wins is not known here
    assert not fits(large, TOO_LARGE)
    assert not fits(large, TOO_LARGE, elsewhere)
    assert not fits(small, broken, REPORT)


def test_the_launch_of_a_tuned_kernel_is_said_to_be_the_first_configuration():
    narrow = dataclasses.replace(LAUNCH, candidate=True, constants={"BLOCK": "64"})
    trials = [
        dataclasses.replace(LAUNCH, candidate=True),
        narrow,
        dataclasses.replace(narrow, grid=(1, 1, 1)),
    ]
    elsewhere = dataclasses.replace(LAUNCH, line=99)
    reports = [dataclasses.replace(REPORT, launch=launch) for launch in (*trials, LAUNCH, elsewhere)]
    seen = dataclasses.replace(FINE, reports=tuple(reports))
    names = [cells[1] for cells in launches_table(seen).rows]
    assert names == ["k (tuning)"] * 3 + ["k (first of 2)", "k"]
    assert [cells[1] for cells in card_table([seen]).rows] == ["k (first of 2)", "k"]


def test_narrow_loads_are_named_with_line_and_cause():
    assert advice(FINE) == [
        "k, line 12: 8 loads of 4 bytes, 4 in a row a thread: one of 16 bytes would do, were it aligned "
        "(not known to be multiples of 16: stride)"
    ]


@pytest.mark.parametrize(
    ("access", "told"),
    [
        # Each from a register of its own: whether they follow one another cannot be seen.
        (
            Access("load", 4, 8, 12, 1),
            ["4 bytes; one of 16 needs 4 of a thread's values in a row, the code shows none"],
        ),
        (
            Access("load", 2, 16, 12, 4),
            ["2 bytes; one of 16 needs 8 of a thread's values in a row, the code shows 4"],
        ),
        (
            Access("load", 1, 32, 12, 16),
            ["1 byte, 16 in a row a thread: one of 16 bytes would do, were it aligned"],
        ),
        # sm_90 lays a tile of float32 across for its tensor cores: no alignment widens these.
        (
            Access("copy to shared", 4, 48, 12, 4),
            [
                "4 bytes, 4 in a row a thread: one of 16 bytes would do, "
                "were they in a row in shared memory too"
            ],
        ),
        (Access("load", 2, 7, 12, 1), []),
        (Access("load", 8, 8, 12, 2), []),
        (Access("store", 4, 8, 12, 4), []),
    ],
)
def test_what_narrow_loads_show(access, told):
    built = dataclasses.replace(BUILT, sass=dataclasses.replace(BUILT.sass, accesses=(access,)))
    launch = dataclasses.replace(LAUNCH, arguments=(Argument("x_ptr", "*fp32", "D"),))
    seen = dataclasses.replace(FINE, reports=(dataclasses.replace(REPORT, built=built, launch=launch),))
    assert advice(seen) == [f"k, line 12: {access.count} loads of {text}" for text in told]


def test_all_fit(answers):
    answers(FINE)
    outcome = bench_inspect("--problem", "row_argmin")
    assert outcome.exit_code == 0
    lines = outcome.stdout.splitlines()
    assert lines[1] == "tests_right"
    assert "row_argmin on NVIDIA GeForce RTX 4090, workload seed" in lines
    assert "reference" not in outcome.stdout


@pytest.mark.parametrize(
    ("inspection", "text"),
    [
        (UNFIT, "exceeds shared memory: 131072 of 101376 bytes"),
        (LOST, "failed: cannot be followed without data"),
        (HUGE, "exceeds memory: tensors of 25.0 GB, of 24 GB"),
    ],
)
def test_what_does_not_fit_or_cannot_be_followed_is_exit_code_1(answers, inspection, text):
    answers(inspection)
    outcome = bench_inspect("--problem", "row_argmin", "--solution", "tests_right")
    assert outcome.exit_code == 1
    assert text in outcome.stdout


def test_what_judging_takes_is_held_against_the_card(answers, tiny_root):
    answers(FINE)
    inputs = tiny_root / "problems" / "row_argmin" / "inputs.py"
    inputs.write_text(inputs.read_text() + '\nMEMORY_BYTES = {"seed": 30_000_000_000}\n')
    outcome = bench_inspect("--problem", "row_argmin", "--solution", "tests_right")
    assert outcome.exit_code == 0
    assert outcome.stderr.splitlines()[-1] == (
        "warning: workload 'seed' of row_argmin takes about 30.0 GB to judge: inputs and state, the same in "
        "float64, and what the reference holds meanwhile. An NVIDIA GeForce RTX 4090 has 24.0 GB; "
        "--scale 1/2 with its file shrinks its sizes"
    )
    larger = bench_inspect("--problem", "row_argmin", "--solution", "tests_right", "--gpu", "h200")
    assert "to judge" not in larger.stderr


def test_json_alone_on_standard_output(answers):
    answers(FINE)
    outcome = bench_inspect("--problem", "row_argmin", "--gpu", "h100", "--workload", "wide", "--json", "-")
    (line,) = outcome.stdout.splitlines()
    values = json.loads(line)
    assert (values["gpu"], values["workload"], values["solution"]) == ("h100-sxm", "wide", "tests_right")
    assert (values["fits"], values["totals"]["launches"]) == (True, 3)
    assert values["reports"][0]["built"]["sass"]["accesses"][0]["line"] == 12


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--gpu", "h20"), "we have no datasheet of a GPU 'h20'"),
        (("--workload", "sead"), "has no workload 'sead'"),
        (("--solution", "nobody"), "has no solution 'nobody'"),
    ],
)
def test_mistakes_are_exit_code_2(answers, arguments, text):
    answers(FINE)
    outcome = bench_inspect("--problem", "row_argmin", *arguments)
    assert outcome.exit_code == 2
    assert text in outcome.stderr


def test_short_names_of_cards():
    assert find_card("rtx-4090") is find_card("4090") is RTX_4090
    assert find_card("H100") is by_slug("h100-sxm")
    assert find_card("a100") is by_slug("a100-sxm-80gb")
    assert find_card("l40s") is by_slug("l40s")
    with pytest.raises(UnknownNameError):
        find_card("voodoo-2")


def test_columns_of_the_reference_card_for_what_passed(answers, tiny_root, capsys):
    answers(FINE)
    problem = find_problem(tiny_root, "row_argmin")
    solutions = find_solutions(tiny_root, problem)
    passed = fake_result("tests_right", "check", None, gpu=None, problem="row_argmin", status=Status.PASSED)
    show_card_columns(problem, solutions, [passed])
    text = capsys.readouterr().out
    assert "tests_right" in text
    assert "reference" not in text
    failed = dataclasses.replace(passed, status=Status.INCORRECT, latency_ms=None, reason="1 wrong")
    show_card_columns(problem, solutions, [failed])
    assert capsys.readouterr().out == ""


def test_workloads_that_the_card_would_refuse_are_named(tiny_root, monkeypatch, capsys):
    problem = find_problem(tiny_root, "row_argmin")
    inputs = problem.folder / "inputs.py"
    more = "".join(f'    "b{i}": {{"tier": "bench", "axes": {{"rows": {i}}}}},\n' for i in range(3))
    inputs.write_text(inputs.read_text().replace("WORKLOADS = {\n", "WORKLOADS = {\n" + more))
    lost = dataclasses.replace(FINE, reports=(), failure="IndexError in the call (line 9): no")
    seen = {"b0": FINE, "b1": UNFIT, "b2": lost}
    monkeypatch.setattr(
        inspecting_verbs,
        "inspect",
        lambda _problem, workload, *_: dataclasses.replace(seen[workload.name], workload=workload.name),
    )
    (mine,) = (s for s in find_solutions(tiny_root, problem) if s.name == "tests_right")
    warn_of_workloads(problem, mine)
    assert capsys.readouterr().err.splitlines() == [
        "compiling for the other 3 bench workloads; Ctrl-C leaves that out",
        "warning: on b1 tests_right would not run there: exceeds shared memory: 131072 of 101376 bytes",
        "warning: nothing is known of tests_right on b2: IndexError in the call (line 9): no",
    ]


def test_a_real_inspection(tiny_root, monkeypatch):
    monkeypatch.chdir(tiny_root)
    outcome = bench_inspect("--problem", "row_argmin", "--json", "-")
    assert outcome.exit_code == 0, outcome.stderr
    values = json.loads(outcome.stdout)
    (report,) = values["reports"]
    assert (report["launch"]["kernel"], report["launch"]["grid"]) == ("argmin_kernel", [65536, 1, 1])
    assert report["launch"]["constants"] == {"BLOCK": "4096"}
    assert report["built"]["registers"] > 0
    assert values["totals"]["intermediate_bytes"] == 0
    assert values["totals"]["output_bytes"] == 8 * 65536


def test_the_baseline_of_the_argmin_problem_launches_what_its_profile_shows(monkeypatch):
    monkeypatch.chdir(ROOT)
    started = time.monotonic()
    outcome = bench_inspect("--problem", "argmin", "--solution", "baseline", "--json", "-")
    assert outcome.exit_code == 0, outcome.stderr
    grids = [report["launch"]["grid"] for report in json.loads(outcome.stdout)["reports"]]
    assert grids == [[262144, 1, 1], [4096, 1, 1]]
    assert time.monotonic() - started < 60
