"""What pandas holds as Python objects: what it is, and the same in Arrow's form.

The kind of a column is told by the first value that is there, wherever it stands; rows without
steps and missing values tell nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import types

from sklearn_rnn.data.leaves import Place, is_list
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
    array = array_of(cells) if isinstance(cells, np.ndarray) else pa.array(cells, from_pandas=True)
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


def _of_one_unit(cells: np.ndarray) -> np.ndarray:
    """Return cells whose times all have the finest unit; Arrow takes that of the first for all."""
    dtypes = {cell.dtype for cell in cells if _is_of_times(cell)}
    if len(dtypes) < 2:
        return cells
    finest = np.result_type(*dtypes)
    same = cells.copy()
    for row, cell in enumerate(cells):
        if _is_of_times(cell):
            same[row] = cell.astype(finest)
    return same


def _is_of_times(cell: Any) -> bool:
    is_of_numpy = isinstance(cell, np.ndarray | np.datetime64 | np.timedelta64)
    return is_of_numpy and cell.dtype.kind in "mM"


def array_of(cells: Iterable[Any]) -> pa.Array:
    """Return Python's objects as Arrow has them; dates among times become times at midnight."""
    cells = _of_one_unit(cells) if isinstance(cells, np.ndarray) else list(cells)
    try:
        array = pa.array(cells, from_pandas=True)
        inferred = array.type
    except pa.ArrowTypeError:  # so it may be if dates come behind times
        inferred = pa.infer_type(list(cells), from_pandas=True)
        if not _holds_times(inferred):
            raise
    if not _holds_times(inferred):
        return array
    return pa.array(_without_dates(list(cells), inferred), from_pandas=True)


def _without_dates(cells: list[Any], arrow_type: pa.DataType) -> list[Any]:
    """Return cells with times in place of dates where both stand in one column or field."""
    if types.is_date(arrow_type) or types.is_timestamp(arrow_type):
        times = [cell for cell in cells if isinstance(cell, datetime) and not is_missing(cell)]
        if not times:
            return cells
        zone = times[0].tzinfo
        return [
            datetime(cell.year, cell.month, cell.day, tzinfo=zone) if _is_date(cell) else cell
            for cell in cells
        ]
    if not _holds_times(arrow_type):
        return cells
    if is_list(arrow_type):
        rows = [list(cell) if is_sequence(cell) else None for cell in cells]
        steps = [step for row in rows if row is not None for step in row]
        rest = iter(_without_dates(steps, arrow_type.value_type))
        return [None if row is None else list(islice(rest, len(row))) for row in rows]
    if types.is_struct(arrow_type):
        structs = [cell if isinstance(cell, dict) else None for cell in cells]
        changed = [cell and dict(cell) for cell in structs]
        for field in arrow_type:
            values = [None if cell is None else cell.get(field.name) for cell in structs]
            for cell, value in zip(changed, _without_dates(values, field.type), strict=True):
                if cell is not None:
                    cell[field.name] = value
        return changed
    return cells


def _is_date(cell: Any) -> bool:
    return isinstance(cell, date) and not isinstance(cell, datetime)


def _holds_times(arrow_type: pa.DataType) -> bool:
    if types.is_date(arrow_type) or types.is_timestamp(arrow_type):
        return True
    n_fields = arrow_type.num_fields
    return any(_holds_times(arrow_type.field(i).type) for i in range(n_fields))


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
