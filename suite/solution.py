"""Solution files: graded ones, submitted ones, and the reference itself. Never imported here."""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from suite.names import did_you_mean
from suite.problem import Problem, UnknownNameError

STAGES = {
    "baseline": "baseline",
    "grid_stage": "grid",
    "block_stage": "block",
    "final": "final",
    "final_fp32": "final",
}
"""The graded files and their stages. `final_fp32` is a second final, of a problem with precision classes."""
MAX_BYTES = 1_000_000
REFERENCE_VARIANTS = {
    "torch_compile": "the reference under torch.compile, a program for each shape",
    "torch_compile_max": "the reference under torch.compile, mode max-autotune-no-cudagraphs",
    "torch_tf32": "the reference with TF32 allowed: torch.set_float32_matmul_precision('high')",
}
"""What a user would pick instead of a kernel: the reference by other means of torch, and what that means."""
_HEADER = re.compile(r"^#[^\S\n]*(author|idea):[^\S\n]*(\S.*?)\s*$", re.MULTILINE)


class SolutionFileError(ValueError):
    """A file cannot be a solution; the message says why and what would do."""


@dataclass(frozen=True, slots=True)
class Solution:
    """One file.

    `stage` is a graded stage, "submitted" or "reference"; `class_name` is what the worker builds. `variant`,
    one of `REFERENCE_VARIANTS`, is how the reference is run where that is not plainly.
    """

    name: str
    path: Path
    stage: str
    sha256: str
    author: str | None
    idea: str | None
    class_name: str = "ModelNew"
    variant: str | None = None


def read_solution(path: Path, *, name: str | None = None, stage: str = "submitted") -> Solution:
    """The solution in `path`, hashed as it is. What stands in the file is the worker's to find out.

    Raises:
        SolutionFileError: the file is missing, cannot be read or is over 1 MB.
    """
    source = _bytes_of(path)
    header: dict[str, str] = {}
    for key, value in _HEADER.findall(source.decode(errors="replace")):
        header.setdefault(key, "".join(filter(str.isprintable, value))[:80])
    return Solution(
        name=name or path.stem,
        path=path.resolve(),
        stage=stage,
        sha256=hashlib.sha256(source).hexdigest(),
        author=_author_of(path, stage, header),
        idea=header.get("idea"),
        class_name="Model" if stage == "reference" else "ModelNew",
    )


def _bytes_of(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise SolutionFileError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise SolutionFileError(f"{path}: {size} bytes; a solution may have {MAX_BYTES}")
        return path.read_bytes()
    except OSError as error:
        raise SolutionFileError(f"{path}: {error.strerror}") from error


def find_solutions(root: Path, problem: Problem) -> list[Solution]:
    """The reference, the graded stages that exist, then the submitted files by name.

    Raises:
        SolutionFileError: one of them is over 1 MB.
    """
    found = [read_solution(problem.reference, name="reference", stage="reference")]
    for stem, stage in STAGES.items():
        path = problem.folder / f"{stem}.py"
        if path.is_file():
            found.append(read_solution(path, stage=stage))
    submitted = sorted((root / "solutions" / problem.name).glob("[!.]*.py"))  # editors leave dot files
    return found + [read_solution(path) for path in submitted if path.is_file()]


def reference_variants(problem: Problem) -> list[Solution]:
    """The reference under `torch.compile`, in its default mode and in "max-autotune-no-cudagraphs", and with
    TF32 allowed where the problem admits that class. They are timed, and their timed outputs checked.
    """
    plain = read_solution(problem.reference, name="reference", stage="reference")
    return [
        dataclasses.replace(plain, name=variant, variant=variant, idea=idea)
        for variant, idea in REFERENCE_VARIANTS.items()
        if variant != "torch_tf32" or "tf32" in problem.precision_classes
    ]


def select_solution(root: Path, problem: Problem, name: str) -> Solution:
    """The solution that `name` means: one of `find_solutions` or `reference_variants`, or the path of a file.

    Raises:
        UnknownNameError: neither.
        SolutionFileError: the file cannot be a solution.
    """
    found = find_solutions(root, problem)
    variants = reference_variants(problem)
    for solution in [*found, *variants]:
        if solution.name == name:
            return solution
    path = Path(name)
    if path.suffix == ".py" or "/" in name:
        chosen = read_solution(path)
        return next((solution for solution in found if solution.path == chosen.path), chosen)
    names = [solution.name for solution in [*found, *variants]]
    raise UnknownNameError(
        f"problem {problem.name!r} has no solution {name!r}{did_you_mean(name, names)} "
        "(a path must end in .py)"
    )


def _author_of(path: Path, stage: str, header: dict[str, str]) -> str | None:
    """Whose a file is.

    A submitted one is called <author>_<idea>.py: who submitted it counts, not what it says.
    """
    if stage == "submitted" and path.resolve().parent.parent.name == "solutions":
        return path.stem.split("_")[0]
    if "author" in header:
        return header["author"]
    return {"reference": "torch", "submitted": None}.get(stage, "tritonpeak")


def require_solution_form(path: Path) -> None:
    """Refuse a file that cannot be a solution before anything runs.

    Raises:
        SolutionFileError: missing, over 1 MB, not UTF-8, not Python, or without a top-level class `ModelNew`.
    """
    tree = ast.parse(python_text(path))
    if not any(isinstance(node, ast.ClassDef) and node.name == "ModelNew" for node in tree.body):
        raise SolutionFileError(
            f"{path}: no class ModelNew; a solution defines `class ModelNew(torch.nn.Module)` "
            "with the signature of the problem's Model"
        )


def python_text(path: Path) -> str:
    """The text of a file that Python can read, without a byte-order mark.

    Raises:
        SolutionFileError: missing, over 1 MB, not UTF-8 or not Python.
    """
    source = _bytes_of(path)
    try:
        text = source.decode("utf-8-sig")
        ast.parse(source, str(path))  # from bytes, as Python reads it: an encoding may be declared in it
    except UnicodeDecodeError as error:
        raise SolutionFileError(f"{path}: not UTF-8: {error.reason} at byte {error.start}") from error
    except SyntaxError as error:
        line = f":{error.lineno}" if error.lineno else ""
        raise SolutionFileError(f"{path}{line}: not Python: {error.msg}") from error
    except (ValueError, RecursionError, MemoryError) as error:  # NUL bytes; expressions nested too deeply
        raise SolutionFileError(f"{path}: not Python: {error}") from error
    return text
