"""Metrics that compare step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics import f1_score

from sklearn_rnn.metrics._reading import (
    check_option,
    codes_of,
    labelled_steps,
    labels_of,
    numbers_of,
    tidied,
)


def step_accuracy(y_true: Any, y_pred: Any, *, sample_weight: Any = None) -> float:
    """Return the share of steps that are labelled right.

    Parameters
    ----------
    y_true : sequences of labels
        A list, tuple or 1-D object array of 1-D arrays or lists, a 2-D array (n_samples, n_steps),
        or a column of lists of pandas, polars or pyarrow. Steps without a label (None, NaN) and
        rows of None are left out.
    y_pred : sequences of labels
        Of the same lengths, in any of these forms.
    sample_weight : array-like of shape (n_samples,), default=None
        A step weighs as its sequence.

    Returns
    -------
    float
        From 0 to 1, the higher the better.

    Raises
    ------
    ValueError
        If lengths differ or no step has a label.

    Examples
    --------
    >>> from sklearn_rnn.metrics import step_accuracy
    >>> y_true = [["DET", "NOUN", "VERB"], ["NOUN", None]]
    >>> y_pred = [["DET", "NOUN", "NOUN"], ["NOUN", "VERB"]]
    >>> step_accuracy(y_true, y_pred)
    0.75
    """
    steps = labelled_steps(y_true, y_pred, sample_weight)
    true, pred = codes_of(steps.true, steps.pred)
    return float(np.average(true == pred, weights=steps.step_weight))


def step_f1(
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    average: str | None = "macro",
    labels: Sequence[Any] | None = None,
    pos_label: Any = 1,
    zero_division: str | float = "warn",
) -> float | np.ndarray:
    """Return the F1 score over the steps of all sequences.

    Parameters
    ----------
    y_true, y_pred : sequences of labels
        As for :func:`step_accuracy`.
    sample_weight : array-like of shape (n_samples,), default=None
        A step weighs as its sequence.
    average : {"macro", "micro", "weighted", "binary"} or None, default="macro"
        How the scores of the labels become one, as in :func:`sklearn.metrics.f1_score`. "binary" is
        the score of ``pos_label``; None gives that of each label.
    labels : list, default=None
        The labels that count, such as all but the one for "nothing here". None takes all.
    pos_label : label, default=1
        Only used when ``average="binary"``.
    zero_division : {"warn", 0.0, 1.0, nan}, default="warn"
        What a label scores that is neither there nor predicted. "warn" is 0 with a warning.

    Returns
    -------
    float, or ndarray of shape (n_labels,) for ``average=None``
        From 0 to 1, the higher the better. In the order of ``labels``, or of all that are there or
        predicted, sorted.

    Raises
    ------
    ValueError
        If lengths differ, no step has a label, or a parameter is out of range.

    Examples
    --------
    >>> from sklearn_rnn.metrics import step_f1
    >>> y_true = [["-", "beat", "-"], ["beat", "-"]]
    >>> y_pred = [["-", "beat", "beat"], ["beat", "-"]]
    >>> step_f1(y_true, y_pred, average="binary", pos_label="beat")
    0.8
    """
    averages = ("macro", "micro", "weighted", "binary")
    if average is not None:
        check_option("average", average, averages, "step_f1")
    steps = labelled_steps(y_true, y_pred, sample_weight)
    if average in ("binary", None):  # these need the labels themselves, and their order
        true, pred = labels_of(steps.true, "y_true"), labels_of(steps.pred, "y_pred")
    else:  # numbers are quicker to sort than texts
        wanted = np.empty(0, object) if labels is None else np.fromiter(labels, object)
        true, pred, codes = codes_of(steps.true, steps.pred, tidied(wanted))
        labels = labels if labels is None else codes.tolist()
    score = f1_score(
        true,
        pred,
        labels=labels,
        pos_label=pos_label,
        average=average,
        sample_weight=steps.step_weight,
        zero_division=zero_division,
    )
    return score if average is None else float(score)


def sequence_mae(
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    multioutput: str = "uniform_average",
    average: str = "steps",
) -> float | np.ndarray:
    """Return the mean absolute error of sequences of numbers.

    Parameters
    ----------
    y_true : sequences of numbers
        A list, tuple or 1-D object array of arrays of shape (n_steps,) or (n_steps, n_outputs), a
        2-D array (n_samples, n_steps), a 3-D array (n_samples, n_steps, n_outputs), or a column of
        lists of pandas, polars or pyarrow. A step that lacks one of its numbers (None, NaN) and
        rows of None are left out.
    y_pred : sequences of numbers
        Of the same lengths, in any of these forms.
    sample_weight : array-like of shape (n_samples,), default=None
        A step weighs as its sequence.
    multioutput : {"uniform_average", "raw_values"}, default="uniform_average"
        The mean over the outputs, or an error for each.
    average : {"steps", "sequences"}, default="steps"
        The error over all steps, in which long sequences count for more, or the mean of the errors
        that the sequences have by themselves.

    Returns
    -------
    float or ndarray of shape (n_outputs,)
        In the unit of y, the lower the better.

    Raises
    ------
    ValueError
        If lengths or numbers of outputs differ, a prediction is missing or infinite, no step has a
        number, or a parameter is out of range.
    TypeError
        If they do not hold numbers.

    Examples
    --------
    >>> from sklearn_rnn.metrics import sequence_mae
    >>> y_true, y_pred = [[1.0, 2.0, 3.0], [5.0]], [[1.0, 2.0, 3.0], [9.0]]
    >>> sequence_mae(y_true, y_pred)
    1.0
    >>> sequence_mae(y_true, y_pred, average="sequences")
    2.0
    """
    return _error(y_true, y_pred, sample_weight, multioutput, average, squared=False)


def sequence_rmse(
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    multioutput: str = "uniform_average",
    average: str = "steps",
) -> float | np.ndarray:
    """Return the root of the mean squared error of sequences of numbers.

    Parameters
    ----------
    y_true, y_pred : sequences of numbers
        As for :func:`sequence_mae`.
    sample_weight : array-like of shape (n_samples,), default=None
        A step weighs as its sequence.
    multioutput : {"uniform_average", "raw_values"}, default="uniform_average"
        The mean over the roots of the outputs, or one for each.
    average : {"steps", "sequences"}, default="steps"
        The root over all steps, in which long sequences count for more, or the mean of the roots
        that the sequences have by themselves.

    Returns
    -------
    float or ndarray of shape (n_outputs,)
        In the unit of y, the lower the better.

    Raises
    ------
    ValueError
        If lengths or numbers of outputs differ, a prediction is missing or infinite, no step has a
        number, or a parameter is out of range.
    TypeError
        If they do not hold numbers.

    Examples
    --------
    >>> from sklearn_rnn.metrics import sequence_rmse
    >>> y_true, y_pred = [[1.0, 2.0, 3.0], [5.0]], [[1.0, 2.0, 3.0], [9.0]]
    >>> sequence_rmse(y_true, y_pred)
    2.0
    """
    return _error(y_true, y_pred, sample_weight, multioutput, average, squared=True)


def _error(
    y_true: Any, y_pred: Any, sample_weight: Any, multioutput: str, average: str, squared: bool
) -> float | np.ndarray:
    owner = "sequence_rmse" if squared else "sequence_mae"
    check_option("multioutput", multioutput, ("uniform_average", "raw_values"), owner)
    check_option("average", average, ("steps", "sequences"), owner)
    steps = labelled_steps(y_true, y_pred, sample_weight)
    true, pred = numbers_of(steps)
    errors = (true - pred) ** 2 if squared else np.abs(true - pred)
    weight = steps.step_weight
    if average == "sequences":
        rows, begins = np.unique(steps.rows, return_index=True)
        n_steps = np.diff([*begins, len(errors)])
        errors = np.add.reduceat(errors, begins, axis=0) / n_steps[:, None]
        errors = np.sqrt(errors) if squared else errors
        weight = steps.weight[rows]
    outputs = np.average(errors, axis=0, weights=weight)
    outputs = np.sqrt(outputs) if squared and average == "steps" else outputs
    return outputs if multioutput == "raw_values" else float(outputs.mean())
