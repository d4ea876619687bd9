"""One sequence -> one number, or several."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.utils import Tags

from sklearn_rnn._base import BaseRecurrent
from sklearn_rnn.data.targets import NumberTarget


class RNNRegressor(RegressorMixin, BaseRecurrent):
    """PLACEHOLDER."""

    _target_kind = NumberTarget

    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train one epoch on these rows, going on from what is fitted.

        The first call settles the scale of channels and targets for all later ones. The learning
        rate is ``lr`` throughout.

        Parameters
        ----------
        X : sequences of n_samples
            As in :meth:`fit`.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), optional
            As in :meth:`fit`.

        Returns
        -------
        self
        """
        return self._partial_fit(X, y, sample_weight, None)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the number(s) expected of each sequence.

        Parameters
        ----------
        X : sequences of n_samples

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs), float64
            In y's units.
        """
        outputs = self._outputs(X)
        return self._target.decode(outputs)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
