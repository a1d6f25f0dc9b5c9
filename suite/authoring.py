"""The host's side of `bench check-problem`: a child examines a problem, this reads what it finds."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from suite import child
from suite.finding import Finding
from suite.problem import Problem, ProblemFolderError


def examine(
    problem: Problem, device: str, timeout_s: float, on_section: Callable[[str, int, int], None]
) -> Iterator[Finding]:
    """All that is found in a problem; it is refused when one finding's state is "fix".

    Args:
        problem: its folder may break any part of the contract.
        device: "cuda" makes the bench workloads' inputs too, "cpu" judges them by their sizes.
        timeout_s: after which the child is killed, which is a finding.
        on_section: called with what is looked at now, its number, and how many there are.
    """
    try:
        workloads = [{"name": w.name, "tier": w.tier, "axes": w.axes} for w in problem.workloads]
    except ProblemFolderError as error:
        yield Finding("contract", "fix", str(error), "CONTRIBUTING.md says what a problem holds")
        return
    folder = Path(tempfile.mkdtemp(prefix="bench-check-"))
    request = {"folder": str(problem.folder.resolve()), "device": device, "workloads": workloads}
    try:
        for line in child.lines("suite.judge.authoring", request, folder, timeout_s):
            event = json.loads(line)
            if event.pop("kind") == "section":
                on_section(event["name"], event["number"], event["count"])
            else:
                yield Finding(**event)
    except child.ChildError as error:
        text = f"the process that examined the problem {error}"
        yield Finding("examination", "fix", text, "smaller check workloads, or a longer --timeout")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
