"""X of every form -> the steps of all its sequences laid end to end, of any type.

The estimators read numbers into float32; here the steps keep what they hold, for transformers and
windows that work on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import types
from scipy import sparse

from sklearn_rnn.data.nesting import flatten, split_vectors
from sklearn_rnn.data.reading import as_array, check_not_empty, is_sequence
from sklearn_rnn.data.tables import (
    arrow_column,
    check_not_lazy,
    column_names,
    holds_lists,
    is_frame,
    is_polars,
    list_columns,
    shortened,
    to_arrow,
)


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps of all sequences.

    Attributes
    ----------
    values : ndarray of shape (n_steps, n_channels), or pyarrow.Table of as many rows and columns
        A table where X was a frame of list columns. What is not a copy of X can't be written to.
    lengths : ndarray of shape (n_samples,), int64
        Number of steps of each sequence.
    form : {"list", "3d", "2d", "frame"}
        What X was.
    columns : list of str
        The list columns of a frame.
    index : pandas.Index or None
        Of a pandas frame.
    """

    values: Any
    lengths: np.ndarray
    form: str
    columns: list[str]
    index: pd.Index | None = None

    @property
    def n_channels(self) -> int:
        """Values a step."""
        return self.values.shape[1]

    @property
    def names(self) -> list[str] | None:
        """Of the channels, where X was a frame."""
        return list(self.values.column_names) if self.form == "frame" else None

    @property
    def knows_channels(self) -> bool:
        """Whether the channels can be told; lists without steps may lack the type of an entry."""
        if len(self.values) or self.form == "3d":
            return True
        types_of_channels = self.values.schema.types if self.form == "frame" else []
        return bool(types_of_channels) and not any(map(types.is_null, types_of_channels))

    def cut(self, values: np.ndarray) -> np.ndarray:
        """Cut as many other steps, (n_steps, n_others), in the same way; for arrays alone."""
        if self.form != "list":
            n_steps = int(self.lengths[0])
            shape = (len(self.lengths), n_steps, values.shape[1])
            is_2d = self.form == "2d" and values.shape[1] == 1
            return values.reshape(shape[:2] if is_2d else shape)
        sequences = np.empty(len(self.lengths), dtype=object)
        ends = np.cumsum(self.lengths).tolist()
        for row, (begin, end) in enumerate(zip([0, *ends], ends, strict=False)):
            sequences[row] = values[begin:end]
        return sequences


def form_of(X: Any, *, nested_table: bool = True) -> tuple[str, Any]:
    """Return the form of X, and X as a frame, a list of sequences or an array where it is one.

    Arrays of other dimensions have the form "2d" too: scikit-learn knows what to say of them.
    Columns of sequences that stand alone, and 2-D arrays of them, become frames. Nested lists of
    single values are a 2-D array if all have one length, as scikit-learn has it; without
    `nested_table` they are a list of sequences.

    Raises
    ------
    TypeError
        If X holds no sequences.
    """
    X = framed(X)
    check_not_lazy(X, "X")
    if is_frame(X):
        return ("frame" if holds_lists(X) else "2d"), X
    if isinstance(X, Sequence) and not isinstance(X, str | bytes):
        return ("2d" if nested_table and _is_nested_table(X) else "list"), list(X)
    if hasattr(X, "__array__") and not sparse.issparse(X):
        X = as_array(X, "X")
        if X.ndim == 3:
            return "3d", X
        if X.ndim == 1 and X.dtype == object:
            return "list", list(X)
        if X.ndim == 2 and X.dtype == object and any(map(is_sequence, X[:1].flat)):
            return form_of(pd.DataFrame(X).add_prefix("x"))
    elif not sparse.issparse(X):
        raise TypeError(
            "X must be a list of sequences, a frame with list columns, a 2-D array (n_samples, "
            "n_steps) or a 3-D array (n_samples, n_steps, n_channels). "
            f"Got {type(X).__name__} instead."
        )
    return "2d", X


def framed(X: Any) -> Any:
    """Return a column that stands alone as a frame of one."""
    if isinstance(X, pd.Series):
        return X.to_frame(X.name if isinstance(X.name, str) else "x0")
    if isinstance(X, pa.Array | pa.ChunkedArray):
        return pa.table({"x0": X})
    if is_polars(X) and hasattr(X, "to_frame"):
        return X.to_frame(X.name or "x0")
    return X


def _is_nested_table(X: Sequence[Any]) -> bool:
    if not X or not all(isinstance(row, list | tuple) for row in X):
        return False
    return len({len(row) for row in X}) == 1 and not any(is_sequence(c) for row in X for c in row)


def read_steps(
    form: str,
    X: Any,
    *,
    beside: str = "Select the list columns by a ColumnTransformer.",
    may_lack_steps: bool = False,
) -> Steps:
    """Lay the steps of all sequences end to end.

    Parameters
    ----------
    form, X
        As returned by :func:`form_of`; of the form "2d" an array.
    beside : str
        What messages say to do about single values beside list columns.
    may_lack_steps : bool, default=False
        Whether all sequences may be empty. Their channels may then be unknown.

    Raises
    ------
    ValueError
        If there is no sample or no step, numbers of channels differ, or single
        values stand beside list columns.
    TypeError
        If a row is not a sequence, or text and numbers stand in one channel.
    """
    check_not_empty(X, "X")
    if form == "frame":
        steps = _read_frame(X, beside)
    elif form == "list":
        arrays = [_read_row(row, f"Row {i} of X") for i, row in enumerate(X)]
        some = next((array for array in arrays if len(array)), arrays[0])
        arrays = [array if len(array) else some[:0] for array in arrays]
        _check_alike(arrays)
        lengths = np.fromiter(map(len, arrays), np.int64, len(arrays))
        values = np.concatenate(arrays) if len(arrays) > 1 else _read_only(arrays[0])
        steps = Steps(values, lengths, form, [])
    else:
        n_samples, n_steps, *n_channels = X.shape
        values = X.reshape(n_samples * n_steps, *(n_channels or [1]))
        steps = Steps(_read_only(values), np.full(n_samples, n_steps), form, [])
    if may_lack_steps and steps.lengths.sum() == 0:
        return steps
    if len(steps.values) == 0 or steps.n_channels == 0:
        raise ValueError(
            f"X has {len(steps.values)} step(s) of {steps.n_channels} channel(s) in all, "
            "while at least 1 of each is required."
        )
    return steps


def _read_only(array: np.ndarray) -> np.ndarray:
    """Return a view that keeps a transformer from writing to what the user passed."""
    view = array.view()
    view.flags.writeable = False
    return view


def _read_frame(X: Any, beside: str) -> Steps:
    names = column_names(X, "X")
    lists = list_columns(X, names)
    single = [column for column in names if column not in lists]
    if single:
        raise ValueError(
            f"X has columns of single values, {shortened(single)}, beside list columns, "
            f"{shortened(lists)}. {beside}"
        )
    flat = flatten(to_arrow(X, lists, "X"), "X")
    index = X.index if isinstance(X, pd.DataFrame) else None
    return Steps(split_vectors(flat.steps, "X"), flat.lengths, "frame", lists, index)


def _read_row(row: Any, place: str) -> np.ndarray:
    """Return a sequence as (n_steps, n_channels)."""
    if row is None or isinstance(row, str | bytes | dict | set):
        hint = " For its characters pass 'list(text)'." if isinstance(row, str) else ""
        raise TypeError(
            f"{place} must be an array of shape (n_steps, n_channels) or (n_steps,). "
            f"Got {type(row).__name__} instead.{hint}"
        )
    try:
        array = as_array(row, place)
    except ValueError as error:
        raise ValueError(
            f"{place} can't be read as an array of shape (n_steps, n_channels): {error}"
        ) from error
    if not 1 <= array.ndim <= 2:
        raise ValueError(
            f"{place} has {array.ndim} dimensions. Expected (n_steps, n_channels) or (n_steps,)."
        )
    return array if array.ndim == 2 else array[:, None]


def _check_alike(arrays: list[np.ndarray]) -> None:
    """Check channels, and that numpy would not turn the numbers of one row into another's text."""
    is_text = [array.dtype.kind in "US" for array in arrays]
    for row, array in enumerate(arrays):
        if array.shape[1] != arrays[0].shape[1]:
            raise ValueError(
                f"Row {row} of X has {array.shape[1]} channel(s), but row 0 has "
                f"{arrays[0].shape[1]}. All sequences need the same channels: arrays of shape "
                "(n_steps, n_channels), steps first."
            )
        if is_text[row] != is_text[0] and arrays[is_text.index(False)].dtype != object:
            kinds = ("text", "numbers") if is_text[row] else ("numbers", "text")
            raise TypeError(
                f"Row {row} of X holds {kinds[0]}, but row 0 holds {kinds[1]}. All sequences "
                "need values of one kind."
            )


def flat_columns(values: Any, names: Sequence[str]) -> pa.Table:
    """Return rows, an array or a frame, as an Arrow table.

    Raises
    ------
    TypeError
        If a column holds objects that have no common type.
    """
    if is_frame(values) and not isinstance(values, pd.DataFrame):
        return to_arrow(values, list(values.columns), "the result").rename_columns(list(names))
    if not isinstance(values, pd.DataFrame) and values.dtype.kind in "biuf":
        columns = [pa.array(np.ascontiguousarray(values[:, i])) for i in range(values.shape[1])]
        return pa.table(columns, names=list(names))
    frame = pd.DataFrame(values)
    columns = [
        arrow_column(frame.iloc[:, i], f"column {name!r} of the result")
        for i, name in enumerate(names)
    ]
    return pa.table(columns, names=list(names))


def check_same_names(names: Sequence[str], fitted: Sequence[str], owner: str) -> None:
    """Raise ValueError if channels are not those of ``fit``, whatever their order."""
    unseen = [name for name in names if name not in fitted]
    lacking = [name for name in fitted if name not in names]
    if unseen or lacking:
        parts = [
            f"has {shortened(unseen)}, unseen in fit" if unseen else "",
            f"lacks {shortened(lacking)}" if lacking else "",
        ]
        raise ValueError(
            f"The channels of X must be those that {owner} was fitted with: X "
            f"{' and '.join(part for part in parts if part)}. Its list columns and the fields of "
            "their structs are found by name."
        )
