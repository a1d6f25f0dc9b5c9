"""What all verbs share: where the checkout is, how to speak to the user, which exit codes there are."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click
from tabulate import tabulate

from suite import roofs
from suite.calibration import CalibrationError
from suite.judge.sandbox import SandboxError
from suite.judge_process import JudgeError
from suite.kernelbench.fit import DoesNotFitError
from suite.kernelbench.folder import parse_scale
from suite.kernelbench.source import SourceError
from suite.optimize.record import RunError
from suite.problem import ProblemFolderError, UnknownNameError
from suite.runner import NothingToRunError, Progress
from suite.solution import SolutionFileError
from suite.stages.profile_file import ProfileFileError
from suite.submission import SubmissionError
from suite.tables import Table

USER_ERRORS = (
    UnknownNameError,
    ProblemFolderError,
    SolutionFileError,
    SubmissionError,
    NothingToRunError,
    SandboxError,
    ProfileFileError,
    SourceError,
    DoesNotFitError,
    RunError,
)
WIDEST_COLUMN = 60  # a reason may have 400 characters; it wraps instead of stretching the table
NO_GPU = "no GPU: checking correctness in Triton's interpreter; latency and fractions need an NVIDIA GPU"
SCALE_KEY = "suite.scale"
"""Where click's context keeps what `--scale` says."""
EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130
F = TypeVar("F", bound=Callable[..., Any])


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """A user's mistake is one line and exit code 2, not a stack trace."""
    try:
        yield
    except USER_ERRORS as error:
        raise click.UsageError(str(error)) from error
    except (JudgeError, CalibrationError) as error:
        raise click.ClickException(str(error)) from error


def checkout() -> Path:
    """The checkout: the nearest folder upwards that holds `problems`, else the one that the suite lies in."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "problems").is_dir():
            return folder
    return Path(__file__).resolve().parents[2]


def show_table(table: Table) -> None:
    """A table on standard output."""
    text = tabulate(
        table.rows,
        table.headers,
        tablefmt="simple",
        colalign=table.alignment,
        disable_numparse=True,
        maxcolwidths=WIDEST_COLUMN,
    )
    click.echo(text)


def shortened(text: str, longest: int) -> str:
    """`text`, or as many of its letters and what says that there are more."""
    return text if len(text) <= longest else f"{text[: longest - 4]} ..."


def note(text: str) -> None:
    """A line on standard error."""
    click.echo(text, err=True)


def json_option(what: str) -> Callable[[F], F]:
    """The same option for all verbs: `--json` alone or `--json -` for standard output, or `--json FILE`."""
    return click.option(
        "--json",
        "json_path",
        is_flag=False,
        flag_value="-",
        type=click.Path(allow_dash=True, dir_okay=False),
        metavar="[FILE]",
        help=f"{what} instead of text; with FILE the text too, and the JSON there.",
    )


@contextlib.contextmanager
def json_sink(json_path: str | None) -> Iterator[Callable[[str], None]]:
    """Takes the lines that `--json` asks for; without the option they are dropped."""
    with click.open_file(json_path or "/dev/null", "w") as sink:
        yield lambda line: click.echo(line, file=sink)


def problem_option(required: bool = True) -> Callable[[F], F]:
    """The options that choose a problem; `suite.cli.problems.find_problem` finds it."""
    problem = click.option(
        "--problem",
        "problem_name",
        required=required,
        help="A problem's name, see `bench list`; or FILE.py in the format of KernelBench.",
    )
    return lambda command: problem(scale_option(command))


def own_problem_option(required: bool = True) -> Callable[[F], F]:
    """The option that chooses a problem of the checkout; `suite.cli.problems.find_own_problem` finds it."""
    return click.option(
        "--problem", "problem_name", required=required, help="A problem's name, see `bench list`."
    )


def scale_option(command: F) -> F:
    """The option that shrinks what a file in the format of KernelBench computes on."""
    return click.option(
        "--scale",
        callback=_keep_scale,
        expose_value=False,
        metavar="1/4",
        help="With FILE.py: shrink its sizes until the tensors have this share of their elements.",
    )(command)


def _keep_scale(context: click.Context, _option: click.Parameter, value: str | None) -> None:
    if value is None:
        return
    try:
        context.meta[SCALE_KEY] = parse_scale(value)
    except SourceError as error:
        raise click.BadParameter(str(error)) from error


def measured_roofs(root: Path, device: str) -> list[roofs.Roofs]:
    """The measured roofs of a device, with a note on every line that is no record."""
    records, warnings = roofs.read(root / "reports" / "roofs", device)
    for warning in warnings:
        note(f"warning: {warning}")
    return records


class StatusLine:
    """One line on standard error that says what is going on; on a terminal it is overwritten."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._last = ""

    def __enter__(self) -> StatusLine:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.clear()

    def __call__(self, progress: Progress) -> None:
        """Say what the judge is doing now."""
        if self._is_terminal:
            self.clear()
            text = f"{progress.solution} {progress.done + 1}/{progress.total}: {progress.text}"
            # What wraps could not be wiped.
            click.echo(text[: shutil.get_terminal_size().columns - 1], err=True, nl=False)
            self._last = text
        elif progress.solution != self._last:
            self._last = progress.solution
            note(f"judging {progress.solution}")

    def clear(self) -> None:
        """Wipe the line."""
        if self._is_terminal and self._last:
            click.echo("\r\x1b[K", err=True, nl=False)
