"""Taking files in. Two of these run a real judge on the CPU."""

import pytest
from click.testing import CliRunner

from suite import store
from suite.cli import judging_verbs, main
from suite.problem import find_problem
from suite.solution import SolutionFileError
from suite.submission import SubmissionError, accept, code_file, prepare
from suite.tests.fake_results import fake_result
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


def without_header():
    """The right solution without its `# author:` and `# idea:` lines."""
    return "".join(line for line in RIGHT.read_text().splitlines(keepends=True) if not line.startswith("#"))


def files(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_a_submission_is_named_after_author_and_idea(tiny_root, problem, mine):
    submission = prepare(tiny_root, problem, mine, "ada", "warp_shuffle-2", tiny_root)
    assert submission.target == tiny_root / "solutions" / "row_argmin" / "ada_warp_shuffle-2.py"
    assert (submission.solution.name, submission.solution.author) == ("ada_warp_shuffle-2", "ada")
    assert submission.source == RIGHT.read_bytes()
    assert not submission.target.exists()


def test_without_an_idea_the_header_line_names_it(tiny_root, problem, mine):
    assert prepare(tiny_root, problem, mine, "ada", None, tiny_root).target.name == "ada_one-row-a-program.py"


def test_without_a_header_line_the_file_names_it(tiny_root, problem, mine):
    mine.write_text(without_header())
    assert prepare(tiny_root, problem, mine, "ada", None, tiny_root).target.name == "ada_mine.py"


@pytest.mark.parametrize("author", ["../x", "a_b", "", "-a", "a b", "x" * 40, "ada\n", "Ä"])
def test_an_author_is_a_plain_name(tiny_root, problem, mine, author):
    with pytest.raises(SubmissionError) as error:
        prepare(tiny_root, problem, mine, author, None, tiny_root)
    assert str(error.value) == f"author {author!r}: use 1 to 39 letters, digits and hyphens"


@pytest.mark.parametrize("idea", ["../x", "_x", "a/b", "a b", "x" * 61, "x\n", "-"])
def test_an_idea_is_a_plain_name(tiny_root, problem, mine, idea):
    with pytest.raises(SubmissionError) as error:
        prepare(tiny_root, problem, mine, "ada", idea, tiny_root)
    assert str(error.value) == (
        f"idea {idea!r}: use 1 to 60 letters, digits, hyphens and underscores (--idea NAME)"
    )


def test_an_idea_of_no_usable_letter_asks_for_another(tiny_root, problem, mine):
    mine.write_text(f"# idea: ★★★\n{without_header()}")
    with pytest.raises(SubmissionError, match="idea '': use 1 to 60 letters"):
        prepare(tiny_root, problem, mine, "ada", None, tiny_root)


def test_a_taken_name_is_refused(tiny_root, problem, mine):
    with pytest.raises(SubmissionError) as error:
        prepare(tiny_root, problem, mine, "tests", "right", tiny_root)
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
        prepare(tiny_root, problem, mine, "ada", None, tiny_root)
    assert str(error.value).startswith(f"{mine}{message}")
    assert files(tiny_root) == before


def test_a_file_that_breaks_the_output_rules_is_refused_with_its_lines(tiny_root, problem, mine):
    mine.write_text(without_header() + "\n\ndef get_inputs():\n    return []\n\n\nprint(1)\n")
    before = files(tiny_root)
    with pytest.raises(SubmissionError) as error:
        prepare(tiny_root, problem, mine, "ada", None, tiny_root)
    assert str(error.value).splitlines() == [
        f"{mine} breaks the output rules (see CONTRIBUTING.md):",
        "  line 39: 'get_inputs' stands after ModelNew; ModelNew is the last part: move it up",
        "  line 39: defines get_inputs; the problem makes the inputs: leave it out",
        "  line 43: a statement that runs on import; leave calls, prints and tests out",
    ]
    assert files(tiny_root) == before


@pytest.mark.parametrize(
    ("code", "error", "message"),
    [
        ("def f(:\n", SolutionFileError, "{reply}:4: not Python: invalid syntax"),
        (
            f"{without_header()}print(1)\n",
            SubmissionError,
            "{reply} breaks the output rules (see CONTRIBUTING.md):\n"
            f"  line {4 + without_header().count(chr(10))}: a statement that runs on import; "
            "leave calls, prints and tests out",
        ),
    ],
)
def test_lines_of_a_reply_are_those_of_the_reply(tiny_root, problem, mine, tmp_path, code, error, message):
    reply = mine.with_suffix(".md")
    reply.write_text(f"Here it is.\n\n```python\n{code}```\n")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with pytest.raises(error) as refused:
        prepare(tiny_root, problem, reply, "ada", None, scratch)
    assert str(refused.value) == message.format(reply=reply)


def test_the_code_of_a_reply_is_taken_out_of_it(tmp_path, mine):
    reply = mine.with_suffix(".md")
    reply.write_text(f"Here it is.\n\n```python\n{RIGHT.read_text()}```\nGood luck.\n")
    assert code_file(mine, tmp_path) == mine
    taken = code_file(reply, tmp_path)
    assert (taken.name, taken.read_bytes()) == ("mine.py", RIGHT.read_bytes())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("I cannot do that.\n", "no Python block: answer with one block that begins with ```python"),
        (
            "```python\na = 1\n```\n\n```py\nb = 2\n```\n",
            "2 Python blocks (lines 1, 5): answer with exactly one",
        ),
        ("", "the answer is empty"),
    ],
)
def test_a_reply_without_exactly_one_block_is_refused(tmp_path, mine, text, message):
    reply = mine.with_suffix(".md")
    reply.write_text(text)
    with pytest.raises(SubmissionError) as error:
        code_file(reply, tmp_path)
    assert str(error.value) == f"{reply}: {message}"


def test_what_was_judged_is_copied_byte_for_byte(tiny_root, problem, mine):
    mine.write_bytes(RIGHT.read_bytes() + b"# trailing blanks \r\n")
    submission = prepare(tiny_root, problem, mine, "ada", "copy", tiny_root)
    accept(submission)
    assert submission.target.read_bytes() == mine.read_bytes()


@pytest.mark.parametrize("content", [b"class ModelNew: ...", None])
def test_a_file_that_changed_while_it_was_judged_is_refused(tiny_root, problem, mine, content):
    submission = prepare(tiny_root, problem, mine, "ada", "late", tiny_root)
    mine.unlink()
    if content is not None:
        mine.write_bytes(content)
    with pytest.raises(SubmissionError) as error:
        accept(submission)
    assert str(error.value) == f"{mine} changed while it was being submitted; submit it again"
    assert not submission.target.exists()


def test_a_name_that_was_taken_meanwhile_is_refused(tiny_root, problem, mine):
    submission = prepare(tiny_root, problem, mine, "ada", "raced", tiny_root)
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


def test_a_reply_is_taken_in_like_a_file(tiny_root, mine, monkeypatch):
    monkeypatch.chdir(tiny_root)
    reply = mine.with_suffix(".md")
    reply.write_text(f"# Answer\n```python\n{without_header()}```\n")

    def judge(_root, problem, solutions, *_options, **_more):
        assert [solution.path.read_text() for solution in solutions] == [without_header()]
        return [fake_result(solutions[0].name, "check", None, gpu=None, problem=problem.name)]

    monkeypatch.setattr(judging_verbs, "judge", judge)  # the test above has the real one
    monkeypatch.setattr(judging_verbs, "show_card_columns", lambda *_: None)
    outcome = submit(reply)
    assert outcome.exit_code == 0, outcome.output
    assert outcome.stdout.splitlines()[-1] == "submitted: solutions/row_argmin/ada_mine.py"
    assert (tiny_root / "solutions" / "row_argmin" / "ada_mine.py").read_text() == without_header()


def test_a_wrong_solution_is_refused_and_nothing_is_written(tiny_root, monkeypatch):
    monkeypatch.chdir(tiny_root)
    wrong = WRONG[0].write(tiny_root)
    outcome = submit(wrong)
    assert outcome.exit_code == 1
    assert outcome.stderr.splitlines()[-1] == f"not submitted: {wrong} did not pass"
    assert "incorrect" in outcome.stdout
    assert files(tiny_root / "solutions") == ["row_argmin/tests_right.py"]
    assert not (tiny_root / "reports" / "results").exists()


def test_a_folder_is_no_file(tiny_root, problem):
    with pytest.raises(SolutionFileError, match=r"solutions: not a file$"):
        prepare(tiny_root, problem, tiny_root / "solutions", "ada", None, tiny_root)
