"""File names for pages, and where a page links to. Names of solutions come from strangers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

GRADED = ("baseline", "grid", "block", "final")
"""The graded stages, first to last."""
LONGEST = 80


def page_names(names: Iterable[str]) -> dict[str, str]:
    """A file name, without its ending, for each name: the name itself where that is plain and unique.

    Any other is given the letters and digits it has and the hash of the whole. Two that differ by case alone
    would be one file on some systems, so the later one in order gets a hash as well.
    """
    found: dict[str, str] = {}
    taken = {"index", "results", "badge"}  # the folder's own files
    for name in sorted(set(names)):
        slug = name
        if not re.fullmatch(rf"[A-Za-z0-9_][A-Za-z0-9_-]{{0,{LONGEST - 1}}}", name) or name.lower() in taken:
            plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name[: 4 * LONGEST]).strip("-")[:40]
            digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:12]
            slug = f"{plain or 'solution'}-{digest}"
        while slug.lower() in taken:
            slug += "-"
        taken.add(slug.lower())
        found[name] = slug
    return found


def origin(stage: str) -> str:
    """Where a solution comes from: graded, submitted or reference."""
    if stage in GRADED:
        return "graded"
    return "reference" if stage == "reference" else "submitted"


def stage_order(stage: str) -> int:
    """Where a stage stands: the graded ones first to last, then all others."""
    return GRADED.index(stage) if stage in GRADED else len(GRADED)
