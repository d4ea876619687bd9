"""Freed memory kept for the next batch while a network runs.

glibc gives large blocks back to the kernel as soon as they are freed, and the kernel hands out new
ones page by page, zeroed. A recurrent network asks for the same tens of megabytes at every batch;
on long sequences more than half of the time went there. The limits that glibc goes by are those of
mallopt(3); they are set while networks run and only sort memory, they change no number.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of mallopt(3)
_KEPT = 1 << 30
# Where glibc's own rule, which a call of mallopt ends for good, would go to by itself.
_MMAP_AFTERWARDS, _TRIM_AFTERWARDS = 32 << 20, 64 << 20

_lock = threading.Lock()
_n_running = 0


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Keep up to 1 GiB of freed memory inside the block, and give it back behind it.

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
                _set_limits(glibc, _MMAP_AFTERWARDS, _TRIM_AFTERWARDS)
                glibc.malloc_trim(0)


@cache
def _glibc() -> Any:
    """Return the C library if it is glibc and not set by the user, else None."""
    if "MALLOC_MMAP_THRESHOLD_" in os.environ or "MALLOC_TRIM_THRESHOLD_" in os.environ:
        return None
    if os.name != "posix":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") else None


def _set_limits(glibc: Any, mmap: int, trim: int) -> None:
    glibc.mallopt(_MMAP_THRESHOLD, mmap)
    glibc.mallopt(_TRIM_THRESHOLD, trim)
