"""Freed memory kept for the next batch while a network runs.

glibc gives large blocks back to the kernel as soon as they are freed, and the kernel hands out new
ones page by page, zeroed. A recurrent network asks for the same tens of megabytes at every batch;
on long sequences more than half of the time went there. The limits that glibc goes by are those of
mallopt(3); they are set while networks run and only sort memory, they change no number.
"""

from __future__ import annotations

import ctypes
import math
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, ClassVar

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of mallopt(3)
_KEPT = 1 << 30
# Afterwards: to where glibc's own rule, which a call of mallopt ends for good, would go by itself.
_MMAP_AFTERWARDS = 32 << 20
_LEFT = 128 << 20
"""Freed memory left for the next fit: to fetch less than that again takes 3% of a short fit."""

_lock = threading.Lock()
_n_running = 0


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Keep up to 1 GiB of freed memory inside the block, and at most 128 MiB behind it.

    Blocks may be nested and run in several threads. Nothing is done where the allocator is not
    glibc's or the user has set it by ``MALLOC_MMAP_THRESHOLD_`` or ``MALLOC_TRIM_THRESHOLD_``.
    """
    global _n_running
    glibc = _glibc()
    if glibc is None:
        yield
        return
    with _lock:
        _n_running += 1
        if _n_running == 1:
            _set_limits(glibc, _KEPT, _KEPT)
    try:
        yield
    finally:
        with _lock:
            _n_running -= 1
            if _n_running == 0:
                _set_limits(glibc, _MMAP_AFTERWARDS, _LEFT)
                if _n_free(glibc) > _LEFT:
                    glibc.malloc_trim(0)


class _MallInfo(ctypes.Structure):
    """What mallinfo2(3) tells; of it ``fordblks``, the bytes that are free in all arenas."""

    _fields_: ClassVar = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


@cache
def _glibc() -> Any:
    """Return the C library if it is glibc and not set by the user, else None."""
    if "MALLOC_MMAP_THRESHOLD_" in os.environ or "MALLOC_TRIM_THRESHOLD_" in os.environ:
        return None
    if os.name != "posix":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") else None


def _n_free(glibc: Any) -> float:
    """Return the bytes that are free; infinity before glibc 2.33, which does not tell."""
    if not hasattr(glibc, "mallinfo2"):
        return math.inf
    glibc.mallinfo2.restype = _MallInfo
    return glibc.mallinfo2().fordblks


def _set_limits(glibc: Any, mmap: int, trim: int) -> None:
    glibc.mallopt(_MMAP_THRESHOLD, mmap)
    glibc.mallopt(_TRIM_THRESHOLD, trim)
