"""The script that shows the clock: what it keeps and tells of made-up commands."""

import json
import shutil

import pytest

from suite.tests.fake_nvml import install
from suite.tests.repository_scripts import SCRIPTS, script

ROOT = SCRIPTS.parent


@pytest.fixture
def clock(tmp_path, monkeypatch):
    """The script in a checkout of its own, on a simulated card; `said` are the lines of its commands."""
    for name in ("problems/argmin", "suite/tests/tiny"):
        shutil.copytree(ROOT / name, tmp_path / name)
    install(monkeypatch, {"nvmlDeviceGetName": "NVIDIA H100 80GB HBM3"})
    with script("clock_evidence") as module:
        monkeypatch.setattr(module, "ROOT", tmp_path)
        yield module


def kept(tmp_path, name):
    text = (tmp_path / "reports" / "clock" / "nvidia-h100-80gb-hbm3" / name).read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_comparisons_are_kept_as_they_come_under_the_name_of_the_card(clock, tmp_path, monkeypatch, capsys):
    turns = iter([[{"workload": "seed", "verdict": "SAME", "ratio": 1.001}], [], []])

    def bench(*words):
        assert words[0] == "compare"
        yield from next(turns)

    monkeypatch.setattr(clock, "bench", bench)
    clock.compare("same", None, ("seed", "last_dim"), 2)
    assert capsys.readouterr().out.splitlines() == [
        "same: 1 of 4 comparisons, {'SAME': 1}",
        "  seed: ratios 1.0010 to 1.0010, median 1.0010",
    ]
    assert [line["verdict"] for line in kept(tmp_path, "same.jsonl")] == ["SAME"]
    clock.compare("differ", clock.TWO_PERCENT, ("seed",), 1)  # the final still has the line that it changes


def test_an_audit_tells_of_what_failed_and_goes_on(clock, tmp_path, monkeypatch, capsys):
    def bench(*words, root=None):
        line = {
            "problem": words[2],
            "workload": "seed",
            "status": "passed",
            "reason": None,
            "latency_ms": 2.0,
        }
        if words[2] == "argmin":
            yield line | {"audit": {"clock": "ncu", "latency_ms": 1.6}}
        elif words[2] == "argmax":
            yield line | {"audit": None}
        elif words[2] == "matmul_large_k":
            yield line | {"status": "rejected", "reason": "a rule", "latency_ms": None}
        else:
            assert '"e": {"tier": "bench"' in (root / "problems" / "row_argmin" / "inputs.py").read_text()

    monkeypatch.setattr(clock, "bench", bench)
    clock.audit()
    told = capsys.readouterr()
    assert told.out.splitlines() == [
        "argmin seed: 2000.00 us, ncu 1600.00 us, +25.00%, +400.00 us",
        "argmax seed: 2000.00 us, no second clock worked",
    ]
    assert told.err.splitlines() == ["matmul_large_k seed: rejected: a rule"]
    assert len(kept(tmp_path, "audit.jsonl")) == 3


def test_what_a_command_said_until_it_was_ended_is_used(clock, monkeypatch):
    monkeypatch.setattr(clock, "TIMEOUT_S", 0.5)
    said = "echo '{\"a\": 1}'; printf '{\"b\": '; exec sleep 60"
    monkeypatch.setattr(clock.subprocess, "run", with_words(clock.subprocess.run, ["/bin/sh", "-c", said]))
    assert list(clock.bench("run")) == [{"a": 1}]


def with_words(run, words):
    return lambda _command, **options: run(words, **options)
