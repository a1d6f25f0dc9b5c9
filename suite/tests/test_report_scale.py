"""A report of 100,000 results: all pages, none too large, little memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from suite.tests.many_results import many_results

ROOT = Path(__file__).parents[2]
N_RESULTS, N_SOLUTIONS, N_PROBLEMS = 100_000, 2_000, 60
# Runs a command and prints what it and its own children used: peak in KiB, CPU in seconds. In a process of
# its own, for Linux hands a starter's peak on to what it starts, and a test session's is above a gigabyte.
MEASURED = """
import resource, subprocess, sys
returncode = subprocess.run(sys.argv[1:]).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_maxrss, used.ru_utime + used.ru_stime)
sys.exit(returncode)
"""


def test_a_hundred_thousand_results_of_two_thousand_solutions(tmp_path):
    source = (ROOT / "problems" / "argmin" / "baseline.py").read_text()
    many_results(tmp_path, source, N_RESULTS, N_SOLUTIONS, N_PROBLEMS)
    report = [sys.executable, "-m", "suite", "report", "--out", str(tmp_path / "out")]
    process = subprocess.run(
        [sys.executable, "-c", MEASURED, *report],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (process.returncode, process.stderr) == (0, "")
    peak_kib, cpu_s = (float(number) for number in process.stdout.splitlines()[-1].split())
    # The largest of the processes, as if all of them were as large.
    processes = 1 + min(8, os.cpu_count() or 1)
    assert peak_kib * 1024 * processes < 1.5e9
    # Two cores would do this in 30 s; twice that is a defect on any machine, however busy.
    assert cpu_s < 120

    pages = list((tmp_path / "out").rglob("*.html"))
    assert len(pages) == 3 + N_PROBLEMS + N_SOLUTIONS
    assert max(page.stat().st_size for page in pages) < 3_000_000
    assert (tmp_path / "out" / "index.html").read_text().count('<article class="card"') == N_PROBLEMS
