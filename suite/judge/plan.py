"""What the host asks of the judge, as one JSON object on its standard input."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """A solution to judge.

    `class_name` is "Model" for the reference itself, which is judged by the same rules.
    """

    name: str
    path: str
    sha256: str
    """Of the file when the run was planned: what is judged must be what is recorded."""
    class_name: str = "ModelNew"
    variant: str | None = None
    """How the reference is run where that is not plainly; see `suite.worker.variants`."""

    @property
    def must_own(self) -> bool:
        """Must its own kernels compute the operation? The reference may call torch."""
        return self.class_name != "Model"


@dataclass(frozen=True, slots=True)
class Plan:
    """One run of one problem.

    `rival` is timed in turn with each entry: the reference, or the other side of a comparison, whose outputs
    are then judged too. `checks` and `benches` map workload names to their axes; `samples` are the fewest and
    the most timed calls of a workload; `used_mb` is the device memory in use before anything started, by the
    card's UUID.
    """

    folder: str
    device: str
    rival: Entry
    rival_is_judged: bool
    entries: tuple[Entry, ...]
    checks: dict[str, dict[str, Any]]
    benches: dict[str, dict[str, Any]]
    edge_cases: bool
    samples: tuple[int, int]
    timeout_s: float
    log_folder: str
    audit: bool = False
    profile: bool = False
    """Read counters on the bench workloads instead of judging."""
    sandbox: str = "none"
    """How workers are confined: "bubblewrap" or "none"."""
    sandbox_owner: int | None = None
    """The user id that confined workers get; None: the judge's own."""
    used_mb: dict[str, int] = field(default_factory=dict)
    hidden: int = 0
    """How many workloads the judge draws beside the declared ones, where the problem lets it."""
    deals: bool = True
    """Draw each check workload with another of the problem's distributions too."""


def plan_to_json(plan: Plan) -> str:
    """One line of JSON."""
    return json.dumps(dataclasses.asdict(plan))


def plan_from_json(line: str) -> Plan:
    """The inverse of `plan_to_json`."""
    values = json.loads(line)
    entries = tuple(Entry(**entry) for entry in values.pop("entries"))
    rival = Entry(**values.pop("rival"))
    fewest, most = values.pop("samples")
    return Plan(entries=entries, rival=rival, samples=(fewest, most), **values)
