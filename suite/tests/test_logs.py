"""Where logs lie, how long, and that a run which records nothing writes nothing into the checkout."""

import pytest

from suite.logs import KEPT_RUNS, RunLogs


def run_ids(count):
    """Oldest first."""
    return [f"20260101T00{minute:02}00Z-{59 - minute:08x}" for minute in range(count)]


def test_the_logs_of_the_newest_runs_are_kept(tmp_path):
    folder = tmp_path / "reports" / "logs"
    for name in [*run_ids(KEPT_RUNS + 2), "mine", "20260101T000000Z-notes"]:
        (folder / name).mkdir(parents=True)
        (folder / name / "judge.log").write_text("said\n")
    with RunLogs(tmp_path, "20260102T000000Z-00000000", save=True) as logs:
        logs.folder.mkdir()
    kept = sorted(path.name for path in folder.iterdir())
    assert KEPT_RUNS == 50
    assert kept == sorted([*run_ids(52)[3:], "20260102T000000Z-00000000", "mine", "20260101T000000Z-notes"])


@pytest.mark.parametrize("wanted", [True, False])
def test_without_a_record_logs_are_temporary_and_stay_if_something_failed(tmp_path, wanted):
    (tmp_path / "reports").touch()  # nothing can be made below a file, not even by root
    with RunLogs(tmp_path, "20260102T000000Z-00000000", save=False) as logs:
        (logs.folder / "judge.log").write_text("said\n")
        logs.wanted |= wanted
    assert logs.folder.exists() == wanted
    assert not logs.folder.is_relative_to(tmp_path)
    if wanted:
        (logs.folder / "judge.log").unlink()
        logs.folder.rmdir()
