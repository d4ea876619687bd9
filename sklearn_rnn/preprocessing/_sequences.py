"""A table of one row an event -> one row an id, its events as a sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from sklearn_rnn.data.nesting import nest_structs
from sklearn_rnn.data.tables import (
    as_names,
    check_known,
    check_unique,
    column_names,
    is_polars,
    one_array,
    take_rows,
    to_arrow,
    to_pandas,
    to_polars,
)


def to_sequences(
    table: Any,
    *,
    by: str | Sequence[str],
    order_by: str | Sequence[str] | None,
    columns: Sequence[str] | None = None,
    static: str | Sequence[str] | None = None,
    name: str = "events",
) -> Any:
    """Turn a table of one row an event into a frame of one row an id.

    The events of an id, in order of time, become one cell of a list column whose entries are
    structs: one field a column of the table. This is a form of ``X`` that all estimators read, and
    a shape that Parquet files keep.

    Parameters
    ----------
    table : frame of pandas, polars or pyarrow, of n_events rows
    by : str or list of str
        The column(s) that tell whose event it is.
    order_by : str, list of str or None
        The column(s) to sort the events of an id by. Ties keep the order of the table. None if the
        rows of each id are in order already.
    columns : list of str or None, default=None
        What becomes fields of the events. None takes all columns but `by` and `static`; the time
        in `order_by` is then one of them.
    static : str, list of str or None, default=None
        Columns that are the same through all events of an id. They become ordinary columns.
    name : str, default="events"
        What to call the list column.

    Returns
    -------
    frame of n_ids rows
        Of the kind that was passed: the list column, then the static ones. Ids come in sorted
        order: as the index of pandas, as columns in front elsewhere. The list column of pandas has
        an Arrow dtype, static columns keep theirs.

    Raises
    ------
    TypeError
        If `table` is not a frame, what names a column is not a string, or a column has no type
        that Arrow can hold or, of `by`, `order_by` and `static`, compare.
    ValueError
        If a column is missing or named for two places, `table` has no rows, there are nulls in `by`
        or `order_by`, or a static column has two values for one id.

    See Also
    --------
    to_events : The way back.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_rnn.preprocessing import to_sequences
    >>> visits = pd.DataFrame(
    ...     {
    ...         "patient": ["b", "a", "a", "b", "a"],
    ...         "day": [4, 0, 9, 0, 3],
    ...         "pulse": [79.0, 62.0, 66.0, 81.0, 70.0],
    ...         "age": [57, 41, 41, 57, 41],
    ...     }
    ... )
    >>> patients = to_sequences(visits, by="patient", order_by="day", static="age")
    >>> patients["age"].to_dict()
    {'a': 41, 'b': 57}
    >>> patients.loc["b", "events"]
    [{'day': 0, 'pulse': 81.0}, {'day': 4, 'pulse': 79.0}]
    """
    known = column_names(table, "table")
    ids, times = as_names(by, "by"), as_names(order_by, "order_by")
    others, fields = as_names(static, "static"), as_names(columns, "columns")
    if columns is None:
        fields = [column for column in known if column not in (*ids, *others)]
    _check_roles({"by": ids, "columns": fields, "static": others}, name)
    _check_columns(table, known, [*ids, *times, *fields, *others])
    arrow = to_arrow(table, list(dict.fromkeys([*ids, *times, *fields, *others])), "table")
    order, starts = _grouped(arrow, ids, times)
    events = take_rows(arrow.select(fields), order)
    sequences = nest_structs(events, np.diff(starts, append=len(order)))
    places = dict.fromkeys(ids, order[starts])
    places |= {c: _places_of_static(arrow, c, ids, order, starts) for c in others}
    if isinstance(table, pd.DataFrame):
        return _as_pandas(table, ids, places, name, sequences)
    single = pa.table(
        [one_array(arrow[c]).take(pa.array(places[c])) for c in places],
        schema=pa.schema([arrow.schema.field(c) for c in places]),
    )
    frame = single.add_column(len(ids), name, sequences)
    return to_polars(frame) if is_polars(table) else frame


def _check_roles(roles: dict[str, list[str]], name: str) -> None:
    for role in ("by", "columns"):
        if not roles[role]:
            raise ValueError(
                f"No column is left for '{role}'. Name at least one column of table there."
            )
    for role, names in roles.items():
        check_unique(names, f"'{role}' names the column {{}} twice. Name it once.")
    named = [(role, column) for role, names in roles.items() for column in names]
    for i, (role, column) in enumerate(named):
        other = next((r for r, c in named[:i] if c == column), None)
        if other is not None:
            raise ValueError(
                f"The column {column!r} is named in both '{other}' and '{role}'. A column goes to "
                "one place: leave it out of one."
            )
    if not isinstance(name, str):
        raise TypeError(f"The 'name' parameter must be a string. Got {name!r} instead.")
    if name in roles["by"] + roles["static"]:
        raise ValueError(
            f"The list column can't be named {name!r}, as a column of 'by' or 'static' is. Choose "
            "another 'name'."
        )


def _check_columns(table: Any, known: list[str], wanted: list[str]) -> None:
    levels = list(table.index.names) if isinstance(table, pd.DataFrame) else []
    level = next((c for c in wanted if c not in known and c in levels), None)
    if level is not None:
        raise ValueError(
            f"table has no column {level!r}: it is a level of the index. Call "
            "'table.reset_index()' first."
        )
    check_known(wanted, known, "table")
    if len(table) == 0:
        raise ValueError("table has no rows. At least 1 event is required.")


# -- order ----------------------------------------------------------------------------------------


def _grouped(arrow: pa.Table, ids: list[str], times: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows by id and time, and where in that order each id begins."""
    keys = {column: _sort_key(arrow[column], column) for column in dict.fromkeys(ids + times)}
    order = np.lexsort([keys[column] for column in reversed(ids + times)])
    begins = np.zeros(len(order), dtype=bool)
    begins[0] = True
    for column in ids:
        in_order = keys[column][order]
        begins[1:] |= in_order[1:] != in_order[:-1]
    return order, np.flatnonzero(begins)


def _sort_key(column: pa.ChunkedArray, name: str) -> np.ndarray:
    """Return numbers in the order of the values."""
    _check_no_nulls(column, name)
    array = one_array(column)
    if types.is_integer(array.type) or types.is_floating(array.type):
        return array.to_numpy()
    if types.is_temporal(array.type) and array.type.bit_width in (32, 64):
        return array.view(pa.int32() if array.type.bit_width == 32 else pa.int64()).to_numpy()
    if types.is_dictionary(array.type) and array.type.ordered:
        first_come, _ = _encoded(array.dictionary, name)  # a value held twice has its first place
        return first_come[array.indices.to_numpy()]
    codes, values = _encoded(array, name)
    try:
        rank = np.argsort(pc.array_sort_indices(values))
    except pa.ArrowException as error:
        raise _unsuitable(column, name) from error
    return rank[codes]


def _check_no_nulls(column: pa.ChunkedArray, name: str) -> None:
    is_null = np.asarray(pc.is_null(column, nan_is_null=True))
    if is_null.any():
        raise ValueError(
            f"Row {np.flatnonzero(is_null)[0]} of table has null in column {name!r} "
            f"({is_null.sum()} such row(s)). Drop these rows, or fill in what is known."
        )


def _encoded(array: pa.Array, name: str) -> tuple[np.ndarray, pa.Array]:
    """Return a number for each distinct value as they come, -1 for null, and the values."""
    try:
        if types.is_dictionary(array.type):
            array = array.dictionary_decode()
        if types.is_floating(array.type):
            numbers = array.to_numpy(zero_copy_only=False) + 0  # -0.0 becomes 0.0
            array = pa.array(numbers, array.type, mask=np.asarray(array.is_null()))
        encoded = array.dictionary_encode()
    except pa.ArrowException as error:
        raise _unsuitable(array, name) from error
    return np.asarray(pc.fill_null(encoded.indices, -1)), encoded.dictionary


def _unsuitable(column: Any, name: str) -> TypeError:
    return TypeError(
        f"Column {name!r} of table holds {column.type}, which can't be compared and sorted. Use a "
        "column of numbers, times or text."
    )


# -- what stays the same --------------------------------------------------------------------------


def _places_of_static(
    arrow: pa.Table, column: str, ids: list[str], order: np.ndarray, starts: np.ndarray
) -> np.ndarray:
    """Return a row of table for each id that has its value, which is checked to be one."""
    is_null = np.asarray(pc.is_null(arrow[column], nan_is_null=True))
    codes, _ = _encoded(one_array(arrow[column]), column)
    group = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(order)))
    present = ~is_null[order]
    rows, group = order[present], group[present]
    with_value, first = np.unique(group, return_index=True)
    places = order[starts]
    places[with_value] = rows[first]
    differing = np.flatnonzero(codes[rows] != codes[places[group]])
    if len(differing):
        row, own = rows[differing[0]], places[group[differing[0]]]
        values = " and ".join(repr(arrow[column][int(i)].as_py()) for i in (own, row))
        of_id = ", ".join(f"{c}={arrow[c][int(row)].as_py()!r}" for c in ids)
        raise ValueError(
            f"The static column {column!r} has more than one value for {of_id}: {values}. Leave "
            "it out of 'static', so that it becomes a field of the events, or make it constant."
        )
    return places


def _as_pandas(
    table: pd.DataFrame,
    ids: list[str],
    places: dict[str, np.ndarray],
    name: str,
    sequences: pa.Array,
) -> pd.DataFrame:
    """Return ids as the index; columns that are not lists keep their dtype."""
    of_ids = table[ids].iloc[places[ids[0]]]
    index = pd.Index(of_ids[ids[0]]) if len(ids) == 1 else pd.MultiIndex.from_frame(of_ids)
    frame = to_pandas(pa.table([sequences], names=[name]), index)
    for column in places.keys() - set(ids):
        frame[column] = table[column].iloc[places[column]].set_axis(index)
    return frame[[name, *(column for column in places if column not in ids)]]
