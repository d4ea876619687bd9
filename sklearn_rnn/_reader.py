"""X of every form -> inputs, with scikit-learn's bookkeeping of features and their names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import validate_data

from sklearn_rnn.data.frames import Columns, array_schema, as_columns, read_columns, read_rows
from sklearn_rnn.data.inputs import Inputs, Schema
from sklearn_rnn.data.ragged import Ragged
from sklearn_rnn.data.reading import (
    as_container,
    check_sequences,
    checked_numbers,
    read_sequences,
)
from sklearn_rnn.data.tables import is_frame


class SequenceReader:
    """Part of an estimator: reads X in ``fit`` and holds later ones to its form.

    Sets ``n_features_in_`` and, for frames, ``feature_names_in_``.
    """

    n_features_in_: int
    _fitted_form: str  # "table", "frame" (with list columns) or "sequences"
    _fitted_on_array: bool
    """Whether X was one array: (n_samples, n_steps) or (n_samples, n_steps, n_channels)."""
    _rows_are_steps = False
    """Whether each row of a table is a sequence of one step, its columns the channels."""
    _column_names: list[Any]
    """Of the frame, also where they are no texts."""
    _schema: Schema
    """What was read in ``fit``: names, kinds and categories of list columns and of the others."""

    def _read_X(self, X: Any, name: str = "X", *, reset: bool) -> Inputs:
        """Read X of any form; with reset remember its form, else compare with it."""
        of_rows = self._rows_are_steps and is_frame(X)
        X = as_columns(X, name, expected=of_rows or (not reset and self._fitted_form == "frame"))
        if isinstance(X, Columns):
            form = "sequences" if X.names is None else "frame"
            X = self._matched(X, name, reset=reset)
            of_rows = of_rows and not any(X.is_sequence)
            if not of_rows and not reset and (form == "sequences" or self._fitted_form != "frame"):
                self._check_static(not all(X.is_sequence), name)
            read = read_rows if of_rows else read_columns
            inputs, schema = read(X, name, None if reset else self._schema)
        else:
            X = as_container(X, name, nested_table=reset or self._rows_are_steps)
            form = "sequences" if isinstance(X, list) or np.ndim(X) > 2 else "table"
            if not reset:
                self._check_static(False, name)
                self._check_numeric(name)
            if form == "table":
                sequences = self._read_table(X, name, reset=reset)
            else:
                sequences = read_sequences(X, name)
            inputs, schema = Inputs(sequences), array_schema(sequences, name)
        sequences = inputs.sequences
        if reset:
            self._fitted_form = form
            self._fitted_on_array = not isinstance(X, Columns | list)
            self._schema = schema
            self._column_names = list(X.names) if form == "frame" else []
            if form == "sequences":
                self.n_features_in_ = sequences.n_channels + sequences.n_categorical
                self.__dict__.pop("feature_names_in_", None)
        elif sequences.n_channels != (n_channels := self._n_channels):
            raise ValueError(
                f"{name} has {sequences.n_channels} channel(s), but {type(self).__name__} was "
                f"fitted with {n_channels}. Pass sequences of shape (n_steps, "
                f"{n_channels}); a 2-D array is read as (n_samples, n_steps), one channel, "
                "so for one sequence of several channels pass [sequence]."
            )
        return inputs

    @property
    def _n_channels(self) -> int:
        """Numbers a step, as in ``fit``."""
        return sum(feature.n_numbers for feature in self._schema.steps)

    def _check_static(self, has_static: bool, name: str) -> None:
        """Raise ValueError if there are columns beside the sequences, or none, unlike in fit."""
        if has_static == bool(self._schema.static):
            return
        in_fit = ", ".join(feature.name for feature in self._schema.static)
        raise ValueError(
            f"{name} has columns of single values beside the sequences, but {type(self).__name__} "
            "was fitted without. Leave them out."
            if has_static
            else f"{name} lacks the columns beside the sequences that {type(self).__name__} was "
            f"fitted with: {in_fit}. Pass a frame of the same columns."
        )

    def _check_numeric(self, name: str) -> None:
        """Raise TypeError if there were texts or categories in fit."""
        text = next((f for f in self._schema.steps if f.vocabulary is not None), None)
        if text is not None:
            raise TypeError(
                f"{name} holds numbers alone, but {type(self).__name__} was fitted with "
                f"{text.kind} in {text.name}."
            )

    def _read_table(self, X: Any, name: str, *, reset: bool) -> Ragged:
        """Read one channel from a 2-D array or a frame of single numbers."""
        if reset or self._fitted_form == "table":
            X = validate_data(
                self,
                X,
                reset=reset,
                dtype=[np.float32, np.float64],
                ensure_all_finite=False,
            )
        table = checked_numbers(np.asarray(X), name)
        cube = table[:, None] if self._rows_are_steps else table[:, :, None]
        sequences = Ragged.from_rectangular(cube)
        check_sequences(sequences, name)
        return sequences

    def _matched(self, X: Columns, name: str, *, reset: bool) -> Columns:
        """Return the columns in the order of ``fit``; scikit-learn refuses other columns."""
        if X.names is None:
            return X
        if not reset:
            if not self._column_names and not hasattr(self, "feature_names_in_"):
                return X
            if set(X.names) == set(self._column_names):
                return X.select(self._column_names)
        names: Any = X.names
        stand_in = pd.DataFrame(columns=pd.Index(names, dtype=object))
        validate_data(self, stand_in, reset=reset, skip_check_array=True)
        return X
