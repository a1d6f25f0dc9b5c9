"""Show device samples to pytest-benchmark as if it had timed them.

Through its public interface alone (`benchmark.pedantic` and a timer of our own), so that --benchmark-json,
--benchmark-compare and --benchmark-compare-fail=median:5% work on device time.
"""

from __future__ import annotations

import contextlib
from typing import Any, NoReturn

import pytest

from suite.benchmarks import FailedError
from suite.result import Result
from suite.stats import median


class VirtualClock:
    """A timer for pytest-benchmark that stands still until it is set. Seconds.

    Each round starts at 0, so that the round's time, end minus start, is the sample to the last bit.
    """

    def __init__(self) -> None:
        self._now_s = 0.0

    def __call__(self) -> float:
        """What the clock shows."""
        return self._now_s

    def set(self, now_s: float = 0.0) -> None:
        """Show `now_s` from now on."""
        self._now_s = now_s


CLOCK = VirtualClock()


def replay(benchmark: Any, outcome: Result | FailedError) -> None:
    """Hand the samples of a result to pytest-benchmark as rounds; fail the test if the solution failed.

    Args:
        benchmark: pytest-benchmark's fixture.
        outcome: what `device_result` gives.
    """
    if isinstance(outcome, FailedError):

        def fail() -> NoReturn:
            raise outcome

        # Through the fixture, which warns when it goes unused and keeps what fails in it out of its reports.
        with contextlib.suppress(FailedError):
            benchmark.pedantic(fail)
        pytest.fail(str(outcome), pytrace=False)
    samples_s = iter([sample_ms / 1000 for sample_ms in outcome.samples_ms])
    benchmark.extra_info.update(_extra_info(outcome))
    benchmark.pedantic(
        # With --benchmark-cprofile the target is called once more than there are rounds.
        lambda: CLOCK.set(next(samples_s, 0.0)),
        setup=CLOCK.set,
        rounds=len(outcome.samples_ms),
    )


def _extra_info(result: Result) -> dict[str, Any]:
    """What else the JSON says of a benchmark: whose it is, how it was measured and where."""
    clocks, environment = result.clocks, result.environment
    return {
        "run_id": result.run_id,
        "created": result.created,
        "sha256": result.sha256,
        "author": result.author,
        "stage": result.stage,
        "precision": result.precision,
        "latency_ms": result.latency_ms,
        "latency_ci_ms": result.latency_ci_ms,
        "bytes_moved": result.bytes_moved,
        "flops": result.flops,
        "flags": list(result.flags),
        "gpu": environment.gpu,
        "board": environment.board,
        "driver": environment.driver,
        "cuda": environment.cuda,
        "torch": environment.torch,
        "triton": environment.triton,
        "sm_mhz": median(clocks.sm_mhz) if clocks else None,
        "memory_mhz": median(clocks.memory_mhz) if clocks else None,
    }
