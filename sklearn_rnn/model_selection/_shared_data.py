"""Data for workers in one flat array, which joblib maps into memory instead of copying it."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

_ALIGNMENT = 64  # bytes, as Arrow has it


class SharedData:
    """What workers of a search read: X, y and whatever is as long as they are.

    The buffers of all arrays in it, of numpy, pandas or Arrow, are laid end to end (pickle protocol
    5, PEP 574). joblib's processes map one large array from a file, all the same one; lists of
    arrays it would copy for each task.

    Parameters
    ----------
    data : object

    Attributes
    ----------
    data : object
        Equal to what was passed; its arrays are read-only views of the flat one.
    """

    def __init__(self, data: Any) -> None:
        buffers: list[pickle.PickleBuffer] = []
        self._pickle = pickle.dumps(data, protocol=5, buffer_callback=buffers.append)
        raw = [buffer.raw() for buffer in buffers]
        self._sizes = np.array([each.nbytes for each in raw], dtype=np.int64)
        self._starts = _starts(self._sizes)
        self._flat = np.empty(int(self._starts[-1]), dtype=np.uint8)
        for start, each in zip(self._starts, raw, strict=False):
            self._flat[start : start + each.nbytes] = np.frombuffer(each, dtype=np.uint8)

    @cached_property
    def data(self) -> Any:
        """Put the data together again."""
        whole = memoryview(self._flat.data).toreadonly()
        ends = self._starts[:-1] + self._sizes
        buffers = [whole[a:b] for a, b in zip(self._starts, ends, strict=False)]
        return pickle.loads(self._pickle, buffers=buffers)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "data"}


@dataclass(frozen=True)
class Unshared:
    """Data as it is, where there is one process."""

    data: Any


def _starts(sizes: np.ndarray) -> np.ndarray:
    """Return where each buffer begins, and where all end."""
    padded = -(-sizes // _ALIGNMENT) * _ALIGNMENT
    return np.concatenate([[0], np.cumsum(padded)]).astype(np.int64)
