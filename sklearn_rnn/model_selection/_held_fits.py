"""Fits that wait in memory from one rung of a halving search to the next."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sklearn_rnn.model_selection._folds import FoldFit, FoldResult, Judging, Rows, Split
from sklearn_rnn.model_selection._pausing import last_step
from sklearn_rnn.model_selection._shared_data import n_bytes_of
from sklearn_rnn.training.net import Reply

ROOM = 512 << 20
"""Bytes for all fits of a search together."""
_OF_DATA = 2
"""Times all rows: as they were passed, where a fold copies its rows, and as they were read."""
_OF_WEIGHTS = 3
"""Beside each weight are the optimizer's two moments."""

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
        self._of_data = _OF_DATA * n_bytes_of(rows) if room else 0
        self._fits: dict[Place, FoldFit] = {}

    def __contains__(self, place: Place) -> bool:
        return place in self._fits

    def has_room_for(self, estimator: Any) -> bool:
        """Tell whether a fit can wait here."""
        recurrent = last_step(estimator)
        does_more = recurrent.early_stopping or recurrent.callbacks or recurrent.verbose
        return self._room > self._of_data and not does_more

    def begin(self, place: Place, estimator: Any, n_epochs: int) -> FoldResult:
        """Train up to the first rung, judge, and wait there; the estimator is fitted in place."""
        last_step(estimator).checkpoint_dir = None
        fit = FoldFit(estimator, self._rows, *self._splits[place[1]], self._judging)
        fit.advance()
        fit.reach(n_epochs, Reply.COMPLETE)
        if fit.result.fit_error is None:
            self._room -= self._of_data + _OF_WEIGHTS * _n_bytes_of_weights(estimator)
            self._fits[place] = fit
        return fit.result

    def go_on(self, place: Place, n_epochs: int, *, last: bool) -> FoldResult:
        """Train one that waits on to another rung and judge; its times are those of this rung."""
        fit = self._fits.pop(place)
        fit.result = FoldResult()
        fit.reach(n_epochs, Reply.END if last else Reply.COMPLETE)
        if not last and fit.result.fit_error is None:
            self._fits[place] = fit
        return fit.result

    def keep(self, places: Collection[Place]) -> None:
        """Give up all others."""
        for place in self._fits.keys() - places:
            self._fits.pop(place).close()

    def close(self) -> None:
        """Give up all."""
        self.keep(())


def _n_bytes_of_weights(estimator: Any) -> int:
    return sum(weight.nbytes for weight in last_step(estimator).net_.module_.parameters())
