"""The versions of torch and Triton, found without importing them."""

from __future__ import annotations

import ast
import importlib.util
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def torch_versions() -> tuple[str | None, str | None]:
    """What torch.__version__ and torch.version.cuda say; None for a CPU build's CUDA or without torch.

    Read from torch/version.py: the package's metadata lacks the CUDA version and, often, the local part of
    the version.
    """
    spec = importlib.util.find_spec("torch")
    path = Path(spec.origin).with_name("version.py") if spec and spec.origin else None
    if path is None or not path.is_file():
        return None, None
    found: dict[str, str] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str):
            found[target.id] = value.value
    return found.get("__version__"), found.get("cuda")


def triton_version() -> str | None:
    """None where Triton is absent."""
    try:
        return version("triton")
    except PackageNotFoundError:
        return None
