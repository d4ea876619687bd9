"""y and weights of one entry a step: laid end to end, in the order of the steps of X."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from sklearn_rnn.data.per_sample import read_weight
from sklearn_rnn.data.reading import NUMERIC_KINDS
from sklearn_rnn.data.sequence_y import is_flat, read_answers

_NO_ANSWER = "Each step needs one entry; where none is known give None or NaN."
_NO_WEIGHT = "Each step needs one weight; 0 leaves a step out."


def read_step_y(
    y: Any, lengths: np.ndarray, owner: str, names: tuple[str, str] = ("X", "y")
) -> tuple[np.ndarray, str]:
    """Return the entries of all steps, unchecked, and the form of y.

    Parameters
    ----------
    y : list, tuple or 1-D object array of array-like; 2-D or 3-D array; column of lists
    lengths : ndarray of shape (n_samples,)
        Number of steps of each sequence of X.
    owner : str
        Class name of the estimator, for messages.
    names : tuple of str
        What the user calls X and y.

    Returns
    -------
    entries : ndarray of shape (n_steps,) or (n_steps, n_outputs)
    form : {"flat", "rectangular", "ragged"}
        "flat" is one entry a sequence, for sequences of one step.

    Raises
    ------
    ValueError
        If y is None, or has not one entry for each step; the message names the row.
    """
    answers, form = read_answers(y, len(lengths), owner, names)
    _check_lengths(answers.lengths, lengths, names, _NO_ANSWER)
    return answers.values, form


def read_step_weight(
    sample_weight: Any, lengths: np.ndarray, owner: str, X_name: str = "X"
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the weights of sequences, and those of their steps if these have some of their own.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,), or in any form of y, or None
    lengths : ndarray of shape (n_samples,)
        Number of steps of each sequence of X.
    owner : str
        Class name of the estimator, for messages.
    X_name : str
        What the user calls X.

    Returns
    -------
    weight : ndarray of shape (n_samples,), float64
        Ones where steps have weights.
    step_weight : ndarray of shape (n_steps,), float64, or None

    Raises
    ------
    ValueError, TypeError
        If weights are not one for each sequence or each step, or not finite numbers >= 0, or all
        zero; the message names the row.
    """
    if sample_weight is None or isinstance(sample_weight, Real) or is_flat(sample_weight):
        return read_weight(sample_weight, len(lengths)), None
    name = "sample_weight"
    answers, _ = read_answers(sample_weight, len(lengths), owner, (X_name, name))
    _check_lengths(answers.lengths, lengths, (X_name, name), _NO_WEIGHT)
    weight = _as_numbers(answers.values, name)
    refused = np.flatnonzero(~(np.isfinite(weight) & (weight >= 0)))
    if len(refused):
        row, step = answers.place_of(int(refused[0]))
        raise ValueError(
            f"Row {row} of {name} has the weight {weight[refused[0]]} at step {step} "
            f"({len(refused)} such step(s)). Weights are finite numbers >= 0; 0 leaves a step out."
        )
    if not weight.any():
        raise ValueError(f"{name} is 0 at every step. Give those to learn from a positive weight.")
    return np.ones(len(lengths)), weight


def _as_numbers(weight: np.ndarray, name: str) -> np.ndarray:
    """Return weights as float64, shape (n_steps,), NaN for None."""
    if weight.ndim > 1 and weight.shape[1] == 1:
        weight = weight[:, 0]
    if weight.ndim > 1:
        raise ValueError(f"{name} must have one weight a step. Got {weight.shape[1]} instead.")
    if weight.dtype == object:
        weight = np.where(pd.isna(weight), np.nan, weight)
        odd = [w for w in weight if not isinstance(w, Real)]
    else:
        odd = [] if weight.dtype.kind in NUMERIC_KINDS else weight[:1].tolist()
    if odd:
        raise TypeError(f"{name} must hold numbers. Got {odd[0]!r} instead.")
    return weight.astype(np.float64)


def _check_lengths(of_y: np.ndarray, of_X: np.ndarray, names: tuple[str, str], repair: str) -> None:
    odd = np.flatnonzero(of_y != of_X)
    if len(odd):
        row = int(odd[0])
        raise ValueError(
            f"Row {row}: {names[0]} has {of_X[row]} step(s), but {names[1]} has {of_y[row]} "
            f"({len(odd)} such row(s)). {repair}"
        )
