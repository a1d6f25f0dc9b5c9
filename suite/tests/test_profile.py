"""Profiles as JSON lines, stored and found again."""

import json

import pytest

from suite import profile_store
from suite.profile import ProfileError, from_json, to_json
from suite.tests.fake_evidence import fake_profile, kernel_profile


def test_a_profile_survives_json():
    profile = fake_profile(kernel_profile("a", 3.0), kernel_profile("b", 1.0, l2=None))
    line = to_json(profile)
    assert line.startswith('{"schema": 1, ')
    assert from_json(line) == profile


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, "expected schema 1, found 2"),
        ({"extra": 1}, "unknown key 'extra'"),
        ({"source": "kernel_timestamps"}, "source 'kernel_timestamps' with 1 kernels"),
        ({"kernels": []}, "source 'ncu' with 0 kernels"),
        ({"kernels": [], "source": "kernel_timestamps"}, "a profile without counters needs a reason"),
        ({"kernels": [{"kernel": "k"}]}, "kernels: key 'grid' is missing"),
        ({"created": ""}, "created: expected UTC in ISO 8601, found ''"),
        ({"axes": [1]}, "axes: expected a JSON object, found a list"),
        (
            {"kernels": [json.loads(to_json(fake_profile(kernel_profile())))["kernels"][0] | {"time_ms": 0}]},
            "kernels: expected at least one launch of each, and a time above 0",
        ),
    ],
)
def test_lines_that_are_no_profile(change, message):
    values = json.loads(to_json(fake_profile(kernel_profile()))) | change
    with pytest.raises(ProfileError) as error:
        from_json(json.dumps(values))
    assert str(error.value) == message


def test_the_store_gives_back_what_was_appended_and_names_torn_lines(tmp_path):
    first, second = fake_profile(kernel_profile()), fake_profile(solution="baseline")
    path = profile_store.append(tmp_path, first)
    assert path == tmp_path / "nvidia-h200" / "argmin.jsonl"
    with path.open("a") as file:
        file.write('{"schema": 1, "half\n')
    profile_store.append(tmp_path, second)
    profiles, (warning,) = profile_store.read(tmp_path, "nvidia-h200", "argmin")
    assert profiles == [first, second]
    assert warning.startswith(f"{path}:2: skipped, not JSON: ")
    assert profile_store.read(tmp_path, "nvidia-h200", "argmax") == ([], [])


def test_the_latest_is_of_that_very_file_and_counters_come_first():
    old = fake_profile(kernel_profile(), created="2026-01-01T00:00:00+00:00")
    new = fake_profile(kernel_profile(), created="2026-01-02T00:00:00+00:00")
    blind = fake_profile(created="2026-01-03T00:00:00+00:00")
    other = fake_profile(kernel_profile(), created="2026-01-04T00:00:00+00:00", sha256="1" * 64)
    wide = fake_profile(kernel_profile(), created="2026-01-04T00:00:00+00:00", workload="wide")
    held = [new, old, blind, other, wide]
    assert profile_store.latest(held, "0" * 64, "seed") is new
    assert profile_store.latest([blind], "0" * 64, "seed") is blind
    assert profile_store.latest(held, "2" * 64, "seed") is None
