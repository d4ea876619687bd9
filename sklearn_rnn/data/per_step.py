"""y with one entry a step: its entries laid end to end, in the order of the steps of X."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from sklearn_rnn.data.leaves import is_list
from sklearn_rnn.data.reading import as_array, is_sequence


def read_step_y(
    y: Any, lengths: np.ndarray, owner: str, names: tuple[str, str] = ("X", "y")
) -> tuple[np.ndarray, str]:
    """Return the entries of all steps, unchecked, and the form of y.

    Parameters
    ----------
    y : list, tuple or 1-D object array of array-like; 2-D or 3-D array; column of lists
    lengths : ndarray of shape (n_samples,)
        Number of steps of each sequence of X.
    owner : str
        Class name of the estimator, for messages.
    names : tuple of str
        What the user calls X and y.

    Returns
    -------
    entries : ndarray of shape (n_steps,) or (n_steps, n_outputs)
    form : {"flat", "rectangular", "ragged"}
        "flat" is one entry a sequence, for sequences of one step.

    Raises
    ------
    ValueError
        If y is None, or has not one entry for each step; the message names the row.
    """
    X_name, y_name = names
    if y is None:
        raise ValueError(
            f"This {owner} estimator requires {y_name} to be passed, but the target y is None."
        )
    y = _rows_of(y)
    if len(y) != len(lengths):
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: "
            f"{X_name} has {len(lengths)} sequence(s), {y_name} has {len(y)}."
        )
    if is_flat(y):
        _check_lengths(np.ones(len(y), np.int64), lengths, names)
        return as_array(y, y_name), "flat"
    if isinstance(y, np.ndarray):
        _check_lengths(np.full(len(y), y.shape[1]), lengths, names)
        return y.reshape(-1, *y.shape[2:]), "rectangular"
    rows = [_row(row, f"Row {i} of {y_name}") for i, row in enumerate(y)]
    _check_lengths(np.fromiter(map(len, rows), np.int64, len(rows)), lengths, names)
    widths = [row.shape[1:] for row in rows]
    odd = next((i for i, width in enumerate(widths) if width != widths[0]), None)
    if odd is not None:
        raise ValueError(
            f"Row {odd} of {y_name} has entries of shape {widths[odd]}, but row 0 has {widths[0]}. "
            "All steps need the same outputs."
        )
    if any(row.dtype == object for row in rows):
        rows = [row.astype(object) for row in rows]
    return np.concatenate(rows), "ragged"


def is_flat(y: Any) -> bool:
    """Return whether y has one entry a sequence, which stands for sequences of one step."""
    if hasattr(y, "__arrow_c_stream__") and not isinstance(y, pd.Series):
        return not is_list(pa.chunked_array(y).type)
    y = _rows_of(y) if y is not None else ()
    if isinstance(y, np.ndarray):
        return y.ndim == 1
    return len(y) > 0 and not any(is_sequence(row) for row in y)


def _rows_of(y: Any) -> Any:
    """Return y as a list of rows or an array."""
    if isinstance(y, pd.Series):
        return y.tolist()
    if hasattr(y, "__arrow_c_stream__") or hasattr(y, "__arrow_c_array__"):
        column = pa.chunked_array(y)
        if is_list(column.type):
            return column.to_pylist()
    if isinstance(y, list | tuple):
        return y
    array = as_array(y, "y")
    return list(array) if array.ndim == 1 and array.dtype == object else array


def _row(row: Any, place: str) -> np.ndarray:
    if row is None or isinstance(row, str | bytes):
        raise TypeError(f"{place} must hold one entry a step. Got {row!r} instead.")
    array = as_array(row, place)
    if array.dtype.kind == "U" and not isinstance(row, np.ndarray):
        array = np.asarray(row, dtype=object)  # or a missing label would be the text "nan"
    if array.ndim == 0:
        raise TypeError(
            f"{place} must hold one entry a step. Got the single value {row!r} instead; for one "
            "answer a sequence use RNNClassifier or RNNRegressor."
        )
    return array


def _check_lengths(of_y: np.ndarray, of_X: np.ndarray, names: tuple[str, str]) -> None:
    odd = np.flatnonzero(of_y != of_X)
    if len(odd):
        row = int(odd[0])
        raise ValueError(
            f"Row {row}: {names[0]} has {of_X[row]} step(s), but {names[1]} has {of_y[row]} "
            f"({len(odd)} such row(s)). Each step needs one entry; where none is known give None "
            "or NaN."
        )
