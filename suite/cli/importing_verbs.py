"""`bench import`: problems of other formats become folders here."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import click

from suite.cli.authoring_verbs import findings_of
from suite.cli.console import EXIT_FAILED, SCALE_KEY, checkout, note, plain_errors, scale_option, show_table
from suite.cli.judging import device_of
from suite.cli.problems import step_of, tell
from suite.kernelbench.folder import write_problem
from suite.kernelbench.source import SourceError
from suite.tables import findings_table

CHECK_TIMEOUT_S = 600.0


@click.group("import", short_help="Add problems that were written for another suite.")
def import_verb() -> None:
    """Add problems that were written for another suite.

    \b
    Examples:
      bench import kernelbench 6_Matmul_with_large_K_dimension_.py --name large_k
    """


@import_verb.command("kernelbench")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--name", help="The problem's name; for one file. Default: after the file.")
@scale_option
@click.option("--no-check", "check", flag_value=False, default=True, help="Leave out `bench check-problem`.")
def kernelbench_verb(paths: tuple[Path, ...], name: str | None, check: bool) -> None:
    """Make a problem folder of each file in the format of KernelBench: Model, get_inputs, get_init_inputs.

    The file becomes reference.py byte for byte. Workloads, edge cases, bytes, flops and tolerance are derived
    by running it on sizes without data, and on the CPU at small sizes, confined where bubblewrap works. Then
    `bench check-problem` says whether the checker takes wrong answers; exit code 1 when it does. Like every
    judge it runs the reference with your rights: import what you trust.

    \b
    Examples:
      bench import kernelbench KernelBench/level1/52_Argmin_over_a_dimension.py
      bench import kernelbench my_task.py --name my_task --scale 1/4
    """
    root = checkout()
    if name is not None and len(paths) > 1:
        raise click.UsageError("--name is for one file")
    scale: Fraction | None = click.get_current_context().meta.get(SCALE_KEY)
    failed = 0
    with plain_errors():
        for path in paths:
            try:
                imported = write_problem(root, path, step_of(path), name=name, scale=scale)
            except SourceError as error:
                if len(paths) == 1:
                    raise
                note(f"not imported: {error}")
                failed += 1
                continue
            tell(imported)
            click.echo(f"imported: {imported.problem.folder.relative_to(root)}")
            if check:
                findings = findings_of(imported.problem, device_of("auto"), CHECK_TIMEOUT_S)
                accepted = all(finding.state != "fix" for finding in findings)
                failed += not accepted
                click.echo(f"\n{imported.problem.name}: {'accepted' if accepted else 'refused'}")
                show_table(findings_table(findings))
    if failed:
        sys.exit(EXIT_FAILED)
