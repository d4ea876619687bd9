"""Data of any form -> a hash of the values, the same each time and in each process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import singledispatchmethod
from hashlib import sha256
from pickle import PicklingError
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types
from scipy import sparse

_NUMBERS = (bool, int, float, np.number, np.bool_)


def digest(data: Any) -> str:
    """Return a hash of values, names and types.

    joblib's hash of an object is that of its pickle, which changes with what was looked up in it
    before (Arrow counts missing values when first asked to), with how pandas has laid out its
    columns, and with whether equal rows are one object. This one does not. Numbers in a list or a
    Series count as their array; rows of a frame have no names here.

    Parameters
    ----------
    data : object
        Arrays, frames, lists, tuples and dicts of them, sparse matrices; anything else is hashed as
        joblib does, or counts as its type if it can't be pickled.
    """
    hashed = _Hashed()
    hashed.add(data)
    return hashed.sha.hexdigest()


class _Hashed:
    """Takes in values one by one; each says its kind and length first."""

    def __init__(self) -> None:
        self.sha = sha256()

    @singledispatchmethod
    def add(self, data: Any) -> None:
        """Take in anything."""
        if hasattr(data, "__arrow_c_stream__"):
            self._table(data)
        elif sparse.issparse(data):
            rows = data.tocsr().sorted_indices()
            self._say("sparse", data.shape)
            self.add([rows.data, rows.indices, rows.indptr])
        else:
            self._object(data)

    @add.register(type(None))
    @add.register(bool)
    @add.register(int)
    @add.register(float)
    @add.register(complex)
    @add.register(str)
    @add.register(bytes)
    @add.register(np.generic)
    def _scalar(self, data: Any) -> None:
        self._say("scalar", repr(data.item() if isinstance(data, np.generic) else data))

    def _say(self, kind: str, what: Any) -> None:
        text = f"{kind} {what}".encode()
        self.sha.update(len(text).to_bytes(8, "little") + text)

    def _object(self, data: Any) -> None:
        try:
            if hasattr(data, "__array__"):
                self.add(np.asarray(data))
            else:
                self._say("object", joblib.hash(data))
        except (AttributeError, PicklingError, RuntimeError, TypeError):  # a nameless function, say
            self._say("object", type(data))

    @add.register
    def _mapping(self, data: Mapping) -> None:
        self._say("dict", len(data))
        for name, value in data.items():
            self._say("key", repr(name))
            self.add(value)

    @add.register
    def _array(self, array: np.ndarray) -> None:
        if isinstance(array, np.ma.MaskedArray):
            self.add([np.ma.getmaskarray(array), array.data])
        elif array.dtype.kind not in "OT":
            self._say("array", (array.dtype.str, array.shape))
            self.sha.update(np.ascontiguousarray(array).tobytes())
        elif array.ndim == 1:
            self._sequence(array.tolist())
        else:
            self._say("objects", array.shape)
            self._sequence(array.ravel().tolist())

    @add.register
    def _sequence(self, items: Sequence) -> None:
        kinds = set(map(type, items))
        is_of_numbers = kinds and all(issubclass(kind, _NUMBERS) for kind in kinds)
        numbers = np.array(items) if is_of_numbers else np.empty(0, object)
        if numbers.dtype != object:  # as of whole numbers too large
            self._array(numbers)
        elif kinds == {str}:
            self._texts(
                np.fromiter(map(len, items), np.int64),
                "".join(items).encode(errors="surrogatepass"),
            )
        else:
            self._say("list", len(items))
            for item in items:
                self.add(item)

    def _texts(self, lengths: np.ndarray, end_to_end: Any) -> None:
        self._say("texts", len(lengths))
        self._array(lengths)
        self.sha.update(end_to_end)

    @add.register
    def _frame(self, data: pd.DataFrame) -> None:
        self._say("frame", data.shape)
        for i, name in enumerate(data.columns):
            self._say("column", repr(name))
            self._column(data.iloc[:, i])

    @add.register(pd.Series)
    @add.register(pd.Index)
    def _column(self, column: Any) -> None:
        if isinstance(column.dtype, pd.CategoricalDtype):
            self.add([pd.Categorical(column).codes, column.dtype.categories])
        elif isinstance(column.dtype, pd.ArrowDtype | pd.StringDtype):
            self._arrow(pa.chunked_array(pa.array(column)))
        else:
            self._array(column.to_numpy())

    def _table(self, data: Any) -> None:
        try:
            table = pa.table(data)
        except (TypeError, ValueError, pa.ArrowInvalid):  # a stream of one column, as of a Series
            self._arrow(pa.chunked_array(data))
            return
        self._say("frame", table.shape)
        for name, column in zip(table.column_names, table.columns, strict=True):
            self._say("column", repr(name))
            self._arrow(column)

    @add.register(pa.Array)
    @add.register(pa.ChunkedArray)
    def _arrow(self, column: Any) -> None:
        column = _plain(column)
        self._say("arrow", (len(column), column.null_count))
        if column.null_count:
            self.sha.update(np.packbits(np.asarray(column.is_valid())).tobytes())
        if types.is_struct(column.type):
            for field, values in zip(column.type, column.flatten(), strict=True):
                self._say("field", field.name)
                self._arrow(values)
        elif _is_list(column.type):
            self._array(np.asarray(pc.list_value_length(column).fill_null(0)).astype(np.int64))
            self._arrow(column.flatten())
        elif types.is_large_binary(column.type):
            column = column.drop_null()
            offsets = np.frombuffer(column.buffers()[1], np.int64)[column.offset :]
            first, last = offsets[[0, len(column)]]
            end_to_end = memoryview(column.buffers()[2] or b"")[first:last]
            self._texts(np.diff(offsets[: len(column) + 1]), end_to_end)
        else:
            self._array(column.drop_null().to_numpy(zero_copy_only=False))


def _plain(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return a column in one piece, without a dictionary, texts as bytes."""
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else column.combine_chunks()
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if types.is_dictionary(column.type):
        column = pa.DictionaryArray.from_arrays(column.indices, _plain(column.dictionary))
        return column.dictionary_decode()
    if types.is_time(column.type):  # numpy has none
        column = column.cast(pa.int32() if types.is_time32(column.type) else pa.int64())
    if _is_text(column.type):
        column = column.cast(pa.large_string()).cast(pa.large_binary())
    return column


def _is_list(kind: pa.DataType) -> bool:
    return types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)


def _is_text(kind: pa.DataType) -> bool:
    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
