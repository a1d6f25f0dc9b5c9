"""Small, valid roofs for tests: an H200 with round figures."""

from typing import Any

from suite.roofs import Probe, Roofs

GB = 10**9
FLOPS = 10**12


def probe(work: int, ms: float = 1.0, **fields: Any) -> Probe:
    values = {"sm_mhz": 1980, "discarded": 0, "unstable": False, "how": "a call"} | fields
    return Probe(work=work, samples_ms=(ms, ms, ms), **values)


def fake_roofs(**fields: Any) -> Roofs:
    """4500 GB/s read, 4600 write, 4300 copy; 50, 400, 800, 750 TFLOPS."""
    values: dict[str, Any] = {
        "device": "nvidia-h200",
        "created": "2026-01-01T00:00:00+00:00",
        "gpu": "NVIDIA H200",
        "sm_count": 132,
        "driver": "580.95.05",
        "cuda": "13.0",
        "torch": "2.11.0",
        "triton": "3.6.0",
        "read": probe(9 * GB, 2.0),
        "write": probe(int(9.2 * GB), 2.0),
        "copy": probe(int(8.6 * GB), 2.0),
        "fp32": probe(FLOPS, 20.0),
        "tf32": probe(FLOPS, 2.5),
        "bf16": probe(FLOPS, 1.25),
        "fp16": probe(FLOPS, 1000 / 750),
    }
    return Roofs(**(values | fields))
