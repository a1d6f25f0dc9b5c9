"""Solutions in the formats of other harnesses, as files of ours.

A problem whose answer depends on its inputs alone declares `CUSTOM_KERNEL = "inputs"` in inputs.py. It then
also takes
- a submission to GPU MODE: a file with `custom_kernel(data)`, where data is the input, or the tuple of them;
- a solution of flashinfer-bench or SOL-ExecBench: JSON with its source embedded, whose entry point takes the
  inputs in order and returns the outputs (`"destination_passing_style": false`).
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from suite.problem import Problem
from suite.solution import MAX_BYTES, SolutionFileError

LANGUAGES = {"python", "pytorch", "triton"}
HARNESS_MODULES = {"eval", "reference", "submission", "task", "utils"}
"""What a submission may import of GPU MODE's harness, which is not here."""
_ADAPTER = '''

import torch as _torch  # noqa: E402


class ModelNew(_torch.nn.Module):
    """{what}, called as a solution is. Added by `bench`."""

    def __init__(self, *_init_inputs):
        super().__init__()

    def forward(self, *inputs):
        return {call}
'''


def as_solution(root: Path, problem: Problem, name: str) -> str:
    """The path of a file of ours for a solution of another format; any other name as it is.

    Raises:
        SolutionFileError: it is of such a format and cannot be mapped; the message says why.
    """
    path = Path(name)
    if path.suffix == ".md":
        raise SolutionFileError(f"{name}: a Markdown reply; bench submit takes the code out of it")
    # Unlike the method of Path this takes a name that no file can have; whoever reads it says so.
    if path.suffix not in (".py", ".json") or not os.path.isfile(path):  # noqa: PTH113
        return name
    if path.stat().st_size > MAX_BYTES:
        return name  # reading it as a solution says so
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".json":
        converted = _from_json(problem, path, text)
    elif _is_custom_kernel(text):
        converted = _from_custom_kernel(problem, path, text)
    else:
        return name
    digest = hashlib.sha256(converted.encode()).hexdigest()[:12]
    target = root / "reports" / "imported" / "adapted" / digest / f"{path.stem}.py"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(converted, encoding="utf-8")
    return str(target)


def _is_custom_kernel(text: str) -> bool:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False  # judging it says so
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    return "custom_kernel" in names and "ModelNew" not in names


def _from_custom_kernel(problem: Problem, path: Path, text: str) -> str:
    _require_equivalence(problem, path, "custom_kernel(data)")
    lines = text.removesuffix("\n").split("\n")  # as Python counts them: a form feed ends none
    for node in ast.walk(ast.parse(text)):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for module in modules:
            if module.split(".")[0] not in HARNESS_MODULES:
                continue
            assert isinstance(node, ast.Import | ast.ImportFrom)
            types = [alias.asname or alias.name for alias in node.names]
            if module != "task" or isinstance(node, ast.Import) or not set(types) <= {"input_t", "output_t"}:
                raise SolutionFileError(
                    f"{path}:{node.lineno}: imports {module}, a part of GPU MODE's harness; "
                    "of it only `from task import input_t, output_t` is understood: copy what it uses to the "
                    "file"
                )
            # The types' names, on the same lines: those of an error still fit the file.
            last = node.end_lineno or node.lineno
            lines[node.lineno - 1 : last] = [f"{' = '.join(types)} = tuple"] + [""] * (last - node.lineno)
    call = "custom_kernel(inputs if len(inputs) > 1 else inputs[0])"
    return "\n".join(lines) + _ADAPTER.format(what="A submission's custom_kernel", call=call)


def _from_json(problem: Problem, path: Path, text: str) -> str:
    def refused(why: str) -> SolutionFileError:
        return SolutionFileError(f"{path}: {why}")

    try:
        values = json.loads(text)
        spec, sources = values["spec"], values["sources"]
        entry_file, function = str(spec["entry_point"]).split("::")
        files = {str(source["path"]): str(source["content"]) for source in sources}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise refused(
            "no solution of flashinfer-bench or SOL-ExecBench: expected `spec` with an `entry_point` "
            "FILE.py::FUNCTION, and `sources` with `path` and `content` each "
            f"({type(error).__name__}: {error})"
        ) from error
    languages = spec.get("languages", spec.get("language", "python"))
    given = languages if isinstance(languages, list) else [languages]
    foreign = sorted({str(language).lower() for language in given} - LANGUAGES)
    if foreign:
        raise refused(f"written in {', '.join(foreign)}; here solutions are Python files with Triton kernels")
    if entry_file not in files:
        raise refused(f"its entry point is in {entry_file}, but its sources are {', '.join(files) or 'none'}")
    if len(files) > 1:
        names = ", ".join(files)
        raise refused(f"it has {len(files)} source files, {names}; here a solution is one file: join them")
    if not function.isidentifier():
        raise refused(f"its entry point {function!r} is no function's name")
    _require_equivalence(problem, path, "a function of the inputs")
    source = files[entry_file]
    # Both formats take it for true where it is not given: SOL-ExecBench, docs/solution.md.
    if spec.get("destination_passing_style", True):
        said = "" if "destination_passing_style" in spec else " is not given, which means true"
        raise refused(
            f"destination_passing_style{said}: it writes into "
            "outputs that its harness allocates; here it returns them: allocate them in the entry point, "
            "unless it does, and set destination_passing_style to false"
        )
    _require_function(path, source, function)
    author = _one_line(values.get("author"))
    header = f"# author: {author}\n" if author and "# author:" not in source else ""
    return (
        header + source + _ADAPTER.format(what="The entry point of a solution", call=f"{function}(*inputs)")
    )


def _require_function(path: Path, source: str, function: str) -> None:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise SolutionFileError(
            f"{path}: its source is not Python: {str(error) or 'nested too deeply'}"
        ) from error
    if not any(isinstance(node, ast.FunctionDef) and node.name == function for node in tree.body):
        raise SolutionFileError(f"{path}: its source defines no function {function} at the top level")


def _require_equivalence(problem: Problem, path: Path, what: str) -> None:
    if problem.custom_kernel != "inputs":
        raise SolutionFileError(
            f"{path}: defines {what}; problem {problem.name!r} does not declare that its inputs are all "
            'there is (CUSTOM_KERNEL = "inputs" in inputs.py): its Model has parameters, or arguments that '
            "differ between workloads. Write `class ModelNew` with the signature of Model"
        )


def _one_line(value: Any) -> str:
    return "".join(filter(str.isprintable, value))[:80] if isinstance(value, str) else ""
