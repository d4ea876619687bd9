"""y with one entry a step: its entries laid end to end, in the order of the steps of X."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_rnn.data.sequence_y import read_answers


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
    _check_lengths(answers.lengths, lengths, names)
    return answers.values, form


def _check_lengths(of_y: np.ndarray, of_X: np.ndarray, names: tuple[str, str]) -> None:
    odd = np.flatnonzero(of_y != of_X)
    if len(odd):
        row = int(odd[0])
        raise ValueError(
            f"Row {row}: {names[0]} has {of_X[row]} step(s), but {names[1]} has {of_y[row]} "
            f"({len(odd)} such row(s)). Each step needs one entry; where none is known give None "
            "or NaN."
        )
