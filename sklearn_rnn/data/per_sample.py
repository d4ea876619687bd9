"""y and groups: one entry a sequence, checked for form; what y holds is the target's affair."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.utils.validation import _check_sample_weight

from sklearn_rnn.data.reading import NUMERIC_KINDS, as_array


def read_y(y: Any, n_samples: int, owner: str, names: tuple[str, str] = ("X", "y")) -> np.ndarray:
    """Return y as an array of one entry a sequence, its entries unchecked.

    Parameters
    ----------
    y : array-like
    n_samples : int
        Number of sequences.
    owner : str
        Class name of the estimator, for messages.
    names : tuple of str
        What the user calls X and y.

    Raises
    ------
    ValueError
        If y is None, ragged, or not as long as X.
    TypeError
        If y is sparse.
    """
    X_name, y_name = names
    if y is None:
        raise ValueError(
            f"This {owner} estimator requires {y_name} to be passed, but the target y is None."
        )
    if sparse.issparse(y):
        raise TypeError(f"Sparse data was passed for {y_name}, but dense data is required.")
    try:
        array = as_array(y, y_name)
    except ValueError as error:
        raise ValueError(
            f"{y_name} must hold one label or number a sequence, but can't be read so: {error} "
            "If it holds several of each, StepClassifier and StepRegressor learn one at each step, "
            "Seq2SeqClassifier and Seq2SeqRegressor sequences of any length."
        ) from error
    if array.ndim == 0:
        raise ValueError(f"{y_name} should be a 1d array, got {y!r} instead.")
    if len(array) != n_samples:
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: "
            f"{X_name} has {n_samples} sequence(s), {y_name} has {len(array)} value(s)."
        )
    return array


def read_weight(sample_weight: Any, n_samples: int) -> np.ndarray:
    """Return sample weights, ones if there are none, shape (n_samples,), float64.

    Raises
    ------
    ValueError
        If a weight is no number, negative or not finite, all are zero, or their number is wrong.
    """
    if sample_weight is not None:
        kind = as_array(sample_weight, "sample_weight").dtype.kind
        if kind not in (*NUMERIC_KINDS, "O"):
            raise ValueError(f"sample_weight must hold numbers. Got dtype kind {kind!r} instead.")
    return _check_sample_weight(
        sample_weight, np.empty(n_samples), dtype=np.float64, ensure_non_negative=True
    )


def read_groups(groups: Any, n_samples: int) -> np.ndarray:
    """Return groups as numbers from 0, shape (n_samples,)."""
    array = np.asarray(groups)
    if array.shape != (n_samples,):
        raise ValueError(
            f"groups must be of shape ({n_samples},), one group a sequence. "
            f"Got shape {array.shape} instead."
        )
    missing = np.flatnonzero(pd.isna(array))
    if len(missing):
        raise ValueError(
            f"groups contains NaN or None: row {missing[0]} ({len(missing)} such row(s)). Give "
            "each row a group of its own where none is known."
        )
    return sorted_unique(array, "groups")[1]


def sorted_unique(array: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct values and each entry's place among them; name types without order."""
    try:
        return np.unique(array, return_inverse=True)
    except TypeError as error:
        types = sorted({type(value).__name__ for value in array})
        raise TypeError(
            f"{name} mixes values of the types {', '.join(types)}. Bring them to one type."
        ) from error
