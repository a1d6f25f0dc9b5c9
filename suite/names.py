"""Names: hints for mistyped ones, and those of the files that are compiled."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """The end of a message about an unknown name: the nearest known one, or all of them."""
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; there are: {', '.join(known)}" if known else "; there are none"


def compiled_file(stem: str) -> str:
    """The name under which a solution called `stem` is run.

    It stands in the assembly that Triton writes, and ptxas 12.8 refuses whatever is not ASCII there.
    """
    return re.sub(r"[^A-Za-z0-9_.-]", "_", stem) + ".py"
