"""`python -m suite.judge.probes`: measures the roofs of the card that this process sees.

Standard output carries events, one JSON object a line: `{"event": "progress", "text": ...}` before each probe
and at last `{"event": "roofs", "roofs": {...}}`, the fields of `suite.roofs.Roofs`. It runs in a process of
its own because the host imports neither torch nor Triton.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import functools
import json
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch

from suite.gpus import slugify
from suite.judge.card import Card, environment
from suite.judge.probe_kernels import READ_CONFIGS, WRITE_CONFIGS, Config, read_all, write_all
from suite.judge.sampling import Limits, Sampler
from suite.roofs import Probe, Roofs
from suite.stats import median

LIMITS = Limits(fewest=30, most=100, half_width=0.0025, patience_s=10.0)
TRIAL_SAMPLES = 5
"""For each configuration of a kernel; the best one is then measured afresh, so that luck does not count."""
MOST_BYTES = 8_000_000_000
"""Over a hundred times the largest L2 there is; fewer on a card with less than 24 GB."""
MATMUL_SIZE = 8192
SHORTEST_REST_S = 0.01
REST_FACTOR = 3
"""Idle time after a sample, in multiples of it: keeps the board below its power cap."""
TF32_CAPABILITY = (8, 0)
FP16_CAPABILITY = (7, 0)

Call = Callable[[], Any]


class Prober:
    """Samples calls on the card."""

    def __init__(self, card: Card) -> None:
        self._card = card

    def probe(self, call: Call, work: int, how: str) -> Probe:
        """At least 30 samples of `call`, with the card at rest between them and its clocks in view."""
        sampler = Sampler(LIMITS, self._card.top_mhz(), time.monotonic)
        self._rest(self.sample_ms(call))
        while sampler.wants_more():
            time.sleep(sampler.pause_s)
            sample_ms = self.sample_ms(call)
            sampler.offer(sample_ms, sample_ms, [self._card.clock_state()])
            self._rest(sample_ms)
        clocks = [state.sm_mhz for state in sampler.states if state is not None]
        return Probe(
            work=work,
            samples_ms=tuple(sampler.samples_ms),
            sm_mhz=round(median(clocks)) if clocks else None,
            discarded=sampler.discarded,
            unstable=sampler.unstable,
            how=how,
        )

    def fastest(self, configs: tuple[Config, ...], call: Callable[[Config], Any]) -> Config:
        """The configuration with the lowest median of a few samples."""
        return min(configs, key=lambda config: self._trial_ms(functools.partial(call, config)))

    def sample_ms(self, call: Call) -> float:
        """Device time of the second of two calls in a row.

        The first wakes the memory from its rest, and is long enough to hide the launch of the second.
        """
        start = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call] # torch has no types here
        end = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        call()
        start.record()
        call()
        end.record()
        torch.cuda.synchronize()
        return float(start.elapsed_time(end))

    def _trial_ms(self, call: Call) -> float:
        samples_ms = []
        for _ in range(TRIAL_SAMPLES + 1):
            samples_ms.append(self.sample_ms(call))
            self._rest(samples_ms[-1])
        return median(samples_ms[1:])  # the first one compiled

    def _rest(self, sample_ms: float) -> None:
        time.sleep(max(SHORTEST_REST_S, REST_FACTOR * sample_ms / 1000))


def memory_probes(prober: Prober) -> Iterator[tuple[str, Probe]]:
    """Read, copy and write, each over the same buffer; writing comes last because it spends the data."""
    tile_bytes = 4 * max(config.block * config.tiles for config in (*READ_CONFIGS, *WRITE_CONFIGS))
    free_bytes, total_bytes = torch.cuda.mem_get_info()
    n_bytes = min(MOST_BYTES, total_bytes // 3, free_bytes * 9 // 10) // tile_bytes * tile_bytes
    x = torch.empty(n_bytes // 4, dtype=torch.float32, device="cuda").normal_()  # [n]
    least = min(config.block * config.tiles for config in READ_CONFIGS)
    sums = torch.empty(n_bytes // 4 // least, device="cuda")  # a sum for each program

    best = prober.fastest(READ_CONFIGS, lambda config: read_all(x, sums, config))
    yield "read", prober.probe(lambda: read_all(x, sums, best), n_bytes, f"Triton kernel, {best}")
    source, target = x[: x.numel() // 2], x[x.numel() // 2 :]
    yield "copy", prober.probe(lambda: target.copy_(source), n_bytes, "torch.Tensor.copy_")
    best = prober.fastest(WRITE_CONFIGS, lambda config: write_all(x, 1, config))
    yield "write", prober.probe(lambda: write_all(x, 1, best), n_bytes, f"Triton kernel, {best}")


def matmul_probes(prober: Prober) -> Iterator[tuple[str, Probe | None]]:
    """torch.matmul of two square matrices of normal numbers in each class that the card has units for."""
    capability = torch.cuda.get_device_capability()
    classes = (
        ("fp32", torch.float32, (0, 0)),
        ("tf32", torch.float32, TF32_CAPABILITY),
        ("bf16", torch.bfloat16, TF32_CAPABILITY),
        ("fp16", torch.float16, FP16_CAPABILITY),
    )
    for name, dtype, least in classes:
        if capability < least:
            yield name, None
            continue
        a, b = (torch.randn(MATMUL_SIZE, MATMUL_SIZE, device="cuda").to(dtype) for _ in range(2))
        out = torch.empty_like(a)
        with _tf32(name == "tf32"):
            call = functools.partial(torch.matmul, a, b, out=out)
            yield name, prober.probe(call, 2 * MATMUL_SIZE**3, f"torch.matmul, {MATMUL_SIZE}^3")


@contextlib.contextmanager
def _tf32(allowed: bool) -> Iterator[None]:
    matmul = torch.backends.cuda.matmul
    before = matmul.allow_tf32
    matmul.allow_tf32 = allowed
    try:
        yield
    finally:
        matmul.allow_tf32 = before


def measure(on_probe: Callable[[str], None]) -> Roofs:
    """All roofs of the current card; `on_probe` hears what was measured.

    Raises:
        RuntimeError: torch sees no card.
    """
    if not torch.cuda.is_available():
        raise RuntimeError("torch sees no CUDA device")
    card = Card()
    prober = Prober(card)
    probes: dict[str, Probe | None] = {}
    for name, memory in memory_probes(prober):
        probes[name] = memory
        on_probe(f"{name}: {memory.gb_per_s:.0f} GB/s, {memory.how}")
    torch.cuda.empty_cache()
    for name, matmul in matmul_probes(prober):
        probes[name] = matmul
        on_probe(f"{name}: {matmul.tflops:.1f} TFLOPS" if matmul else f"{name}: no units for it")
    found = environment(card)
    name = torch.cuda.get_device_name()
    return Roofs(
        device=slugify(name),
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        gpu=name,
        sm_count=found.sm_count or 0,
        driver=found.driver,
        cuda=found.cuda,
        torch=found.torch,
        triton=found.triton,
        board=found.board,
        **probes,  # type: ignore[arg-type] # one entry for each field, by the two generators above
    )


def main() -> None:
    """Events on standard output alone: whatever else prints goes to standard error."""
    events = os.dup(1)
    os.dup2(2, 1)

    def emit(event: dict[str, Any]) -> None:
        os.write(events, json.dumps(event).encode() + b"\n")

    roofs = measure(lambda text: emit({"event": "progress", "text": text}))
    emit({"event": "roofs", "roofs": dataclasses.asdict(roofs)})


if __name__ == "__main__":
    main()
