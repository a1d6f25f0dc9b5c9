"""What README.md and CONTRIBUTING.md say is so: their commands, links and examples."""

import re
from pathlib import Path

import click
import pytest

from suite import cli
from suite.judge.authoring.examination import examine
from suite.judge.authoring.subject import Shapes
from suite.problem import find_problem
from suite.stages.output_rules import breaches

ROOT = Path(__file__).parents[2]
DOCUMENTS = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "CONTRIBUTING.md")}
PYTHON = {name: re.findall(r"```python\n(.*?)```", text, re.S) for name, text in DOCUMENTS.items()}
COMMAND = re.compile(r"(?<![-\w])bench ((?:import )?[a-z][a-z-]*)([^`\n#|]*)")
NOT_COMMANDS = {"workloads", "workload"}
"""What stands behind the word in prose."""


def command_named(name):
    found = cli.main
    for part in name.split():
        found = found.commands[part]
    return found


def commands():
    for document, text in DOCUMENTS.items():
        for name, rest in COMMAND.findall(text):
            if name not in NOT_COMMANDS:
                yield pytest.param(name, rest, id=f"{document}: bench {name}{rest}"[:80])


@pytest.mark.parametrize(("name", "rest"), list(commands()))
def test_every_command_and_option_is_there(name, rest):
    options = {
        option
        for parameter in command_named(name).params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
    }
    # What stands in quotation marks belongs to another program.
    named = set(re.findall(r"(?<!\S)--[a-z][a-z-]*", re.sub(r"'[^']*'", "", rest)))
    assert named <= options | {"--help"}


def test_every_verb_is_in_the_readme():
    named = {name.split()[0] for name, _ in COMMAND.findall(DOCUMENTS["README.md"])}
    assert set(cli.main.commands) <= named


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_somewhere(document):
    text = re.sub(r"```.*?```", "", DOCUMENTS[document], flags=re.S)
    titles = re.findall(r"^#+ (.*)$", text, re.M)
    anchors = {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}
    for link in re.findall(r"\]\(([^)]+)\)", text):
        if link.startswith("#"):
            assert link[1:] in anchors
        elif not link.startswith("https://"):
            assert (ROOT / link.partition("#")[0]).exists(), link


def test_the_first_kernel_of_the_readme_could_be_submitted():
    (kernel,) = (block for block in PYTHON["README.md"] if "class ModelNew" in block)
    assert breaches(kernel.encode()) == []


def test_the_example_of_a_problem_is_accepted(tmp_path):
    reference, inputs = (block for block in PYTHON["CONTRIBUTING.md"] if block.startswith('"""'))
    folder = tmp_path / "problems" / "softmax"
    folder.mkdir(parents=True)
    (folder / "reference.py").write_text(reference)
    (folder / "inputs.py").write_text(inputs)
    workloads = find_problem(tmp_path, "softmax").workloads
    shapes = tuple(Shapes(w.name, w.tier, w.axes) for w in workloads)
    findings = list(examine(folder, "cpu", shapes, lambda *_: None))
    assert [finding.text for finding in findings if finding.state == "fix"] == []
    assert "none passes at any of 2 workloads" in [finding.text for finding in findings]
