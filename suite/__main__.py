"""`python -m suite` is the `bench` command."""

from suite.cli import main

main(prog_name="bench")
