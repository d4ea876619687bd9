"""Columns of sequences, in a frame or alone -> :class:`~sklearn_rnn.data.ragged.Ragged`.

First the form is settled (:func:`as_columns`), then the numbers are read (:func:`read_columns`):
lists in Arrow's memory in bulk, see ``arrow.py``; what pandas holds as Python objects row by row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import types

from sklearn_rnn.data.arrow import ArrowColumn, Column, check_present, is_list, sentence
from sklearn_rnn.data.ragged import Ragged
from sklearn_rnn.data.reading import check_not_empty, check_sequences, is_sequence, read_list


@dataclass(frozen=True, slots=True)
class SequenceColumns:
    """Columns of sequences that stand side by side: the form is settled, the numbers are unread.

    Attributes
    ----------
    names : list or None
        Of the columns; None for a column that is all of X.
    columns : list of pyarrow.ChunkedArray or ndarray of object
        Arrow lists, or the cells of a pandas column.
    """

    names: list[Any] | None
    columns: list[Any]

    def __len__(self) -> int:
        return len(self.columns[0])

    def select(self, names: list[Any]) -> SequenceColumns:
        """Return the columns in the order of these names."""
        own = self.names or []
        return SequenceColumns(list(names), [self.columns[own.index(name)] for name in names])

    def places(self, name: str) -> list[str]:
        """Return what messages call each column."""
        if self.names is None:
            return [name]
        return [f"column {column!r} of {name}" for column in self.names]


def as_columns(X: Any, name: str = "X") -> Any:
    """Return X as :class:`SequenceColumns` where it is a list column or a frame of them.

    Other frames are returned as they are, or as a pyarrow Table where numpy does not know them;
    so is all else.

    Raises
    ------
    ValueError
        If list columns stand beside others, or two have one name.
    """
    if isinstance(X, list | tuple | np.ndarray):
        return X
    if isinstance(X, pd.DataFrame):
        if all(dtype.kind != "O" for dtype in X.dtypes):  # numbers and times, however many columns
            return X
        names, columns = list(X.columns), [X.iloc[:, i] for i in range(X.shape[1])]
    elif isinstance(X, pd.Series):
        is_arrow = isinstance(X.dtype, pd.ArrowDtype)
        column = _sequences_of(X) if is_arrow else None
        return X if column is None else SequenceColumns(None, [column])
    elif hasattr(X, "__arrow_c_stream__") or hasattr(X, "__arrow_c_array__"):
        array = pa.chunked_array(X)
        if not types.is_struct(array.type):
            column = _sequences_of(array)
            return X if column is None else SequenceColumns(None, [column])
        names, columns = [field.name for field in array.type], array.flatten()
    else:
        return X
    sequences = [_sequences_of(column) for column in columns]
    if all(column is None for column in sequences):
        is_table = hasattr(X, "columns") and hasattr(X, "__array__")
        return X if is_table else pa.Table.from_arrays(columns, names=names)
    _check_columns(names, sequences, name)
    return SequenceColumns(names, sequences)


def _sequences_of(column: pd.Series | pa.ChunkedArray) -> pa.ChunkedArray | np.ndarray | None:
    """Return a column of sequences as Arrow lists or as objects, None for one of single values."""
    if isinstance(column, pd.Series):
        if isinstance(column.dtype, pd.ArrowDtype):
            column = pa.chunked_array(column.array.__arrow_array__())
        elif column.dtype != object:
            return None
        else:
            cells = column.to_numpy()
            cell = next((c for c in cells if is_sequence(c) or not pd.isna(c)), None)
            return cells if is_sequence(cell) else None
    return column if is_list(column.type) else None


def _check_columns(names: list[Any], sequences: list[Any], name: str) -> None:
    twice = next((c for i, c in enumerate(names) if c in names[:i]), None)
    if twice is not None:
        raise ValueError(
            f"{name} has more than one column named {twice!r}. Give each a name of its own."
        )
    is_single = [column is None for column in sequences]
    if any(is_single):
        raise ValueError(
            f"Column {names[is_single.index(True)]!r} of {name} holds single values beside the "
            f"list column {names[is_single.index(False)]!r}. Columns that stay the same through a "
            "sequence can't be read yet: leave it out, or make it a list column that repeats the "
            "value at each step."
        )


def read_columns(X: SequenceColumns, name: str = "X") -> Ragged:
    """Read columns of sequences into flat float32 values and offsets.

    Parameters
    ----------
    X : SequenceColumns
        As returned by :func:`as_columns`.
    name : str, default="X"

    Returns
    -------
    Ragged
        The channels of all columns side by side, nulls as NaN. Values are a view of Arrow's
        memory where they are held there as float32, without nulls and in one chunk.

    Raises
    ------
    ValueError
        If there are no samples, a sequence is missing, the lengths in a row or the numbers of
        channels differ, or as of :func:`~sklearn_rnn.data.reading.check_sequences`.
    TypeError
        If a column does not hold numbers.
    """
    check_not_empty(X, name)
    places = X.places(name)
    columns = [
        ArrowColumn(column, place) if isinstance(column, pa.ChunkedArray) else _cells(column, place)
        for column, place in zip(X.columns, places, strict=True)
    ]
    for column, place in zip(columns, places, strict=True):
        if column.n_channels == 0:
            raise ValueError(
                f"{sentence(place)} has sequences of 0 channels; at least 1 channel is required."
            )
    _check_lengths(columns, X.names or [], name)
    sequences = Ragged.from_lengths(_side_by_side(columns), columns[0].lengths)
    sources = [p for c, p in zip(columns, places, strict=True) for _ in range(c.n_channels)]
    check_sequences(sequences, name, None if X.names is None else sources)
    return sequences


def _check_lengths(columns: list[Column], names: list[Any], name: str) -> None:
    lengths = columns[0].lengths
    for i, column in enumerate(columns[1:], start=1):
        differing = np.flatnonzero(lengths != column.lengths)
        if len(differing):
            row = int(differing[0])
            raise ValueError(
                f"Row {row} of {name} has {lengths[row]} step(s) in column {names[0]!r}, but "
                f"{column.lengths[row]} in column {names[i]!r} ({len(differing)} such row(s)). "
                "The list columns of a row need one length; where numbers are missing, fill up "
                "with nulls."
            )


def _side_by_side(columns: list[Column]) -> np.ndarray:
    """Return the steps of all columns, one channel after another, float32."""
    if len(columns) == 1 and (values := columns[0].view()) is not None:
        return values
    n_channels = [column.n_channels for column in columns]
    values = np.empty((columns[0].lengths.sum(), sum(n_channels)), dtype=np.float32)
    with np.errstate(over="ignore", invalid="ignore"):  # reported by check_sequences
        for column, end in zip(columns, np.cumsum(n_channels), strict=True):
            column.fill(values[:, end - column.n_channels : end])
    return values


class RaggedColumn(Column):
    """Sequences that were read one by one."""

    def __init__(self, sequences: Ragged) -> None:
        self._values = sequences.values
        self.lengths = sequences.lengths
        self.n_channels = sequences.n_channels

    def view(self) -> np.ndarray:
        """Return all steps."""
        return self._values

    def fill(self, out: np.ndarray) -> None:
        """Copy all steps."""
        out[:] = self._values


def _cells(cells: np.ndarray, place: str) -> Column:
    """Read the objects of a pandas column: arrays, lists, or lists of dicts."""
    check_present(pd.isna(cells), place)
    first = next((cell[0] for cell in cells if len(cell) and is_sequence(cell)), None)
    if not isinstance(first, dict):
        return RaggedColumn(read_list(list(cells), place))
    try:
        return ArrowColumn(pa.chunked_array([pa.array(cells, from_pandas=True)]), place)
    except pa.ArrowException as error:
        raise ValueError(f"{sentence(place)} can't be read as lists of dicts: {error}") from error
