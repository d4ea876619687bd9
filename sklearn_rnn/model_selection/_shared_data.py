"""Data for workers in one flat array, which joblib maps into memory instead of copying it."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
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
        pickled = pickle.dumps(data, protocol=5, buffer_callback=buffers.append)
        raw = [memoryview(pickled), *(buffer.raw() for buffer in buffers)]
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
        pickled, *buffers = (whole[a:b] for a, b in zip(self._starts, ends, strict=False))
        return pickle.loads(pickled, buffers=buffers)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "data"}


def _starts(sizes: np.ndarray) -> np.ndarray:
    """Return where each buffer begins, and where all end."""
    padded = -(-sizes // _ALIGNMENT) * _ALIGNMENT
    return np.concatenate([[0], np.cumsum(padded)]).astype(np.int64)


@dataclass(frozen=True)
class Unshared:
    """Data as it is, where there is one process."""

    data: Any


class SharedSequences(list):
    """A list of sequences that processes map into their memory, all the same, and do not copy.

    For searches and cross-validation with ``n_jobs`` by scikit-learn's own tools, where a plain
    list is copied to a process for each of its fits. :class:`OptunaSearchCV` shares by itself
    whatever it is given.

    Parameters
    ----------
    X : iterable of arrays, or of lists or texts
        Arrays are copied once, end to end; what else there is is unpickled by each process.

    Notes
    -----
    The items are read-only views. Lists cut from it, as by slicing, are plain ones.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn_rnn import RNNClassifier
    >>> from sklearn_rnn.model_selection import SharedSequences
    >>> random = np.random.default_rng(0)
    >>> X = SharedSequences(random.normal(size=(n, 2)) for n in random.integers(3, 9, 40))
    >>> y = np.array([x.mean() > 0 for x in X])
    >>> cross_val_score(RNNClassifier(max_epochs=2, random_state=0), X, y, cv=2).shape
    (2,)
    """

    def __init__(self, X: Iterable[Any] | SharedData) -> None:
        self._shared = X if isinstance(X, SharedData) else SharedData(list(X))
        super().__init__(self._shared.data)

    def __reduce__(self) -> tuple[Any, ...]:
        return SharedSequences, (self._shared,)
