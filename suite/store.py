"""Append and read results: one JSON line each, in <root>/<device>/<problem>.jsonl.

Several runs may append at once; see `suite.lines`.
"""

from __future__ import annotations

from pathlib import Path

from suite.gpus import slugify
from suite.lines import append_line, numbered_lines, plain_name, skipped
from suite.result import Result, ResultError, from_json, to_json


def append(root: Path, result: Result) -> Path:
    """Write one line, on disk when this returns; gives the file it went to.

    Raises:
        ValueError: the result's device or problem is no plain file name.
        OSError: the line could not be written whole, for instance on a full disk.
    """
    folder = root / plain_name("device", result.device)
    path = folder / f"{plain_name('problem', result.problem)}.jsonl"
    append_line(path, to_json(result))
    return path


def read(root: Path, problem: str | None = None) -> tuple[list[Result], list[str]]:
    """All results under `root`, or those of one problem, and one warning for each line that is not a result.

    Files come in the order of their paths, lines in the order they were written. A warning reads "file:line:
    skipped, why".
    """
    results: list[Result] = []
    warnings: list[str] = []
    pattern = "*.jsonl" if problem is None else f"{plain_name('problem', problem)}.jsonl"
    for path in sorted(root.glob(f"*/{pattern}")):
        for number, line in numbered_lines(path) if path.is_file() else ():
            try:
                results.append(_result_of(path, line))
            except ValueError as error:
                warnings.append(skipped(path, number, error))
    return results, warnings


def _result_of(path: Path, line: bytes) -> Result:
    result = from_json(line.decode())
    if (result.device, result.problem) != (path.parent.name, path.stem):
        raise ResultError(f"a result of {result.device}/{result.problem} does not belong in this file")
    card = result.environment.gpu
    if result.device != ("cpu" if card is None else slugify(card)):
        raise ResultError(
            f"device {result.device!r} is not what results of {card or 'a CPU'} are filed under"
        )
    return result
