"""The measured roofs of a card: what our own probes reach on it, beside what its datasheet prints.

One record holds the samples of each probe; rates and intervals are computed on reading. Records are appended
to `reports/roofs/<device>.jsonl`; for a result the newest one of its board counts, else the newest one of the
model. Boards of one model differ: of seven H200s, by one probe, five read 4.62 and two 4.71 TB/s. So
calibrate on the board that measures.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from suite import roofline
from suite.lines import append_line, numbered_lines, plain_name, skipped
from suite.records import decode, is_instant, load_object
from suite.result import LEAST_MS
from suite.stats import Interval, median, median_ci

SCHEMA = 1
MEMORY_PROBES = ("read", "write", "copy")
"""Rates in GB/s, bytes read and written both counted."""
MATMUL_PROBES = ("fp32", "tf32", "bf16", "fp16")
"""Rates in TFLOPS."""


class RoofsError(ValueError):
    """A JSON object is no `Roofs`; the message says which key and what was expected."""


@dataclass(frozen=True, slots=True)
class Probe:
    """The samples of one probe."""

    work: int
    """Bytes read and written by one call, or its flops."""
    samples_ms: tuple[float, ...]
    """Device time of each call, in order."""
    sm_mhz: int | None
    """Median of the SM clock just after each sample; None without NVML."""
    discarded: int
    """Samples thrown away and taken again because the card had lowered its clocks."""
    unstable: bool
    """The clocks never held: samples under a lowered clock were kept."""
    how: str
    """What ran: the library call, or the kernel and its configuration."""

    def __post_init__(self) -> None:
        if not self.work > 0:
            raise RoofsError(f"work must be positive, got {self.work!r}")
        if not self.samples_ms or not min(self.samples_ms) >= LEAST_MS:
            raise RoofsError(f"samples_ms must be positive and at least one, got {self.samples_ms!r}")

    @property
    def median_ms(self) -> float:
        """Of the samples."""
        return median(self.samples_ms)

    @property
    def gb_per_s(self) -> float:
        """The median rate of a memory probe."""
        return roofline.achieved_gb_per_s(self.median_ms, self.work)

    @property
    def tflops(self) -> float:
        """The median rate of a matmul probe."""
        return roofline.achieved_tflops(self.median_ms, self.work)

    @property
    def relative_ci(self) -> Interval:
        """The 95 % interval of the rate as factors of its median: (0.99, 1.01) is +-1 %."""
        low_ms, high_ms = median_ci(self.samples_ms)
        return self.median_ms / high_ms, self.median_ms / low_ms


@dataclass(frozen=True, slots=True)
class Roofs:
    """What one card reached, and with which software. A matmul class that it has no units for is None."""

    device: str
    """The slug of the card, for instance "nvidia-h200"."""
    created: str
    """UTC, ISO 8601, to the second."""
    gpu: str
    """The name that CUDA gives the card."""
    sm_count: int
    driver: str | None
    cuda: str | None
    torch: str | None
    triton: str | None
    read: Probe
    write: Probe
    copy: Probe
    fp32: Probe
    tf32: Probe | None
    bf16: Probe | None
    fp16: Probe | None
    board: str | None = None
    """Which board of that model, as in results; None in older records."""
    schema: int = field(default=SCHEMA)

    @property
    def read_gb_per_s(self) -> float:
        """Bytes read a second by a kernel that only reads."""
        return self.read.gb_per_s

    @property
    def write_gb_per_s(self) -> float:
        """Bytes written a second by a kernel that only writes."""
        return self.write.gb_per_s

    @property
    def copy_gb_per_s(self) -> float:
        """Bytes read and written a second by a copy."""
        return self.copy.gb_per_s

    @property
    def fp32_tflops(self) -> float:
        """Of a float32 matmul on the CUDA cores."""
        return self.fp32.tflops

    @property
    def tf32_tflops(self) -> float | None:
        """Of a float32 matmul through the tensor cores' TF32."""
        return self.tf32.tflops if self.tf32 else None

    @property
    def bf16_tflops(self) -> float | None:
        """Of a bfloat16 matmul, accumulated in float32."""
        return self.bf16.tflops if self.bf16 else None

    @property
    def fp16_tflops(self) -> float | None:
        """Of a float16 matmul, accumulated in float32."""
        return self.fp16.tflops if self.fp16 else None

    def probes(self) -> dict[str, Probe | None]:
        """Each probe by its name, memory first."""
        return {name: getattr(self, name) for name in (*MEMORY_PROBES, *MATMUL_PROBES)}

    def roof_ms(self, bytes_moved: int, flops: int, precision: str | None) -> float | None:
        """The latency at which the tighter measured roof is fully used: the read rate, or that of the class.

        The read roof stands for all memory traffic: it is the highest of the three, and what is written is
        small in reductions. None where flops are of a class that was not measured.
        """
        at_memory_ms = bytes_moved / (self.read_gb_per_s * 1e6)
        if not flops:
            return at_memory_ms
        probe = self.probes().get(precision or "")
        return None if probe is None else max(at_memory_ms, flops / (probe.tflops * 1e9))


def to_json(roofs: Roofs) -> str:
    """One line of JSON, `schema` first."""
    values = dataclasses.asdict(roofs)
    return json.dumps({"schema": values.pop("schema"), **values}, allow_nan=False)


def from_json(line: str) -> Roofs:
    """The inverse of `to_json`.

    Raises:
        RoofsError: the line is not JSON, is of another schema, or lacks or misuses a key.
    """
    try:
        roofs: Roofs = decode(Roofs, load_object(line, SCHEMA))
    except ValueError as error:
        raise RoofsError(str(error)) from error
    if not is_instant(roofs.created):
        raise RoofsError(f"created: expected UTC in ISO 8601, found {roofs.created[:40]!r}")
    if roofs.board is not None and not re.fullmatch("[0-9a-f]{8}", roofs.board):
        raise RoofsError(f"board: expected 8 hexadecimal digits, found {roofs.board[:40]!r}")
    return roofs


def append(folder: Path, roofs: Roofs) -> Path:
    """Write one line to the card's file in `folder`, on disk when this returns; gives that file.

    Raises:
        ValueError: the device is no plain file name.
        OSError: the line could not be written whole.
    """
    path = folder / f"{plain_name('device', roofs.device)}.jsonl"
    append_line(path, to_json(roofs))
    return path


def read(folder: Path, device: str) -> tuple[list[Roofs], list[str]]:
    """All records of a card in the order written, and one warning for each line that is none."""
    path = folder / f"{plain_name('device', device)}.jsonl"
    records: list[Roofs] = []
    warnings: list[str] = []
    for number, line in numbered_lines(path) if path.is_file() else ():
        try:
            roofs = from_json(line.decode())
            if roofs.device != device:
                raise RoofsError(f"roofs of {roofs.device} do not belong in this file")
            records.append(roofs)
        except (RoofsError, UnicodeDecodeError) as error:
            warnings.append(skipped(path, number, error))
    return records, warnings


def newest(records: Iterable[Roofs], board: str | None) -> Roofs | None:
    """The newest record of a board, else of any: by `created`, then by its place. None if there is none."""
    known = list(records)
    own = [record for record in known if board is not None and record.board == board]
    return max(reversed(own or known), key=lambda record: record.created, default=None)
