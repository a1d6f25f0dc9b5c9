"""Where the output of a run's processes lies: in `reports/logs/<run>`, for the newest runs alone.

People read it, programs do not: whatever a verdict rests on stands in the result. A run that records nothing
writes nothing into the checkout, which may be read-only: its logs are temporary, and stay only if something
failed.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

KEPT_RUNS = 50
"""Of the newest runs, the one that begins included, logs are kept."""


class RunLogs:
    """The folder of one run's logs; at the end of `with` a temporary one is gone, unless it is wanted."""

    def __init__(self, root: Path, run_id: str, *, save: bool) -> None:
        folders = root / "reports" / "logs"
        self.wanted = save
        """Whether the logs outlast the run."""
        self.folder = folders / run_id if save else Path(tempfile.mkdtemp(prefix="bench-logs-"))
        if save:
            _prune(folders, KEPT_RUNS - 1)

    def __enter__(self) -> RunLogs:
        return self

    def __exit__(self, *_exception: object) -> None:
        if not self.wanted:
            shutil.rmtree(self.folder, ignore_errors=True)


def _prune(folders: Path, kept: int) -> None:
    """Remove the logs of all runs but the newest; a run's name begins with its time, whatever else stays."""
    runs = [path for path in folders.glob("*Z-*") if re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{8}", path.name)]
    for path in sorted(runs, key=lambda path: path.name)[:-kept]:
        shutil.rmtree(path, ignore_errors=True)
