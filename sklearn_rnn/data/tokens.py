"""X of every form -> the tokens of all sequences laid end to end, one a step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import sparse

from sklearn_rnn.data.cells import kind_of_cells
from sklearn_rnn.data.frames import Columns, as_columns
from sklearn_rnn.data.leaves import Categories, Place, is_category
from sklearn_rnn.data.reading import check_not_empty, check_present
from sklearn_rnn.data.sequence_y import read_sequences
from sklearn_rnn.data.tables import is_frame
from sklearn_rnn.data.text import read_texts


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens laid end to end.

    Attributes
    ----------
    leaf : Categories
        Of text, or of numbers as float64.
    lengths : ndarray of shape (n_samples,), int64
    are_texts : bool
        Whether a sequence was a text and a token is a character.
    are_whole : bool
        Whether tokens were whole numbers.
    """

    leaf: Categories
    lengths: np.ndarray
    are_texts: bool = False
    are_whole: bool = False

    def __len__(self) -> int:
        return len(self.lengths)


def one_column(X: Any, name: str = "X") -> Any:
    """Return X without the frame around its only column of texts or lists.

    Raises
    ------
    ValueError
        If a frame with texts or lists has several columns.
    TypeError
        If X is one text, or nothing that holds sequences.
    """
    if isinstance(X, str | bytes):
        raise TypeError(
            f"{name} must be a list of sequences. Got {type(X).__name__} instead; for one text "
            "pass '[text]'."
        )
    if not is_frame(X):
        return X
    columns = as_columns(X, name, expected=True)
    if not (any(columns.is_sequence) or any(map(_holds_text, columns.columns))):
        return as_columns(X, name)  # one token a cell
    if len(columns.columns) > 1:
        names = ", ".join(map(repr, columns.names[:10]))
        raise ValueError(
            f"{name} has {len(columns.columns)} columns: {names}. Sequences of tokens are one "
            "column of texts or of lists; pass it alone, as a frame or as a column."
        )
    (column,) = columns.columns
    if isinstance(column, pd.Series):  # texts that are no objects
        return column.astype(object).where(column.notna(), None).to_numpy()
    return column


def is_table(X: Any) -> bool:
    """Return whether what :func:`one_column` returned has one token a cell."""
    if is_frame(X) or sparse.issparse(X):
        return True
    if isinstance(X, list | tuple | pa.ChunkedArray) or not hasattr(X, "__array__"):
        return False
    array = np.asarray(X)  # of numbers alone scikit-learn says what to reshape
    return array.ndim in (0, 2) or (array.ndim == 1 and array.dtype.kind not in "OUT")


def read_tokens(X: Any, name: str = "X") -> Tokens:
    """Read a 2-D array of one sequence a row, texts, or lists or arrays of tokens.

    Parameters
    ----------
    X : array or sequences
        What :func:`one_column` returned, a table as an array.
    name : str, default="X"
        What messages call it.

    Raises
    ------
    ValueError
        If there are no sequences, one or a token is missing, or a step has several tokens.
    TypeError
        If X holds no sequences, or a token is neither a text nor a number.
    """
    column = as_columns(X, name)
    if isinstance(column, Columns):
        (column,) = column.columns
    if isinstance(column, list | tuple | pa.ChunkedArray | np.ndarray):
        check_not_empty(column, name)
    if isinstance(column, pa.ChunkedArray) and is_category(column.type):
        column = column.to_pylist()
    if isinstance(column, list | tuple | np.ndarray) and kind_of_cells(column) == "texts":
        rows = list(column)
        leaf, lengths = read_texts(rows, Place(name))
        tokens = Tokens(leaf, lengths, isinstance(rows[0], str))
    else:
        tokens = _read_others(column, name)
    missing = [np.asarray(chunk.is_null()) for chunk in tokens.leaf.chunks if chunk.null_count]
    if missing:
        _refuse_missing(int(missing[0].argmax()), tokens.leaf.place)
    return tokens


def _holds_text(column: Any) -> bool:
    if isinstance(column, pa.ChunkedArray):
        return is_category(column.type)
    if isinstance(column, pd.Series):
        return column.dtype.kind == "O"
    return kind_of_cells(column) == "texts"


def _read_others(X: Any, name: str) -> Tokens:
    """Read lists and arrays of numbers, list columns, and whatever else there may be."""
    sequences = read_sequences(X, name, texts=True)
    check_present(sequences.is_null, name)
    place = Place(name, (), sequences.lengths)
    values = sequences.values
    if len(values) == 0:  # of whatever type
        return Tokens(Categories([pa.nulls(0)], place), sequences.lengths)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim > 1:
        raise ValueError(
            f"{name} has {values.shape[1]} values at a step, but a language model reads one token "
            "at each."
        )
    if values.dtype.kind in "UT":
        values = values.astype(object)
    if values.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {name} has dtype {values.dtype}.")
    if values.dtype.kind not in "biufO":
        raise TypeError(
            f"{name} must hold texts or numbers. Got dtype {values.dtype} instead; turn it into "
            "one of these."
        )
    missing = pd.isna(values)
    if missing.any():
        _refuse_missing(int(missing.argmax()), place)
    if values.dtype == object:
        return Tokens(Categories([_as_text(values, place)], place), sequences.lengths)
    numbers = values.astype(np.float64) + 0.0  # no minus zero
    infinite = np.isinf(numbers)
    if infinite.any():
        raise ValueError(
            f"{place.of_value(int(infinite.argmax()))} is infinity, which is no token. Replace it."
        )
    is_whole = values.dtype.kind in "biu"
    return Tokens(
        Categories([pa.array(numbers)], place), sequences.lengths, False, are_whole=is_whole
    )


def _as_text(values: np.ndarray, place: Place) -> pa.Array:
    odd = next((i for i, value in enumerate(values) if not isinstance(value, str)), None)
    if odd is not None:
        raise TypeError(
            f"{place.of_value(odd)}: a token given as argument must be a string, or a number where "
            f"all are. Got {values[odd]!r} instead."
        )
    return pa.array(values, type=pa.large_string())


def _refuse_missing(value: int, place: Place) -> None:
    raise ValueError(
        f"{place.of_value(value)} is missing, it is NaN or None. Drop it, or give what is missing "
        "a token of its own."
    )
