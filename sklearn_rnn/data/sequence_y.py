"""y of one sequence a sample, in every form -> its entries laid end to end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from sklearn_rnn.data.leaves import is_list
from sklearn_rnn.data.nesting import split_vectors
from sklearn_rnn.data.ragged import places_of
from sklearn_rnn.data.reading import NUMERIC_KINDS, as_array, is_sequence
from sklearn_rnn.data.tables import arrow_column, is_frame, is_polars, one_array

_FORMS = (
    "a list or object array of arrays, a 2-D array (n_samples, n_steps), a 3-D array (n_samples, "
    "n_steps, n_outputs) or a list column"
)


@dataclass(frozen=True, slots=True)
class Sequences:
    """Sequences laid end to end.

    Attributes
    ----------
    values : ndarray of shape (n_steps,) or (n_steps, n_outputs)
    lengths : ndarray of shape (n_samples,), int64
        Number of steps of each.
    is_null : ndarray of shape (n_samples,), bool
        Where there is None in place of a sequence.
    """

    values: np.ndarray
    lengths: np.ndarray
    is_null: np.ndarray

    @property
    def rows(self) -> np.ndarray:
        """Which sequence each step belongs to, shape (n_steps,)."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    @property
    def offsets(self) -> np.ndarray:
        """Where each sequence begins and, as the last entry, where all end."""
        return np.concatenate([[0], np.cumsum(self.lengths)])

    def place_of(self, step: int) -> tuple[int, int]:
        """Return which sequence a step belongs to, and its place there."""
        row = int(self.rows[step])
        return row, step - int(self.offsets[row])

    def take(self, rows: np.ndarray) -> Sequences:
        """Return some sequences, each as often as it is asked for."""
        values = self.values[places_of(self.offsets, rows)]
        return Sequences(values, self.lengths[rows], self.is_null[rows])

    def keep(self, kept: np.ndarray) -> Sequences:
        """Return the sequences with some of their steps; kept is of shape (n_steps,), bool."""
        lengths = np.bincount(self.rows[kept], minlength=len(self.lengths))
        return Sequences(tidied(self.values[kept]), lengths, self.is_null)


def read_answers(
    y: Any,
    n_samples: int,
    owner: str,
    names: tuple[str, str] = ("X", "y"),
    *,
    texts: bool = False,
    used: np.ndarray | None = None,
) -> tuple[Sequences, str]:
    """Lay the y of an estimator end to end, whose form predictions shall have.

    Parameters
    ----------
    y : sequences, or one entry a sample for sequences of one step
    n_samples : int
        Number of rows of X.
    owner : str
        Class name of the estimator, for messages.
    names : tuple of str
        What the user calls X and y.
    texts : bool
        Whether a text is the sequence of its characters; else it is one entry.
    used : ndarray of shape (n_samples,), bool, optional
        Which rows must not be None.

    Returns
    -------
    answers : Sequences
    form : {"flat", "rectangular", "ragged", "text"}
        "flat" is one entry a sample.

    Raises
    ------
    TypeError, ValueError
        As :func:`read_sequences`; and if y is None, a sample has None in place of a sequence, or
        their number is not that of X.
    """
    X_name, name = names
    if y is None:
        raise ValueError(
            f"This {owner} estimator requires {name} to be passed, but the target y is None."
        )
    answers, form = _read_form(y, name, texts)
    if len(answers.lengths) != n_samples:
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: "
            f"{X_name} has {n_samples} sequence(s), {name} has {len(answers.lengths)}."
        )
    is_null = answers.is_null if used is None else answers.is_null & used
    if is_null.any():
        row = np.flatnonzero(is_null)[0]
        raise TypeError(f"Row {row} of {name} must be a sequence of entries. Got None instead.")
    return answers, form


def _read_form(y: Any, name: str, texts: bool) -> tuple[Sequences, str]:
    if is_frame(y):
        array = as_array(y, name)
        is_column = texts and array.shape[1] == 1 and any(isinstance(v, str) for v in array.flat)
        if not is_column and not any(map(is_sequence, array.flat)):
            y = array  # one step a column; what is a column of sequences is refused below
    if is_flat(y, texts=texts):
        values = tidied(as_array(y, name))
        n_samples = len(values)
        return Sequences(values, np.ones(n_samples, np.int64), np.zeros(n_samples, bool)), "flat"
    form = "ragged"
    if _array_ndim(y) > 1:
        form = "rectangular"
    elif texts and _holds_texts(y):
        form = "text"
    return read_sequences(y, name, texts=texts), form


def is_flat(y: Any, *, texts: bool = False) -> bool:
    """Return whether y has one entry a sample, which stands for sequences of one step."""
    if y is None or is_frame(y) or (texts and _holds_texts(y)):
        return False
    column = _arrow_of(y, "y")
    if column is not None:
        return not is_list(column.type)
    if not isinstance(y, list | tuple):
        if _array_ndim(y) != 1:
            return False
        y = np.asarray(y)
        return y.dtype != object or not any(map(is_sequence, y))
    return len(y) > 0 and not any(map(is_sequence, y))


def _array_ndim(y: Any) -> int:
    """Return the number of axes of an array, 0 for what is none."""
    if isinstance(y, list | tuple) or not hasattr(y, "__array__"):
        return 0
    return np.asarray(y).ndim


def _holds_texts(y: Any) -> bool:
    """Return whether rows are texts."""
    column = _arrow_of(y, "y")
    if column is not None:
        return _is_text(column.type)
    if _array_ndim(y) > 1:
        return False
    rows = y if isinstance(y, list | tuple) else np.asarray(y, dtype=object)
    return any(isinstance(row, str) for row in rows)


def read_sequences(y: Any, name: str, *, texts: bool = False) -> Sequences:
    """Lay sequences of any form end to end.

    Parameters
    ----------
    y : sequences
    name : str
        What messages call it.
    texts : bool
        Whether a text is the sequence of its characters; else it is an error.

    Raises
    ------
    TypeError
        If it does not hold one sequence a sample.
    ValueError
        If steps have different numbers of values.
    """
    column = _arrow_of(y, name)
    if column is not None and is_list(column.type):
        return _read_arrow(column, name)
    if column is not None and _is_text(column.type):
        y = column.to_pylist()
    elif column is not None:
        raise TypeError(
            f"{name} must hold one sequence a sample: {_FORMS}. Got a column of {column.type}."
        )
    if not isinstance(y, list | tuple):
        y = _array_of(y, name)
        if y.ndim > 1:
            n_samples, n_steps, *n_outputs = y.shape
            lengths = np.full(n_samples, n_steps)
            values = y.reshape(n_samples * n_steps, *n_outputs)
            return Sequences(tidied(values), lengths, np.zeros(n_samples, bool))
    return _read_rows(list(y), name, texts)


def _arrow_of(y: Any, name: str) -> pa.ChunkedArray | None:
    """Return a column that Arrow has in its memory."""
    if is_frame(y):
        raise TypeError(
            f"{name} must hold one sequence a sample, but it is a frame. Pass its list column, "
            f"such as {name}['labels'], or an array of a frame of one step a column."
        )
    if isinstance(y, pa.Array):
        return pa.chunked_array([y])
    if isinstance(y, pa.ChunkedArray):
        return y
    if is_polars(y):
        return pa.chunked_array([y.to_arrow()])
    if isinstance(y, pd.Series) and isinstance(y.dtype, pd.ArrowDtype):
        return arrow_column(y, name)
    return None


def _is_text(column_type: pa.DataType) -> bool:
    if types.is_dictionary(column_type):
        return _is_text(column_type.value_type)
    kinds = (types.is_string, types.is_large_string, types.is_string_view)
    return any(is_kind(column_type) for is_kind in kinds)


def _read_arrow(column: pa.ChunkedArray, name: str) -> Sequences:
    lists = one_array(column)
    is_null = ~np.asarray(lists.is_valid())
    lengths = np.asarray(pc.fill_null(pc.list_value_length(lists), 0)).astype(np.int64)
    steps = lists.flatten()
    if is_list(steps.type):
        table = split_vectors(pa.table({"steps": steps}), name)
        values = np.column_stack([column.to_numpy() for column in table.columns])
    else:
        values = steps.to_numpy(zero_copy_only=False)
    return Sequences(tidied(values), lengths, is_null)


def _array_of(y: Any, name: str) -> np.ndarray:
    """Return an array of one sequence a row, or a 1-D array of sequences or texts."""
    if not hasattr(y, "__array__"):
        raise TypeError(
            f"{name} must hold one sequence a sample: {_FORMS}. Got {type(y).__name__} instead."
        )
    array = as_array(y, name)
    if not 1 <= array.ndim <= 3:
        raise ValueError(f"{name} has {array.ndim} dimensions. Expected {_FORMS}.")
    return array


def _read_rows(rows: list[Any], name: str, texts: bool) -> Sequences:
    is_null = np.array([_is_missing(row) for row in rows], dtype=bool)
    arrays = [
        np.empty(0, object) if null else _read_row(row, f"Row {i} of {name}", texts)
        for i, (row, null) in enumerate(zip(rows, is_null, strict=True))
    ]
    filled = [i for i, array in enumerate(arrays) if len(array)]
    for i in filled:
        if arrays[i].shape[1:] != arrays[filled[0]].shape[1:]:
            raise ValueError(
                f"Row {i} of {name} has {_width(arrays[i])} at a step, but row {filled[0]} has "
                f"{_width(arrays[filled[0]])}. All steps need as many."
            )
    lengths = np.fromiter(map(len, arrays), np.int64, len(arrays))
    parts = [arrays[i] for i in filled] or [np.empty(0, object)]
    return Sequences(tidied(joined(parts)), lengths, is_null)


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value))


def _width(array: np.ndarray) -> str:
    return "a single value" if array.ndim == 1 else f"{array.shape[1]} values"


def _read_row(row: Any, place: str, texts: bool) -> np.ndarray:
    if isinstance(row, str) and not texts:
        raise TypeError(
            f"{place} must be the sequence of its steps. Got the text {row!r}: pass 'list(text)' "
            "for its characters, 'text.split()' for its words."
        )
    if isinstance(row, list | tuple | str):
        if not row or not is_sequence(row[0]):
            return np.fromiter(row, object, len(row))
    elif not hasattr(row, "__array__") or np.ndim(row) == 0:
        raise TypeError(
            f"{place} must be a 1-D array or list, one entry a step. Got {row!r} instead."
        )
    try:
        array = as_array(row, place)
    except ValueError as error:
        raise ValueError(f"{place} has steps of different numbers of values: {error}") from error
    if array.dtype == object and array.ndim == 1 and len(array) and is_sequence(array[0]):
        array = as_array(list(array), place)  # what pandas makes of nested lists in a file
    if array.ndim > 2:
        raise ValueError(
            f"{place} has {array.ndim} dimensions. Expected (n_steps,) or (n_steps, n_outputs)."
        )
    return array


def joined(arrays: list[np.ndarray]) -> np.ndarray:
    """Concatenate arrays without turning the numbers of one into another's text."""
    kinds = {"number" if a.dtype.kind in NUMERIC_KINDS else a.dtype.kind for a in arrays}
    if len(kinds) > 1:
        arrays = [array.astype(object) for array in arrays]
    return np.concatenate(arrays)


def tidied(values: np.ndarray) -> np.ndarray:
    """Return objects that have one type in common in that type; text stays objects."""
    if values.dtype.kind == "T":  # numpy's StringDType, which scikit-learn does not know
        return values.astype(object)
    if values.dtype != object or values.ndim > 1:
        return values
    if isinstance(next((v for v in values if not _is_missing(v)), None), str):
        return values  # spared pandas' way through Arrow
    return pd.Series(values, dtype=object).infer_objects().to_numpy()
