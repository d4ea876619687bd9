"""A held-out part of the training rows: seeded, stratified, never splitting a group."""

from __future__ import annotations

import numpy as np
from sklearn.model_selection import GroupShuffleSplit, StratifiedGroupKFold, train_test_split


def holdout(
    fraction: float,
    seed: int,
    groups: np.ndarray,
    strata: np.ndarray | None = None,
) -> np.ndarray:
    """Return a mask of the rows to validate on.

    Parameters
    ----------
    fraction : float
        Share of the rows, but one row of each class at least; of the groups, where groups have
        several rows.
    seed : int
    groups : ndarray of shape (n_rows,)
        Rows of one group stay on one side.
    strata : ndarray of shape (n_rows,), optional
        Classes whose shares both sides keep. A class of one row stays in training.

    Raises
    ------
    ValueError
        If there are too few rows or groups to hold out that share.
    """
    try:
        if len(np.unique(groups)) < len(groups):
            held_out = _hold_out_groups(fraction, seed, groups, strata)
        else:
            held_out = _hold_out_rows(fraction, seed, strata, len(groups))
    except ValueError as error:
        raise ValueError(
            f"Can't hold out validation_fraction={fraction} of {len(groups)} training rows for "
            f"early stopping: {error} Pass X_val and y_val, another validation_fraction, or "
            "early_stopping=False."
        ) from error
    mask = np.zeros(len(groups), dtype=bool)
    mask[held_out] = True
    return mask


def _hold_out_rows(
    fraction: float, seed: int, strata: np.ndarray | None, n_rows: int
) -> np.ndarray:
    rows = np.arange(n_rows)
    n_held_out = max(1, round(fraction * n_rows))
    if strata is not None:
        rows = np.flatnonzero(np.bincount(strata)[strata] > 1)
        strata = strata[rows]
        n_held_out = max(n_held_out, len(np.unique(strata)))  # one of each class at least
    return train_test_split(rows, test_size=n_held_out, random_state=seed, stratify=strata)[1]


def _hold_out_groups(
    fraction: float, seed: int, groups: np.ndarray, strata: np.ndarray | None
) -> np.ndarray:
    rows = np.zeros((len(groups), 1))
    if strata is None:
        splitter = GroupShuffleSplit(n_splits=1, test_size=fraction, random_state=seed)
    else:
        n_splits = max(2, round(1 / fraction))
        splitter = StratifiedGroupKFold(n_splits, shuffle=True, random_state=seed)
    return next(iter(splitter.split(rows, strata, groups)))[1]
