"""X of every form -> ragged arrays, with scikit-learn's bookkeeping of features and their names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import validate_data

from sklearn_rnn.data.frames import SequenceColumns, as_columns, read_columns
from sklearn_rnn.data.ragged import Ragged
from sklearn_rnn.data.reading import (
    as_container,
    check_sequences,
    checked_numbers,
    read_sequences,
)


class SequenceReader:
    """Part of an estimator: reads X in ``fit`` and holds later ones to its form.

    Sets ``n_features_in_`` and, for frames, ``feature_names_in_``.
    """

    n_features_in_: int
    _fitted_form: str  # "table", "frame" (of list columns) or "sequences"
    _n_channels: int

    def _read_X(self, X: Any, name: str = "X", *, reset: bool) -> Ragged:
        """Read X of any form; with reset remember its form, else compare with it."""
        X = as_columns(X, name)
        if isinstance(X, SequenceColumns):
            form = "sequences" if X.names is None else "frame"
            sequences = read_columns(self._matched(X, name, reset=reset), name)
        else:
            X = as_container(X, name, nested_table=reset)
            form = "sequences" if isinstance(X, list) or np.ndim(X) > 2 else "table"
            if form == "table":
                sequences = self._read_table(X, name, reset=reset)
            else:
                sequences = read_sequences(X, name)
        if reset:
            self._fitted_form = form
            self._n_channels = sequences.n_channels
            if form == "sequences":
                self.n_features_in_ = sequences.n_channels
                self.__dict__.pop("feature_names_in_", None)
        elif sequences.n_channels != self._n_channels:
            raise ValueError(
                f"{name} has {sequences.n_channels} channel(s), but {type(self).__name__} was "
                f"fitted with {self._n_channels}. Pass sequences of shape (n_steps, "
                f"{self._n_channels}); a 2-D array is read as (n_samples, n_steps), one channel, "
                "so for one sequence of several channels pass [sequence]."
            )
        return sequences

    def _read_table(self, X: Any, name: str, *, reset: bool) -> Ragged:
        """Read one channel from a 2-D array or a frame of single numbers."""
        if not reset and self._fitted_form == "frame" and hasattr(X, "columns"):
            raise ValueError(
                f"{name} is a frame without list columns, but {type(self).__name__} was fitted on "
                f"one of {self.n_features_in_}. Pass sequences of {self._n_channels} channel(s)."
            )
        if reset or self._fitted_form == "table":
            X = validate_data(
                self,
                X,
                reset=reset,
                dtype=[np.float32, np.float64],
                ensure_all_finite=False,
            )
        table = checked_numbers(np.asarray(X), name)
        sequences = Ragged.from_rectangular(table[:, :, None])
        check_sequences(sequences, name)
        return sequences

    def _matched(self, X: SequenceColumns, name: str, *, reset: bool) -> SequenceColumns:
        """Return the list columns in the order of ``fit``; scikit-learn refuses other columns."""
        known = list(getattr(self, "feature_names_in_", ()))
        if X.names is None or not (reset or known or self._fitted_form == "frame"):
            return X
        if not reset and len(known) == len(X.names) and set(known) == set(X.names):
            return X.select(known)
        names: Any = X.names
        stand_in = pd.DataFrame(columns=pd.Index(names, dtype=object))
        validate_data(self, stand_in, reset=reset, skip_check_array=True)
        return X
