"""What a run of the loop keeps on disk."""

import pytest

from suite.optimize.record import RunError, RunFolder
from suite.tests.fake_workshop import SETTINGS, START


def test_a_run_has_one_worker(tmp_path):
    first = RunFolder.create(tmp_path, SETTINGS, START)
    with pytest.raises(RunError) as error:
        RunFolder.find(tmp_path, "run")
    assert str(error.value) == "run is being worked on by another process"
    first.close()
    second = RunFolder.find(tmp_path, str(tmp_path / "run"))
    assert second.settings() == SETTINGS
    second.close()
    with pytest.raises(RunError) as error:
        RunFolder.find(tmp_path, "ran")
    assert str(error.value) == "no run 'ran'; there are: run"


def test_a_broken_record_is_an_error(tmp_path):
    folder = RunFolder.create(tmp_path, SETTINGS, START)
    (folder.folder / "run.json").write_text('{"schema": 1}')
    with pytest.raises(RunError, match="key 'id' is missing"):
        folder.settings()
    folder.close()
