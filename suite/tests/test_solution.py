import hashlib

import pytest

from suite.problem import UnknownNameError, find_problem
from suite.solution import (
    MAX_BYTES,
    SolutionFileError,
    find_solutions,
    python_text,
    read_solution,
    require_solution_form,
    select_solution,
)
from suite.tests.wrong_solutions import RIGHT

FORM = "class ModelNew:\n    pass\n"


@pytest.fixture
def problem(tiny_root):
    return find_problem(tiny_root, "row_argmin")


@pytest.fixture
def write(tmp_path):
    """A function that writes one file of a solution and gives its path."""

    def make(content, name="mine.py"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


def test_a_file_is_hashed_as_it_is(write):
    content = b"# author: ada\r\n# idea: one warp a row \r\n" + FORM.encode() + b"\xff"
    solution = read_solution(write(content))
    assert solution.sha256 == hashlib.sha256(content).hexdigest()
    assert (solution.name, solution.stage, solution.class_name) == ("mine", "submitted", "ModelNew")
    assert (solution.author, solution.idea) == ("ada", "one warp a row")


@pytest.mark.parametrize(
    ("source", "author", "idea"),
    [
        ("", None, None),
        ("#author:ada\n#   idea:  split K", "ada", "split K"),
        ("# author: ada\n# author: bob", "ada", None),
        ("# author:\n# idea: split K", None, "split K"),
        ("#\nauthor: str = 'x'", None, None),
        ("    # author: ada", None, None),
        ("# author: \x1b[31mada", "[31mada", None),
        ("# idea: " + "x" * 200, None, "x" * 80),
    ],
)
def test_header_lines(write, source, author, idea):
    solution = read_solution(write(source))
    assert (solution.author, solution.idea) == (author, idea)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SolutionFileError) as error:
        read_solution(tmp_path / "no.py")
    assert str(error.value) == f"{tmp_path / 'no.py'}: no such file"


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(SolutionFileError) as error:
        read_solution(tmp_path)
    assert str(error.value) == f"{tmp_path}: not a file"


def test_a_name_that_no_file_system_takes(tmp_path):
    path = tmp_path / ("x" * 300 + ".py")
    with pytest.raises(SolutionFileError) as error:
        read_solution(path)
    assert str(error.value) == f"{path}: File name too long"


def test_the_limit_is_one_megabyte(write):
    read_solution(write(b"#" * MAX_BYTES))
    path = write(b"#" * (MAX_BYTES + 1))
    with pytest.raises(SolutionFileError) as error:
        read_solution(path)
    assert str(error.value) == f"{path}: 1000001 bytes; a solution may have 1000000"


def test_the_reference_the_stages_and_then_the_submitted_files(tiny_root, problem):
    for name in ("final_fp32", "final", "baseline", "helper"):
        (problem.folder / f"{name}.py").write_text(FORM)
    (tiny_root / "solutions" / "row_argmin" / "ada_fast.py").write_text(FORM)
    found = [(s.name, s.stage, s.author, s.class_name) for s in find_solutions(tiny_root, problem)]
    assert found == [
        ("reference", "reference", "torch", "Model"),
        ("baseline", "baseline", "tritonpeak", "ModelNew"),
        ("final", "final", "tritonpeak", "ModelNew"),
        ("final_fp32", "final", "tritonpeak", "ModelNew"),
        ("ada_fast", "submitted", "ada", "ModelNew"),
        ("tests_right", "submitted", "tests", "ModelNew"),
    ]


@pytest.mark.parametrize("name", ["reference", "tests_right"])
def test_a_solution_is_selected_by_its_name(tiny_root, problem, name):
    assert select_solution(tiny_root, problem, name).name == name


def test_a_solution_is_selected_by_a_path(tiny_root, problem, write):
    path = write(FORM, "elsewhere.py")
    selected = select_solution(tiny_root, problem, str(path))
    assert (selected.path, selected.stage, selected.author) == (path.resolve(), "submitted", None)


def test_the_path_of_a_graded_stage_means_that_stage(tiny_root, problem, monkeypatch):
    (problem.folder / "final.py").write_text(FORM)
    monkeypatch.chdir(tiny_root)
    selected = select_solution(tiny_root, problem, "problems/row_argmin/final.py")
    assert (selected.name, selected.stage, selected.author) == ("final", "final", "tritonpeak")


def test_an_unknown_solution_gets_a_hint(tiny_root, problem):
    with pytest.raises(UnknownNameError) as error:
        select_solution(tiny_root, problem, "test_right")
    assert str(error.value) == (
        "problem 'row_argmin' has no solution 'test_right'; did you mean 'tests_right'? "
        "(a path must end in .py)"
    )


@pytest.mark.parametrize("source", [RIGHT.read_text(), FORM, "# coding: utf-8\n" + FORM])
def test_a_file_with_the_form_of_a_solution(write, source):
    require_solution_form(write(source))


def test_the_text_of_a_file_has_no_byte_order_mark(write):
    assert python_text(write(b"\xef\xbb\xbfx = 1\n")) == "x = 1\n"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1\ndef f(:\n", ":2: not Python: invalid syntax"),
        (b"# \xe9\n" + FORM.encode(), ": not UTF-8: invalid continuation byte at byte 2"),
        ("x = '\0'", "not Python: source code string cannot contain null bytes"),
        ("x = " + "-" * 100_000 + "1", "not Python: "),
        (
            "def f():\n    class ModelNew:\n        pass\n",
            ": no class ModelNew; a solution defines `class ModelNew(torch.nn.Module)` "
            "with the signature of the problem's Model",
        ),
        ("class Model:\n    pass\n", ": no class ModelNew; a solution defines"),
    ],
)
def test_a_file_that_cannot_be_a_solution(write, source, message):
    path = write(source)
    with pytest.raises(SolutionFileError) as error:
        require_solution_form(path)
    assert str(error.value).startswith(str(path))
    assert message in str(error.value)
