"""pytest-benchmark on device time: `pytest problems --benchmark-only [--problem argmin]`.

The plugin times nothing. It has the suite's own judge take samples on the GPU, or reads recorded ones, and
`suite.replay` shows them to pytest-benchmark.
"""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from suite.benchmark_sources import Measured, Recorded, recorded
from suite.benchmarks import AbsentError, Case, FailedError, find_cases, find_result
from suite.problem import ProblemFolderError, UnknownNameError, find_problem
from suite.replay import CLOCK
from suite.result import Result
from suite.solution import SolutionFileError

SOURCE = pytest.StashKey[Measured | Recorded]()
CASES = pytest.StashKey[dict[str, Case]]()
"""By the id of the test's parameters."""
REMARKS = ("Not saving anything", "Can't compare", "Benchmark machine_info is different")
"""What pytest-benchmark remarks where every benchmark skips, on a first run, and after an update of a driver.
With warnings as errors any of them would end the session in a stack trace."""
USER_ERRORS = (UnknownNameError, ProblemFolderError, SolutionFileError)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which samples to replay."""
    group = parser.getgroup("device time", "benchmarks of GPU kernels (pytest problems --benchmark-only)")
    group.addoption(
        "--problem", action="append", default=[], metavar="NAME", help="Only this problem; repeatable."
    )
    group.addoption(
        "--from-results",
        action="store_true",
        help="Replay the newest samples of reports/results instead of measuring; needs no GPU.",
    )
    group.addoption(
        "--device-slug",
        metavar="SLUG",
        help="Whose samples --from-results replays, for instance nvidia-h200. "
        "Default: the only card that there are results of.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse wrong names before anything runs, and choose where samples come from."""
    root = config.rootpath
    device = config.getoption("device_slug")
    try:
        for name in config.getoption("problem"):
            find_problem(root, name)
        if device is not None and not config.getoption("from_results"):
            raise UnknownNameError("--device-slug chooses among recorded results: add --from-results")
        config.stash[SOURCE] = recorded(root, device) if config.getoption("from_results") else Measured(root)
    except USER_ERRORS as error:
        raise pytest.UsageError(str(error)) from error
    for remark in REMARKS:
        warnings.filterwarnings("default", remark, pytest.PytestWarning)  # while pytest configures itself
        config.addinivalue_line("filterwarnings", f"default:{remark}:pytest.PytestWarning")  # and afterwards


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each solution on each bench workload."""
    if "device_result" not in metafunc.fixturenames:
        return
    try:
        cases = find_cases(metafunc.config.rootpath, metafunc.config.getoption("problem"))
    except USER_ERRORS as error:
        raise pytest.UsageError(str(error)) from error
    metafunc.config.stash[CASES] = {f"{case.problem}-{case.workload}-{case.solution}": case for case in cases}
    parameters = [
        pytest.param(
            case.problem,
            case.workload,
            case.solution,
            id=name,
            marks=pytest.mark.benchmark(group=case.group, timer=CLOCK),
        )
        for name, case in metafunc.config.stash[CASES].items()
    ]
    metafunc.parametrize(("problem", "workload", "solution"), parameters)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Measure what is left after -k and the like, and no more."""
    source = session.config.stash[SOURCE]
    if isinstance(source, Measured):
        source.selected = [
            _case(item)
            for item in session.items
            if isinstance(item, pytest.Function) and "device_result" in item.fixturenames
        ]


@pytest.fixture
def device_result(
    request: pytest.FixtureRequest, problem: str, workload: str, solution: str
) -> Result | FailedError:
    """The timed result of this test's case, or how it failed; skips where nothing is known."""
    try:
        return find_result(request.config.stash[SOURCE], _case(request.node))
    except FailedError as error:
        return error
    except AbsentError as error:
        pytest.skip(str(error))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name the recorded lines that were left out."""
    source = config.stash[SOURCE]
    for warning in source.warnings if isinstance(source, Recorded) else ():
        terminalreporter.write_line(f"warning: {warning}")


def _case(item: pytest.Function) -> Case:
    return item.config.stash[CASES][item.callspec.id]


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """Say whose device time it is."""
    machine_info.update(config.stash[SOURCE].machine())
    # The host's clock at this moment: it differs every time, bears on nothing, and would make every
    # comparison warn that the machines differ.
    for name in [name for name in machine_info.get("cpu", {}) if name.startswith("hz_actual")]:
        del machine_info["cpu"][name]


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_benchmark_compare_machine_info(
    machine_info: dict[str, Any], compared_benchmark: dict[str, Any]
) -> None:
    """Refuse to compare across GPUs."""
    here, there = machine_info["gpu"], compared_benchmark["machine_info"].get("gpu")
    if here != there:
        raise pytest.UsageError(
            f"--benchmark-compare: the saved run is of {there or 'no GPU'}, this one of {here or 'no GPU'}; "
            "latencies of different GPUs do not compare"
        )
