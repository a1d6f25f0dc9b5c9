"""The `bench` command, also as `python -m suite`."""

from __future__ import annotations

import contextlib
import sys
import threading

from suite.judge.sandbox import SandboxError, find
from suite.machine import has_gpu

JUDGING = {"compare", "run", "submit"}
OTHERWISE = {"-h", "--help", "cpu", "none"}
"""Words, also after `--device=` and `--sandbox=`, that make another sandbox the right one, or none."""


def main() -> None:
    """Run the command. A verb that judges needs the sandbox tried, which is done while it is imported."""
    if tries_ahead(sys.argv[1:]):
        # A daemon: a usage error is over at once, however long the trial takes.
        threading.Thread(target=try_sandbox, daemon=True).start()
    try:
        from suite.cli import main as command
    except KeyboardInterrupt:
        sys.exit("Aborted!")  # as click says it from here on
    command(prog_name="bench")


def tries_ahead(words: list[str]) -> bool:
    """Will the command with these words want this machine's sandbox?"""
    return words[:1] != [] and words[0] in JUDGING and OTHERWISE.isdisjoint(w.split("=")[-1] for w in words)


def try_sandbox() -> None:
    """Try it, so that the answer is there, or near, for whoever asks; what fails is said then."""
    with contextlib.suppress(SandboxError, OSError):
        find("cuda" if has_gpu() else "cpu")


if __name__ == "__main__":
    main()
