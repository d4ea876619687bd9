"""Metrics that compare whole sequences, whose lengths may differ."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cpdist

from sklearn_rnn.data.sequence_y import Sequences
from sklearn_rnn.metrics._reading import codes_of, labelled_sequences


def exact_match(y_true: Any, y_pred: Any, *, sample_weight: Any = None) -> float:
    """Return the share of sequences that are wholly right.

    Parameters
    ----------
    y_true : sequences of labels
        A list, tuple or 1-D object array of 1-D arrays or lists, a 2-D array (n_samples, n_steps),
        a column of lists of pandas, polars or pyarrow, or texts, which are sequences of characters.
        A step without a label (None, NaN) is left out; where both have equal length, so is that of
        y_pred at its place. Rows of None, and of such steps alone, are left out.
    y_pred : sequences of labels
        In any of these forms, the lengths may differ from y_true.
    sample_weight : array-like of shape (n_samples,), default=None

    Returns
    -------
    float
        From 0 to 1, the higher the better.

    Raises
    ------
    ValueError
        If numbers of sequences differ or there is no label.

    Examples
    --------
    >>> from sklearn_rnn.metrics import exact_match
    >>> exact_match([["K", "AE", "T"], ["D", "AO", "G"]], [["K", "AE", "T"], ["D", "AO"]])
    0.5
    """
    true, pred, weight = labelled_sequences(y_true, y_pred, sample_weight)
    codes = codes_of(true.values, pred.values)
    is_right = true.lengths == pred.lengths
    differ = codes[0][is_right[true.rows]] != codes[1][is_right[pred.rows]]
    is_right[true.rows[is_right[true.rows]][differ]] = False
    return float(np.average(is_right, weights=weight))


def edit_distance(y_true: Any, y_pred: Any, *, sample_weight: Any = None) -> float:
    """Return the mean number of edits that turn a prediction into its true sequence.

    An edit is an insertion, a deletion or a substitution of one step (Levenshtein 1966).

    Parameters
    ----------
    y_true, y_pred : sequences of labels
        As for :func:`exact_match`.
    sample_weight : array-like of shape (n_samples,), default=None

    Returns
    -------
    float
        Edits a sequence, the lower the better.

    Raises
    ------
    ValueError
        If numbers of sequences differ or there is no label.

    See Also
    --------
    token_error_rate : Edits a step of y_true.

    Examples
    --------
    >>> from sklearn_rnn.metrics import edit_distance
    >>> edit_distance(["kitten", "sitting"], ["sitting", "sitting"])
    1.5
    """
    true, pred, weight = labelled_sequences(y_true, y_pred, sample_weight)
    return float(np.average(_distances(true, pred), weights=weight))


def token_error_rate(y_true: Any, y_pred: Any, *, sample_weight: Any = None) -> float:
    """Return the edits of all predictions by the length of all true sequences.

    With words as steps this is the word error rate (WER), with characters the character error rate
    (CER), with phonemes the phoneme error rate (PER). Texts are sequences of characters; for words
    split them first.

    Parameters
    ----------
    y_true, y_pred : sequences of labels
        As for :func:`exact_match`.
    sample_weight : array-like of shape (n_samples,), default=None
        Of the edits and the length of a sequence.

    Returns
    -------
    float
        From 0, the lower the better; above 1 where predictions are much too long.

    Raises
    ------
    ValueError
        If numbers of sequences differ or there is no label.

    See Also
    --------
    edit_distance : Edits a sequence.

    Examples
    --------
    >>> from sklearn_rnn.metrics import token_error_rate
    >>> heard, said = ["the cat sad", "it did"], ["the cat sat", "it did not"]
    >>> token_error_rate([text.split() for text in said], [text.split() for text in heard])
    0.3333333333333333
    """
    true, pred, weight = labelled_sequences(y_true, y_pred, sample_weight)
    length = weight @ true.lengths
    if length == 0:
        raise ValueError(
            "y_true has no labelled step, so there is no length to divide the edits by. "
            "edit_distance counts the edits themselves."
        )
    return float(weight @ _distances(true, pred) / length)


def _distances(true: Sequences, pred: Sequences) -> np.ndarray:
    """Return the edits of each sequence, shape (n_samples,)."""
    codes = codes_of(true.values, pred.values)
    queries, choices = _cut(codes[0], true.lengths), _cut(codes[1], pred.lengths)
    return cpdist(queries, choices, scorer=Levenshtein.distance, dtype=np.int64)


def _cut(codes: np.ndarray, lengths: np.ndarray) -> list[array]:
    """Return the codes of each sequence; Python's arrays are quicker to cut than numpy's."""
    flat, ends = array("q", codes.astype(np.int64).tobytes()), np.cumsum(lengths).tolist()
    return [flat[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]
