"""The `bench` command. Each verb parses, calls one function of the library, and prints."""

from __future__ import annotations

from typing import Any

import click

from suite.cli.authoring_verbs import check_problem_verb
from suite.cli.evaluating_verbs import evaluate_verb
from suite.cli.importing_verbs import import_verb
from suite.cli.inspecting_verbs import inspect_verb
from suite.cli.judging_verbs import compare_verb, run_verb, submit_verb
from suite.cli.machine_verbs import calibrate_verb, doctor_verb
from suite.cli.optimizing_verbs import optimize_verb
from suite.cli.profiling_verbs import profile_verb
from suite.cli.prompting_verbs import prompt_verb
from suite.cli.reading_verbs import list_verb, report_verb
from suite.cli.stage_verbs import grade_verb


class Bench(click.Group):
    """Lists its verbs in the order in which they are met. What cannot be read or written is an error."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """As they were added."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # click ends quietly when nobody reads its output any more
            raise
        except OSError as error:
            text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
            raise click.ClickException(text) from error


@click.command(cls=Bench, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tritonpeak", prog_name="bench")
def main() -> None:
    """Benchmark Triton kernels: correct or not, how long, how close to what the hardware allows.

    \b
    Examples:
      bench list
      bench run --problem argmin
      bench run --problem argmin --solution my_kernel.py --workload seed
      bench inspect --problem argmin --solution my_kernel.py --gpu rtx-4090
      bench submit my_kernel.py --problem argmin --author ada
      bench report --open
    """


for verb in (
    list_verb,
    run_verb,
    inspect_verb,
    compare_verb,
    submit_verb,
    report_verb,
    prompt_verb,
    optimize_verb,
    evaluate_verb,
    profile_verb,
    grade_verb,
    import_verb,
    check_problem_verb,
    calibrate_verb,
    doctor_verb,
):
    main.add_command(verb)
