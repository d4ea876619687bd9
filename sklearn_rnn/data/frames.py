"""Columns in a frame, or one alone -> :class:`~sklearn_rnn.data.inputs.Inputs`.

First the form is settled (:func:`as_columns`), then the values are read (:func:`read_columns`).
List columns are the sequences; columns with a single value a row stay the same through each.
Values that Arrow holds are read in bulk, see ``leaves.py``; so are texts and what pandas holds as
objects, but for arrays of numbers, which are read row by row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from sklearn_rnn.data.cells import as_arrow, kind_of_cells
from sklearn_rnn.data.inputs import Feature, Inputs, Schema, assemble
from sklearn_rnn.data.leaves import (
    Arrays,
    Categories,
    Leaf,
    Missing,
    Place,
    is_category,
    is_list,
    leaves_of,
)
from sklearn_rnn.data.ragged import Ragged
from sklearn_rnn.data.reading import (
    check_not_empty,
    check_present,
    check_sequences,
    check_static,
    is_sequence,
    read_list,
)
from sklearn_rnn.data.tables import check_not_lazy
from sklearn_rnn.data.text import read_texts


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns that stand side by side: the form is settled, the values are unread.

    Attributes
    ----------
    names : list or None
        Of the columns; None for a column that is all of X.
    columns : list of pyarrow.ChunkedArray or ndarray of object
        Arrow's values, or the cells of a pandas column or of a list.
    is_sequence : list of bool
        Which columns hold a sequence a row; the others hold a single value a row.
    """

    names: list[Any] | None
    columns: list[Any]
    is_sequence: list[bool]

    def __len__(self) -> int:
        return len(self.columns[0])

    def select(self, names: list[Any]) -> Columns:
        """Return the columns in the order of these names."""
        places = [(self.names or []).index(name) for name in names]
        return Columns(
            list(names),
            [self.columns[i] for i in places],
            [self.is_sequence[i] for i in places],
        )

    def place(self, i: int, name: str) -> Place:
        """Return what messages call a column."""
        return Place(name if self.names is None else f"column {self.names[i]!r} of {name}", (i,))


def as_columns(X: Any, name: str = "X", *, expected: bool = False) -> Any:
    """Return X as :class:`Columns` if it is text, a list column, or a frame with list columns.

    Other frames are returned as they are, or as a pyarrow Table where numpy does not know them;
    so is all else. With ``expected``, since ``fit`` had list columns, every frame becomes columns.

    Raises
    ------
    ValueError
        If two columns have one name.
    TypeError
        If a column of pandas mixes types.
    """
    if isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 2:
        if expected or any(_holds_sequences(column) for column in X.T):
            X = pd.DataFrame(X)  # what ColumnTransformer makes of columns side by side
    if isinstance(X, list | tuple | np.ndarray):
        return _texts_alone(X)
    if isinstance(X, pd.Series):
        return _column_alone(_of_pandas(X), X)
    if isinstance(X, pd.DataFrame):
        if not expected and all(dtype.kind != "O" for dtype in X.dtypes):
            return X  # numbers and times, however many columns
        columns = [_of_pandas(X.iloc[:, i]) for i in range(X.shape[1])]
        return _columns_of_frame(X, list(X.columns), columns, name, expected)
    check_not_lazy(X, name)
    if not hasattr(X, "__arrow_c_stream__") and not hasattr(X, "__arrow_c_array__"):
        return X
    array = _through_arrow(X, name)
    if not types.is_struct(array.type):
        return _column_alone(array, X)
    names = [field.name for field in array.type]
    return _columns_of_frame(X, names, array.flatten(), name, expected)


def _through_arrow(X: Any, name: str) -> pa.ChunkedArray:
    try:
        return pa.chunked_array(X)
    except pa.ArrowException as error:
        held = getattr(X, "schema", None) or getattr(X, "dtype", type(X).__name__)
        raise TypeError(
            f"{name} has a column of a type that Arrow lacks ({error}), one of {held}. Convert it."
        ) from error


def _columns_of_frame(
    X: Any, names: list[Any], columns: list[Any], name: str, expected: bool
) -> Any:
    holds_sequences = [_holds_sequences(column) for column in columns]
    if not expected and not any(holds_sequences):
        is_table = hasattr(X, "columns") and hasattr(X, "__array__")
        return X if is_table else pa.Table.from_arrays(columns, names=names)
    twice = next((c for i, c in enumerate(names) if c in names[:i]), None)
    if twice is not None:
        raise ValueError(
            f"{name} has more than one column named {twice!r}. Give each a name of its own."
        )
    return Columns(names, columns, holds_sequences)


def _texts_alone(X: list | tuple | np.ndarray) -> Any:
    """Return texts, or lists of them, as one column."""
    is_row_of_rows = not isinstance(X, np.ndarray) or X.ndim == 1 or X.dtype.kind in "UT"
    are_texts = is_row_of_rows and kind_of_cells(X) == "texts"
    return Columns(None, [_objects(X)], [True]) if are_texts else X


def _column_alone(column: pa.ChunkedArray | np.ndarray, X: Any) -> Any:
    """Return a column that is all of X: sequences, or texts of which each is a sequence."""
    if isinstance(column, pa.ChunkedArray) and is_category(column.type):
        column = _objects(column.to_pylist())
    if isinstance(column, pd.Series) and column.dtype.kind == "O":  # texts that are no objects
        column = column.astype(object).where(column.notna(), None).to_numpy()
    if isinstance(column, np.ndarray):  # arrays of numbers are left to others
        kind = kind_of_cells(column)
        is_readable = kind == "texts" or (kind == "others" and _holds_sequences(column))
    else:
        is_readable = _holds_sequences(column)
    return Columns(None, [column], [True]) if is_readable else X


def _of_pandas(column: pd.Series) -> pa.ChunkedArray | pd.Series | np.ndarray:
    """Return the cells of an object column, Arrow's own memory, or else the column itself."""
    if isinstance(column.dtype, pd.ArrowDtype):
        return pa.chunked_array(column.array.__arrow_array__())
    if isinstance(column.dtype, pd.SparseDtype):
        return pd.Series(np.asarray(column))
    return column.to_numpy() if column.dtype == object else column


def _holds_sequences(column: Any) -> bool:
    if isinstance(column, pa.ChunkedArray):
        return is_list(column.type)
    if not isinstance(column, np.ndarray):
        return False
    return is_sequence(next((c for c in column if is_sequence(c) or not pd.isna(c)), None))


def _objects(rows: Any) -> np.ndarray:
    """Return rows as a 1-D object array."""
    cells = np.empty(len(rows), dtype=object)
    cells[:] = list(rows)
    return cells


# -- reading --------------------------------------------------------------------------------------


def read_columns(
    X: Columns, name: str = "X", schema: Schema | None = None
) -> tuple[Inputs, Schema]:
    """Read columns into flat numbers and codes.

    Parameters
    ----------
    X : Columns
        As returned by :func:`as_columns`.
    name : str, default="X"
    schema : Schema, optional
        What the columns were in ``fit``; without, it is learned.

    Raises
    ------
    ValueError
        If there are no samples, a sequence is missing, the lengths in a row or the numbers of
        channels differ, or as of :func:`~sklearn_rnn.data.reading.check_sequences`.
    TypeError
        If a column holds what can't be read, or something else than in ``fit``.
    """
    check_not_empty(X, name)
    if schema is not None and X.names is not None:
        X = _with_null_lists(X, schema)
        _check_kinds(X, name, schema)
    has_static = not all(X.is_sequence)
    leaves: list[Leaf] = []
    static_leaves: list[Leaf] = []
    lengths: dict[str, np.ndarray] = {}
    for i, (column, is_sequence_column) in enumerate(zip(X.columns, X.is_sequence, strict=True)):
        place = X.place(i, name)
        if is_sequence_column:
            of_column, lengths[place.name] = _sequences(column, place, may_lack=has_static)
            leaves += of_column
        else:
            static_leaves += _single_values(column, place)
    _check_lengths(lengths, name)
    empty = next((x for x in leaves if x.n_numbers == 0 and not isinstance(x, Categories)), None)
    if empty is not None:
        raise ValueError(
            f"{empty.place.sentence} has sequences of 0 channels; at least 1 channel is required."
        )
    of_rows = next(iter(lengths.values()))
    sequences, steps, sources = assemble(leaves, of_rows, schema and schema.steps)
    check_sequences(sequences, name, None if X.names is None else sources, may_be_empty=has_static)
    if not has_static:
        return Inputs(sequences), Schema(steps)
    one_a_row = np.ones(len(X), dtype=np.int64)
    rows, static, sources = assemble(static_leaves, one_a_row, schema and schema.static)
    check_static(rows, sources)
    return Inputs(sequences, rows), Schema(steps, static)


def read_rows(X: Columns, name: str = "X", schema: Schema | None = None) -> tuple[Inputs, Schema]:
    """Read columns of single values as sequences of one step, of numbers and categories.

    Parameters, errors as of :func:`read_columns`.
    """
    check_not_empty(X, name)
    leaves = [
        leaf
        for i, column in enumerate(X.columns)
        for leaf in _single_values(column, X.place(i, name))
    ]
    one_a_row = np.ones(len(X), dtype=np.int64)
    rows, features, sources = assemble(leaves, one_a_row, schema and schema.steps)
    check_static(rows, sources)
    return Inputs(rows), Schema(features)


def array_schema(sequences: Ragged, name: str) -> Schema:
    """Return the schema of sequences that are arrays of numbers."""
    return Schema((Feature((0,), Arrays.kind, sequences.n_channels, None, name),))


def _with_null_lists(X: Columns, schema: Schema) -> Columns:
    """Return columns of nulls alone as lists where there were lists in fit."""
    columns, is_sequence_column = list(X.columns), list(X.is_sequence)
    for i in {feature.path[0] for feature in schema.steps}:
        if i < len(columns) and not is_sequence_column[i] and _is_all_null(columns[i]):
            columns[i] = pa.chunked_array([pa.nulls(len(X), pa.list_(pa.null()))])
            is_sequence_column[i] = True
    return Columns(X.names, columns, is_sequence_column)


def _is_all_null(column: Any) -> bool:
    if isinstance(column, pa.ChunkedArray):
        return column.null_count == len(column)
    return bool(pd.isna(column).all())


def _check_kinds(X: Columns, name: str, schema: Schema) -> None:
    """Raise TypeError for a column of sequences that held single values in fit, or the reverse."""
    for features, was_sequence in ((schema.steps, True), (schema.static, False)):
        for i in {feature.path[0] for feature in features}:
            if i < len(X.columns) and X.is_sequence[i] != was_sequence:
                now, then = ("single values", "sequences")[:: 1 if was_sequence else -1]
                raise TypeError(
                    f"{X.place(i, name).sentence} holds {now}, but held {then} in fit. Convert it "
                    "to what it was."
                )


def _check_lengths(lengths: dict[str, np.ndarray], name: str) -> None:
    by_column = {place.removesuffix(f" of {name}"): of_rows for place, of_rows in lengths.items()}
    (first, expected), *others = by_column.items()
    for column, of_column in others:
        differing = np.flatnonzero(expected != of_column)
        if len(differing):
            row = int(differing[0])
            raise ValueError(
                f"Row {row} of {name} has {expected[row]} step(s) in {first}, but "
                f"{of_column[row]} in {column} ({len(differing)} such row(s)). "
                "The list columns of a row need one length; where numbers are missing, fill up "
                "with nulls."
            )


def _sequences(column: Any, place: Place, *, may_lack: bool) -> tuple[list[Leaf], np.ndarray]:
    """Return the leaves of a list column, and the length of each row's list."""
    if isinstance(column, np.ndarray):
        cells = _without_nulls(column, place, may_lack)
        kind = kind_of_cells(cells)
        if kind == "texts":
            leaf, of_texts = read_texts(list(cells), place)
            return [leaf], of_texts
        if kind is None:
            lengths_of_nulls = np.fromiter(map(len, cells), np.int64, len(cells))
            return [Missing(int(lengths_of_nulls.sum()), place)], lengths_of_nulls
        if kind == "numbers":
            sequences = read_list(list(cells), place.name, may_be_empty=may_lack)
            return [Arrays(sequences.values, place)], sequences.lengths
        column = as_arrow(cells, place)
    elif column.null_count and not may_lack:
        check_present(column.is_null(), place.name)
    chunks = [chunk for chunk in column.chunks if len(chunk)]
    lengths = [pc.fill_null(pc.list_value_length(chunk), 0) for chunk in chunks]
    of_rows: np.ndarray = np.concatenate(lengths).astype(np.int64, copy=False)
    place = Place(place.name, place.path, of_rows)
    return leaves_of(column.type.value_type, [c.flatten() for c in chunks], place), of_rows


def _single_values(column: Any, place: Place) -> list[Leaf]:
    """Return the leaves of a column of single values."""
    if not isinstance(column, pa.ChunkedArray):
        column = as_arrow(column, place)
    return leaves_of(column.type, column.chunks, place)


def _without_nulls(cells: np.ndarray, place: Place, may_lack: bool) -> np.ndarray:
    """Return the cells with an empty list where there is none."""
    is_single = np.array([not isinstance(cell, str) and not is_sequence(cell) for cell in cells])
    if not is_single.any():
        return cells
    is_null = is_single & pd.isna(cells)
    odd = np.flatnonzero(is_single & ~is_null)
    if len(odd) and kind_of_cells(cells) != "texts":
        raise TypeError(
            f"Row {odd[0]} of {place.name} holds a single value where others hold sequences. Got "
            f"{cells[odd[0]]!r}; put it into a list."
        )
    if not may_lack:
        check_present(is_null, place.name)
    filled: Any = cells.copy()
    for row in np.flatnonzero(is_null):
        filled[row] = []
    return filled
