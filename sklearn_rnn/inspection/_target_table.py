"""y of every form -> its figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sklearn_rnn.data.inputs import Inputs
from sklearn_rnn.data.per_sample import read_y
from sklearn_rnn.data.sequence_y import is_flat, read_answers

FEW = 30
"""So many different whole numbers are still taken for labels."""


@dataclass(frozen=True, eq=False)
class TargetFigures:
    """What y is like.

    Attributes
    ----------
    kind : str
    are_labels : bool
    table : DataFrame
    entries : ndarray
        Labels, or numbers of shape (n_entries, n_outputs).
    encoded : ndarray
        The same as numbers.
    lengths : ndarray of shape (n_samples,) or None
        Entries of each sample, if y is a sequence.
    missing : ndarray of shape (n_entries,), bool
    """

    kind: str
    are_labels: bool
    table: pd.DataFrame
    entries: np.ndarray
    encoded: np.ndarray
    lengths: np.ndarray | None
    missing: np.ndarray

    @property
    def offsets(self) -> np.ndarray | None:
        """Where each sample's entries begin."""
        if self.lengths is None:
            return None
        return np.concatenate([[0], np.cumsum(self.lengths)])


def read_target(y: Any, inputs: Inputs, names: tuple[str, str]) -> TargetFigures | None:
    """Read labels or numbers: one a sequence, one a step or a sequence for each."""
    if y is None:
        return None
    owner = "describe_sequences"
    steps = inputs.sequences.lengths
    lengths, how = None, "one a sequence"
    if is_flat(y) or _are_columns(y, steps):
        entries = read_y(y, len(inputs), owner, names)
    else:
        answers, _ = read_answers(y, len(inputs), owner, names)
        entries, lengths = answers.values, answers.lengths
        how = "one a step" if (lengths == steps).all() else "a sequence for each"
    if entries.ndim > 1 and entries.shape[1] == 1:
        entries = entries[:, 0]
    if entries.dtype == object and entries.ndim == 1:
        entries = pd.Series(entries).infer_objects().to_numpy()
    missing = np.array(pd.isna(entries)).reshape(len(entries), -1).max(axis=1)
    are_labels = _are_labels(entries, missing)
    if are_labels:
        encoded: np.ndarray = pd.factorize(entries)[0]
        table = _label_table(entries[~missing])
    else:
        encoded = entries.astype(np.float64)
        table = _number_table(encoded.reshape(len(encoded), -1)[~missing])
    kind = f"{'labels' if are_labels else 'numbers'}, {how}"
    return TargetFigures(kind, are_labels, table, entries, encoded, lengths, missing)


def _are_columns(y: Any, steps: np.ndarray) -> bool:
    """Tell several numbers a sequence from one array of an entry a step."""
    shape: tuple[int, ...] = getattr(y, "shape", ())
    if len(shape) != 2 or (hasattr(y, "dtype") and y.dtype == object):
        return False
    return not (steps == shape[1]).all()


def _are_labels(entries: np.ndarray, missing: np.ndarray) -> bool:
    if entries.ndim > 1:
        return False
    if entries.dtype.kind not in "iuf":
        return True
    known = entries[~missing]
    return bool((known == np.floor(known)).all() and len(np.unique(known)) <= FEW)


def _label_table(labels: np.ndarray) -> pd.DataFrame:
    counts = pd.Series(labels).value_counts()
    return pd.DataFrame({"n": counts, "share": counts / max(counts.sum(), 1)}).rename_axis("label")


def _number_table(numbers: np.ndarray) -> pd.DataFrame:
    table = pd.DataFrame(numbers).describe().T.drop(columns="count")
    return table.rename_axis("output")
