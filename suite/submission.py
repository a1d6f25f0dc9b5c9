"""Taking an answer in as a submitted solution: `solutions/<problem>/<author>_<idea>.py`.

An answer is a bare file or a Markdown reply with one Python block; both must keep the output rules.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from suite.problem import Problem
from suite.solution import Solution, SolutionFileError, read_solution, require_solution_form
from suite.stages.answer import PYTHON, AnswerError, code_of, fenced_blocks, is_python
from suite.stages.output_rules import breaches

_AUTHOR = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}")
_IDEA = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")


class SubmissionError(ValueError):
    """A submission is refused and nothing is written; the message says why."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A file that has the form of a solution, and where it goes if it passes."""

    solution: Solution
    source: bytes
    target: Path


def code_file(file: Path, folder: Path) -> Path:
    """`file` itself if it is bare code, else the code of the answer in it, written into `folder`.

    Raises:
        SubmissionError: an answer without exactly one Python block.
        SolutionFileError: the file is missing, cannot be read or is over 1 MB.
    """
    read_solution(file)
    text = _text(file)
    if text.strip() and is_python(text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")):
        return file
    if file.suffix == ".py" and not fenced_blocks(text):
        return file  # broken Python; what is wrong with it is said as of any file
    try:
        code = code_of(text)
    except AnswerError as error:
        raise SubmissionError(f"{file}: {error}") from error
    path = folder / f"{file.stem}.py"
    path.write_text(code, encoding="utf-8")
    return path


def prepare(
    root: Path, problem: Problem, file: Path, author: str, idea: str | None, scratch: Path
) -> Submission:
    """Check the form of the answer in `file`, and of its name; code from a reply goes to `scratch`.

    Raises:
        SubmissionError: the author or the idea is no plain name, the name is taken, or an output rule is
            broken.
        SolutionFileError: the file cannot be a solution.
    """
    if not _AUTHOR.fullmatch(author):
        raise SubmissionError(f"author {author!r}: use 1 to 39 letters, digits and hyphens")
    answer, file = file, code_file(file, scratch)
    _require_form(file, answer, scratch)
    solution = read_solution(file)
    name = idea or re.sub(r"[^A-Za-z0-9_-]+", "-", solution.idea or file.stem).strip("-_")[:60]
    if not _IDEA.fullmatch(name):
        raise SubmissionError(
            f"idea {name!r}: use 1 to 60 letters, digits, hyphens and underscores (--idea NAME)"
        )
    target = root / "solutions" / problem.name / f"{author}_{name}.py"
    if target.exists():
        raise SubmissionError(f"{target.relative_to(root)} exists; choose another --idea")
    renamed = dataclasses.replace(solution, name=target.stem, author=author)
    return Submission(renamed, file.read_bytes(), target)


def accept(submission: Submission) -> None:
    """Write what was judged to its place.

    Raises:
        SubmissionError: the file changed while it was judged, or the name was taken meanwhile.
    """
    judged = submission.solution
    if {_sha256(submission.source), _sha256(_now(judged.path))} != {judged.sha256}:
        raise SubmissionError(
            f"{submission.solution.path} changed while it was being submitted; submit it again"
        )
    submission.target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with submission.target.open("xb") as file:
            file.write(submission.source)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise SubmissionError(f"{submission.target} exists; choose another --idea") from None


def _require_form(file: Path, answer: Path, scratch: Path) -> None:
    """Hold the code against the form of a solution and the output rules; lines are those of the answer."""
    checked = file
    if file != answer:
        checked = scratch / "numbered.txt"
        before = [block.line for block in fenced_blocks(_text(answer)) if block.language in PYTHON]
        # Without a block the whole answer is the code.
        checked.write_bytes(b"\n" * sum(before) + file.read_bytes())
    try:
        require_solution_form(checked)
    except SolutionFileError as error:
        raise SolutionFileError(str(error).replace(str(checked), str(answer))) from error
    broken = breaches(checked.read_bytes())
    if broken:
        lines = "\n".join(f"  {breach}" for breach in broken)
        raise SubmissionError(f"{answer} breaks the output rules (see CONTRIBUTING.md):\n{lines}")


def _text(file: Path) -> str:
    return file.read_bytes().decode(errors="replace")


def _sha256(source: bytes) -> str:
    return hashlib.sha256(source).hexdigest()


def _now(path: Path) -> bytes:
    """What stands in the file now; nothing if it is gone."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
