"""The command as a test gives it, in this process."""

from __future__ import annotations

from click.testing import CliRunner, Result

from suite import cli


def bench(*arguments: object, **how: object) -> Result:
    """The outcome of `bench ARGUMENTS` in the current folder.

    No mistake of a user may end in a stack trace: what the command raises is raised here. `how` is for
    `CliRunner.invoke`.
    """
    outcome = CliRunner().invoke(cli.main, [str(argument) for argument in arguments], **how)
    if outcome.exception is not None and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    return outcome
