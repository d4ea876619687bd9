"""y_true and y_pred of every form -> their labelled steps laid end to end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from sklearn_rnn.data.leaves import is_list
from sklearn_rnn.data.nesting import split_vectors
from sklearn_rnn.data.per_sample import read_weight
from sklearn_rnn.data.reading import NUMERIC_KINDS, as_array, is_sequence
from sklearn_rnn.data.tables import arrow_column, is_frame, is_polars, one_array

_FORMS = (
    "a list or object array of arrays, a 2-D array (n_samples, n_steps), a 3-D array (n_samples, "
    "n_steps, n_outputs) or a list column"
)


@dataclass(frozen=True, slots=True)
class Sequences:
    """Sequences laid end to end.

    Attributes
    ----------
    values : ndarray of shape (n_steps,) or (n_steps, n_outputs)
    lengths : ndarray of shape (n_samples,), int64
        Number of steps of each.
    is_null : ndarray of shape (n_samples,), bool
        Where there is None in place of a sequence.
    """

    values: np.ndarray
    lengths: np.ndarray
    is_null: np.ndarray

    @property
    def rows(self) -> np.ndarray:
        """Which sequence each step belongs to, shape (n_steps,)."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    def keep(self, kept: np.ndarray) -> Sequences:
        """Return the sequences with some of their steps; kept is of shape (n_steps,), bool."""
        lengths = np.bincount(self.rows[kept], minlength=len(self.lengths))
        return Sequences(tidied(self.values[kept]), lengths, self.is_null)


# -- one y ----------------------------------------------------------------------------------------


def read_sequences(y: Any, name: str, *, texts: bool = False) -> Sequences:
    """Lay sequences of any form end to end.

    Parameters
    ----------
    y : sequences
    name : str
        What messages call it.
    texts : bool
        Whether a text is the sequence of its characters; else it is an error.

    Raises
    ------
    TypeError
        If it does not hold one sequence a sample.
    ValueError
        If steps have different numbers of values.
    """
    column = _arrow_of(y, name)
    if column is not None and is_list(column.type):
        return _read_arrow(column, name)
    if column is not None and _is_text(column.type):
        y = column.to_pylist()
    elif column is not None:
        raise TypeError(
            f"{name} must hold one sequence a sample: {_FORMS}. Got a column of {column.type}."
        )
    if not isinstance(y, list | tuple):
        y = _array_of(y, name)
        if y.ndim > 1:
            n_samples, n_steps, *n_outputs = y.shape
            lengths = np.full(n_samples, n_steps)
            values = y.reshape(n_samples * n_steps, *n_outputs)
            return Sequences(tidied(values), lengths, np.zeros(n_samples, bool))
    return _read_rows(list(y), name, texts)


def _arrow_of(y: Any, name: str) -> pa.ChunkedArray | None:
    """Return a column that Arrow has in its memory."""
    if is_frame(y):
        raise TypeError(
            f"{name} must hold one sequence a sample, but it is a frame. Pass its list column, "
            f"such as {name}['labels'], or an array of a frame of one step a column."
        )
    if isinstance(y, pa.Array):
        return pa.chunked_array([y])
    if isinstance(y, pa.ChunkedArray):
        return y
    if is_polars(y):
        return pa.chunked_array([y.to_arrow()])
    if isinstance(y, pd.Series) and isinstance(y.dtype, pd.ArrowDtype):
        return arrow_column(y, name)
    return None


def _is_text(column_type: pa.DataType) -> bool:
    if types.is_dictionary(column_type):
        return _is_text(column_type.value_type)
    kinds = (types.is_string, types.is_large_string, types.is_string_view)
    return any(is_kind(column_type) for is_kind in kinds)


def _read_arrow(column: pa.ChunkedArray, name: str) -> Sequences:
    lists = one_array(column)
    is_null = ~np.asarray(lists.is_valid())
    lengths = np.asarray(pc.fill_null(pc.list_value_length(lists), 0)).astype(np.int64)
    steps = lists.flatten()
    if is_list(steps.type):
        table = split_vectors(pa.table({"steps": steps}), name)
        values = np.column_stack([column.to_numpy() for column in table.columns])
    else:
        values = steps.to_numpy(zero_copy_only=False)
    return Sequences(tidied(values), lengths, is_null)


def _array_of(y: Any, name: str) -> np.ndarray:
    """Return an array of one sequence a row, or a 1-D array of sequences or texts."""
    if not hasattr(y, "__array__"):
        raise TypeError(
            f"{name} must hold one sequence a sample: {_FORMS}. Got {type(y).__name__} instead."
        )
    array = as_array(y, name)
    if not 1 <= array.ndim <= 3:
        raise ValueError(f"{name} has {array.ndim} dimensions. Expected {_FORMS}.")
    return array


def _read_rows(rows: list[Any], name: str, texts: bool) -> Sequences:
    is_null = np.array([_is_missing(row) for row in rows], dtype=bool)
    arrays = [
        np.empty(0, object) if null else _read_row(row, f"Row {i} of {name}", texts)
        for i, (row, null) in enumerate(zip(rows, is_null, strict=True))
    ]
    filled = [i for i, array in enumerate(arrays) if len(array)]
    for i in filled:
        if arrays[i].shape[1:] != arrays[filled[0]].shape[1:]:
            raise ValueError(
                f"Row {i} of {name} has {_width(arrays[i])} at a step, but row {filled[0]} has "
                f"{_width(arrays[filled[0]])}. All steps need as many."
            )
    lengths = np.fromiter(map(len, arrays), np.int64, len(arrays))
    parts = [arrays[i] for i in filled] or [np.empty(0, object)]
    return Sequences(tidied(joined(parts)), lengths, is_null)


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value))


def _width(array: np.ndarray) -> str:
    return "a single value" if array.ndim == 1 else f"{array.shape[1]} values"


def _read_row(row: Any, place: str, texts: bool) -> np.ndarray:
    if isinstance(row, str) and not texts:
        raise TypeError(
            f"{place} must be the sequence of its steps. Got the text {row!r}: pass 'list(text)' "
            "for its characters, 'text.split()' for its words."
        )
    if isinstance(row, list | tuple | str):
        if not row or not is_sequence(row[0]):
            return np.fromiter(row, object, len(row))
    elif not hasattr(row, "__array__") or np.ndim(row) == 0:
        raise TypeError(
            f"{place} must be a 1-D array or list, one entry a step. Got {row!r} instead."
        )
    try:
        array = as_array(row, place)
    except ValueError as error:
        raise ValueError(f"{place} has steps of different numbers of values: {error}") from error
    if array.ndim > 2:
        raise ValueError(
            f"{place} has {array.ndim} dimensions. Expected (n_steps,) or (n_steps, n_outputs)."
        )
    return array


def joined(arrays: list[np.ndarray]) -> np.ndarray:
    """Concatenate arrays without turning the numbers of one into another's text."""
    kinds = {"number" if a.dtype.kind in NUMERIC_KINDS else a.dtype.kind for a in arrays}
    if len(kinds) > 1:
        arrays = [array.astype(object) for array in arrays]
    return np.concatenate(arrays)


def tidied(values: np.ndarray) -> np.ndarray:
    """Return objects that have one type in common in that type; text stays objects."""
    if values.dtype.kind == "T":  # numpy's StringDType, which scikit-learn does not know
        return values.astype(object)
    if values.dtype != object or values.ndim > 1:
        return values
    if isinstance(next((v for v in values if not _is_missing(v)), None), str):
        return values  # spared pandas' way through Arrow
    return pd.Series(values, dtype=object).infer_objects().to_numpy()


# -- y_true beside y_pred -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Steps:
    """The labelled steps of all sequences.

    Attributes
    ----------
    true, pred : ndarray of shape (n_steps,) or (n_steps, n_outputs)
    rows : ndarray of shape (n_steps,)
        Which sequence each step belongs to.
    weight : ndarray of shape (n_samples,)
        Of the sequences.
    """

    true: np.ndarray
    pred: np.ndarray
    rows: np.ndarray
    weight: np.ndarray

    @property
    def step_weight(self) -> np.ndarray:
        """Each step weighs as its sequence."""
        return self.weight[self.rows]


def read_pair(y_true: Any, y_pred: Any, *, texts: bool = False) -> tuple[Sequences, Sequences]:
    """Read both; raise ValueError if their numbers of sequences differ or a prediction is None."""
    true = read_sequences(y_true, "y_true", texts=texts)
    pred = read_sequences(y_pred, "y_pred", texts=texts)
    if len(true.lengths) != len(pred.lengths):
        raise ValueError(
            f"y_true has {len(true.lengths)} sequence(s), y_pred has {len(pred.lengths)}. One "
            "prediction a sequence is needed."
        )
    if pred.is_null.any():
        raise ValueError(f"Row {np.flatnonzero(pred.is_null)[0]} of y_pred has no sequence.")
    return true, pred


def labelled_steps(y_true: Any, y_pred: Any, sample_weight: Any = None) -> Steps:
    """Bring sequences of equal lengths side by side.

    A step counts as labelled if all of its values are given.

    Raises
    ------
    ValueError
        If a sequence and its prediction differ in length, a prediction is missing where there is a
        label, or no step has a label and a weight.
    """
    true, pred = read_pair(y_true, y_pred)
    odd = np.flatnonzero((true.lengths != pred.lengths) & ~true.is_null)
    if len(odd):
        row = odd[0]
        raise ValueError(
            f"Row {row}: y_true has {true.lengths[row]} steps, y_pred has {pred.lengths[row]}. "
            "This compares step by step; exact_match, edit_distance and token_error_rate compare "
            "sequences of different lengths."
        )
    kept = ~missing(true.values)
    predicted = pred.values[~true.is_null[pred.rows]][kept]
    rows = true.rows[kept]
    _check_predicted(predicted, rows)
    weight = read_weight(sample_weight, len(true.lengths))
    _check_weight(weight[np.unique(rows)])
    return Steps(tidied(true.values[kept]), tidied(predicted), rows, weight)


def labelled_sequences(
    y_true: Any, y_pred: Any, sample_weight: Any = None
) -> tuple[Sequences, Sequences, np.ndarray]:
    """Return sequences, of lengths that may differ, without unlabelled steps, and their weights.

    A step of y_true without a label goes; so does that of y_pred at its place where both have
    equal length. A sequence of steps without any label gets weight 0.

    Raises
    ------
    ValueError
        If a prediction is missing, or no sequence has labels and a weight.
    """
    true, pred = read_pair(y_true, y_pred, texts=True)
    kept = ~missing(true.values)
    in_step = true.lengths == pred.lengths
    pred_kept = np.ones(len(pred.values), dtype=bool)
    pred_kept[in_step[pred.rows]] = kept[in_step[true.rows]]
    labelled = true.keep(kept)
    has_labels = ~true.is_null & ((labelled.lengths > 0) | (true.lengths == 0))
    pred_kept &= has_labels[pred.rows]
    _check_predicted(pred.values[pred_kept], pred.rows[pred_kept])
    weight = read_weight(sample_weight, len(true.lengths)) * has_labels
    _check_weight(weight)
    return labelled, pred.keep(pred_kept), weight


def missing(values: np.ndarray) -> np.ndarray:
    """Return which steps lack a value, shape (n_steps,)."""
    is_missing: Any = pd.isna(values)
    return is_missing if is_missing.ndim == 1 else is_missing.any(axis=1)


def _check_predicted(values: np.ndarray, rows: np.ndarray) -> None:
    lacking = rows[missing(values)]
    if len(lacking):
        raise ValueError(f"Row {lacking[0]} of y_pred holds NaN or None in place of a prediction.")


def _check_weight(weight: np.ndarray) -> None:
    if not weight.any():
        raise ValueError(
            "There is nothing to compare: y_true has no label, or only in sequences of weight 0."
        )


# -- what values are ------------------------------------------------------------------------------


def labels_of(values: np.ndarray, name: str) -> np.ndarray:
    """Return one label a step, shape (n_steps,)."""
    if values.ndim == 2 and values.shape[1] != 1:
        raise ValueError(
            f"{name} must hold one label a step. Got {values.shape[1]} values a step instead."
        )
    return tidied(values.reshape(-1))


def codes_of(true: np.ndarray, pred: np.ndarray, *others: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return labels of any type as numbers, equal where the labels are."""
    labels = [labels_of(true, "y_true"), labels_of(pred, "y_pred"), *others]
    try:
        codes = pd.factorize(joined(labels))[0]
    except TypeError as error:
        raise TypeError(
            f"Labels must be single values, such as texts or whole numbers: {error}."
        ) from error
    return tuple(np.split(codes, np.cumsum([len(part) for part in labels])[:-1]))


def numbers_of(steps: Steps) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of both, float64, shape (n_steps, n_outputs)."""
    true = _finite(steps.true, steps.rows, "y_true")
    pred = _finite(steps.pred, steps.rows, "y_pred")
    if true.shape != pred.shape:
        raise ValueError(
            f"y_true has {true.shape[1]} output(s) at a step, y_pred has {pred.shape[1]}."
        )
    return true, pred


def _finite(values: np.ndarray, rows: np.ndarray, name: str) -> np.ndarray:
    if values.dtype == object:
        text = next((v for v in values.flat if isinstance(v, str | bytes)), None)
        if text is not None:
            raise TypeError(f"{name} must hold numbers. Got {text!r} instead.")
        try:
            values = values.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise TypeError(f"{name} must hold numbers: {error}") from error
    if values.dtype.kind not in NUMERIC_KINDS:
        raise TypeError(f"{name} must hold numbers. Got dtype {values.dtype} instead.")
    numbers = values.reshape(len(values), -1).astype(np.float64)
    infinite = rows[~np.isfinite(numbers).all(axis=1)]
    if len(infinite):
        raise ValueError(f"Row {infinite[0]} of {name} holds an infinite number.")
    return numbers


# -- parameters -----------------------------------------------------------------------------------


def check_option(parameter: str, value: Any, options: tuple[Any, ...], owner: str) -> None:
    """Raise ValueError that lists the options if a parameter is none of them."""
    if not any(value is option or value == option for option in options):
        listed = f"{', '.join(map(repr, options[:-1]))} or {options[-1]!r}"
        raise ValueError(
            f"The {parameter!r} parameter of {owner} must be {listed}. Got {value!r} instead."
        )
