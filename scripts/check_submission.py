"""Judge and inspect the solutions that the newest commit adds or changes, without a GPU.

    python scripts/check_submission.py

For continuous integration of a pull request: HEAD is the merge, its first parent what it merges into. Writes
results and inspections to submission/, for `submission_comment.py`, and exits 1 when one did not pass.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from suite.analysis.kept import path_of
from suite.gpus import RTX_4090
from suite.solution import read_solution

ROOT = Path(__file__).resolve().parent.parent
MOST_FILES = 10
README = "solutions/README.md"
SUBMITTED = re.compile(r"solutions/([A-Za-z0-9_-]+)/([A-Za-z0-9_-]+)\.py")


class SubmissionFormError(ValueError):
    """A pull request is not what can be checked; the message says why."""


def submitted(paths: list[str]) -> list[tuple[str, str]]:
    """(problem, path) of each changed solution; the names come from a stranger.

    Raises:
        SubmissionFormError: a path under solutions/ is no plain solutions/<problem>/<author>_<idea>.py, or
            there are too many.
    """
    found = []
    for path in paths:
        if not path.startswith("solutions/") or path == README:
            continue
        match = SUBMITTED.fullmatch(path)
        if match is None:
            raise SubmissionFormError(
                f"{path!r}: a solution is solutions/<problem>/<author>_<idea>.py, plain names"
            )
        found.append((match[1], path))
    if len(found) > MOST_FILES:
        raise SubmissionFormError(f"{len(found)} solutions at once; at most {MOST_FILES}")
    return found


def changed(root: Path) -> list[str]:
    """Files that HEAD adds or changes against its first parent."""
    command = ["git", "diff", "--name-only", "--diff-filter=AMRT", "-z", "HEAD^1", "HEAD"]
    done = subprocess.run(command, cwd=root, capture_output=True, check=True)
    return [name.decode(errors="replace") for name in done.stdout.split(b"\0") if name]


def main() -> None:
    """See the top of this file."""
    try:
        found = submitted(changed(ROOT))
    except SubmissionFormError as error:
        sys.exit(f"error: {error}")
    failed = False
    for problem, path in found:
        if (ROOT / path).is_symlink():
            sys.exit(f"error: {path} is a link")
        for verb in (["run", "--device", "cpu"], ["inspect", "--keep"]):
            command = [sys.executable, "-m", "suite", *verb, "--problem", problem, "--solution", path]
            print("+", *command[1:], flush=True)
            failed |= subprocess.run(command, cwd=ROOT, check=False).returncode != 0
    out = ROOT / "submission"
    judged = Path("reports", "results", "cpu")
    if (ROOT / judged).is_dir():
        shutil.copytree(ROOT / judged, out / judged)
    for _, path in found:
        sha256 = read_solution(ROOT / path).sha256
        kept, target = (path_of(root, RTX_4090, sha256) for root in (ROOT, out))
        if kept.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(kept, target)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
