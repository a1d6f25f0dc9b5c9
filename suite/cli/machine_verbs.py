"""`bench calibrate` and `bench doctor`: about the machine, not about solutions."""

from __future__ import annotations

import json
import sys

import click

from suite import doctor as machine_doctor
from suite import roofs
from suite.calibration import calibrate
from suite.cli.console import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_USAGE,
    checkout,
    json_option,
    json_sink,
    note,
    plain_errors,
    show_table,
)
from suite.machine import has_gpu
from suite.tables import findings_table, roofs_table


@click.command("calibrate", short_help="Measure what this card reaches.")
@json_option("The record, samples and all, as JSON")
def calibrate_verb(json_path: str | None) -> None:
    """Measure what this card reaches: read, write, copy, and matmul in each class. Takes half a minute.

    The newest record of a board is the measured roof that its results are shown against; for a board without
    one it is the newest of its model, though boards of one model differ by a few per cent.

    \b
    Examples:
      bench calibrate
    """
    if not has_gpu():
        note("calibrate needs an NVIDIA GPU and its driver; none answers here (see `bench doctor`)")
        sys.exit(EXIT_USAGE)
    root = checkout()
    with plain_errors():
        try:
            measured = calibrate(note)
        except KeyboardInterrupt:
            note("interrupted: nothing was recorded")
            sys.exit(EXIT_INTERRUPTED)
        path = roofs.append(root / "reports" / "roofs", measured)
    with json_sink(json_path) as out:
        out(roofs.to_json(measured))
    if json_path != "-":
        board = measured.board or "unknown"
        click.echo(
            f"{measured.gpu}, board {board}, driver {measured.driver or 'unknown'}, {measured.created}"
        )
        show_table(roofs_table(measured))
    note(f"recorded: {path.relative_to(root)}")


@click.command("doctor", short_help="Can this machine judge and measure?")
@json_option("JSON")
def doctor_verb(json_path: str | None) -> None:
    """Say whether this machine can judge and measure, and how to mend what keeps it from it.

    \b
    Examples:
      bench doctor
    """
    findings = machine_doctor.examine(checkout())
    with json_sink(json_path) as out:
        out(json.dumps([finding.to_json() for finding in findings], indent=2))
    if json_path != "-":
        show_table(findings_table(findings))
    if any(finding.state == "fix" for finding in findings):
        sys.exit(EXIT_FAILED)
