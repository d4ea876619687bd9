"""X in each of its array forms -> :class:`~sklearn_rnn.data.ragged.Ragged`.

Forms with equal numbers give equal results: a list, tuple, Series or 1-D object array of arrays of
shape ``(n_steps, n_channels)`` or ``(n_steps,)``; a 3-D array ``(n_samples, n_steps, n_channels)``;
a 2-D array ``(n_samples, n_steps)``, which is one channel. Columns of sequences are read in
``frames.py``. Messages call X by the ``name`` the user knows it by.
"""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence, Sized
from itertools import chain
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from sklearn_rnn.data.ragged import Ragged

NUMERIC_KINDS = "biuf"

_LOOK = 1 << 16
"""Steps looked at together: bounds the extra memory."""


def as_container(X: Any, name: str = "X", *, nested_table: bool = True) -> Any:
    """Return X as a list of sequences, an ndarray, or a frame of columns of numbers.

    This settles the form. Of a list the numbers are unread yet, an ndarray holds numbers. Nested
    lists of numbers of one length are a list of sequences or, with ``nested_table``, the 2-D array
    that scikit-learn sees in them; the numbers are the same.

    Raises
    ------
    TypeError
        If X is sparse, text, or nothing that holds sequences of numbers.
    """
    if sparse.issparse(X):
        raise TypeError(
            f"Sparse data was passed for {name}, but dense sequences are required. "
            "Use '.toarray()' to convert it to a dense array."
        )
    is_container = isinstance(X, Sequence) or hasattr(X, "__array__") or hasattr(X, "columns")
    if not is_container or isinstance(X, str | bytes | np.generic):
        raise TypeError(
            f"{name} must be a list of sequences, a frame with list columns, a 2-D array "
            "(n_samples, n_steps) or a 3-D array (n_samples, n_steps, n_channels). "
            f"Got {type(X).__name__} instead."
        )
    if isinstance(X, tuple | MutableSequence):
        table = _nested_table(X) if nested_table else None
        return list(X) if table is None else table
    if hasattr(X, "columns"):
        _check_frame(X, name)
        return X
    array = as_array(X, name)
    if array.dtype == object and array.ndim == 1:
        return list(array)
    if array.ndim > 3:
        raise ValueError(
            f"{name} has {array.ndim} dimensions. Expected 2, (n_samples, n_steps), or 3, "
            "(n_samples, n_steps, n_channels); flatten further dimensions into channels."
        )
    return checked_numbers(array, name)


def read_sequences(X: list | np.ndarray, name: str = "X") -> Ragged:
    """Read a list of sequences or a 3-D array into flat float32 values and offsets.

    Parameters
    ----------
    X : list of array-like or ndarray of shape (n_samples, n_steps, n_channels)
        As returned by :func:`as_container`.
    name : str, default="X"

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
    check_not_empty(X, name)
    sequences = Ragged.from_rectangular(X) if isinstance(X, np.ndarray) else read_list(X, name)
    check_sequences(sequences, name)
    return sequences


def check_not_empty(X: Sized, name: str) -> None:
    """Raise ValueError if there is no sample."""
    if len(X) == 0:
        raise ValueError(
            f"Found array with 0 sample(s) while a minimum of 1 is required: {name} is empty."
        )


def check_present(is_null: Any, place: str) -> None:
    """Raise ValueError if a row has no sequence; None says that all have one."""
    missing = np.flatnonzero([] if is_null is None else is_null)
    if len(missing):
        raise ValueError(
            f"Row {missing[0]} of {place} has no sequence, it is null ({len(missing)} such "
            "row(s)). Drop these rows."
        )


def check_sequences(
    sequences: Ragged,
    name: str = "X",
    columns: Sequence[str] | None = None,
    *,
    may_be_empty: bool = False,
) -> None:
    """Raise ValueError for a sequence of no steps, no channels, or an infinite number.

    ``columns`` says of each channel where it is from.
    """
    if sequences.n_channels == 0 and sequences.n_categorical == 0:
        raise ValueError(f"{name} has sequences of 0 channels; at least 1 channel is required.")
    if not may_be_empty:
        _check_lengths(sequences.lengths, name)
    if (place := _first_infinite(sequences.values)) is not None:
        step, channel = place
        row, step = sequences.row_of_step(step)
        source = "" if columns is None else f" ({columns[channel]})"
        raise ValueError(
            f"{name} contains infinity or a value too large for dtype('float32'): "
            f"row {row}, step {step}, channel {channel}{source}. "
            "Replace it by a finite number, or by NaN if it is missing."
        )


def check_static(rows: Ragged, columns: Sequence[str]) -> None:
    """Raise ValueError for an infinite number; ``columns`` says of each where it is from."""
    if (place := _first_infinite(rows.values)) is not None:
        row, column = place
        raise ValueError(
            f"Row {row} of {columns[column]} is infinite or too large for dtype('float32'). "
            "Replace it by a finite number, or by null if it is missing."
        )


def _first_infinite(values: np.ndarray) -> tuple[int, int] | None:
    """Return step and channel, or None."""
    # NaN (missing) is allowed, and NaN hides infinity in a sum: look only if the sum is not finite.
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(values.sum()):
            return None
    for begin in range(0, len(values), _LOOK):
        infinite = np.isinf(values[begin : begin + _LOOK])
        if infinite.any():
            steps, channels = np.nonzero(infinite)
            return begin + int(steps[0]), int(channels[0])
    return None


def as_array(value: Any, place: str) -> np.ndarray:
    """Return ``np.asarray(value)``; masked numbers become NaN, failures name the place."""
    if np.ma.is_masked(value):
        return np.ma.filled(value.astype(np.float64), np.nan)
    try:
        return np.asarray(value)
    except RuntimeError as error:  # torch's refusal
        raise TypeError(
            f"{place} can't be read as an array: {error} Pass '.detach()' of a tensor that "
            "requires grad."
        ) from error


def _nested_table(X: Sequence) -> np.ndarray | None:
    """Return nested lists of numbers of one length as the 2-D array they stand for, else None."""
    if not X or not all(isinstance(row, list | tuple) for row in X):
        return None
    if len({len(row) for row in X}) > 1:
        return None
    if not all(cell is None or isinstance(cell, Real) for row in X for cell in row):
        return None
    return np.array(X, dtype=np.float64)


def read_list(X: list, name: str, *, may_be_empty: bool = False) -> Ragged:
    """Read sequences one by one; errors name the row, but zeros of steps are not looked for."""
    arrays = (
        X
        if all(type(a) is np.ndarray and a.dtype.kind in NUMERIC_KINDS for a in X)
        else [_read_row(item, f"Row {row} of {name}") for row, item in enumerate(X)]
    )
    if may_be_empty:  # whatever the shape of nothing, it is no step of what the others hold
        shape = next((a.shape[1:] for a in arrays if len(a)), (1,))
        arrays = [a if len(a) else np.empty((0, *shape), np.float32) for a in arrays]
    if arrays[0].ndim != 2 or len({a.shape[1:] for a in arrays}) > 1:
        arrays = _made_two_dimensional(arrays, name, may_be_empty)
    lengths = np.fromiter(map(len, arrays), np.int64, len(arrays))
    # Large whole numbers are rounded as they are where one among them is missing.
    arrays = [a.astype(np.float64) if a.dtype.kind in "iu" else a for a in arrays]
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.concatenate(arrays, dtype=np.float32, casting="unsafe")
    return Ragged.from_lengths(values, lengths)


def _made_two_dimensional(
    arrays: list[np.ndarray], name: str, may_be_empty: bool
) -> list[np.ndarray]:
    """Return arrays of shape (n_steps, n_channels); name the row that can't be read so."""
    for row, array in enumerate(arrays):
        if not 1 <= array.ndim <= 2:
            _refuse_dimensions(array.ndim, f"Row {row} of {name}", name)
    if not may_be_empty:
        _check_lengths(np.fromiter(map(len, arrays), np.int64, len(arrays)), name)
    vectors = next((a for a in arrays if a.ndim == 2), None)
    if vectors is not None:  # a row of which all steps are missing says nothing of their width
        arrays = [_missing_vectors(a, vectors.shape[1]) for a in arrays]
    arrays = [a.reshape(len(a), 1) if a.ndim == 1 else a for a in arrays]
    widths = [a.shape[1] for a in arrays]
    odd = next((row for row, width in enumerate(widths) if width != widths[0]), None)
    if odd is not None:
        raise ValueError(
            f"Row {odd} of {name} has {widths[odd]} channel(s), but row 0 has {widths[0]}. "
            "All sequences need the same channels: arrays of shape (n_steps, n_channels), steps "
            "first."
        )
    return arrays


def _missing_vectors(array: np.ndarray, width: int) -> np.ndarray:
    if array.ndim == 1 and array.dtype.kind == "f" and np.isnan(array).all():
        return np.full((len(array), width), np.nan)
    return array


def _read_row(item: Any, place: str) -> np.ndarray:
    """Read one sequence that is not a plain numeric ndarray yet."""
    if item is None or isinstance(item, str | bytes | dict | set):
        raise TypeError(
            f"{place} must be an array of numbers of shape (n_steps, n_channels) or (n_steps,). "
            f"Got {type(item).__name__} instead."
        )
    if sparse.issparse(item):
        raise TypeError(f"{place} is sparse, but dense data is required. Use '.toarray()'.")
    try:
        array = as_array(_with_missing_steps(item), place)
        if array.dtype == object and array.ndim == 1 and len(array) and is_sequence(array[0]):
            array = as_array(list(array), place)  # what pandas makes of nested lists in a file
    except ValueError as error:
        raise ValueError(
            f"{place} can't be read as numbers of shape (n_steps, n_channels): {error}"
        ) from error
    return checked_numbers(array, place)


def _with_missing_steps(item: Any) -> Any:
    """Return a sequence of vectors with NaN in place of a step that is None."""
    is_object = isinstance(item, np.ndarray) and item.dtype == object and item.ndim == 1
    if not isinstance(item, list | tuple) and not is_object:
        return item
    vector = next((step for step in item if is_sequence(step)), None)
    if vector is None or all(step is not None for step in item):
        return item
    return [np.full(len(vector), np.nan) if step is None else step for step in item]


def checked_numbers(array: np.ndarray, place: str) -> np.ndarray:
    """Return the array, objects turned into numbers; refuse text before numpy parses '1.5'."""
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {place} has dtype {array.dtype}.")
    if array.dtype.kind in NUMERIC_KINDS:
        return array
    if array.dtype.kind != "O":
        raise TypeError(
            f"{place} must hold numbers. Got dtype {array.dtype} instead; encode text and dates "
            "as numbers first."
        )
    text = next((cell for cell in chain(array.flat) if isinstance(cell, str | bytes)), None)
    if text is not None:
        raise TypeError(f"{_place_of(array, text, place)} must hold numbers. Got {text!r} instead.")
    try:
        return np.where(pd.isna(array), np.nan, array).astype(np.float64)
    except OverflowError as error:
        raise ValueError(f"{place} has a number too large for a float: {error}.") from error
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"{place} can't be read as numbers of shape (n_steps, n_channels): {error}"
        ) from error


def _place_of(array: np.ndarray, cell: Any, place: str) -> str:
    """Name the row of a cell, where the array is all of X."""
    if place.startswith("Row"):
        return place
    row = next(i for i, row in enumerate(array) if any(c is cell for c in np.ravel(row)))
    return f"Row {row} of {place}"


def _check_lengths(lengths: np.ndarray, name: str) -> None:
    if lengths.min() == 0:
        empty = np.flatnonzero(lengths == 0)
        raise ValueError(
            f"Row {empty[0]} of {name} is a sequence of 0 steps ({len(empty)} such row(s)). "
            "Every sequence needs at least 1 step; drop these rows."
        )


def _refuse_dimensions(n_dimensions: int, place: str, name: str) -> None:
    if n_dimensions == 0:
        raise ValueError(
            f"{place} is a single number, not a sequence. {name} must hold one array of shape "
            "(n_steps, n_channels) or (n_steps,) a sample; for one sequence pass [sequence]."
        )
    raise ValueError(
        f"{place} has {n_dimensions} dimensions. Expected (n_steps, n_channels) or (n_steps,); "
        "flatten further dimensions into channels."
    )


def is_sequence(value: Any) -> bool:
    """Return whether a cell holds more than a single value."""
    if isinstance(value, list | tuple):
        return True
    return not isinstance(value, str | bytes) and np.ndim(value) > 0


def _check_frame(X: Any, name: str) -> None:
    """Refuse a frame without rows or columns, and columns of sequences, text and dates."""
    names = list(getattr(X, "column_names", X.columns))
    if len(names) == 0 or len(X) == 0:
        raise ValueError(
            f"Found {name} with {len(X)} sample(s) and {len(names)} feature(s), while at least 1 "
            "of each is required."
        )
    for column_name in names:
        column = np.asarray(X[column_name])
        if column.dtype.kind in NUMERIC_KINDS:
            continue
        cell = next((c for c in column.ravel() if is_sequence(c) or not pd.isna(c)), np.nan)
        if is_sequence(cell):
            raise TypeError(
                f"Column {column_name!r} of {name} holds sequences as "
                f"{getattr(X[column_name], 'type', column.dtype)}, which can't be read. Convert "
                "it to lists of numbers."
            )
        if not isinstance(cell, Real | np.bool_):
            raise TypeError(
                f"Column {column_name!r} of {name} must hold numbers. Got {cell!r} of dtype "
                f"{column.dtype} instead: there is no list column, so X is read as a table of "
                "numbers. Where each text is a sequence of characters, pass the column alone."
            )
