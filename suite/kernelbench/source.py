"""What a KernelBench-format file says of itself without being run: its parts and its module-level sizes."""

from __future__ import annotations

import ast
import re
import symtable
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PARTS = ("Model", "get_inputs", "get_init_inputs")
GENERATORS = ("get_inputs", "get_init_inputs")
MAX_BYTES = 1_000_000

Size = int | list[int]
"""A module-level number or tuple of numbers."""


class SourceError(ValueError):
    """A file is not in the format; the message names it, what was seen and what is due."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file that has the parts of the format.

    `sizes` are the module-level numbers that its generators depend on and nothing else does, `fixed` those
    that something else reads too, so that no copy of the file with another value would agree with the file.
    """

    path: Path
    content: bytes
    sizes: dict[str, Size]
    fixed: tuple[str, ...]


def read_source(path: Path) -> Source:
    """The parts and sizes of a file.

    Raises:
        SourceError: it cannot be read or lacks a part.
    """
    if not path.is_file():
        raise SourceError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    content = path.read_bytes()
    if len(content) > MAX_BYTES:
        raise SourceError(f"{path}: {len(content)} bytes; a problem's file may have {MAX_BYTES}")
    try:
        tree = ast.parse(content, str(path))
    except SyntaxError as error:
        line = f":{error.lineno}" if error.lineno else ""  # NUL bytes stand on none
        raise SourceError(f"{path}{line}: not Python: {error.msg}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise SourceError(f"{path}: not Python: {error}") from error
    defined = {node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    missing = [name for name in PARTS if name not in defined]
    if missing:
        raise SourceError(
            f"{path}: no {' and no '.join(missing)}; a file in the format of KernelBench defines "
            "`class Model`, `get_inputs()` and `get_init_inputs()` at the top level"
        )
    try:
        sizes, elsewhere = _sizes(tree), _read_elsewhere(tree, content)
    except RecursionError as error:
        raise SourceError(f"{path}: nested too deeply to find its sizes") from error
    return Source(
        path,
        content,
        {name: value for name, value in sizes.items() if name not in elsewhere},
        tuple(name for name in sizes if name in elsewhere),
    )


def name_of(path: Path) -> str:
    """A problem's name after a file: `52_Argmin_over_a_dimension.py` is `52_argmin_over_a_dimension`."""
    return re.sub(r"[^a-z0-9]+", "_", path.stem.lower()).strip("_") or "problem"


def _sizes(tree: ast.Module) -> dict[str, Size]:
    """Names that are assigned once, a number or a tuple of numbers, by arithmetic on literals."""
    values: dict[str, list[Any]] = {}
    for node in tree.body:
        for target, value in _assigned(node):
            values.setdefault(target, []).append(_number(value))
    return {name: found[0] for name, found in values.items() if len(found) == 1 and found[0] is not None}


def _assigned(node: ast.stmt) -> Iterator[tuple[str, ast.expr | None]]:
    """The names that a statement assigns, each with its own value; `a, b = 1, 2` assigns two."""
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    value = getattr(node, "value", None)
    for target in targets:
        if isinstance(target, ast.Name):
            yield target.id, value
        elif isinstance(target, ast.Tuple):
            parts = value.elts if isinstance(value, ast.Tuple) else [None] * len(target.elts)
            for name, part in zip(target.elts, parts, strict=False):
                if isinstance(name, ast.Name):
                    yield name.id, part


def _number(node: Any) -> Size | None:
    if isinstance(node, ast.Tuple | ast.List):
        items = [_number(item) for item in node.elts]
        numbers = [item for item in items if isinstance(item, int)]
        return numbers if items and len(numbers) == len(items) else None
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    if isinstance(node, ast.BinOp):
        left, right = _number(node.left), _number(node.right)
        if isinstance(left, int) and isinstance(right, int):
            return _computed(node.op, left, right)
    return None


def _computed(operator: ast.operator, left: int, right: int) -> int | None:
    match operator:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
        case ast.FloorDiv() if right:
            return left // right
        case ast.Pow() if 0 <= right <= 64:
            return int(left**right)
        case ast.LShift() if 0 <= right <= 64:
            return left << right
    return None


def _read_elsewhere(tree: ast.Module, content: bytes) -> set[str]:
    """Names that something other than the generators and the module's own level reads, directly or not."""
    read: set[str] = set()
    for table in symtable.symtable(content.decode(errors="replace"), "file", "exec").get_children():
        if table.get_name() not in GENERATORS:
            read |= _globals_of(table)
    through: dict[str, set[str]] = {}
    for node in tree.body:
        names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            read |= _of_header(node)
        else:
            for target, _ in _assigned(node):
                through.setdefault(target, set()).update(names)
    while more := {name for seen in read for name in through.get(seen, ())} - read:
        read |= more
    return read


def _globals_of(table: symtable.SymbolTable) -> set[str]:
    """The module's names that a function or class reads, and those within it."""
    own = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global()}
    return own.union(*map(_globals_of, table.get_children()))


def _of_header(node: ast.ClassDef | ast.FunctionDef) -> set[str]:
    """What bases, decorators and defaults read: it is fixed when the module is run."""
    parts: list[ast.AST] = [*node.decorator_list]
    parts += node.bases if isinstance(node, ast.ClassDef) else [node.args]
    return {n.id for part in parts for n in ast.walk(part) if isinstance(n, ast.Name)}
