"""X in each of its array forms -> :class:`~sklearn_rnn.data.ragged.Ragged`.

Forms with equal numbers give equal results: a list, tuple, Series or 1-D object array of arrays of
shape ``(n_steps, n_channels)`` or ``(n_steps,)``; a 3-D array ``(n_samples, n_steps, n_channels)``;
a 2-D array ``(n_samples, n_steps)``, which is one channel.
"""

from __future__ import annotations

from itertools import chain
from numbers import Real
from typing import Any

import numpy as np
from scipy import sparse

from sklearn_rnn.data.ragged import Ragged

_NUMERIC_KINDS = "biuf"


def as_container(X: Any) -> Any:
    """Return X as a list of sequences, an ndarray of 2 or 3 dimensions, or a frame.

    This settles the form and leaves the numbers unread.

    Raises
    ------
    TypeError
        If X is sparse, text, or nothing that holds sequences.
    """
    if sparse.issparse(X):
        raise TypeError(
            "Sparse data was passed for X, but dense sequences are required. "
            "Use '.toarray()' to convert it to a dense array."
        )
    if X is None or isinstance(X, str | bytes | dict | set | int | float):
        raise TypeError(
            "X must be a list of sequences, a 2-D array (n_samples, n_steps) or a 3-D array "
            f"(n_samples, n_steps, n_channels). Got {type(X).__name__} instead."
        )
    if isinstance(X, list | tuple):
        return np.asarray(X) if _is_nested_table(X) else list(X)
    if hasattr(X, "columns"):
        return _checked_frame(X)
    array = np.asarray(X)
    if array.dtype == object and array.ndim == 1:
        return list(array)
    if array.dtype == object and array.ndim == 2 and array.size and _is_sequence(array.flat[0]):
        raise ValueError(
            f"X is a 2-D object array of shape {array.shape} that holds sequences. Pass one "
            "(n_steps, n_channels) array a sample, in a list or a 1-D object array."
        )
    if array.ndim > 3:
        raise ValueError(
            f"X has {array.ndim} dimensions. Expected 2, (n_samples, n_steps), or 3, "
            "(n_samples, n_steps, n_channels); flatten further dimensions into channels."
        )
    return array


def read_sequences(X: list | np.ndarray) -> Ragged:
    """Read a list of sequences or a 3-D array into flat float32 values and offsets.

    Parameters
    ----------
    X : list of array-like or ndarray of shape (n_samples, n_steps, n_channels)
        As returned by :func:`as_container`.

    Returns
    -------
    Ragged
        NaN stands for a missing number.

    Raises
    ------
    ValueError
        If there are no samples, a sequence has no steps, the numbers of channels differ, or a
        value is not a finite number of float32's range; the message names the row.
    TypeError
        If a row does not hold numbers.
    """
    if len(X) == 0:
        raise ValueError(
            "Found array with 0 sample(s) while a minimum of 1 is required: X is empty."
        )
    if isinstance(X, np.ndarray):
        _check_numeric(X, "X")
        sequences = Ragged.from_rectangular(X)
    else:
        sequences = _read_list(X)
    check_sequences(sequences)
    return sequences


def numeric_table(X: Any) -> Any:
    """Return a 2-D array or frame with objects turned into numbers, naming the cell that is none.

    What holds numbers already is returned as it is.
    """
    if not (isinstance(X, np.ndarray) and X.dtype.kind in "OUS" and X.ndim == 2):
        return X
    try:
        return X.astype(np.float64)
    except (TypeError, ValueError):
        for (row, step), cell in np.ndenumerate(X):
            try:
                float(cell)
            except (TypeError, ValueError) as error:
                raise type(error)(f"Row {row}, step {step} of X is not a number: {error}") from None
        raise


def check_sequences(sequences: Ragged) -> None:
    """Raise ValueError for a sequence of no steps, no channels, or an infinite number."""
    if sequences.n_channels == 0:
        raise ValueError("X has sequences of 0 channels; at least 1 channel is required.")
    empty = np.flatnonzero(sequences.lengths == 0)
    if len(empty):
        raise ValueError(
            f"Row {empty[0]} of X is a sequence of 0 steps ({len(empty)} such row(s)). "
            "Every sequence needs at least 1 step; drop these rows."
        )
    # NaN (missing) is allowed, and NaN hides infinity in a sum: look only if the sum is not finite.
    with np.errstate(over="ignore", invalid="ignore"):
        suspicious = not np.isfinite(sequences.values.sum())
    if suspicious:
        infinite = np.isinf(sequences.values)
        if infinite.any():
            step, channel = (int(i[0]) for i in np.nonzero(infinite))
            row, step = sequences.row_of_step(step)
            raise ValueError(
                "X contains infinity or a value too large for dtype('float32'): "
                f"row {row}, step {step}, channel {channel}. "
                "Replace it by a finite number, or by NaN if it is missing."
            )


def _read_list(X: list) -> Ragged:
    arrays = X if _all_plain_arrays(X) else [_read_row(item, row) for row, item in enumerate(X)]
    widths = np.fromiter((a.shape[1] if a.ndim == 2 else 1 for a in arrays), np.int64, len(arrays))
    odd = np.flatnonzero(widths != widths[0])
    if len(odd):
        raise ValueError(
            f"Row {odd[0]} of X has {widths[odd[0]]} channel(s), but row 0 has {widths[0]}. All "
            "sequences need the same channels: arrays of shape (n_steps, n_channels), steps first."
        )
    lengths = np.fromiter(map(len, arrays), np.int64, len(arrays))
    if arrays[0].ndim == 1 or any(a.ndim == 1 for a in arrays):
        arrays = [a.reshape(len(a), 1) for a in arrays]
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.concatenate(arrays, dtype=np.float32, casting="unsafe")
    return Ragged.from_lengths(values, lengths)


def _all_plain_arrays(X: list) -> bool:
    return all(
        type(a) is np.ndarray and 1 <= a.ndim <= 2 and a.dtype.kind in _NUMERIC_KINDS for a in X
    )


def _read_row(item: Any, row: int) -> np.ndarray:
    """Read one sequence that is not a plain numeric ndarray yet."""
    if item is None or isinstance(item, str | bytes | dict | set):
        raise TypeError(
            f"Row {row} of X must be an array of numbers of shape (n_steps, n_channels) or "
            f"(n_steps,). Got {type(item).__name__} instead."
        )
    if sparse.issparse(item):
        raise TypeError(f"Row {row} of X is sparse, but dense data is required. Use '.toarray()'.")
    try:
        array = np.asarray(item)
        if array.dtype == object:
            _refuse_text(array, row)
            array = array.astype(np.float64)
    except (ValueError, TypeError) as error:
        raise type(error)(
            f"Row {row} of X can't be read as numbers of shape (n_steps, n_channels): {error}"
        ) from error
    _check_numeric(array, f"Row {row} of X")
    if array.ndim == 0:
        raise ValueError(
            f"Row {row} of X is a single number, not a sequence. X must hold one array of shape "
            "(n_steps, n_channels) or (n_steps,) a sample; for one sequence pass [sequence]."
        )
    if array.ndim > 2:
        raise ValueError(
            f"Row {row} of X has {array.ndim} dimensions. Expected (n_steps, n_channels) or "
            "(n_steps,); flatten further dimensions into channels."
        )
    return array


def _check_numeric(array: np.ndarray, place: str) -> None:
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {place} has dtype {array.dtype}.")
    if array.dtype.kind == "O":
        for row, item in enumerate(array.reshape(len(array), -1)):
            _refuse_text(item, row)
    elif array.dtype.kind not in _NUMERIC_KINDS:
        raise TypeError(
            f"{place} must hold numbers. Got dtype {array.dtype} instead; encode text and dates "
            "as numbers first."
        )


def _refuse_text(array: np.ndarray, row: int) -> None:
    """Refuse text before numpy would quietly parse '1.5' as a number."""
    junk = next((v for v in chain(array.flat) if isinstance(v, str | bytes)), None)
    if junk is not None:
        raise TypeError(f"Row {row} of X must hold numbers. Got {junk!r} instead.")


def _is_sequence(value: Any) -> bool:
    return isinstance(value, list | tuple | np.ndarray)


def _is_nested_table(X: list | tuple) -> bool:
    """Tell whether X is a 2-D array written as nested lists of numbers."""
    return (
        len(X) > 0
        and all(isinstance(row, list | tuple) for row in X)
        and len({len(row) for row in X}) == 1
        and not any(np.ndim(cell) for cell in X[0])
        and all(isinstance(cell, Real) for cell in X[0])
    )


def _checked_frame(X: Any) -> Any:
    """Return a frame of plain numeric columns as it is; refuse one with sequences inside."""
    first_row = np.asarray(X[:1]).ravel()
    for name, value in zip(getattr(X, "column_names", X.columns), first_row, strict=False):
        if _is_sequence(value):
            raise TypeError(
                f"Column {name!r} of X holds sequences. Frames with list columns can't be read "
                f"yet: pass that column alone, as X[{name!r}].tolist()."
            )
    return X


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
    """
    X_name, y_name = names
    if y is None:
        raise ValueError(
            f"This {owner} estimator requires {y_name} to be passed, but the target y is None."
        )
    if sparse.issparse(y):
        raise TypeError(f"Sparse data was passed for {y_name}, but dense data is required.")
    try:
        array = np.asarray(y)
    except ValueError as error:
        raise ValueError(f"{y_name} must hold one label or number a sequence: {error}") from error
    if array.ndim == 0:
        raise ValueError(f"{y_name} should be a 1d array, got {y!r} instead.")
    if len(array) != n_samples:
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: "
            f"{X_name} has {n_samples} sequence(s), {y_name} has {len(array)} value(s)."
        )
    return array


def read_groups(groups: Any, n_samples: int) -> np.ndarray:
    """Return groups as numbers from 0, shape (n_samples,)."""
    array = np.asarray(groups)
    if array.shape != (n_samples,):
        raise ValueError(
            f"groups must be of shape ({n_samples},), one group a sequence. "
            f"Got shape {array.shape} instead."
        )
    return np.unique(array, return_inverse=True)[1]
