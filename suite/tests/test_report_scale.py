"""A report of 100,000 results: all pages, none too large, little memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from suite.tests.many_results import many_results

ROOT = Path(__file__).parents[2]
N_RESULTS, N_SOLUTIONS, N_PROBLEMS = 100_000, 2_000, 60


def test_a_hundred_thousand_results_of_two_thousand_solutions(tmp_path):
    source = (ROOT / "problems" / "argmin" / "baseline.py").read_text()
    many_results(tmp_path, source, N_RESULTS, N_SOLUTIONS, N_PROBLEMS)
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "suite", "report", "--out", str(tmp_path / "out")],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
        # Of this process and those that it started; children of other tests were larger.
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert (process.returncode, (tmp_path / "said").read_text()) == (0, "")
    # The largest of the processes, as if all of them were as large.
    processes = 1 + min(8, os.cpu_count() or 1)
    assert used.ru_maxrss * 1024 * processes < 1.5e9
    # Two cores would do this in 30 s; twice that is a defect on any machine, however busy.
    assert used.ru_utime + used.ru_stime < 120

    pages = list((tmp_path / "out").rglob("*.html"))
    assert len(pages) == 3 + N_PROBLEMS + N_SOLUTIONS
    assert max(page.stat().st_size for page in pages) < 3_000_000
    assert (tmp_path / "out" / "index.html").read_text().count('<article class="card"') == N_PROBLEMS
