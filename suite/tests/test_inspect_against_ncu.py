"""The script that holds inspections against Nsight Compute: what it makes of either side."""

import json
import threading
import time

import pytest

from suite.counters import DYNAMIC_SMEM, GRID, REGISTERS, STATIC_SMEM
from suite.judge.ncu import NcuLaunch
from suite.tests.fake_evidence import evidence, launch
from suite.tests.repository_scripts import script
from suite.tests.stage_cases import KERNEL


@pytest.fixture(scope="module", name="script")
def its_module():
    with script("inspect_against_ncu") as module:
        yield module


def row(kernel, grid=(64, 1, 1), registers=40.0, static=0.0, dynamic=0.0):
    values = {GRID: 64.0, REGISTERS: registers, STATIC_SMEM: static, DYNAMIC_SMEM: dynamic}
    return NcuLaunch(kernel, grid, (128, 1, 1), values)


MARK = row("at::cuda::spin_kernel(long)")


def test_rows_fall_to_workloads_by_the_markers_and_torch_s_are_left_out(script):
    rows = [
        MARK,
        row("k"),
        row("void at::native::vectorized_elementwise_kernel<4>()"),
        row("j"),
        MARK,
        row("k"),
    ]
    found = script.by_workload(rows, ["seed", "wide", "never_reached"], {"k", "j"})
    assert {name: [launch.kernel for launch in seen] for name, seen in found.items()} == {
        "seed": ["k", "j"],
        "wide": ["k"],
    }


def test_equal_accounts_have_no_differences(script):
    inspection = evidence(KERNEL, launch(BLOCK=128), launch(BLOCK=64, candidate=True)).inspection
    seen = script.by_workload([MARK, row("k")], ["seed"], {"k"})["seed"]
    assert script.captured(inspection) == seen
    assert script.differences(script.captured(inspection), seen) == []


def test_every_difference_is_told(script):
    foretold = script.captured(evidence(KERNEL, *[launch(BLOCK=128)] * 2).inspection)
    seen = script.by_workload([MARK, *[row("k", (63, 1, 1), 41.0, dynamic=256.0)] * 2], ["seed"], {"k"})[
        "seed"
    ]
    assert script.differences(foretold, seen) == [
        "k: grid (64, 1, 1), ncu (63, 1, 1) (2 times)",
        "k: registers 40, ncu 41 (2 times)",
        "k: dynamic_smem_bytes 0, ncu 256 (2 times)",
    ]
    assert script.differences(foretold, seen[:1]) == ["inspect foretells k, k; ncu sees k"]


def test_a_command_that_hangs_ends_with_what_it_started(script):
    command = ["sh", "-c", "echo begun; sleep 100 & sleep 100"]
    code, said = script.run_whole(command, {"PATH": "/usr/bin:/bin"}, 0.5)
    assert (code, said) == (-9, "begun\n\nstopped after 0.5 s")


def test_records_are_kept_by_problem_in_order(script, tmp_path, monkeypatch):
    monkeypatch.setattr(script, "ROOT", tmp_path)
    pairs = [("p", "grid_stage"), ("q", "final"), ("p", "baseline")]
    script.keep("card", [{"problem": problem, "solution": solution} for problem, solution in pairs])
    path = tmp_path / "reports" / "inspect" / "card" / "p.jsonl"
    kept = [json.loads(line) for line in path.read_text().splitlines()]
    assert [record["solution"] for record in kept] == ["baseline", "grid_stage"]
    script.keep("card", [{"problem": "p", "solution": "baseline", "workload": "again"}])
    kept = [json.loads(line) for line in path.read_text().splitlines()]
    assert [record.get("workload") for record in kept] == ["again", None]


def test_an_interruption_ends_what_every_thread_waits_for(script):
    ended = []

    def wait():
        ended.append(script.run_whole(["sh", "-c", "sleep 100 & wait"], {"PATH": "/usr/bin:/bin"}, 60.0)[0])

    thread = threading.Thread(target=wait)
    thread.start()
    while not script._running:
        time.sleep(0.01)
    script.end_all()
    thread.join(10)
    assert (ended, script._running) == ([-9], set())
