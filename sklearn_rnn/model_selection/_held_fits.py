"""Fits that wait in memory from one rung of a halving search to the next."""

from __future__ import annotations

import math
import pickle
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from sklearn_rnn.model_selection._folds import FoldFit, FoldResult, Judging, Rows, Split
from sklearn_rnn.model_selection._pausing import last_step
from sklearn_rnn.training.net import Reply

ROOM = 512 << 20
"""Bytes, by estimate, for all fits of a search together."""
_OF_WEIGHTS = 3
"""Beside each weight are the optimizer's two moments."""
_OF_NUMBER, _OF_BUFFER, _OF_PICKLE = 8, 3, 20
"""What is read of a number beside the number itself, in bytes; of other buffers and of all that is
pickled, as texts are, what is held in all for each byte. A language model holds 18 a character."""

Place = tuple[int, int]
"""Numbers of a candidate and a fold."""


class HeldFits:
    """Fits of a search that wait where they are, so that nothing is made or read again.

    Others are stored at each rung and taken up at the next: those that there is no room for, those
    whose end may change what they would go on from, by early stopping or by callbacks, and those
    that show a bar of progress, which would all stay open.

    Parameters
    ----------
    rows, splits, judging
    room : int
        Bytes; 0 if other processes fit, or if what is trained has to outlive this one.
    """

    def __init__(self, rows: Rows, splits: Sequence[Split], judging: Judging, room: int) -> None:
        self._rows, self._splits, self._judging = rows, splits, judging
        self._room: float = room
        self._of_data = n_bytes_held(rows, room)
        self._fits: dict[Place, FoldFit] = {}

    def __contains__(self, place: Place) -> bool:
        return place in self._fits

    def has_room_for(self, estimator: Any) -> bool:
        """Tell whether a fit can wait here; its parameters may be wrong."""
        recurrent = last_step(estimator)
        shows = not isinstance(recurrent.verbose, int) or recurrent.verbose > 0
        does_more = recurrent.early_stopping is not False or recurrent.callbacks is not None
        return self._room > self._of_data and not (shows or does_more)

    def begin(self, place: Place, estimator: Any, n_epochs: int) -> FoldResult:
        """Train up to the first rung, judge, and wait there; the estimator is fitted in place."""
        last_step(estimator).checkpoint_dir = None
        fit = FoldFit(estimator, self._rows, *self._splits[place[1]], self._judging)
        self._judge(place, fit, n_epochs)
        if place in self:
            self._room -= self._of_data + _OF_WEIGHTS * _n_bytes_of_weights(estimator)
        return fit.result

    def go_on(self, place: Place, n_epochs: int) -> FoldResult:
        """Train one that waits on to another rung and judge; its times are those of this rung."""
        fit = self._fits.pop(place)
        fit.result = FoldResult()
        self._judge(place, fit, n_epochs)
        return fit.result

    def _judge(self, place: Place, fit: FoldFit, n_epochs: int) -> None:
        fit.reach(n_epochs, Reply.COMPLETE)
        if fit.result.fit_error is None:
            self._fits[place] = fit

    def keep(self, places: Collection[Place]) -> None:
        """End all others; who has kept one of these estimators has one that is fitted."""
        for place in self._fits.keys() - places:
            self._fits.pop(place).advance(Reply.END)

    def close(self) -> None:
        """Give up all."""
        for fit in self._fits.values():
            fit.close()
        self._fits.clear()


def n_bytes_held(rows: Any, limit: float) -> float:
    """Return about how many bytes a fit holds of its rows, as they are and as it reads them.

    Parameters
    ----------
    rows : object
    limit : float

    Returns
    -------
    n_bytes : float
        Infinity if it is more than the limit, or can't be told.
    """
    try:
        return _Measure(limit).of(rows)
    except Exception:  # too much, or whatever is raised by what can't be pickled: none is held
        return math.inf


class _Measure(pickle.Pickler):
    """Pickle to nowhere, and count; arrays are not even read."""

    def __init__(self, limit: float) -> None:
        super().__init__(self, protocol=5, buffer_callback=self._count_buffer)
        self._limit = limit
        self._n_bytes = 0

    def of(self, data: Any) -> int:
        """Return how many bytes are held of data."""
        self.dump(data)
        return self._n_bytes

    def write(self, pickled: bytes) -> None:
        """Count what the pickler has written."""
        self._count(_OF_PICKLE * len(pickled))

    def reducer_override(self, each: Any) -> Any:
        """Count an array and stand something small for it."""
        if not isinstance(each, np.ndarray) or each.dtype.hasobject:
            return NotImplemented
        self._count(each.nbytes + _OF_NUMBER * each.size)
        return int, ()

    def _count_buffer(self, buffer: pickle.PickleBuffer) -> None:
        self._count(_OF_BUFFER * buffer.raw().nbytes)

    def _count(self, n_bytes: int) -> None:
        self._n_bytes += n_bytes
        if self._n_bytes > self._limit:
            raise OverflowError("More than is allowed.")


def _n_bytes_of_weights(estimator: Any) -> int:
    return sum(weight.nbytes for weight in last_step(estimator).net_.module_.parameters())
