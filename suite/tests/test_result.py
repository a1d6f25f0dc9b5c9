import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.result import Audit, Clocks, Correctness, ResultError, Status, Timing, from_json, to_json
from suite.tests.fake_results import fake_result, on_board

CLOCKS = Clocks(
    sm_mhz=(1980, 1710),
    memory_mhz=(3201, 3201),
    power_w=(475.5, 690.0),
    temperature_c=(41, 44),
    throttle_reasons=(0, 4),
)
TIMING = Timing("events", 125829120, 0.00128, discarded=3, unaccounted_ms=0.01, cover_ms=1.0, queued_ms=0.3)
CLOCK_NAMES = [field.name for field in dataclasses.fields(Clocks)]
TIMED = fake_result(
    correctness=Correctness(outputs_checked=40, max_relative_error=3.1e-7, hidden_workloads=4),
    timing=TIMING,
    audit=Audit(clock="ncu", latency_ms=2.01, calls=5),
    clocks=CLOCKS,
    precision="fp32",
    flags=("noisy", "launch-bound"),
    samples_ms=(2.0, 2.1, 1.9),
)


def changed(**values):
    """The timed result's line with some keys replaced, or left out where the value is Ellipsis."""
    line = json.loads(to_json(TIMED)) | values
    return json.dumps({key: value for key, value in line.items() if value is not ...})


@pytest.mark.parametrize(
    "result",
    [
        TIMED,
        fake_result(gpu=None, latency_ms=None, correctness=None),
        fake_result(
            status=Status.REJECTED, reason='broke a "rule":\n line 2 \u2028 naïve', log="reports/logs/1.txt"
        ),
        fake_result(author=None, axes={"shape": [2**31 + 1], "keep": True, "name": "x", "none": None}),
    ],
    ids=["timed", "cpu", "rejected", "axes"],
)
def test_json_round_trip(result):
    line = to_json(result)
    assert "\n" not in line
    assert from_json(line) == result


@given(reason=st.text(min_size=1), latency_ms=st.floats(1e-6, 1e6))
def test_any_text_and_number_survives(reason, latency_ms):
    failed = fake_result(status=Status.INCORRECT, reason=reason)
    timed = fake_result(latency_ms=latency_ms, half_width_ms=0.0)
    assert from_json(to_json(failed)) == failed
    assert from_json(to_json(timed)) == timed


def test_a_record_older_than_hidden_workloads_does_not_say_how_many():
    line = changed(correctness={"outputs_checked": 40, "max_relative_error": 3.1e-7})
    assert from_json(line).correctness == Correctness(40, 3.1e-7, None)


def test_a_record_older_than_boards_names_none():
    environment = json.loads(to_json(TIMED))["environment"]
    assert environment.pop("board") is None
    assert from_json(changed(environment=environment)) == TIMED
    named = dataclasses.replace(TIMED, environment=on_board("0123abcd"))
    assert from_json(to_json(named)) == named


def test_schema_comes_first():
    assert to_json(TIMED).startswith('{"schema": 1, "run_id": "20260101-000000-aaaa", "created": ')


def test_keys_of_the_json_object():
    """Other tools read these names: a change here needs a new schema number."""
    assert list(json.loads(to_json(TIMED))) == [
        "schema", "run_id", "created", "problem", "workload", "axes", "solution", "sha256", "author", "stage",
        "device", "status", "reason", "correctness", "latency_ms", "latency_ci_ms", "samples_ms",
        "reference_latency_ms", "reference_samples_ms", "bytes_moved", "flops", "precision",
        "peak_gpu_memory_mb", "sandbox", "timing", "audit", "clocks", "environment", "flags", "log",
    ]  # fmt: skip


def test_nan_is_not_written():
    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        to_json(fake_result(samples_ms=(float("nan"),)))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "not JSON: Expecting value: line 1 column 1 (char 0)"),
        ('{"schema": 1, "run', "not JSON: Unterminated string starting at: line 1 column 15 (char 14)"),
        ("[1]", "expected a JSON object, found a list"),
        ("{}", "expected schema 1, found null"),
        ('{"schema": 2}', "expected schema 1, found 2"),
        (changed(run_id=...), "key 'run_id' is missing"),
        (changed(status=...), "key 'status' is missing"),
        (changed(gpu="H200"), "unknown key 'gpu'"),
        (
            changed(status="fine"),
            "status: expected one of passed, incorrect, compile_error, runtime_error, timeout, "
            "out_of_memory, rejected, impossible, unsupported, found 'fine'",
        ),
        (changed(environment={"gpu": None}), "environment: key 'sm_count' is missing"),
        (changed(environment="H200"), "environment: expected a JSON object, found 'H200'"),
        (
            changed(correctness={"outputs_checked": 1, "max_relative_error": 0, "x": 1}),
            "correctness: unknown key 'x'",
        ),
        (changed(clocks={}), "clocks: key 'sm_mhz' is missing"),
        (changed(samples_ms=3), "samples_ms: expected a list, found 3"),
        (changed(latency_ci_ms=[1.0]), "latency_ci_ms: expected 2 values, found a list"),
        (changed(latency_ms=0), "latency_ms must be positive, got 0"),
        (changed(latency_ci_ms=[0.0, 1.0]), "latency_ci_ms must be positive and in order, got (0.0, 1.0)"),
        (changed(latency_ci_ms=[2.0, 1.0]), "latency_ci_ms must be positive and in order, got (2.0, 1.0)"),
        (changed(latency_ms=float("nan")), "not JSON: NaN"),
        (changed(status="incorrect"), "latency_ms needs status 'passed', but status is 'incorrect'"),
        (changed(status="timeout", latency_ms=None, reason=""), "status 'timeout' needs a reason"),
        (changed(schema=True), "expected schema 1, found True"),
        ('{"schema": ' + "[" * 100_000, "not JSON that anybody wrote: nested too deeply"),
        (changed(precision="fp64"), "precision: expected one of fp32, tf32, bf16, found 'fp64'"),
        (changed(created="yesterday"), "created: expected UTC in ISO 8601, found 'yesterday'"),
        (
            changed(created="2026-02-30T00:00:00Z"),
            "created: expected UTC in ISO 8601, found '2026-02-30T00:00:00Z'",
        ),
        (
            changed(environment={**json.loads(to_json(TIMED))["environment"], "board": "GPU-3f1c"}),
            "board: expected 8 hexadecimal digits, found 'GPU-3f1c'",
        ),
        (changed(bytes_moved=-1), "bytes_moved: expected 0 or more, found -1"),
        (changed(flops=-1), "flops: expected 0 or more, found -1"),
        (changed(flops=10**30), "flops: expected a whole number, found a huge number"),
        (changed(solution=["final"]), "solution: expected text, found a list"),
        (changed(solution="\ud800"), "solution: expected text in Unicode, found '\\ud800'"),
        (changed(environment=None), "environment: expected a JSON object, found null"),
        (changed(flags="noisy"), "flags: expected a list, found 'noisy'"),
        (changed(samples_ms=[1.0, True]), "samples_ms: expected a number, found True"),
        (changed().replace("[2.0, 2.1", "[2.0, 1e999"), "samples_ms: expected a number, found inf"),
        (changed(samples_ms=[1e-300]), "samples: expected none below 1e-30 or above 1e+09 ms"),
        (changed(samples_ms=[]), "latency_ms: expected the samples that it is the median of"),
        (changed(reference_latency_ms=0), "a latency of 0 ms: expected 1e-30 to 1e+09 ms"),
        (
            changed(audit={"clock": "ncu", "latency_ms": 1e-320, "calls": 5}),
            "a latency of 1e-320 ms: expected 1e-30 to 1e+09 ms",
        ),
        (
            changed(clocks={name: [1] * count for count, name in enumerate(CLOCK_NAMES)}),
            "clocks: expected as many values in each column, and at least one",
        ),
        (changed(axes={"a": json.loads("[" * 30 + "]" * 30)}), "axes: more than 20 lists within lists"),
    ],
)
def test_a_line_that_is_no_result_says_why(line, message):
    with pytest.raises(ResultError) as caught:
        from_json(line)
    assert str(caught.value) == message


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.PASSED])
def test_no_latency_without_passing(status):
    with pytest.raises(
        ResultError, match=f"^latency_ms needs status 'passed', but status is '{status.value}'$"
    ):
        dataclasses.replace(TIMED, status=status, reason="why")
