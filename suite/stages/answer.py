"""The code in an answer: a bare file, or a Markdown reply with exactly one Python block."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

PYTHON = frozenset({"", "python", "py", "python3", "triton"})
"""What a fence may say of Python; other languages are prose."""
_LINE_END = re.compile(r"\r\n|\r|\n")
"""Of Markdown and of Python. `str.splitlines` would cut at a form feed in a line of code too."""
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[ \t]*([^\s`]*)[^`]*$")


class AnswerError(ValueError):
    """There is not exactly one piece of code in an answer; the message says what there is."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a Markdown text."""

    line: int
    """Of its opening fence."""
    language: str
    code: str
    is_closed: bool


def code_of(text: str) -> str:
    """The code of an answer.

    Raises:
        AnswerError: it is empty, its only Python block is cut off, or it has none or several.
    """
    if not text.strip():
        raise AnswerError("the answer is empty")
    if is_python(text):
        return text
    blocks = [block for block in fenced_blocks(text) if block.language in PYTHON]
    if len(blocks) == 1:
        if not blocks[0].is_closed:
            raise AnswerError(
                f"the code block that begins on line {blocks[0].line} never ends: it was cut off"
            )
        return blocks[0].code
    if not blocks:
        if _reads_like_code(text):
            return text  # broken Python: its own message says more
        raise AnswerError("no Python block: answer with one block that begins with ```python")
    lines = ", ".join(str(block.line) for block in blocks)
    raise AnswerError(f"{len(blocks)} Python blocks (lines {lines}): answer with exactly one")


def fenced_blocks(text: str) -> list[Block]:
    """All fenced blocks. A fence ends at one of its own kind that is at least as long and says nothing."""
    blocks: list[Block] = []
    fence, start, language, held = "", 0, "", list[str]()
    for number, line in enumerate(_LINE_END.split(text), start=1):
        found = _FENCE.match(line)
        if not fence:
            if found:
                fence, start, language, held = found[1], number, found[2].lower(), []
        elif found and not found[2] and found[1].startswith(fence):
            blocks.append(Block(start, language, _joined(held), True))
            fence = ""
        else:
            held.append(line)
    if fence:
        blocks.append(Block(start, language, _joined(held), False))
    return blocks


def is_python(text: str) -> bool:
    """Does the whole text parse, so that no fence in it is one of Markdown?"""
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _reads_like_code(text: str) -> bool:
    return any(
        line.startswith(("import ", "from ", "@triton", "class ModelNew")) for line in text.splitlines()
    )


def _joined(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
