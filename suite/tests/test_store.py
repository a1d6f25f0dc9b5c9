import os
import signal
import subprocess
import sys
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suite import lines, store
from suite.result import Status, to_json
from suite.tests.fake_results import fake_environment, fake_result

APPEND_MANY = """
import sys
from pathlib import Path
from suite import store
from suite.tests.fake_results import fake_result
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[3])):
    store.append(Path(sys.argv[1]), fake_result(run_id=f"{sys.argv[2]}-{number}", log="x" * 5000))
"""


def _writer(root, name, count):
    process = subprocess.Popen(
        [sys.executable, "-c", APPEND_MANY, str(root), name, str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    return process


def _finish(process):
    process.communicate()
    return process.returncode


def test_files_results_by_device_and_problem(tmp_path):
    path = store.append(tmp_path, fake_result())
    assert path == tmp_path / "nvidia-h200" / "argmin.jsonl"
    store.append(tmp_path, fake_result(problem="argmax", gpu=None, latency_ms=None))
    assert store.read(tmp_path, "argmin") == ([fake_result()], [])
    results, warnings = store.read(tmp_path)
    assert [(result.device, result.problem) for result in results] == [
        ("cpu", "argmax"),
        ("nvidia-h200", "argmin"),
    ]
    assert warnings == []


def test_reads_what_was_written_in_order(tmp_path):
    written = [
        fake_result(run_id="1"),
        fake_result(run_id="2", status=Status.REJECTED, reason="naïve \n two lines"),
        fake_result(run_id="3", axes={"shape": [1, 2], "dim": -1, "transposed": True}),
    ]
    for result in written:
        path = store.append(tmp_path, result)
    assert store.read(tmp_path) == (written, [])
    assert path.read_bytes().count(b"\n") == 3


def test_an_empty_or_missing_root_has_no_results(tmp_path):
    assert store.read(tmp_path) == ([], [])
    assert store.read(tmp_path / "missing", "argmin") == ([], [])


def test_two_writers_at_once_lose_nothing(tmp_path):
    writers = [_writer(tmp_path, name, 200) for name in ("a", "b")]
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    assert [_finish(writer) for writer in writers] == [0, 0]
    results, warnings = store.read(tmp_path)
    assert warnings == []
    for name in ("a", "b"):
        assert [result.run_id for result in results if result.run_id.startswith(name)] == [
            f"{name}-{number}" for number in range(200)
        ]


def test_a_torn_tail_costs_one_line_and_never_the_next(tmp_path):
    path = store.append(tmp_path, fake_result(run_id="1"))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:100])
    results, warnings = store.read(tmp_path)
    assert [result.run_id for result in results] == ["1"]
    assert len(warnings) == 1
    assert warnings[0].startswith(f"{path}:2: skipped, not JSON: ")
    store.append(tmp_path, fake_result(run_id="2"))
    results, warnings = store.read(tmp_path)
    assert [result.run_id for result in results] == ["1", "2"]
    assert len(warnings) == 1


def test_a_line_that_lacks_only_its_newline_is_a_result(tmp_path):
    path = store.append(tmp_path, fake_result(run_id="1"))
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    store.append(tmp_path, fake_result(run_id="2"))
    results, warnings = store.read(tmp_path)
    assert [result.run_id for result in results] == ["1", "2"]
    assert warnings == []


@settings(max_examples=20)  # each waits for the disk
@given(junk=st.lists(st.binary(max_size=40)))
def test_whatever_stands_beside_it_a_result_is_read(tmp_path_factory, junk):
    root = tmp_path_factory.mktemp("results")
    path = store.append(root, fake_result(run_id="1"))
    path.write_bytes(b"".join(line + b"\n" for line in junk) + path.read_bytes() + b"".join(junk))
    store.append(root, fake_result(run_id="2"))
    results, warnings = store.read(root)
    assert [result.run_id for result in results] == ["1", "2"]
    assert all(warning.startswith(f"{path}:") for warning in warnings)


def test_foreign_lines_are_skipped_with_file_and_line(tmp_path):
    path = store.append(tmp_path, fake_result())
    elsewhere = to_json(fake_result(problem="argmax")).encode()
    unnamed = to_json(fake_result(environment=fake_environment("NVIDIA \x1b[31mH300"))).encode()
    path.write_bytes(
        b'{"schema": 99}\n\n[1, 2]\n\xff\xfe\n' + elsewhere + b"\n" + unnamed + b"\n" + path.read_bytes()
    )
    results, warnings = store.read(tmp_path, "argmin")
    assert results == [fake_result()]
    assert warnings == [
        f"{path}:1: skipped, expected schema 1, found 99",
        f"{path}:3: skipped, expected a JSON object, found a list",
        f"{path}:4: skipped, 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
        f"{path}:5: skipped, a result of nvidia-h200/argmax does not belong in this file",
        f"{path}:6: skipped, device 'nvidia-h200' is not what results of NVIDIA ?[31mH300 are filed under",
    ]


def test_a_killed_writer_leaves_whole_lines_and_no_lock(tmp_path):
    writer = _writer(tmp_path, "a", 100_000)
    writer.stdin.write("go\n")
    writer.stdin.flush()
    path = tmp_path / "nvidia-h200" / "argmin.jsonl"
    while not path.exists() or path.stat().st_size < 60_000:
        assert writer.poll() is None
    writer.send_signal(signal.SIGKILL)
    assert _finish(writer) == -signal.SIGKILL
    store.append(tmp_path, fake_result(run_id="after"))
    results, warnings = store.read(tmp_path)
    assert [result.run_id for result in results] == [f"a-{n}" for n in range(len(results) - 1)] + ["after"]
    assert len(results) > 5
    assert len(warnings) <= 1  # only the line it was killed in, should the kernel have split the write


def test_a_reader_waits_for_a_writer(tmp_path):
    """The reader must not see half of a line that is being written."""
    import fcntl

    path = store.append(tmp_path, fake_result(run_id="1"))
    seen = []
    with path.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        reader = threading.Thread(target=lambda: seen.append(store.read(tmp_path)))
        reader.start()
        line = to_json(fake_result(run_id="2")).encode() + b"\n"
        file.seek(0, os.SEEK_END)
        file.write(line[:50])
        file.flush()
        assert seen == []
        file.write(line[50:])
        file.flush()
        fcntl.flock(file, fcntl.LOCK_UN)
        reader.join()
    assert [result.run_id for result in seen[0][0]] == ["1", "2"]
    assert seen[0][1] == []


def test_a_short_write_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(lines.os, "write", lambda descriptor, line: 7)
    with pytest.raises(OSError, match=r"argmin\.jsonl: wrote 7 of \d+ bytes; is the disk full\?$"):
        store.append(tmp_path, fake_result())


@pytest.mark.parametrize("name", ["../argmin", "", ".hidden", "a/b", "a\n"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, name):
    with pytest.raises(
        ValueError, match=r"^problem must be a plain file name of letters, digits and '_\.-', got "
    ):
        store.append(tmp_path, fake_result(problem=name))
    with pytest.raises(ValueError, match="device must be a plain file name"):
        store.append(tmp_path, fake_result(device=name))
    assert list(tmp_path.iterdir()) == []
