"""Source as a page shows it: highlighted, line by line, and the difference from the stage before."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup, escape
from pygments.lexers.python import PythonLexer
from pygments.token import Comment, Keyword, Name, Number, Operator, String, _TokenType

from suite.report.text import clipped

LONGEST_LINE = 500
MOST_CHARACTERS = 150_000
"""Of a source file on a page; all of it is in the download."""
CLASSES: tuple[tuple[_TokenType, str], ...] = (
    (Comment, "c"),
    (String, "s"),
    (Number, "m"),
    (Keyword, "k"),
    (Operator.Word, "k"),
    (Name.Builtin, "b"),
    (Name.Decorator, "d"),
    (Name.Function, "f"),
    (Name.Class, "f"),
)
"""Kinds of token that are set off; names of the style sheet's classes."""
_classes: dict[_TokenType, str] = {}


@dataclass(frozen=True, slots=True)
class Source:
    """The text of a file, fit for a page."""

    lines: tuple[Markup, ...]
    note: str
    """What was left out; empty if nothing was."""

    @property
    def numbered(self) -> Markup:
        """All lines, each an element that a link can point to; the style sheet shows their numbers."""
        spans = (f'<span class="line" id="L{n}">{line}\n</span>' for n, line in enumerate(self.lines, 1))
        return Markup("".join(spans))  # noqa: S704 - the lines are markup


def read_text(path: Path) -> str:
    """The file as text; what is no UTF-8 is marked."""
    return path.read_bytes().decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n")


def highlighted(text: str) -> Source:
    """Lines of Python as safe markup. Endless lines and files are cut, and the note says so."""
    lines, note = _bounded(text)
    spans: list[list[str]] = [[]]
    for name, value in _merged(PythonLexer(stripnl=False, ensurenl=False).get_tokens("\n".join(lines))):
        for place, part in enumerate(value.split("\n")):
            if place:
                spans.append([])
            if part:
                plain = str(escape(part))
                spans[-1].append(f'<i class="{name}">{plain}</i>' if name else plain)
    return Source(tuple(Markup("".join(line)) for line in spans), note)  # noqa: S704 - escaped above


def difference(old: str, new: str, old_name: str, new_name: str) -> list[tuple[str, str]]:
    """The unified difference of two files as (kind, line); kind is "add", "del", "at" or "same"."""
    before, after = _bounded(old)[0], _bounded(new)[0]
    kinds = {"+": "add", "-": "del", "@": "at"}
    found = difflib.unified_diff(before, after, old_name, new_name, n=2, lineterm="")
    return [(kinds.get(line[:1], "same"), line) for place, line in enumerate(found) if place > 1]


def _bounded(text: str) -> tuple[list[str], str]:
    notes = []
    if len(text) > MOST_CHARACTERS:
        notes.append(f"the last {len(text) - MOST_CHARACTERS} characters")
        text = text[:MOST_CHARACTERS]
    lines = text.removesuffix("\n").split("\n")
    long = sum(len(line) > LONGEST_LINE for line in lines)
    if long:
        notes.append(f"the ends of {long} long lines" if long > 1 else "the end of a long line")
    plain = [clipped(line, LONGEST_LINE) if line else "" for line in lines]
    return plain, f"Left out here: {' and '.join(notes)}; the file has them." if notes else ""


def _merged(tokens: Iterable[tuple[_TokenType, str]]) -> Iterator[tuple[str, str]]:
    """(class, text) of neighbouring tokens of one class: a third as many, and as many fewer elements."""
    last, text = "", ""
    for kind, value in tokens:
        name = _class_of(kind) if not value.isspace() else last
        if name != last:
            if text:
                yield last, text
            last, text = name, ""
        text += value
    if text:
        yield last, text


def _class_of(kind: _TokenType) -> str:
    found = _classes.get(kind)
    if found is None:
        found = next((name for parent, name in CLASSES if kind in parent), "")
        _classes[kind] = found
    return found
