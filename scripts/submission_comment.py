"""Write the comment on a pull request from what `check_submission.py` found.

    python scripts/submission_comment.py submission > comment.md

The folder comes from a run that the pull request controlled: it is read as data. Lines that are no results
are left out, texts are shown as code, and nothing else of the folder is used.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

from suite import store
from suite.analysis.kept import read_kept
from suite.analysis.tables import card_table
from suite.gpus import RTX_4090
from suite.report import SiteProblem, exports, read_site
from suite.report.records import ProblemPages, collect

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 60_000
"""Characters of a comment; GitHub takes 65,536."""
HEAD = """### Checks without a GPU

As this pull request's own run reports them: correctness in Triton's interpreter, and what the compiler says
for an RTX 4090. No latency: that takes the suite's own card.
"""


def comment(folder: Path) -> str:
    """The whole comment."""
    parts = [HEAD]
    for problem in read_site(ROOT)[0].problems:
        try:
            parts += _problem(folder, problem)
        except (ValueError, TypeError, AttributeError, KeyError):  # records that no judge of ours wrote
            parts.append(f"What the run left for {exports.as_code(problem.name)} cannot be read.\n")
    if len(parts) == 1:
        parts.append("Nothing was judged: see the log of the run.\n")
    text = "\n".join(filter(None, parts))
    return text if len(text) <= LONGEST else text[:LONGEST].rsplit("\n", 1)[0] + "\n\n(cut)\n"


def _problem(folder: Path, problem: SiteProblem) -> list[str]:
    results, _ = store.read(folder / "reports" / "results", problem.name)
    judged = [result for result in results if result.stage == "submitted" and result.device == "cpu"]
    if not judged:
        return []
    pages = collect(dataclasses.replace(problem, solutions=()), judged, {})
    return [exports.markdown(pages, "cpu"), _inspections(folder, pages)]


def _inspections(folder: Path, pages: ProblemPages) -> str:
    found = [read_kept(folder, RTX_4090, page.name, page.sha256) for page in pages.solutions]
    inspections = [entry[0] for entry in found if entry is not None]
    if not inspections:
        return ""
    table = card_table(inspections)
    lines = [f"| {' | '.join(table.headers)} |", "|" + " --- |" * len(table.headers)]
    lines += [f"| {' | '.join(exports.as_code(cell) for cell in row)} |" for row in table.rows]
    return f"On an {RTX_4090.name}, from the compiled code:\n\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(comment(Path(sys.argv[1])))
