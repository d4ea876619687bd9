"""Frames of pandas, polars and pyarrow <-> Arrow tables, and errors about their columns.

polars hands its memory to Arrow without pandas in between, and is imported only where a frame of
it is at hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import types

from sklearn_rnn.data.cells import array_of
from sklearn_rnn.data.leaves import is_list, sentence
from sklearn_rnn.data.reading import is_sequence


def column_names(frame: Any, name: str) -> list[str]:
    """Return the names of a frame's columns.

    Raises
    ------
    TypeError
        If it is not a frame, or a name is not a string.
    ValueError
        If two columns have one name.
    """
    check_not_lazy(frame, name)
    names = names_of(frame)
    if names is None:
        raise TypeError(
            f"{name} must be a frame of pandas, polars or pyarrow. "
            f"Got {type(frame).__name__} instead."
        )
    odd = next((column for column in names if not isinstance(column, str)), None)
    if odd is not None:
        raise TypeError(
            f"{name} has a column named {odd!r}, but names must be strings. Rename it, such as by "
            "'frame.columns = frame.columns.astype(str)'."
        )
    check_unique(names, f"{name} has more than one column named {{}}. Give each its own name.")
    return names


def check_not_lazy(frame: Any, name: str) -> None:
    """Raise TypeError if this is a frame of polars without its data."""
    if is_polars(frame) and hasattr(frame, "collect"):
        raise TypeError(f"{name} is a {type(frame).__name__}. Call '.collect()' on it first.")


def is_frame(X: Any) -> bool:
    """Return whether this is a frame of any kind."""
    return names_of(X) is not None


def names_of(frame: Any) -> list[Any] | None:
    """Return the names of a frame's columns, None of what is no frame."""
    if isinstance(frame, pd.DataFrame):
        return list(frame.columns)
    if isinstance(frame, pa.Table | pa.RecordBatch):
        return list(frame.column_names)
    if hasattr(frame, "__arrow_c_stream__") and hasattr(frame, "columns"):
        return list(frame.columns)
    return None


def as_names(names: str | Sequence[str] | None, parameter: str) -> list[str]:
    """Return a parameter that names columns as a list."""
    if names is None:
        return []
    is_one = isinstance(names, str) or not isinstance(names, Iterable)
    listed: list[Any] = [names] if is_one else list(names)
    if not all(isinstance(name, str) for name in listed):
        raise TypeError(
            f"The {parameter!r} parameter must be a column name or a list of them. Got {names!r} "
            "instead."
        )
    return listed


def check_unique(names: Sequence[Any], message: str) -> None:
    """Raise ValueError if a name comes twice; the message has ``{}`` in its place."""
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        raise ValueError(message.format(repr(twice)))


def check_known(wanted: Iterable[str], known: Sequence[str], name: str) -> None:
    """Raise ValueError that names the columns which are not there and the nearest that is."""
    missing = [column for column in wanted if column not in known]
    if not missing:
        return
    lowered = {column.lower(): column for column in known}
    close = get_close_matches(missing[0].lower(), lowered, n=1)
    raise ValueError(
        f"{name} has no column {', '.join(map(repr, missing))}."
        + (f" Did you mean {lowered[close[0]]!r}?" if close else "")
        + f" Its columns are {shortened(known)}."
    )


def shortened(names: Sequence[Any]) -> str:
    """Return names for a message, at most ten of them."""
    shown = ", ".join(map(repr, names[:10]))
    return shown if len(names) <= 10 else f"{shown}, ... ({len(names)} in all)"


# -- to Arrow -------------------------------------------------------------------------------------


def list_columns(frame: Any, columns: Sequence[str]) -> list[str]:
    """Return which of the columns hold sequences."""
    if isinstance(frame, pd.DataFrame):
        return [column for column in columns if _holds_sequences(frame[column])]
    schema = _schema(frame)
    return [column for column in columns if is_list(schema.field(column).type)]


def holds_lists(frame: Any) -> bool:
    """Return whether a column of a frame holds sequences, whatever the names are."""
    if isinstance(frame, pd.DataFrame):
        return any(_holds_sequences(frame.iloc[:, i]) for i in range(frame.shape[1]))
    return any(is_list(field.type) for field in _schema(frame))


def with_null_lists(frame: Any, columns: Iterable[str]) -> Any:
    """Return a frame with lists where one of these columns, not of lists yet, is all null."""
    if not isinstance(frame, pd.DataFrame | pa.Table | pa.RecordBatch) and not is_polars(frame):
        frame = pa.table(frame)
    names = names_of(frame) or []
    unsure = [column for column in columns if names.count(column) == 1]
    lists = list_columns(frame, unsure)
    nulls = [c for c in unsure if c not in lists and _is_all_null(frame[c])]
    if not nulls:
        return frame
    empty = pa.nulls(len(frame), pa.list_(pa.null()))
    if isinstance(frame, pd.DataFrame):
        index = frame.index
        array = pd.arrays.ArrowExtensionArray(pa.chunked_array([empty]))
        return frame.assign(**{column: pd.Series(array, index=index) for column in nulls})
    if is_polars(frame):
        return frame.with_columns(to_polars(pa.table([empty] * len(nulls), names=nulls)))
    for column in nulls:
        frame = frame.set_column(names.index(column), column, empty)
    return frame


def _is_all_null(column: Any) -> bool:
    if isinstance(column, pd.Series):
        return bool(column.isna().all())
    null_count: Any = column.null_count
    return len(column) == (null_count() if callable(null_count) else null_count)


def _schema(frame: Any) -> pa.Schema:
    if isinstance(frame, pa.Table | pa.RecordBatch):
        return frame.schema
    return frame.head(0).to_arrow().schema if is_polars(frame) else pa.table(frame).schema


def _holds_sequences(column: pd.Series) -> bool:
    if isinstance(column.dtype, pd.ArrowDtype):
        return is_list(column.dtype.pyarrow_dtype)
    if column.dtype != object:
        return False
    cell = next((cell for cell in column if is_sequence(cell) or not pd.isna(cell)), None)
    return is_sequence(cell)


def to_arrow(frame: Any, columns: Sequence[str], name: str) -> pa.Table:
    """Return some columns of a frame as an Arrow table, of Arrow's memory without a copy.

    Parameters
    ----------
    frame : frame of pandas, polars or pyarrow
        With the names that :func:`column_names` returned. The index of pandas is left out.
    columns : sequence of str
    name : str
        What messages call the frame.

    Raises
    ------
    TypeError
        If Arrow has no type for a column.
    """
    if isinstance(frame, pd.DataFrame):
        arrays = [arrow_column(frame[c], f"column {c!r} of {name}") for c in columns]
        return _without_views(pa.table(arrays, names=list(columns)))
    if isinstance(frame, pa.RecordBatch):
        frame = pa.Table.from_batches([frame])
    if not is_polars(frame):
        table = frame if isinstance(frame, pa.Table) else pa.table(frame)
        return _without_views(table.select(list(columns)))
    try:
        return frame.select(list(columns)).to_arrow()
    except pa.ArrowException as error:
        held = ", ".join(f"{column!r} of {frame[column].dtype}" for column in columns)
        raise TypeError(
            f"{sentence(name)} has a column of a type that Arrow lacks ({error}), one of {held}. "
            "Cast it to another."
        ) from error


def _without_views(table: pa.Table) -> pa.Table:
    """Return a table whose text is no views, of which Arrow can neither take nor sort rows."""
    fields = [field.with_type(_without_view(field.type)) for field in table.schema]
    schema = pa.schema(fields, metadata=table.schema.metadata)
    return table if schema.equals(table.schema) else table.cast(schema)


def _without_view(column_type: pa.DataType) -> pa.DataType:
    if types.is_dictionary(column_type):
        values = _without_view(column_type.value_type)
        return pa.dictionary(column_type.index_type, values, column_type.ordered)
    if types.is_struct(column_type):
        return pa.struct([field.with_type(_without_view(field.type)) for field in column_type])
    if types.is_map(column_type):
        key, item = column_type.key_field, column_type.item_field
        return pa.map_(*(field.with_type(_without_view(field.type)) for field in (key, item)))
    if types.is_fixed_size_list(column_type):
        return pa.list_(_entries_without_view(column_type), column_type.list_size)
    if types.is_list(column_type):
        return pa.list_(_entries_without_view(column_type))
    if types.is_large_list(column_type):
        return pa.large_list(_entries_without_view(column_type))
    if types.is_string_view(column_type):
        return pa.large_string()
    return pa.large_binary() if types.is_binary_view(column_type) else column_type


def _entries_without_view(list_type: pa.DataType) -> pa.Field:
    field = list_type.value_field
    return field.with_type(_without_view(field.type))


def arrow_column(column: pd.Series, place: str) -> pa.ChunkedArray:
    """Return a column of pandas in Arrow's memory; arrays and lists in its cells become lists."""
    if isinstance(column.dtype, pd.ArrowDtype):
        return pa.chunked_array(column.array.__arrow_array__())
    try:
        if _holds_sequences(column):
            array = _lists(column.to_numpy())
        elif column.dtype == object:
            array = array_of(column)
        else:
            array = pa.Array.from_pandas(column)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise TypeError(
            f"The cells of {place} can't be brought to one type of Arrow: {error}. Convert all to "
            "numbers, text, times, or lists of these."
        ) from error
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


def _lists(cells: np.ndarray) -> pa.Array:
    """Return cells as lists, in bulk where they are arrays of numbers or times.

    Arrays of two dimensions become lists of lists.
    """
    is_null = np.array([not is_sequence(cell) for cell in cells])
    arrays = _as_times(list(cells[~is_null]))
    is_bulk = all(isinstance(a, np.ndarray) and a.dtype.kind in "biufmM" for a in arrays)
    if not is_bulk or not all(cell is None or pd.isna(cell) for cell in cells[is_null]):
        return array_of(cells)
    steps = np.concatenate(arrays)
    if steps.ndim > 2:
        raise ValueError(f"arrays of {steps.ndim} dimensions; flatten further ones into channels")
    lengths = np.zeros(len(cells), dtype=np.int64)
    lengths[~is_null] = [len(array) for array in arrays]
    _check_range(arrays, steps)
    flat = pa.array(steps.reshape(-1))
    if steps.ndim == 2:
        flat = pa.FixedSizeListArray.from_arrays(flat, steps.shape[1])
    return as_lists(flat, lengths, is_null if is_null.any() else None)


def _as_times(sequences: list[Any]) -> list[Any]:
    """Return lists that stand beside arrays of times or durations as such arrays too.

    Arrow would read all by the unit of the first.
    """
    kinds = {s.dtype.kind for s in sequences if isinstance(s, np.ndarray) and s.dtype.kind in "mM"}
    if len(kinds) != 1:
        return sequences
    (kind,) = kinds
    single = (np.timedelta64, timedelta) if kind == "m" else (np.datetime64, date)
    arrays = []
    for sequence in sequences:
        if not isinstance(sequence, np.ndarray) or sequence.dtype == object:
            if not all(_is_null(v) or isinstance(v, single) for v in sequence):
                return sequences
            if any(getattr(v, "tzinfo", None) is not None for v in sequence):
                return sequences
            values = [None if _is_null(v) else getattr(v, "asm8", v) for v in sequence]
            sequence = np.array(values, dtype=f"{kind}8")
        arrays.append(sequence)
    return arrays


def _is_null(value: Any) -> bool:
    return value is None or value is pd.NaT or value is pd.NA or value != value


def _check_range(arrays: list[np.ndarray], steps: np.ndarray) -> None:
    """Raise ValueError for what the finest unit of times can't hold, and for mere numbers."""
    if steps.dtype.kind not in "mM":
        return
    at = 0
    for array in arrays:
        same = steps[at : at + len(array)]
        if array.dtype.kind != steps.dtype.kind:
            raise ValueError(f"arrays of {array.dtype} beside others of {steps.dtype}")
        if array.dtype != steps.dtype and not np.array_equal(
            same.astype(array.dtype), array, equal_nan=True
        ):
            raise ValueError(
                f"times of {array.dtype} that {steps.dtype}, as others are, can't hold"
            )
        at += len(array)


def as_lists(steps: pa.Array, lengths: np.ndarray, missing: np.ndarray | None = None) -> pa.Array:
    """Return lists of these lengths over steps laid end to end, without a copy of the steps."""
    is_long = len(steps) > np.iinfo(np.int32).max
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64 if is_long else np.int32)
    np.cumsum(lengths, out=offsets[1:])
    kind = pa.LargeListArray if is_long else pa.ListArray
    mask = None if missing is None else pa.array(missing)
    return kind.from_arrays(pa.array(offsets), steps, mask=mask)


def one_array(column: pa.ChunkedArray) -> pa.Array:
    """Return a column in one piece."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def take_rows(table: pa.Table, rows: np.ndarray) -> pa.Table:
    """Return rows of a table, without a copy if all are wanted in their order."""
    if len(rows) == len(table) and (np.diff(rows) == 1).all():
        return table
    places = pa.array(rows)
    columns = [one_array(column).take(places) for column in table.columns]
    return pa.table(columns, schema=table.schema)


# -- from Arrow -----------------------------------------------------------------------------------


def to_pandas(table: pa.Table, index: pd.Index | None = None) -> pd.DataFrame:
    """Return a frame of pandas that holds Arrow's own memory."""
    columns = [
        pd.Series(pd.arrays.ArrowExtensionArray(column), index=index) for column in table.columns
    ]
    frame = pd.concat(columns, axis=1) if columns else pd.DataFrame(index=index)
    return frame.set_axis(table.column_names, axis=1)


def to_polars(table: pa.Table) -> Any:
    """Return a frame of polars that holds Arrow's own memory."""
    import polars

    return polars.from_arrow(table)


def is_polars(frame: Any) -> bool:
    """Return whether a frame is of polars, without importing it."""
    return type(frame).__module__.partition(".")[0] == "polars"
