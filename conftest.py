"""Markers and fixtures of the whole repository."""

from __future__ import annotations

import os
import shutil
import signal
from importlib.util import find_spec
from pathlib import Path

import pytest

from suite.machine import has_gpu

pytest_plugins = ["suite.pytest_plugin"]

TINY = Path(__file__).parent / "suite" / "tests" / "tiny"

# Half a minute and more each. Begun last, one would keep one process busy when the others are done.
LONGEST = {
    "test_exploits",
    "test_final_paths",
    "test_graded_stages",
    "test_judging",
    "test_kernelbench",
    "test_problems",
    "test_report_browser",
    "test_report_layout",
    "test_report_scale",
}

# A machine that only judges may lack what draws pages.
DRAWS = find_spec("plotly") is not None or os.environ.get("CI") == "true"
collect_ignore_glob = [] if DRAWS else ["suite/tests/test_report_*.py"]


def pytest_report_header() -> str | None:
    """Say what is left out."""
    return None if DRAWS else "plotly is not installed: suite/tests/test_report_*.py are left out"


def pytest_configure() -> None:
    """Have each of several processes, and what it starts, compute in one thread, and hear Ctrl-C.

    Threads that wait for a core that another process has spin: two judges at once on two cores took half as
    long again. What a script starts in the background ignores SIGINT, and so does what that starts.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """What `-n auto` means: a core each, but nothing beside a test that times on a GPU.

    More than four wait for the longest file.
    """
    return 0 if has_gpu() else min(4, os.cpu_count() or 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files, and skip what needs a GPU where there is none."""
    items.sort(key=lambda item: item.path.stem not in LONGEST)
    if has_gpu():
        return
    for item in items:
        if "gpu" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="needs an NVIDIA GPU; none answers here"))


@pytest.fixture
def tiny_root(tmp_path: Path) -> Path:
    """A checkout with one small problem, `row_argmin`, and one right solution of it."""
    return copy_tiny(tmp_path)


def copy_tiny(folder: Path) -> Path:
    """Make the small checkout in `folder`."""
    shutil.copytree(TINY / "problems", folder / "problems")
    target = folder / "solutions" / "row_argmin"
    target.mkdir(parents=True)
    shutil.copy(TINY / "right.py", target / "tests_right.py")
    return folder


def copy_small(folder: Path) -> Path:
    """The small checkout with one check workload: cases run in random order, and reasons name the first."""
    copy_tiny(folder)
    inputs = folder / "problems" / "row_argmin" / "inputs.py"
    lines = inputs.read_text().splitlines(keepends=True)
    inputs.write_text("".join(line for line in lines if not line.startswith('    "wide":')))
    return folder
