"""The scripts beside the suite, as modules that a test can look into."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

SCRIPTS = Path(__file__).parents[2] / "scripts"


@contextlib.contextmanager
def script(name: str) -> Iterator[ModuleType]:
    """`scripts/NAME.py`, imported as it runs, with the scripts around it in reach; forgotten afterwards."""
    path, loaded = list(sys.path), set(sys.modules)
    sys.path.insert(0, str(SCRIPTS))
    try:
        yield importlib.import_module(name)
    finally:
        sys.path[:] = path
        for other in set(sys.modules) - loaded:
            if Path(getattr(sys.modules[other], "__file__", None) or "").parent == SCRIPTS:
                del sys.modules[other]
