"""Ten files in the format of KernelBench, each with a right and a wrong solution, through the real judge."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from suite import child
from suite.cli import main
from suite.evaluation import Evaluated
from suite.evaluator import Evaluator, divided
from suite.judge import sandbox
from suite.kernelbench import folder as folders
from suite.kernelbench.child.derive import derive
from suite.kernelbench.folder import Imported, problem_of
from suite.kernelbench.source import Source, SourceError, read_source
from suite.runner import RunOptions

FILES = Path(__file__).parent / "kernelbench"
NAMES = sorted(path.stem for path in (FILES / "problems").glob("*.py"))
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


def derive_here(
    source: Source, folder: Path, scale: float | None, on_step: Callable[[str], None]
) -> dict[str, Any]:
    """In this process, which has torch already: a child of its own would take seconds to load it."""
    return derive(folder, dict(source.sizes), scale, on_step)


def imported(root: Path, name: str) -> Imported:
    return problem_of(root, FILES / "problems" / f"{name}.py", lambda _text: None)


@pytest.fixture(scope="module", params=DEVICES)
def verdicts(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Evaluated]:
    root = tmp_path_factory.mktemp(request.param)
    works = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folders, "derive", derive_here)
        for name in NAMES:
            paths = {
                f"{name}/{side}": FILES / "solutions" / name / f"{side}.py" for side in ("right", "wrong")
            }
            works.append(divided(imported(root, name).problem, paths, request.param, {})[0])
    records: list[Evaluated] = []
    options = RunOptions(request.param, timeout_s=120)
    Evaluator(root, options, records.append).evaluate(works, 2 if request.param == "cpu" else 1)
    return {record.solution: record for record in records}


def test_a_file_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "binary.py").write_bytes(b"\0\1")
    with pytest.raises(
        SourceError, match=r"binary\.py: not Python: source code string cannot contain null bytes$"
    ):
        read_source(tmp_path / "binary.py")
    with pytest.raises(SourceError, match=r"not a file$"):
        read_source(tmp_path)


def test_the_files_cover_what_the_format_has() -> None:
    assert NAMES == [
        "batch_norm",
        "buffers",
        "convolution",
        "integer_inputs",
        "large_elementwise",
        "one_input",
        "parameters",
        "scalar_output",
        "several_inputs",
        "tuple_output",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_the_right_solution_of_a_file_passes(verdicts: dict[str, Evaluated], name: str) -> None:
    record = verdicts[f"{name}/right"]
    assert (record.status, record.reason) == ("passed", None)
    checked = record.results[0].correctness
    assert checked is not None
    assert checked.outputs_checked >= 6
    if record.device == "cuda":
        assert [result.workload for result in record.results] == ["check", "seed"]
        assert record.row is not None
        assert record.row.fraction_of_peak is not None
        assert 0 < record.row.fraction_of_peak < 1


@pytest.mark.parametrize("name", NAMES)
def test_the_wrong_solution_of_a_file_is_incorrect(verdicts: dict[str, Evaluated], name: str) -> None:
    assert verdicts[f"{name}/wrong"].status == "incorrect"


def test_a_problem_is_made_once_and_its_reference_is_the_file_byte_for_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "derive", derive_here)
    first = imported(tmp_path, "one_input")
    assert first.problem.reference.read_bytes() == (FILES / "problems" / "one_input.py").read_bytes()
    assert first.problem.folder.parent.parent.parent == tmp_path / "reports" / "imported"
    monkeypatch.setattr(folders, "derive", None)  # would fail if it were called again
    assert imported(tmp_path, "one_input").problem == first.problem


def test_import_and_run_take_a_file_and_say_what_they_do(tmp_path: Path) -> None:
    (tmp_path / "problems").mkdir()
    (tmp_path / "52_Weird Name.py").write_text((FILES / "problems" / "several_inputs.py").read_text())
    (tmp_path / "bad.py").write_text("def get_inputs():\n    return []\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        done = CliRunner().invoke(
            main, ["import", "kernelbench", "52_Weird Name.py", "--scale", "1/4", "--no-check"]
        )
        assert done.exit_code == 0, done.output
        assert done.stdout == "imported: problems/52_weird_name_scale_1_4\n"
        again = CliRunner().invoke(main, ["import", "kernelbench", "52_Weird Name.py", "--scale", "1/4"])
        assert again.exit_code == 2
        assert "exists; --name gives the problem another name" in " ".join(again.output.split())
        bad = CliRunner().invoke(main, ["run", "--problem", "bad.py"])
        assert bad.exit_code == 2
        assert "bad.py: no Model and no get_init_inputs;" in " ".join(bad.output.split())
        listed = CliRunner().invoke(main, ["list", "--problem", "52_weird_name_scale_1_4", "--json"])
        assert '"rows": 2048' in listed.stdout
        right = str(FILES / "solutions" / "several_inputs" / "right.py")
        judged = CliRunner().invoke(
            main,
            [
                "run",
                "--problem",
                "52_weird_name_scale_1_4",
                "--solution",
                right,
                "--device",
                "cpu",
                "--json",
                "-",
            ],
        )
        assert judged.exit_code == 0, judged.output


@pytest.mark.skipif(sandbox.available() is not None, reason=f"no sandbox here: {sandbox.available()}")
def test_a_file_sees_nothing_of_the_checkout_and_has_no_network_while_it_is_derived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = str(Path(__file__).resolve())
    look = f"""
import os
routes = open("/proc/self/net/route").read().count("\\n") - 1
known = [os.environ.get(name) for name in ("USER", "OMP_NUM_THREADS")]
raise RuntimeError(f"checkout {{os.path.exists({here!r})}}, {{routes}} routes, {{known}}")
"""
    path = tmp_path / "task.py"
    path.write_text(look + (FILES / "problems" / "one_input.py").read_text())
    monkeypatch.setenv("USER", "ada")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    with pytest.raises(SourceError) as refused:
        problem_of(tmp_path, path, lambda _text: None)
    assert str(refused.value).endswith("checkout False, 0 routes, [None, '3']")


def test_where_nothing_confines_a_file_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_lines(*_arguments: Any, confinement: Any, **_more: Any) -> Any:
        assert confinement is None
        raise child.ChildError("was not started")

    monkeypatch.setattr(sandbox.shutil, "which", lambda _name: None)
    monkeypatch.setattr(child, "lines", no_lines)
    said: list[str] = []
    with pytest.raises(SourceError, match=r"the process that ran it was not started, while starting$"):
        problem_of(tmp_path, FILES / "problems" / "one_input.py", said.append)
    assert said == [
        "sandbox: none (bubblewrap is not installed (apt-get install bubblewrap)); "
        "it runs as a plain process of your user"
    ]


def test_a_file_that_hangs_says_where_and_how_long_it_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hangs(*_arguments: Any, **_more: Any) -> Any:
        for text in ("loading", "asking for its inputs"):
            yield json.dumps({"kind": "step", "text": text}).encode()
        raise child.ChildError("did not end within 300 s")

    monkeypatch.setattr(child, "lines", hangs)
    said: list[str] = []
    with pytest.raises(SourceError) as refused:
        problem_of(tmp_path, FILES / "problems" / "one_input.py", said.append)
    assert said[-2:] == ["loading (it has 300 s for this and all that follows)", "asking for its inputs"]
    assert str(refused.value).endswith(
        "the process that ran it did not end within 300 s, while asking for its inputs"
    )


def test_a_scale_is_for_files_alone(tiny_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny_root)
    refused = CliRunner().invoke(main, ["run", "--problem", "row_argmin", "--scale", "1/2"])
    assert refused.exit_code == 2
    assert "'row_argmin' names a problem, whose workloads are what they are" in " ".join(
        refused.output.split()
    )
    wrong = CliRunner().invoke(main, ["run", "--problem", "row_argmin", "--scale", "4"])
    assert "a scale is a number between 0 and 1 such as 1/4, found '4'" in wrong.output


@pytest.mark.parametrize(
    "words", [["grade"], ["submit", "x.py", "--author", "ada"], ["report", "--format", "csv"]]
)
def test_what_is_kept_here_is_of_the_checkout_s_own_problems(
    tiny_root: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.chdir(tiny_root)
    file = str(FILES / "problems" / "one_input.py")
    refused = CliRunner().invoke(main, [*words, "--problem", file])
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert f"Error: {file} is no problem of this checkout" in refused.stderr
    assert not (tiny_root / "reports").exists()
    assert "--scale" not in CliRunner().invoke(main, [words[0], "--help"]).stdout
