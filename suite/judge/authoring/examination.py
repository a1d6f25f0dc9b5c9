"""All that is looked at in a problem, section by section."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from suite.finding import Finding
from suite.judge.authoring.answers import answers
from suite.judge.authoring.contents import distributions, edge_cases, fresh_inputs, hidden
from suite.judge.authoring.subject import Findings, Shapes, Subject, passed, refused, warned
from suite.judge.authoring.work import UnsizedError, memory, work
from suite.judge.contract import ProblemError
from suite.judge.truth import Truth

SECTIONS: tuple[tuple[str, Callable[[Subject], Findings]], ...] = (
    ("work", work),
    ("memory", memory),
    ("inputs", fresh_inputs),
    ("edge cases", edge_cases),
    ("distributions", distributions),
    ("hidden workloads", hidden),
    ("wrong answers", answers),
)


def examine(
    folder: Path, device: str, workloads: tuple[Shapes, ...], on_section: Callable[[str, int, int], None]
) -> Iterator[Finding]:
    """Everything that a problem folder is held to; a section that cannot go on is one finding.

    Args:
        folder: of the problem.
        device: "cuda" tries the bench workloads too, "cpu" judges them by their sizes.
        workloads: all there are.
        on_section: called with a section's name, its number, and how many there are.
    """
    imports = list(_imports(folder / "reference.py"))
    yield from imports
    try:
        subject = Subject(folder, device, Truth(folder, device), workloads)
    except ProblemError as error:
        yield refused("contract", str(error), "CONTRIBUTING.md says what a problem holds")
        return
    if not imports:
        yield passed("contract", "reference.py and inputs.py hold what they must")
    for number, (name, section) in enumerate(SECTIONS):
        on_section(name, number, len(SECTIONS))
        try:
            yield from section(subject)
        except ProblemError as error:
            yield refused(name, str(error), "mend it and run this again")
        except UnsizedError as error:
            text = f"cannot be told from sizes: {error}"
            yield warned(name, text, "count by hand: a reference that needs values has no size without them")
        except torch.OutOfMemoryError as error:
            text = f"this card ran out of memory: {str(error).splitlines()[0]}"
            yield refused(name, text, "free it, or run this on a larger one, or with --device cpu")


def _imports(reference: Path) -> Findings:
    """A reference is a KernelBench file: torch and the standard library."""
    try:
        tree = ast.parse(reference.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return  # importing it says more
    allowed = {"torch", *sys.stdlib_module_names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = ["." * node.level + (node.module or "")]
        else:
            continue
        for name in names:
            if name.split(".")[0] not in allowed:
                text = f"{reference}:{node.lineno}: imports {name}"
                yield refused("contract", text, "a reference imports torch and the standard library alone")
                return
