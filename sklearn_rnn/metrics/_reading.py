"""y_true and y_pred of every form -> their labelled steps laid end to end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sklearn_rnn.data.per_sample import read_weight
from sklearn_rnn.data.reading import NUMERIC_KINDS
from sklearn_rnn.data.sequence_y import Sequences, joined, read_sequences, tidied


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
