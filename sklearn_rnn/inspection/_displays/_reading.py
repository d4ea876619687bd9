"""What the displays share in reading: which estimator, which samples, what their steps hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples, check_consistent_length, check_is_fitted

from sklearn_rnn._language_model import RNNLanguageModel
from sklearn_rnn.data.ragged import split_at
from sklearn_rnn.data.sequence_y import read_answers
from sklearn_rnn.data.tokens import one_column
from sklearn_rnn.data.vocabulary import FIRST, NULL, UNSEEN
from sklearn_rnn.inspection._displays._drawing import check_few

_ONE_CHANNEL = ("times", "categories")
"""Kinds of values that are no number, or several, but one channel."""


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps of a sequence, as a picture shows them.

    Attributes
    ----------
    values : ndarray of shape (n_steps, n_channels)
        Its numbers.
    tokens : list of str or None
        Its texts or categories, if it has one such channel.
    """

    values: np.ndarray
    tokens: list[str] | None


def network_of(estimator: Any) -> Any:
    """Return the fitted estimator at the end of pipelines and searches.

    Raises
    ------
    sklearn.exceptions.NotFittedError
    """
    check_is_fitted(estimator)
    while True:
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, Pipeline):
            estimator = estimator[-1]
        else:
            return estimator


def as_read_by_network(estimator: Any, X: Any) -> Any:
    """Return X as the estimator at the end of pipelines and searches gets it."""
    while True:
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, Pipeline):
            if len(estimator) > 1:
                X = estimator[:-1].transform(X)
            estimator = estimator[-1]
        else:
            return X


def chosen(
    rows: Any, X: Any, *others: Any, owner: str, a_panel_each: bool = True
) -> tuple[list[int], list[Any]]:
    """Return the places of the samples that are shown, and these samples alone.

    Parameters
    ----------
    rows : int, array-like of int or None
        None chooses all.
    X, *others
        Of one entry a sample, or None.
    owner : str
        Class name of the display, for messages.
    a_panel_each : bool, default=True
        Whether samples have panels of their own, so that there can't be too many.

    Raises
    ------
    ValueError
        If there is no such sample, there are too many, or X and others have different numbers of
        samples.
    """
    check_consistent_length(X, *others)
    places = checked_rows(rows, _num_samples(X), owner)
    if a_panel_each:
        check_few(len(places), owner)
    if rows is None:
        return places, [X, *others]
    return places, [None if a is None else _safe_indexing(a, places) for a in (X, *others)]


def checked_rows(rows: Any, n_samples: int, owner: str) -> list[int]:
    """Return places of samples, counted from the first; None chooses all."""
    if rows is None:
        return list(range(n_samples))
    asked = (
        [rows]
        if isinstance(rows, int | np.integer)
        else list(np.asarray(rows, dtype=object).ravel())
    )
    for row in asked:
        is_place = isinstance(row, int | np.integer) and not isinstance(row, bool)
        if not (is_place and -n_samples <= row < n_samples):
            raise ValueError(
                f"The 'rows' parameter of {owner} must hold places of samples, ints from 0 to "
                f"{n_samples - 1} (or from the end, -1 for the last). Got {row!r} instead."
            )
    if not asked:
        raise ValueError(f"The 'rows' parameter of {owner} must hold at least one int. Got [].")
    return [int(row) % n_samples for row in asked]


def row_names(places: Sequence[int]) -> list[str]:
    """Return what samples are called where they have no names."""
    return [f"row {place}" for place in places]


def steps_of(network: Any, X: Any) -> list[Steps]:
    """Return what each sequence holds, by the estimator's own reading of X."""
    if isinstance(network, RNNLanguageModel):
        column = one_column(X)
        rows = column.to_pylist() if hasattr(column, "to_pylist") else list(column)
        return [Steps(np.empty((len(row), 0)), list(map(str, row))) for row in rows]
    sequences = network._read_X(X, reset=False).sequences
    values = split_at(sequences.values, sequences.lengths)
    if sequences.n_categorical != 1 or sequences.n_channels:
        return [Steps(of_row, None) for of_row in values]
    names = np.empty(len(sequences.vocabularies[0]), dtype=object)
    names[UNSEEN], names[NULL] = "?", "missing"
    names[FIRST:] = list(map(str, sequences.vocabularies[0].categories.to_pylist()))
    tokens = split_at(names[sequences.codes[:, 0]], sequences.lengths)
    written = list(X) if isinstance(X, list | tuple | np.ndarray) else []
    for row, sequence in enumerate(written):  # also those that were not there in fit
        if isinstance(sequence, str | list | tuple | np.ndarray):
            own = list(map(str, sequence))
            if len(own) == len(tokens[row]):
                tokens[row] = own
    return [Steps(v, list(t)) for v, t in zip(values, tokens, strict=True)]


def names_of_numbers(network: Any) -> list[str]:
    """Return the names of the numbers at a step, in the order of :class:`Steps`."""
    return [
        name
        for feature in network._schema.steps
        for name in _names(network, feature, feature.n_numbers)
    ]


def names_of_channels(network: Any) -> list[str]:
    """Return the names of all channels, each category and each time as one."""
    return [
        name
        for feature in network._schema.steps
        for name in _names(
            network, feature, 1 if feature.kind in _ONE_CHANNEL else feature.n_numbers
        )
    ]


def _names(network: Any, feature: Any, width: int) -> list[str]:
    """Return the name of a column, or field, of X for each of its numbers."""
    column, *fields = feature.path or ("",)
    if not network._column_names:
        return [f"channel {i}" for i in range(width)]
    name = ".".join(map(str, (network._column_names[column], *fields)))
    return [name] if width == 1 else [f"{name} {i}" for i in range(width)]


def answers_of(y: Any, n_samples: int, owner: str, *, texts: bool) -> list[np.ndarray]:
    """Return the entries of each answer, of any form of y."""
    answers, _ = read_answers(y, n_samples, owner, texts=texts)
    return list(split_at(answers.values, answers.lengths))
