"""Host memory that a judge shares with one worker."""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os

ARENA_BYTES = 4 << 30  # address space: a page costs memory once it is written to
PAGE_BYTES = mmap.PAGESIZE


class ArenaFullError(ValueError):
    """A workload does not fit; the message says what was asked for and what there is."""


class Arena:
    """A memory file of fixed size, in pieces that begin on a page.

    A worker that could shrink a shared file would end the judge with a bus error at its next read. This one
    is sealed: nobody can change its size. It has no name, so it needs no folder that the worker may write to.

    Args:
        nbytes: its size, a multiple of the page size.
    """

    def __init__(self, nbytes: int = ARENA_BYTES) -> None:
        self.fd = os.memfd_create("bench-arena", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(self.fd, nbytes)
        fcntl.fcntl(self.fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
        self._map = mmap.mmap(self.fd, nbytes)
        self._nbytes = nbytes
        self._used = 0

    def take(self, nbytes: int) -> tuple[int, memoryview]:
        """The (offset, bytes) of a piece that nothing else uses until `clear`.

        Raises:
            ArenaFullError: there is not that much left.
        """
        offset, end = self._used, self._used + nbytes
        if end > self._nbytes:
            raise ArenaFullError(
                f"inputs and outputs of {end / 1e6:.1f} MB do not fit into the {self._nbytes / 1e6:.1f} MB "
                "that judge and worker share on the CPU: make the check workloads smaller"
            )
        self._used = -(-end // PAGE_BYTES) * PAGE_BYTES
        return offset, memoryview(self._map)[offset:end]

    def clear(self) -> None:
        """Give every piece and its memory back; what still refers to one reads zeros or a later piece."""
        if self._used:
            self._map.madvise(mmap.MADV_REMOVE, 0, self._used)
        self._used = 0

    def close(self) -> None:
        """Let go of the file; pieces in use keep their memory until they are gone."""
        os.close(self.fd)
        with contextlib.suppress(BufferError):
            self._map.close()
