"""Sequences in the cells of a frame -> a table of one row an event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from sklearn_rnn.data.nesting import FlatColumns, flatten
from sklearn_rnn.data.tables import (
    as_names,
    check_known,
    check_unique,
    column_names,
    is_polars,
    list_columns,
    shortened,
    take_rows,
    to_arrow,
    to_pandas,
    to_polars,
)


def to_events(
    frame: Any, *, columns: str | Sequence[str] | None = None, dtype_backend: str | None = None
) -> Any:
    """Turn the sequences of a frame into a table of one row an event.

    The entries of the list columns are laid end to end, all else in a row is repeated beside them.
    It is the way back from :func:`to_sequences`, and reads any other frame with list columns.

    Parameters
    ----------
    frame : frame of pandas, polars or pyarrow, of n_rows rows
        Arrays and lists in columns of objects, as pandas has them, are list columns too.
    columns : str, list of str or None, default=None
        The list columns to lay out; others are repeated like single values. None takes all.
    dtype_backend : {"pyarrow"} or None, default=None
        Only used for frames of pandas. What was in a list gets the dtype that pandas itself has for
        it (nulls make floats of integers), or with "pyarrow" the one it has in Arrow.

    Returns
    -------
    table of n_events rows
        Of the kind that was passed: what is repeated comes first, then a column for each list
        column, or for each field of its structs. Levels of pandas's index that have names become
        columns; an index without names is repeated. A row that is null or has no steps gives no
        event.

    Raises
    ------
    TypeError
        If `frame` is not a frame.
    ValueError
        If there is no list column, one in `columns` is missing or has no lists, the lengths in a
        row differ, two columns would have one name, or `dtype_backend` is unknown.

    See Also
    --------
    to_sequences : The way there.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_rnn.preprocessing import to_events
    >>> frame = pd.DataFrame({"sensor": ["s1", "s2"], "heat": [[1.5, 2.5], [0.5]]})
    >>> to_events(frame)
      sensor  heat
    0     s1   1.5
    0     s1   2.5
    1     s2   0.5
    """
    if dtype_backend not in (None, "pyarrow"):
        raise ValueError(
            f"The 'dtype_backend' parameter must be 'pyarrow' or None. Got {dtype_backend!r} "
            "instead."
        )
    known = column_names(frame, "frame")
    lists = _chosen_lists(frame, known, columns)
    flat = flatten(to_arrow(frame, lists, "frame"), "frame")
    others = [column for column in known if column not in lists]
    if isinstance(frame, pd.DataFrame):
        return _events_of_pandas(frame[others], flat, dtype_backend)
    rows = np.repeat(np.arange(len(flat.lengths)), flat.lengths)
    repeated = take_rows(to_arrow(frame, others, "frame"), rows)
    _check_names([*others, *flat.steps.column_names])
    table = pa.table(
        [*repeated.columns, *flat.steps.columns],
        schema=pa.schema([*repeated.schema, *flat.steps.schema]),
    )
    return to_polars(table) if is_polars(frame) else table


def _chosen_lists(frame: Any, known: list[str], columns: str | Sequence[str] | None) -> list[str]:
    lists = list_columns(frame, known)
    if not lists:
        raise ValueError(f"frame has no list column. Its columns are {shortened(known)}.")
    if columns is None:
        return lists
    chosen = as_names(columns, "columns")
    check_unique(chosen, "'columns' names the column {} twice. Name it once.")
    check_known(chosen, known, "frame")
    single = [column for column in chosen if column not in lists]
    if single or not chosen:
        what = f"Column {single[0]!r} of frame holds" if single else "An empty 'columns' names"
        raise ValueError(f"{what} no lists. The list columns are {shortened(lists)}.")
    return chosen


def _events_of_pandas(
    others: pd.DataFrame, flat: FlatColumns, dtype_backend: str | None
) -> pd.DataFrame:
    """Repeat index and columns; named index levels become columns."""
    has_names = all(level is not None for level in others.index.names)
    levels: list[Any] = list(others.index.names) if has_names else []
    _check_names([*levels, *others.columns, *flat.steps.column_names])
    repeated = others.iloc[np.repeat(np.arange(len(others)), flat.lengths)]
    steps = to_pandas(flat.steps) if dtype_backend else flat.steps.to_pandas()
    steps.index = repeated.index
    events = pd.concat([repeated, steps], axis=1)
    return events.reset_index() if has_names else events


def _check_names(names: list[Any]) -> None:
    check_unique(
        names,
        "The events would have more than one column named {}. Rename it in frame, or in its "
        "index or structs.",
    )
