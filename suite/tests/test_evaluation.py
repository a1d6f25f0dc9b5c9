"""Which file belongs to which problem, what many verdicts amount to, and going on after a kill."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from suite.cli import main
from suite.evaluation import Evaluated, append, read, summarize
from suite.matching import Target, find_targets, match
from suite.problem import UnknownNameError
from suite.result import Status
from suite.tests.fake_results import fake_result
from suite.tests.wrong_solutions import RIGHT


def record(solution: str, speedup: float | None = None, **fields: object) -> Evaluated:
    """One solution of `argmin`, `speedup` times as fast as its reference in every round; None: it failed."""
    if speedup is None:
        result = fake_result(solution, status=Status.INCORRECT)
    else:
        reference_ms = tuple(4.0 + 0.001 * (i % 7) for i in range(40))
        result = fake_result(
            solution,
            latency_ms=4.0 / speedup,
            samples_ms=tuple(ms / speedup for ms in reference_ms),
            reference_samples_ms=reference_ms,
        )
    values = {"problem": "argmin", "problem_sha256": "p", "sha256": "s", "device": "cuda", "wall_s": 1.0}
    return Evaluated(solution=solution, results=(result,), **(values | fields))


def test_fast_p_counts_the_failed_and_means_say_what_they_rest_on() -> None:
    records = [
        record("a", 1.2),
        record("b", 3.0),
        record("c", 0.5),
        record("d"),
        record("e", error="no file"),
    ]
    records[4] = Evaluated("argmax", "p", "e", "s", "cuda", 0.0, (), "cannot be mapped")
    summary = summarize(records, problems=2)
    assert (summary.solutions, summary.correct, summary.timed) == (5, 3, 3)
    assert (summary.problems, summary.solved) == (2, 1)
    assert summary.fast == ((1.0, 0.4), (1.5, 0.2), (2.0, 0.2))
    assert [share for _, share in summary.curve] == [0.6, 0.4, 0.2, 0.0]
    assert [p for p, _ in summary.curve] == pytest.approx([0.0, 0.5, 1.2, 3.0])
    assert summary.speedup.count == 3
    assert summary.speedup.value == pytest.approx((1.2 * 3.0 * 0.5) ** (1 / 3))
    # 9.6 GB in 4 ms / speedup on a card with 4800 GB/s: 0.5 x speedup.
    assert summary.fraction_of_peak.value == pytest.approx(0.5 * (1.2 * 3.0 * 0.5) ** (1 / 3))


def test_a_speedup_that_noise_may_have_made_does_not_count() -> None:
    reference_ms = tuple(4.0 + 0.4 * (i % 5 - 2) for i in range(40))
    result = fake_result("a", latency_ms=3.98, samples_ms=(3.98,) * 40, reference_samples_ms=reference_ms)
    summary = summarize([Evaluated("argmin", "p", "a", "s", "cuda", 1.0, (result,))], problems=1)
    assert summary.speedup.value is not None
    assert summary.speedup.value > 1
    assert summary.fast[0] == (1.0, 0.0)


def test_without_a_clock_there_is_no_fast_p() -> None:
    result = fake_result("a", workload="check", gpu=None, latency_ms=None)
    summary = summarize([Evaluated("argmin", "p", "a", "s", "cpu", 1.0, (result,))], problems=1)
    assert (summary.correct, summary.fast, summary.curve) == (1, (), ())
    assert (summary.speedup.value, summary.speedup.count) == (None, 0)


def test_records_survive_the_way_through_a_file_that_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    append(path, record("a", 2.0))
    with path.open("a") as file:
        file.write('{"schema": 1, "problem": "arg')
    append(path, record("b"))
    records, warnings = read(path)
    assert records == [record("a", 2.0), record("b")]
    assert len(warnings) == 1
    assert warnings[0].startswith(f"{path}:2: skipped, not JSON")


def test_a_file_belongs_to_the_problem_of_its_folder_its_name_or_its_number(tmp_path: Path) -> None:
    targets = [
        Target("sum", tmp_path / "sum.py"),
        Target("sum_of_rows", tmp_path / "Sum_of_rows.py"),
        Target("52_argmin", tmp_path / "level1" / "52_Argmin.py"),
        Target("matmul"),
    ]
    files = {
        "sum/anything.py": "sum",
        "deep/sum_of_rows/x.json": "sum_of_rows",
        "Sum_of_rows/y.py": "sum_of_rows",
        "sum_ada.py": "sum",
        "sum_of_rows_ada.py": "sum_of_rows",
        "matmul.py": "matmul",
        "level_1_problem_52_sample_0_kernel.py": "52_argmin",
        "level_2_problem_52_sample_0_kernel.py": None,
        "summit.py": None,
        ".hidden.py": None,
    }
    for name in files:
        path = tmp_path / "solutions" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    matched, unmatched = match(targets, tmp_path / "solutions")
    found = {
        path.relative_to(tmp_path / "solutions").as_posix(): name
        for name, ps in matched.items()
        for path in ps
    }
    assert found == {name: owner for name, owner in files.items() if owner is not None}
    assert [path.name for path in unmatched] == ["level_2_problem_52_sample_0_kernel.py", "summit.py"]


def test_what_is_hidden_is_no_solution(tmp_path: Path) -> None:
    for name in ("argmin/a.py", ".venv/argmin/b.py", "argmin/.git/c.py", "argmin/.d.py", ".venv/e.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    assert match([Target("argmin")], tmp_path) == ({"argmin": [tmp_path / "argmin" / "a.py"]}, [])


def test_a_pattern_that_means_nothing_is_named(tiny_root: Path) -> None:
    assert find_targets(tiny_root, ["row_*"]) == [Target("row_argmin")]
    with pytest.raises(
        UnknownNameError, match=r"no problem matches 'row_argmax'; did you mean 'row_argmin'?"
    ):
        find_targets(tiny_root, ["row_argmax"])
    with pytest.raises(UnknownNameError, match="no file matches"):
        find_targets(tiny_root, [str(tiny_root / "*.py")])


def test_evaluate_goes_on_where_it_was(tiny_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny_root)
    folder = tiny_root / "runs" / "row_argmin"
    folder.mkdir(parents=True)
    (folder / "right.py").write_text(RIGHT.read_text())
    (folder / "crash.py").write_text("import os\nos.abort()\n")
    (folder / "broken.json").write_text("{}")
    out = tiny_root / "out.jsonl"
    command = ["evaluate", "--problems", "row_*", "--solutions", "runs", "--out", str(out), "--device", "cpu"]
    first = CliRunner().invoke(main, command)
    assert first.exit_code == 0, first.output
    assert "no solution of flashinfer-bench or SOL-ExecBench" in first.stderr
    assert "33.3%  (1 of 3)" in first.stdout
    # Nothing was timed: no column of latencies. A long reason is not cut off without a sign.
    assert first.stdout.splitlines()[0].split() == [
        "problem", "solution", "status", "wall", "s", "reason",
    ]  # fmt: skip
    assert "the process was killed by SIGABRT" in " ".join(first.stdout.split())
    assert first.stderr.startswith("no GPU: checking correctness in Triton's interpreter")
    assert any(" ... (0.0 s)" in line for line in first.stderr.splitlines())
    lines = out.read_text().splitlines()
    assert len(lines) == 3
    # A kill cuts the last line off.
    out.write_text("\n".join([*lines[:2], lines[2][:40]]))
    second = CliRunner().invoke(main, [*command, "--json"])
    assert "2 of 3 verdicts stand in" in second.stderr
    assert '"correct": 1' in second.stdout
    assert sorted(r.status for r in read(out)[0]) == ["error", "passed", "runtime_error"]
    third = CliRunner().invoke(main, command)
    assert "3 of 3 verdicts stand in" in third.stderr
