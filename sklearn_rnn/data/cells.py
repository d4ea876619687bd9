"""What pandas holds as Python objects: what it is, and the same in Arrow's form.

The kind of a column is told by the first value that is there, wherever it stands; rows without
steps and missing values tell nothing.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import types

from sklearn_rnn.data.leaves import Place
from sklearn_rnn.data.reading import is_sequence

_FOR_ARROW = (bool, np.bool_, dict, date, time, timedelta, np.datetime64, np.timedelta64)
_UNREADABLE = (pa.ArrowException, TypeError, ValueError, OverflowError)


def kind_of_cells(cells: Any) -> str | None:
    """Tell what cells hold, by the first value that is there.

    Returns
    -------
    {"texts", "numbers", "others"} or None
        "texts" are sequences of characters or of texts, "others" are for Arrow to tell apart; None
        if there is no value.
    """
    for cell in cells:
        if isinstance(cell, str):
            return "texts"
        if not is_sequence(cell):
            continue
        if isinstance(cell, np.ndarray) and cell.dtype != object:
            if cell.size and cell.dtype.kind in "UT" and cell.ndim == 1:
                return "texts"
            if cell.size:
                return "others" if cell.dtype.kind in "bMm" and cell.ndim == 1 else "numbers"
            continue
        value = next((value for value in cell if not is_missing(value)), None)
        if value is not None:
            if isinstance(value, str):
                return "texts"
            return "others" if isinstance(value, _FOR_ARROW) else "numbers"
    return None


def is_missing(value: Any) -> bool:
    """Return whether a value is None, NaN or the like."""
    return value is None or (
        not is_sequence(value) and pd.api.types.is_scalar(value) and pd.isna(value)
    )


def as_arrow(cells: np.ndarray | pd.Series, place: Place) -> pa.ChunkedArray:
    """Return the values of a pandas column in Arrow's form.

    Raises
    ------
    TypeError
        If they have no common type; the message names the row.
    """
    try:
        return _chunked(cells)
    except _UNREADABLE as error:
        if (numbers := _as_numbers(cells)) is not None:
            return pa.chunked_array([pa.array(numbers, from_pandas=True)])
        row = _odd_row(np.asarray(cells, dtype=object))
        where = place.sentence if row is None else f"Row {row} of {place.name}"
        raise TypeError(
            f"{where} can't be read: {error}. A column needs values of one type, or None where "
            "they are missing."
        ) from error


def _chunked(cells: Any) -> pa.ChunkedArray:
    if isinstance(cells, np.ndarray):
        cells = _of_one_unit(cells)
    array = pa.array(cells, from_pandas=True)
    if _holds_days(array.type) and any(map(_holds_time_of_day, cells)):
        array = pa.array([_at_midnight(cell) for cell in cells], from_pandas=True)
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


def _of_one_unit(cells: np.ndarray) -> np.ndarray:
    """Return cells whose times all have the finest unit; Arrow takes that of the first for all."""
    dtypes = {
        cell.dtype
        for cell in cells
        if isinstance(cell, np.ndarray | np.datetime64 | np.timedelta64) and cell.dtype.kind in "mM"
    }
    if len(dtypes) < 2:
        return cells
    finest = np.result_type(*dtypes)
    same = cells.copy()
    for row, cell in enumerate(cells):
        if isinstance(cell, np.ndarray | np.datetime64 | np.timedelta64):
            same[row] = cell.astype(finest)
    return same


def _holds_days(arrow_type: pa.DataType) -> bool:
    """Return whether a type was inferred from dates without a time of day."""
    if types.is_struct(arrow_type):
        return any(_holds_days(field.type) for field in arrow_type)
    if types.is_list(arrow_type):
        return _holds_days(arrow_type.value_type)
    return types.is_date32(arrow_type)


def _holds_time_of_day(cell: Any) -> bool:
    if isinstance(cell, dict):
        return any(map(_holds_time_of_day, cell.values()))
    if is_sequence(cell):
        return any(map(_holds_time_of_day, cell))
    return isinstance(cell, datetime)


def _at_midnight(cell: Any) -> Any:
    """Return a cell with the times of its dates."""
    if isinstance(cell, dict):
        return {field: _at_midnight(value) for field, value in cell.items()}
    if is_sequence(cell):
        return [_at_midnight(value) for value in cell]
    is_day = isinstance(cell, date) and not isinstance(cell, datetime)
    return datetime.combine(cell, time()) if is_day else cell


def _as_numbers(cells: Any) -> np.ndarray | None:
    """Return single numbers of several types as floats, None if there are other values."""
    numbers = [np.nan if is_missing(cell) else cell for cell in cells]
    are_numbers = all(isinstance(n, Real | Decimal) and not isinstance(n, bool) for n in numbers)
    try:
        return np.array([float(n) for n in numbers]) if are_numbers else None
    except OverflowError:
        return None


def _odd_row(cells: np.ndarray) -> int | None:
    """Return the first row with which the ones before can't be read."""
    readable, end = 0, len(cells)
    while end - readable > 1:  # by halves: each look reads all rows up to there
        middle = (readable + end) // 2
        try:
            _chunked(cells[:middle])
        except _UNREADABLE:
            end = middle
        else:
            readable = middle
    return end - 1 if len(cells) else None
