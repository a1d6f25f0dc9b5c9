"""One thing that `bench doctor` or `bench check-problem` looked at."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `state` is "ok", "warning" or "fix"; `remedy` is empty when all is well."""

    subject: str
    state: str
    text: str
    remedy: str = ""

    def to_json(self) -> dict[str, Any]:
        """A plain object."""
        return dataclasses.asdict(self)
