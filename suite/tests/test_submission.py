"""Taking files in. Two of these run a real judge on the CPU."""

import pytest
from click.testing import CliRunner

from suite import store
from suite.cli import main
from suite.problem import find_problem
from suite.solution import SolutionFileError
from suite.submission import SubmissionError, accept, prepare
from suite.tests.wrong_solutions import RIGHT, WRONG


@pytest.fixture
def problem(tiny_root):
    return find_problem(tiny_root, "row_argmin")


@pytest.fixture
def mine(tiny_root):
    """A right solution outside the solutions folder."""
    path = tiny_root / "mine.py"
    path.write_bytes(RIGHT.read_bytes())
    return path


def files(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_a_submission_is_named_after_author_and_idea(tiny_root, problem, mine):
    submission = prepare(tiny_root, problem, mine, "ada", "warp_shuffle-2")
    assert submission.target == tiny_root / "solutions" / "row_argmin" / "ada_warp_shuffle-2.py"
    assert (submission.solution.name, submission.solution.author) == ("ada_warp_shuffle-2", "ada")
    assert submission.source == RIGHT.read_bytes()
    assert not submission.target.exists()


def test_without_an_idea_the_header_line_names_it(tiny_root, problem, mine):
    assert prepare(tiny_root, problem, mine, "ada", None).target.name == "ada_one-row-a-program.py"


def test_without_a_header_line_the_file_names_it(tiny_root, problem, mine):
    mine.write_text("class ModelNew:\n    pass\n")
    assert prepare(tiny_root, problem, mine, "ada", None).target.name == "ada_mine.py"


@pytest.mark.parametrize("author", ["../x", "a_b", "", "-a", "a b", "x" * 40, "ada\n", "Ä"])
def test_an_author_is_a_plain_name(tiny_root, problem, mine, author):
    with pytest.raises(SubmissionError) as error:
        prepare(tiny_root, problem, mine, author, None)
    assert str(error.value) == f"author {author!r}: use 1 to 39 letters, digits and hyphens"


@pytest.mark.parametrize("idea", ["../x", "_x", "a/b", "a b", "x" * 61, "x\n", "-"])
def test_an_idea_is_a_plain_name(tiny_root, problem, mine, idea):
    with pytest.raises(SubmissionError) as error:
        prepare(tiny_root, problem, mine, "ada", idea)
    assert str(error.value) == (
        f"idea {idea!r}: use 1 to 60 letters, digits, hyphens and underscores (--idea NAME)"
    )


def test_an_idea_of_no_usable_letter_asks_for_another(tiny_root, problem, mine):
    mine.write_text("# idea: ★★★\nclass ModelNew:\n    pass\n")
    with pytest.raises(SubmissionError, match="idea '': use 1 to 60 letters"):
        prepare(tiny_root, problem, mine, "ada", None)


def test_a_taken_name_is_refused(tiny_root, problem, mine):
    with pytest.raises(SubmissionError) as error:
        prepare(tiny_root, problem, mine, "tests", "right")
    assert str(error.value) == "solutions/row_argmin/tests_right.py exists; choose another --idea"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"#" * 1_000_001, ": 1000001 bytes; a solution may have 1000000"),
        (b"\n\ndef f(:\n", ":3: not Python: invalid syntax"),
        (b"class Model: pass\n", ": no class ModelNew; a solution defines"),
        (b"# \xff\n", ": not UTF-8: invalid start byte at byte 2"),
        (None, ": no such file"),
    ],
)
def test_a_file_without_the_form_of_a_solution_is_refused(tiny_root, problem, mine, content, message):
    mine.unlink()
    if content is not None:
        mine.write_bytes(content)
    before = files(tiny_root)
    with pytest.raises(SolutionFileError) as error:
        prepare(tiny_root, problem, mine, "ada", None)
    assert str(error.value).startswith(f"{mine}{message}")
    assert files(tiny_root) == before


def test_what_was_judged_is_copied_byte_for_byte(tiny_root, problem, mine):
    mine.write_bytes(RIGHT.read_bytes() + b"# trailing blanks \r\n")
    submission = prepare(tiny_root, problem, mine, "ada", "copy")
    accept(submission)
    assert submission.target.read_bytes() == mine.read_bytes()


@pytest.mark.parametrize("content", [b"class ModelNew: ...", None])
def test_a_file_that_changed_while_it_was_judged_is_refused(tiny_root, problem, mine, content):
    submission = prepare(tiny_root, problem, mine, "ada", "late")
    mine.unlink()
    if content is not None:
        mine.write_bytes(content)
    with pytest.raises(SubmissionError) as error:
        accept(submission)
    assert str(error.value) == f"{mine} changed while it was being submitted; submit it again"
    assert not submission.target.exists()


def test_a_name_that_was_taken_meanwhile_is_refused(tiny_root, problem, mine):
    submission = prepare(tiny_root, problem, mine, "ada", "raced")
    submission.target.write_text("first")
    with pytest.raises(SubmissionError) as error:
        accept(submission)
    assert str(error.value) == f"{submission.target} exists; choose another --idea"
    assert submission.target.read_text() == "first"


def submit(path, *options):
    arguments = ["submit", str(path), "--problem", "row_argmin", "--author", "ada", "--device", "cpu"]
    return CliRunner().invoke(main, [*arguments, *options])


def test_a_right_solution_is_taken_in_and_recorded(tiny_root, mine, monkeypatch):
    monkeypatch.chdir(tiny_root)
    outcome = submit(mine, "--idea", "first")
    assert outcome.exit_code == 0, outcome.output
    assert outcome.stdout.splitlines()[-1] == "submitted: solutions/row_argmin/ada_first.py"
    assert (tiny_root / "solutions" / "row_argmin" / "ada_first.py").read_bytes() == RIGHT.read_bytes()
    (result,), warnings = store.read(tiny_root / "reports" / "results")
    assert (result.solution, result.author, result.workload) == ("ada_first", "ada", "check")
    assert (result.status, warnings) == ("passed", [])


def test_a_wrong_solution_is_refused_and_nothing_is_written(tiny_root, monkeypatch):
    monkeypatch.chdir(tiny_root)
    wrong = WRONG[0].write(tiny_root)
    outcome = submit(wrong)
    assert outcome.exit_code == 1
    assert outcome.stderr.splitlines()[-1] == f"not submitted: {wrong} did not pass"
    assert "incorrect" in outcome.stdout
    assert files(tiny_root / "solutions") == ["row_argmin/tests_right.py"]
    assert not (tiny_root / "reports" / "results").exists()
