"""Every solution on every bench workload, on device time: `pytest problems --benchmark-only`."""

from suite.replay import replay


def test_latency(device_result, benchmark):
    replay(benchmark, device_result)
