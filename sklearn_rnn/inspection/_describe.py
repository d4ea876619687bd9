"""What sequences are like, and what in them may do harm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from sklearn_rnn._random import generator
from sklearn_rnn._reader import SequenceReader
from sklearn_rnn.data.batching import shuffled_batches
from sklearn_rnn.data.canonical import canonical_rows, hash_samples
from sklearn_rnn.data.inputs import Inputs
from sklearn_rnn.inspection._columns import category_table, channel_table, number_names
from sklearn_rnn.inspection._concerns import concerns
from sklearn_rnn.inspection._report import as_html, as_text
from sklearn_rnn.inspection._target_table import read_target

BATCH_SIZE = 32
"""Sequences a batch, for the share of padding."""

QUANTILES = {"shortest": 0, "5%": 0.05, "25%": 0.25, "median": 0.5, "75%": 0.75, "95%": 0.95}


@dataclass(frozen=True, eq=False, repr=False)
class SequenceDescription:
    """What :func:`describe_sequences` returns; shown as a page in notebooks, as text by print.

    Attributes
    ----------
    n_sequences, n_steps : int
        Sequences, and steps of all of them.
    lengths : pandas.Series
        Quantiles and mean of the numbers of steps, and how many sequences have one step or none.
    padding : pandas.Series
        Share of steps that would be padding: with all sequences padded to the longest, in batches
        drawn at random, and in the batches of like length that ``fit`` makes, of 32 sequences.
    channels : pandas.DataFrame
        A row a numeric channel: share of missing steps (``missing``), ``mean``, ``std``, ``min``,
        ``max``, steps farther than 10 standard deviations from the mean (``n_extreme``), and
        whether it is the same at all steps of each sequence (``constant_within``). Times are
        seconds since the step before, and since the first; whether they are extreme goes by their
        logarithm, which is what estimators read.
    categories : pandas.DataFrame
        A row a categorical channel, or tokens: share of missing steps, ``n_categories``, how many
        of them are met once (``n_once``), and the ``most_frequent`` with its ``share``.
    static : pandas.DataFrame
        The same as ``channels``, of the numbers beside the sequences.
    static_categories : pandas.DataFrame
        The same as ``categories``, of the texts beside the sequences.
    target : pandas.DataFrame or None
        Of labels, how many there are of each and their share, the most frequent first; of numbers,
        a row an output with mean, std and quantiles.
    target_kind : str or None
        "labels" or "numbers", and whether there is one a sequence, one a step or a sequence.
    n_duplicates : int
        Sequences that are equal to an earlier one.
    n_contradictory : int
        Distinct sequences that stand there with different y.
    test : pandas.Series or None
        Figures of ``X_test``: sequences, longest, how many are in X too, and, for each categorical
        channel, the share of steps whose category X lacks.
    warnings : list of str
        What may do harm, and what to do about it.
    """

    n_sequences: int
    n_steps: int
    lengths: pd.Series
    padding: pd.Series
    channels: pd.DataFrame
    categories: pd.DataFrame
    static: pd.DataFrame
    static_categories: pd.DataFrame
    target: pd.DataFrame | None
    target_kind: str | None
    n_duplicates: int
    n_contradictory: int
    test: pd.Series | None
    warnings: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        """Return all figures as text."""
        return as_text(self)

    def _repr_html_(self) -> str:
        """Return all figures as a page."""
        return as_html(self)


def describe_sequences(
    X: ArrayLike,
    y: ArrayLike | None = None,
    *,
    X_test: ArrayLike | None = None,
    y_test: ArrayLike | None = None,
) -> SequenceDescription:
    """Look at sequences before anything is trained on them.

    X is read as the estimators read it, so the figures are of what they would see.

    Parameters
    ----------
    X : sequences of n_samples
        In any form that ``fit`` takes.
    y : labels or numbers, optional
        One a sequence, one a step, or a sequence for each. Texts and few whole numbers are taken
        for labels.
    X_test, y_test : as X and y, optional
        What a model will be judged by, to find what it has in common with X and what X lacks.

    Returns
    -------
    SequenceDescription

    Raises
    ------
    TypeError, ValueError
        As of ``fit``: if X or y can't be read, a sequence has no steps and nothing stands beside
        it, or a number is infinite. And if ``y_test`` comes without ``y`` or ``X_test``.

    Examples
    --------
    >>> from sklearn_rnn.inspection import describe_sequences
    >>> X = [[1.0, 2.0], [3.0, 4.0, 5.0], [1.0, 2.0], [0.0, 1e6, 0.0, 2.0]]
    >>> report = describe_sequences(X, ["a", "b", "b", "a"])
    >>> int(report.lengths["longest"]), report.n_duplicates
    (4, 1)
    >>> print(report.warnings[0])
    1 sequence(s) stand there with different y, as rows 0 and 2. No model can be right on all of
    them: look for what tells them apart, or for wrong labels.
    """
    _check_given(y, X_test, y_test)
    reader = _Reader()
    inputs = reader._read_X(X, "X", reset=True)
    target = read_target(y, inputs, ("X", "y"))
    lengths = inputs.sequences.lengths
    rows = canonical_rows(
        inputs,
        np.zeros(len(inputs)) if target is None else target.encoded,
        np.ones(len(inputs)),
        target_offsets=None if target is None else target.offsets,
    )
    group_sizes = np.bincount(rows.x_group)
    contradictory = np.flatnonzero(group_sizes > 1)
    example = rows.rows[rows.x_group == contradictory[0]] if len(contradictory) else np.array([])
    steps, beside = reader._schema
    names = number_names(steps, "channel"), number_names(beside, "column")
    test = test_target = None
    if X_test is not None:
        test_inputs = reader._read_X(X_test, "X_test", reset=False)
        test_target = read_target(y_test, test_inputs, ("X_test", "y_test"))
        test = _test_figures(inputs, test_inputs, steps, beside)
        shifts = _shifts(inputs, test_inputs, names[0])
    no_static = pd.DataFrame()
    static = inputs.static
    description = SequenceDescription(
        n_sequences=len(inputs),
        n_steps=int(lengths.sum()),
        lengths=_length_figures(lengths),
        padding=_padding(lengths),
        channels=channel_table(inputs.sequences, steps, names[0]),
        categories=category_table(inputs.sequences, steps),
        static=no_static if static is None else channel_table(static, beside, names[1]),
        static_categories=no_static if static is None else category_table(static, beside),
        target=None if target is None else target.table,
        target_kind=None if target is None else target.kind,
        n_duplicates=len(inputs) - len(group_sizes),
        n_contradictory=len(contradictory),
        test=test,
    )
    description.warnings.extend(
        concerns(
            description,
            inputs,
            target,
            test_target,
            np.sort(example),
            {} if X_test is None else shifts,
        )
    )
    return description


class _Reader(SequenceReader, BaseEstimator):
    """Reads X as the estimators do."""


def _check_given(y: Any, X_test: Any, y_test: Any) -> None:
    if y_test is not None and (X_test is None or y is None):
        missing = "X_test" if X_test is None else "y"
        raise ValueError(f"y_test must come with {missing}. Got none; pass both, or neither.")


def _length_figures(lengths: np.ndarray) -> pd.Series:
    figures = {name: float(np.quantile(lengths, q)) for name, q in QUANTILES.items()}
    figures |= {
        "longest": float(lengths.max()),
        "mean": float(lengths.mean()),
        "of one step": float((lengths == 1).sum()),
        "of no steps": float((lengths == 0).sum()),
    }
    return pd.Series(figures, name="steps")


def _padding(lengths: np.ndarray) -> pd.Series:
    n_steps = lengths.sum()

    def share(padded: float) -> float:
        return float(1 - n_steps / padded) if n_steps else 0.0

    random = generator(0)
    rows = np.arange(len(lengths))
    of_like = list(shuffled_batches(rows, lengths, BATCH_SIZE, random))
    shuffled = np.random.default_rng(0).permutation(lengths)
    in_order = [shuffled[at : at + BATCH_SIZE] for at in range(0, len(lengths), BATCH_SIZE)]
    return pd.Series(
        {
            "all padded to the longest": share(len(lengths) * int(lengths.max())),
            "batches drawn at random": share(sum(len(b) * int(b.max()) for b in in_order)),
            "batches of like length": share(sum(len(b) * int(lengths[b].max()) for b in of_like)),
        },
        name="padding",
    )


def _test_figures(inputs: Inputs, test: Inputs, steps: Any, beside: Any) -> pd.Series:
    figures = {
        "sequences": float(len(test)),
        "longest": float(test.sequences.lengths.max()),
        "in X too": float(np.isin(hash_samples(test), hash_samples(inputs)).sum()),
    }
    for name, share in _unseen(test, steps, beside):
        figures[f"unknown in {name}"] = share
    return pd.Series(figures, name="X_test")


def _unseen(test: Inputs, steps: Any, beside: Any) -> Iterator[tuple[str, float]]:
    """Yield the categorical columns and the share of their steps whose category X lacks."""
    for ragged, features, what in (
        (test.sequences, steps, "channel"),
        (test.static, beside, "column"),
    ):
        if ragged is None:
            continue
        names = number_names(features, what).categorical
        for name, codes in zip(names, ragged.codes.T, strict=True):
            yield name, float((codes == 0).mean()) if len(codes) else 0.0


def _shifts(inputs: Inputs, test: Inputs, names: Any) -> dict[str, float]:
    """Return by how many standard deviations the mean of each channel differs in the test."""
    shifts = {}
    for i, name in enumerate(names.numeric):
        of_train, of_test = (x.sequences.values[:, i] for x in (inputs, test))
        of_train, of_test = (x[~np.isnan(x)].astype(np.float64) for x in (of_train, of_test))
        if len(of_train) and len(of_test) and of_train.std() > 0:
            shifts[name] = float((of_test.mean() - of_train.mean()) / of_train.std())
    return shifts
