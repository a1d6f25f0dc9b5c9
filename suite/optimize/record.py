"""What a run keeps on disk: its settings, and a folder a step with prompt, answer, code and verdict.

A step is done when its verdict is there. Every file is written whole or not at all, so that a run which was
ended at any moment goes on from its last file: an answer that was given is never asked for twice.
"""

from __future__ import annotations

import dataclasses
import enum
import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path

from suite.records import decode, load_object

SCHEMA = 1


class RunError(ValueError):
    """A run cannot be resumed; the message says why."""


class Outcome(enum.StrEnum):
    """What became of an answer."""

    KEPT = "kept"
    UNCHANGED = "unchanged"  # the answer is the code that was asked about
    NOT_FASTER = "not faster"  # correct, and no gain beyond the interval
    FAILED = "failed"  # the judge refused it
    REFUSED = "refused"  # it breaks a rule; nothing ran
    UNANSWERED = "unanswered"  # the command gave no answer


@dataclass(frozen=True, slots=True)
class Settings:
    """How a run was started."""

    id: str
    created: str
    problem: str
    solution: str
    """The name of what it started from."""
    sha256: str
    command: str
    rounds: int
    stages: tuple[str, ...]
    workloads: tuple[str, ...]
    """Bench workloads that versions are compared on."""
    device: str
    """"cuda" or "cpu"."""
    gpu: str
    """The slug of the card that prompts name."""
    timeout_s: float
    answer_timeout_s: float
    sandbox: str
    scale: str | None = None
    """Of a problem that is a file: the share of its elements that is left, such as "1/4"."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One workload of a comparison with the version before."""

    workload: str
    ratio: float
    interval: tuple[float, float]
    verdict: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one answer and why."""

    stage: str
    round: int
    outcome: Outcome
    reasons: tuple[str, ...] = ()
    compared: tuple[Compared, ...] = ()
    note: str | None = None


class Step:
    """One question and its answer."""

    def __init__(self, folder: Path, stage: str, turn: int) -> None:
        self.folder = folder
        self.stage = stage
        self.turn = turn
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def prompt(self) -> Path:
        """What was asked."""
        return self.folder / "prompt.md"

    @property
    def code(self) -> Path:
        """The code in the answer; its name is the solution's."""
        return self.folder / f"{self.stage}_{self.turn}.py"

    def answer(self) -> str | None:
        """What was answered; None: nothing yet."""
        path = self.folder / "answer.md"
        return path.read_text(encoding="utf-8") if path.is_file() else None

    def keep_answer(self, text: str) -> None:
        """Write the answer."""
        write(self.folder / "answer.md", text)

    def verdict(self) -> Verdict | None:
        """What became of the answer; None: not known yet."""
        path = self.folder / "verdict.json"
        return _verdict(path) if path.is_file() else None

    def keep_verdict(self, verdict: Verdict) -> None:
        """Write the verdict: the step is done."""
        values = {"schema": SCHEMA, **dataclasses.asdict(verdict)}
        write(self.folder / "verdict.json", json.dumps(values, indent=2) + "\n")


class RunFolder:
    """The folder of one run. While it is open no other process can go on with the run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = (folder / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise RunError(f"{folder.name} is being worked on by another process") from None

    @staticmethod
    def create(runs: Path, settings: Settings, code: str) -> RunFolder:
        """A new run in `runs`."""
        folder = runs / settings.id
        folder.mkdir(parents=True)
        write(folder / "start.py", code)
        values = {"schema": SCHEMA, **dataclasses.asdict(settings)}
        write(folder / "run.json", json.dumps(values, indent=2) + "\n")
        return RunFolder(folder)

    @staticmethod
    def find(runs: Path, name: str) -> RunFolder:
        """The run of that id, or in the folder of that path.

        Raises:
            RunError: there is none, or another process has it.
        """
        for folder in (runs / name, Path(name)):
            if (folder / "run.json").is_file():
                return RunFolder(folder.resolve())
        known = sorted(path.parent.name for path in runs.glob("*/run.json"))
        raise RunError(f"no run {name!r}; there are: {', '.join(known) or 'none'}")

    @property
    def start(self) -> Path:
        """The code that the run started from."""
        return self.folder / "start.py"

    @property
    def best(self) -> Path:
        """The version that stands."""
        return self.folder / "best.py"

    def settings(self) -> Settings:
        """How the run was started.

        Raises:
            RunError: the record is broken.
        """
        path = self.folder / "run.json"
        try:
            settings: Settings = decode(Settings, load_object(path.read_text(encoding="utf-8"), SCHEMA))
        except ValueError as error:
            raise RunError(f"{path}: {error}") from error
        return settings

    def step(self, stage: str, place: int, turn: int) -> Step:
        """The step of a stage (counted from 1) and round."""
        return Step(self.folder / f"{place}_{stage}_{turn}", stage, turn)

    def close(self) -> None:
        """Let others go on with it."""
        self._lock.close()


def write(path: Path, text: str) -> None:
    """Write a file whole, on disk when this returns."""
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _verdict(path: Path) -> Verdict:
    try:
        verdict: Verdict = decode(Verdict, load_object(path.read_text(encoding="utf-8"), SCHEMA))
    except ValueError as error:
        raise RunError(f"{path}: {error}") from error
    return verdict
