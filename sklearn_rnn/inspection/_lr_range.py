"""Which learning rates make the loss fall."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_rnn._params import a_number, an_int
from sklearn_rnn.inspection._preparing import check_estimator, check_options, fit_probed, trial
from sklearn_rnn.training.probing import RisingRate

MEMORY = 0.8
"""Weight of the past in the running mean of losses."""

N_SEQUENCES = 128
"""Sequences that the loss is measured on."""

DIVERGED = 4.0
"""The test ends where the running mean is so many times its lowest value."""


@dataclass(frozen=True, eq=False)
class LRRange:
    """What :func:`lr_range_test` returns.

    Attributes
    ----------
    lrs : ndarray of shape (n_updates,)
        The rate of each update, rising by one factor.
    losses : ndarray of shape (n_updates,)
        Loss after the update, without dropout, of the same sequences each time: all of X, or 128.
    smoothed : ndarray of shape (n_updates,)
        Their running mean.
    suggestion : float
        A tenth of the rate at which the running mean is lowest.
    steepest : float
        The rate at which the running mean falls most steeply, over the logarithm of the rate.
    lowest : float
        The rate at which the running mean is lowest.
    diverged : bool
        Whether the loss rose to four times its lowest value, or was no number, before the last
        rate.
    """

    lrs: np.ndarray = field(repr=False)
    losses: np.ndarray = field(repr=False)
    smoothed: np.ndarray = field(repr=False)
    suggestion: float
    steepest: float
    lowest: float
    diverged: bool

    def __str__(self) -> str:
        """Return the suggestion and what it is from, in a few lines."""
        end = "the loss rose steeply, the test ended" if self.diverged else "the end of the test"
        return (
            f"Suggested learning rate: {self.suggestion:.2g}\n"
            f"  {self.lrs[0]:.2g}: start, loss {self.smoothed[0]:.3g}\n"
            f"  {self.steepest:.2g}: the loss falls most steeply\n"
            f"  {self.lowest:.2g}: the lowest loss, {self.smoothed.min():.3g}\n"
            f"  {self.lrs[-1]:.2g}: {end}, loss {self.smoothed[-1]:.3g}"
        )


def lr_range_test(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike | None = None,
    *,
    min_lr: float = 1e-5,
    max_lr: float = 1.0,
    n_updates: int = 100,
) -> LRRange:
    """Train while the learning rate rises, to see which rates make the loss fall.

    The learning-rate range test [1]_: a copy of the estimator is trained from its start, with all
    its settings but ``lr``, ``lr_schedule`` and early stopping, while the rate rises by one factor
    each update from ``min_lr`` to ``max_lr``. At first the loss hardly moves, then it falls, and
    where rates are too high it rises or shoots up, which ends the test.

    Parameters
    ----------
    estimator : estimator of sklearn_rnn
        It is copied, not changed.
    X : sequences of n_samples
    y : as in ``fit``, optional
        None for :class:`~sklearn_rnn.RNNLanguageModel`.
    min_lr, max_lr : float, default=1e-5 and 1.0
    n_updates : int, default=100
        Batches in all; epochs follow each other.

    Returns
    -------
    LRRange

    Raises
    ------
    TypeError
        If the estimator is none of this library's, or X or y can't be read.
    ValueError
        If a parameter, X or y is not as described, or the very first loss is no finite number.

    Notes
    -----
    The suggestion is a tenth of the rate with the lowest running mean, the rule of fastai [2]_: at
    the lowest point the rate is about to be too high. Estimators lower the rate along a cosine, so
    that a somewhat higher one does no harm. Take the suggestion as an order of magnitude: it
    depends on ``n_updates``, and a plot of the losses is the better judge.

    References
    ----------
    .. [1] Smith, L. (2017). Cyclical learning rates for training neural networks. WACV.
    .. [2] Howard, J. and Gugger, S. (2020). fastai: a layered API for deep learning.
           Information 11.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNClassifier
    >>> from sklearn_rnn.inspection import lr_range_test
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=n).cumsum() for n in rng.integers(5, 30, size=80)]
    >>> y = [int(x[-1] > x[0]) for x in X]
    >>> test = lr_range_test(RNNClassifier(hidden_size=16, random_state=0), X, y)
    >>> 1e-3 < test.suggestion < 0.1
    True
    """
    check_estimator(estimator, "lr_range_test")
    check_options(
        "lr_range_test",
        {"min_lr": min_lr, "max_lr": max_lr, "n_updates": n_updates},
        {"min_lr": a_number("(0, inf)"), "max_lr": a_number("(0, inf)"), "n_updates": an_int(10)},
    )
    if max_lr <= min_lr:
        raise ValueError(
            f"The 'max_lr' parameter of lr_range_test must be above min_lr={min_lr!r}. Got "
            f"{max_lr!r} instead."
        )
    rising = RisingRate(np.geomspace(min_lr, max_lr, n_updates), MEMORY, DIVERGED, N_SEQUENCES)
    model = trial(estimator, lr=float(min_lr), lr_schedule=None, max_epochs=int(n_updates))
    fit_probed(model, rising, X, y)
    if len(rising.losses) < 2:
        raise ValueError(
            f"The loss is no finite number after {len(rising.losses)} update(s) at lr={min_lr!r}. "
            "Lower min_lr, keep standardize=True, or look for extreme values in X and y."
        )
    losses, smoothed = np.array(rising.losses), np.array(rising.smoothed)
    lrs = rising.rates[: len(losses)]
    lowest = int(smoothed.argmin())
    slope = np.gradient(smoothed[: max(lowest + 1, 2)])
    return LRRange(
        lrs,
        losses,
        smoothed,
        suggestion=float(lrs[lowest] / 10),
        steepest=float(lrs[slope.argmin()]),
        lowest=float(lrs[lowest]),
        diverged=rising.diverged,
    )
