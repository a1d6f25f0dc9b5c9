"""Did a solution change its inputs?"""

from __future__ import annotations

import torch

from suite.judge.exchange import bytes_of

CHUNK_WORDS = (
    8192  # 64 KB: the sums stay small (1 MB for an 8.6 GB input) and one pass reads at full bandwidth
)


def fingerprint(tensors: list[torch.Tensor]) -> list[torch.Tensor]:
    """Sums over 64 KB pieces of each tensor's storage, kept where only the judge sees them.

    One read of the data and no copy of it. The expected outputs are computed before the solution sees its
    inputs, so a change that kept every sum would gain nothing.
    """
    return [_chunk_sums(bytes_of(tensor)) for tensor in tensors]


def _chunk_sums(data: torch.Tensor) -> torch.Tensor:
    chunk_bytes = 8 * CHUNK_WORDS
    whole = data.numel() // chunk_bytes * chunk_bytes
    sums = data[:whole].view(torch.int64).view(-1, CHUNK_WORDS).sum(dim=1)
    weights = torch.arange(1, data.numel() - whole + 1, device=data.device)
    rest = (data[whole:].to(torch.int64) * weights).sum()
    return torch.cat([sums, rest.reshape(1)])


def changed(before: list[torch.Tensor], after: list[torch.Tensor]) -> int | None:
    """The index of the first tensor whose fingerprint differs, or None."""
    for index, (old, new) in enumerate(zip(before, after, strict=True)):
        if not torch.equal(old, new):
            return index
    return None
