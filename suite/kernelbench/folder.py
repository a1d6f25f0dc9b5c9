"""Makes a problem folder out of a KernelBench-format file."""

from __future__ import annotations

import hashlib
import pprint
import shutil
import tempfile
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from suite.kernelbench.process import derive
from suite.kernelbench.source import Source, SourceError, name_of, read_source
from suite.problem import Problem

HERE = Path(__file__).parent
WIDTH = 100
CUSTOM_KERNEL = """# The inputs are all there is: `custom_kernel(data)` can stand for ModelNew.
CUSTOM_KERNEL = "inputs"

"""
OnStep = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Imported:
    """A problem that was made, and what is worth knowing of it."""

    problem: Problem
    remarks: tuple[str, ...]


def parse_scale(text: str) -> Fraction:
    """`1/4` or `0.25`.

    Raises:
        SourceError: it is no number above 0 and below 1.
    """
    try:
        scale = Fraction(text)
    except (ValueError, ZeroDivisionError):
        scale = Fraction(0)
    if not 0 < scale < 1:
        raise SourceError(f"a scale is a number between 0 and 1 such as 1/4, found {text!r}")
    return scale


def scaled_name(name: str, scale: Fraction | None) -> str:
    """A problem of other sizes is another problem: its results never stand beside those of the whole."""
    return name if scale is None else f"{name}_scale_{scale.numerator}_{scale.denominator}"


def write_problem(
    root: Path, path: Path, on_step: OnStep, *, name: str | None = None, scale: Fraction | None = None
) -> Imported:
    """Add the problem of a file to `root`/problems.

    Raises:
        SourceError: the file is not in the format or cannot be made a problem, or the folder exists.
    """
    source = read_source(path)
    chosen = scaled_name(name or name_of(path), scale)
    if chosen != name_of(Path(f"{chosen}.py")):
        raise SourceError(f"a problem's name has small letters, digits and underscores, found {chosen!r}")
    target = root / "problems" / chosen
    if target.exists():
        raise SourceError(f"{target} exists; --name gives the problem another name")
    remarks = _make(source, target, scale, on_step)
    return Imported(Problem(chosen, target), remarks)


def problem_of(root: Path, path: Path, on_step: OnStep, *, scale: Fraction | None = None) -> Imported:
    """The problem of a file without adding it: derived once, then kept under reports/imported.

    Raises:
        SourceError: the file is not in the format or cannot be made a problem.
    """
    source = read_source(path)
    name = scaled_name(name_of(path), scale)
    digest = hashlib.sha256(source.content + _templates().encode()).hexdigest()[:12]
    target = root / "reports" / "imported" / f"{name}-{digest}" / "problems" / name
    if not (target / "inputs.py").is_file():
        return Imported(Problem(name, target), _make(source, target, scale, on_step))
    return Imported(Problem(name, target), ())


def _make(source: Source, target: Path, scale: Fraction | None, on_step: OnStep) -> tuple[str, ...]:
    scratch = Path(tempfile.mkdtemp(prefix="bench-import-"))
    try:
        (scratch / "reference.py").write_bytes(source.content)
        (scratch / "inputs.py").write_text(inputs_text(target.name, _draft()), encoding="utf-8")
        for name in ("reference.py", "inputs.py"):
            (scratch / name).chmod(0o644)  # whoever runs the child can read them
        derived = derive(source, scratch, None if scale is None else float(scale), on_step)
        derived["remarks"] += _of_fixed(source)
        finished = scratch / "finished"
        finished.mkdir()
        (finished / "reference.py").write_bytes(source.content)
        (finished / "inputs.py").write_text(inputs_text(target.name, derived), encoding="utf-8")
        (finished / "README.md").write_text(readme_text(target.name, source, derived), encoding="utf-8")
        target.parent.mkdir(parents=True, exist_ok=True)
        # Beside the target first: a folder appears whole or not at all.
        beside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        shutil.copytree(finished, beside, dirs_exist_ok=True)
        beside.chmod(0o755)
        beside.replace(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return tuple(derived["remarks"])


def inputs_text(name: str, derived: dict[str, Any]) -> str:
    """The text of inputs.py."""
    remarks = "".join(f"\n- {_wrapped(remark)}" for remark in derived["remarks"])
    work = [(axes, tuple(counts)) for axes, counts in derived["work"]]
    blanks = {
        "NAME": name,
        "REMARKS": f"{remarks}\n" if remarks else "",
        "WORKLOADS": _literal(derived["workloads"]),
        "TOLERANCE_SOURCE": "\n# ".join(_wrapped(derived["tolerance_source"]).splitlines()),
        "TOLERANCE": _literal(derived["tolerance"]),
        "DISTRIBUTIONS": repr(tuple(derived["distributions"])),
        "TRAINING": repr(derived["training"]),
        "MEMORY_BYTES": _literal(derived["memory_bytes"]),
        "WORK": _literal(work),
        "SMALLEST": _literal(derived["smallest"]),
        "DRAW_AXES": "",
        "CUSTOM_KERNEL": "" if derived["state_bytes"] else CUSTOM_KERNEL,
    }
    if derived["ranges"]:
        ranges = {axis: tuple(limits) for axis, limits in derived["ranges"].items()}
        draw_axes = (HERE / "draw_axes.py.txt").read_text(encoding="utf-8")
        draw_axes = draw_axes.replace("@HIDDEN@", repr(tuple(derived["hidden_distributions"])))
        blanks["DRAW_AXES"] = draw_axes.replace("@RANGES@", _literal(ranges))
    text = (HERE / "inputs.py.txt").read_text(encoding="utf-8")
    for blank, value in blanks.items():
        text = text.replace(f"@{blank}@", value)
    return text.rstrip("\n") + "\n"


def readme_text(name: str, source: Source, derived: dict[str, Any]) -> str:
    """A README that says what was given and what was derived."""
    digest = hashlib.sha256(source.content).hexdigest()
    remarks = "".join(f"- {remark}\n" for remark in derived["remarks"])
    scale = (
        f", with the tensors of `seed` scaled to {derived['scale']:g} of the file's"
        if derived["scale"]
        else ""
    )
    return (
        f"# {name}\n\n"
        f"The task of `{source.path.name}`, a file in the format of KernelBench{scale}.\n\n"
        f"Inputs: {', '.join(derived['inputs'])}. Outputs: {', '.join(derived['outputs'])}. Parameters and "
        f"buffers: {derived['state_bytes']} bytes; a solution gets those of the reference.\n\n"
        f"`reference.py` is that file as it was given (sha256 {digest}); it comes under the terms that it "
        "came under. `inputs.py` was derived from it.\n" + (f"\n{remarks}" if remarks else "")
    )


def _draft() -> dict[str, Any]:
    return {
        "workloads": {},
        "tolerance": {},
        "tolerance_source": "",
        "distributions": ["given", "normal"],
        "training": True,
        "memory_bytes": {},
        "work": [],
        "smallest": {},
        "ranges": {},
        "remarks": [],
        "state_bytes": 0,
    }


def _of_fixed(source: Source) -> list[str]:
    if not source.fixed:
        return []
    return [f"{', '.join(source.fixed)}: read by more than the generators, and so left as in the file."]


def _templates() -> str:
    return "".join(
        (HERE / name).read_text(encoding="utf-8") for name in ("inputs.py.txt", "draw_axes.py.txt")
    )


def _literal(value: Any) -> str:
    return pprint.pformat(value, width=WIDTH, sort_dicts=False)


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.wrap(text, WIDTH))
