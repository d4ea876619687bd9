"""List columns <-> flat columns of all their steps, laid end to end.

The flat form is what tools for tables work on; the lengths bring a result back into sequences. All
of it happens in Arrow's memory, without a Python object a step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from sklearn_rnn.data.leaves import is_list
from sklearn_rnn.data.tables import as_lists, check_unique, one_array


@dataclass(frozen=True, slots=True)
class FlatColumns:
    """The steps of all sequences of a frame, one row a step.

    Attributes
    ----------
    steps : pyarrow.Table of n_steps rows
        A column for each list column, or for each field of a list of structs.
    lengths : ndarray of shape (n_rows,), int64
        Number of steps of each row of the frame; 0 for null.
    """

    steps: pa.Table
    lengths: np.ndarray


def flatten(table: pa.Table, name: str) -> FlatColumns:
    """Lay the sequences of list columns end to end.

    Parameters
    ----------
    table : pyarrow.Table
        Of at least one column, all of them lists.
    name : str
        What messages call it.

    Raises
    ------
    ValueError
        If the lengths in a row differ, or two flat columns would have one name.
    """
    lengths = [_lengths(column) for column in table.columns]
    _check_lengths(lengths, table.column_names, name)
    fields: list[pa.Field] = []
    columns: list[pa.ChunkedArray] = []
    for field, column in zip(table.schema, table.columns, strict=True):
        for flat_field, flat in _flat_columns(field, column):
            fields.append(flat_field)
            columns.append(flat)
    names = [field.name for field in fields]
    check_unique(
        names,
        f"The list columns of {name} hold more than one field named {{}}. Rename one, or give one "
        "list column at a time.",
    )
    return FlatColumns(pa.table(columns, schema=pa.schema(fields)), lengths[0])


def _lengths(column: pa.ChunkedArray) -> np.ndarray:
    chunks = [pc.fill_null(pc.list_value_length(chunk), 0) for chunk in column.chunks]
    return np.concatenate([np.empty(0, dtype=np.int64), *chunks], dtype=np.int64)


def _check_lengths(lengths: list[np.ndarray], columns: list[str], name: str) -> None:
    for i, others in enumerate(lengths[1:], start=1):
        differing = np.flatnonzero(lengths[0] != others)
        if len(differing):
            row = int(differing[0])
            raise ValueError(
                f"Row {row} of {name} has {lengths[0][row]} step(s) in column {columns[0]!r}, but "
                f"{others[row]} in column {columns[i]!r} ({len(differing)} such row(s)). The list "
                "columns of a row need one length; where values are missing, fill up with nulls."
            )


def _flat_columns(
    field: pa.Field, column: pa.ChunkedArray
) -> list[tuple[pa.Field, pa.ChunkedArray]]:
    """Return the steps of a list column, or of each field of its structs."""
    step_field = field.type.value_field
    chunks = [chunk.flatten() for chunk in column.chunks]
    if not types.is_struct(step_field.type):
        own = pa.field(field.name, step_field.type, metadata=step_field.metadata)
        return [(own, pa.chunked_array(chunks, type=own.type))]
    parts = [chunk.flatten() for chunk in chunks]
    return [
        (of_struct, pa.chunked_array([part[i] for part in parts], type=of_struct.type))
        for i, of_struct in enumerate(step_field.type)
    ]


def nest(steps: pa.Table, lengths: np.ndarray) -> pa.Table:
    """Bring flat columns back into list columns of these lengths, one for each."""
    columns = [as_lists(one_array(column), lengths) for column in steps.columns]
    return pa.table(columns, names=steps.column_names)


def nest_structs(steps: pa.Table, lengths: np.ndarray) -> pa.Array:
    """Bring flat columns into one column of lists of structs, whose fields they are."""
    arrays = [one_array(column) for column in steps.columns]
    return as_lists(pa.StructArray.from_arrays(arrays, fields=list(steps.schema)), lengths)


def split_vectors(steps: pa.Table, name: str) -> pa.Table:
    """Give each number of the vectors at the steps a flat column of its own.

    A column ``x`` of vectors becomes ``x_0``, ``x_1`` and so on; a null vector lacks all of them.

    Raises
    ------
    ValueError
        If vectors of one column differ in length, or two columns would have one name.
    """
    names: list[str] = []
    columns: list[pa.ChunkedArray] = []
    for column_name, column in zip(steps.column_names, steps.columns, strict=True):
        if not is_list(column.type):
            names.append(column_name)
            columns.append(column)
            continue
        vectors = one_array(column)
        width = _common_width(vectors, column_name, name)
        names += [f"{column_name}_{i}" for i in range(width)]
        columns += [pa.chunked_array([c]) for c in _channels(vectors, width)]
    check_unique(names, f"{name} would have more than one channel named {{}}. Rename a column.")
    return pa.table(columns, names=names)


def _common_width(vectors: pa.Array, column: str, name: str) -> int:
    widths = np.asarray(pc.list_value_length(vectors).drop_null())
    odd = np.flatnonzero(widths != widths[:1])
    if len(odd):
        raise ValueError(
            f"Column {column!r} of {name} holds steps of {widths[0]} and of {widths[odd[0]]} "
            "channel(s). All steps need the same channels, or null where all lack."
        )
    return int(widths[0]) if len(widths) else 0


def _channels(vectors: pa.Array, width: int) -> Sequence[pa.Array]:
    """Return the numbers of all vectors, one channel after another."""
    numbers = vectors.flatten()
    present = np.asarray(vectors.is_valid())
    place = np.where(present, (np.cumsum(present) - 1) * width, 0)
    channels = []
    for channel in range(width):
        channels.append(numbers.take(pa.array(place + channel, mask=~present)))
    return channels
