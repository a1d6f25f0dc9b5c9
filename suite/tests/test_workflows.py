"""The GitHub workflows: audited, pinned, and the two scripts that handle what strangers submit."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from suite import store
from suite.result import Status
from suite.solution import read_solution
from suite.tests.fake_results import fake_result
from suite.tests.repository_scripts import script

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
HOSTILE = "@everyone [x](http://e.example) <img src=x> `|`"


@pytest.fixture(scope="module")
def check_submission():
    with script("check_submission") as module:
        yield module


@pytest.fixture(scope="module")
def submission_comment():
    with script("submission_comment") as module:
        yield module


def test_an_auditor_finds_nothing():
    found = Path(sys.executable).with_name("zizmor")
    path = str(found) if found.exists() else shutil.which("zizmor")
    if path is None and os.environ.get("CI") == "true":
        pytest.fail("continuous integration audits the workflows: zizmor is not installed")
    if path is None:
        pytest.skip("zizmor is not installed: pip install -e '.[test]'")
    command = [path, "--offline", "--no-progress", "--format=plain", str(ROOT / ".github" / "workflows")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_are_three():
    assert [path.name for path in WORKFLOWS] == [
        "check-submission.yml",
        "comment-submission.yml",
        "pages.yml",
    ]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
class TestEachWorkflow:
    def test_nothing_is_granted_but_by_name(self, path):
        assert "\npermissions: {}\n" in path.read_text()

    def test_every_action_is_pinned_to_a_commit_and_says_its_version(self, path):
        used = re.findall(r"uses: (.*)", path.read_text())
        assert used
        for line in used:
            assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line

    def test_no_expression_stands_in_a_command(self, path):
        text = path.read_text()
        for block in re.findall(r"run: \|\n((?: {10,}.*\n)+)", text) + re.findall(r"run: ([^|\n].*)\n", text):
            assert "${{" not in block

    def test_code_of_a_pull_request_never_meets_a_token_that_writes(self, path):
        text = path.read_text()
        code = "\n".join(line.partition("#")[0] for line in text.splitlines())
        assert "pull_request_target" not in code
        assert "secrets." not in code
        assert code.count("persist-credentials: false") == code.count("actions/checkout@")
        if re.search(r"^  pull_request:", code, re.MULTILINE):
            assert not re.search(r": write\b", code)
        if "workflow_run:" in code:
            assert "ref:" not in code


class TestCheck:
    def test_changed_solutions_are_found(self, check_submission):
        names = ("README.md", "argmin/ada_split-k.py")
        paths = ["README.md", "problems/argmin/final.py", *(f"solutions/{name}" for name in names)]
        assert check_submission.submitted(paths) == [("argmin", "solutions/argmin/ada_split-k.py")]

    @pytest.mark.parametrize(
        "path",
        [
            "solutions/argmin/a b.py",
            "solutions/argmin/$(touch x).py",
            "solutions/argmin/x.sh",
            "solutions/../x/y.py",
            "solutions/argmin/.hidden.py",
            "solutions/argmin/deep/er.py",
            "solutions/x.py",
            "solutions/argmin/x.py\n--help",
        ],
    )
    def test_odd_names_are_refused(self, path, check_submission):
        with pytest.raises(check_submission.SubmissionFormError, match="plain names"):
            check_submission.submitted([path])

    def test_a_flood_is_refused(self, check_submission):
        with pytest.raises(check_submission.SubmissionFormError, match="11 solutions at once; at most 10"):
            check_submission.submitted([f"solutions/argmin/a_{number}.py" for number in range(11)])

    def test_what_a_merge_changes_is_read_from_git(self, tmp_path, check_submission):
        def git(*words):
            command = ["git", "-c", "user.name=t", "-c", "user.email=t@t", *words]
            subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

        git("init", "-b", "main")
        (tmp_path / "kept.py").write_text("1")
        (tmp_path / "gone.py").write_text("1")
        git("add", ".")
        git("commit", "-m", "one")
        (tmp_path / "new\nline.py").write_text("2")
        (tmp_path / "gone.py").unlink()
        git("add", "-A")
        git("commit", "-m", "two")
        assert check_submission.changed(tmp_path) == ["new\nline.py"]


class TestComment:
    def test_results_become_a_table(self, tmp_path, submission_comment):
        sha256 = next(
            solution
            for solution in [read_solution(ROOT / "problems" / "argmin" / "final.py")]
        ).sha256  # fmt: skip
        passed = fake_result("ada_quick", "check", None, gpu=None, author="ada", sha256=sha256)
        failed = fake_result("ada_slow", "check", gpu=None, status=Status.INCORRECT, reason=HOSTILE)
        for result in (passed, failed):
            store.append(tmp_path / "reports" / "results", result)
        shutil.copytree(ROOT / "reports" / "inspect", tmp_path / "reports" / "inspect")
        text = submission_comment.comment(tmp_path)
        assert text.startswith("### Checks without a GPU\n")
        assert "Passed, not timed: `ada_quick`." in text
        assert (
            "| `ada_slow` | `check` | incorrect | `@everyone [x](http://e.example) <img src=x> '\\|'` |"
            in text
        )
        assert "| `ada_quick` | `argmin_phases_kernel` | `1` | `128` | `122` | `16384` |" in text
        assert "argmax" not in text

    def test_what_is_no_submission_is_left_out(self, tmp_path, submission_comment):
        for result in (fake_result("final", gpu=None, stage="final"), fake_result("fast", latency_ms=0.1)):
            store.append(tmp_path / "reports" / "results", result)
        assert "Nothing was judged" in submission_comment.comment(tmp_path)
        assert "Nothing was judged" in submission_comment.comment(tmp_path / "missing")

    def test_forged_records_do_not_stop_it(self, tmp_path, submission_comment):
        path = store.append(tmp_path / "reports" / "results", fake_result("x", "check", None, gpu=None))
        line = path.read_text()
        for old, new in (
            ('"x"', "5"),
            ('"precision": null', '"precision": "fp7"'),
            ('"created": "', '"created": 7, "c": "'),
        ):
            path.write_text(line.replace(old, new) + line.replace('"sha256": "0', '"sha256": "../0'))
            assert submission_comment.comment(tmp_path).startswith("### Checks")

    def test_a_comment_has_an_end(self, tmp_path, submission_comment):
        for number in range(400):
            store.append(
                tmp_path / "reports" / "results",
                fake_result(f"a_{number}", "check", gpu=None, status=Status.TIMEOUT, reason="x" * 400),
            )
        text = submission_comment.comment(tmp_path)
        assert 50_000 < len(text) < 61_000
        assert text.endswith("\n\n(cut)\n")
