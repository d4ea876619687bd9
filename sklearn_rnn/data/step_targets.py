"""y with one entry a step <-> tensors. Steps without an entry are left out of everything."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd

from sklearn_rnn.data.targets import ClassTarget, NumberTarget, class_indices

NO_LABEL = -1
"""Code of a step without a label."""


class StepClassTarget(ClassTarget):
    """One label a step, or None."""

    loss = "step_cross_entropy"
    per_step = True

    @staticmethod
    def check(y: np.ndarray, name: str = "y") -> np.ndarray:
        """Return y of shape (n_steps,), its labels brought to their common type.

        Raises
        ------
        ValueError, TypeError
            As :meth:`ClassTarget.check`, and if no step has a label.
        """
        if y.ndim > 1 and y.shape[1] == 1:
            y = y[:, 0]
        if y.ndim > 1:
            raise ValueError(f"{name} must have one label a step. Got {y.shape[1]} instead.")
        missing = pd.isna(y)
        if missing.all():
            raise ValueError(f"No step of {name} has a label.")
        if not missing.any():
            return ClassTarget.check(y, name)
        checked = np.full(len(y), None, dtype=object)
        checked[~missing] = ClassTarget.check(y[~missing], name)
        return checked

    @classmethod
    def from_y(cls, y: np.ndarray) -> Self:
        """Take the classes from the labels that are there."""
        return super().from_y(_present(y))

    def read(self, y: np.ndarray, name: str = "y") -> np.ndarray:
        """Return class indices, shape (n_steps,), -1 for none."""
        labelled = np.flatnonzero(~pd.isna(y))

        def where(entry: int) -> str:
            return f"at step {labelled[entry]} of all, one sequence behind the other"

        codes = np.full(len(y), NO_LABEL, dtype=np.int64)
        codes[labelled] = class_indices(_present(y), self.classes, name, where)
        return codes

    def fit(self, numbers: np.ndarray, weight: np.ndarray) -> None:
        """Start at the log-shares of the classes."""
        known = self.known(numbers)
        super().fit(numbers[known], weight[known])

    def known(self, encoded: np.ndarray) -> np.ndarray:
        """Return which steps have a label."""
        return encoded != NO_LABEL

    def strata(self, numbers: np.ndarray) -> None:
        """Return None: a sequence has no class."""
        return None


class StepNumberTarget(NumberTarget):
    """One or several numbers a step, or NaN."""

    loss = "step_squared_error"
    per_step = True

    @staticmethod
    def check(y: np.ndarray, name: str = "y") -> np.ndarray:
        """Return y as float64, of shape (n_steps,) or (n_steps, n_outputs), NaN where unknown.

        Raises
        ------
        ValueError, TypeError
            As :meth:`NumberTarget.check`, and if no step has a number.
        """
        missing = pd.isna(y).reshape(len(y), -1).any(axis=1)
        if missing.all():
            raise ValueError(f"No step of {name} has a number.")
        if not missing.any():
            return NumberTarget.check(y, name)
        known = NumberTarget.check(y[~missing], name)
        checked = np.full((len(y), *known.shape[1:]), np.nan)
        checked[~missing] = known
        return checked

    def fit(self, numbers: np.ndarray, weight: np.ndarray) -> None:
        """Learn mean and standard deviation of each output."""
        known = self.known(numbers)
        super().fit(numbers[known], weight[known])

    def known(self, encoded: np.ndarray) -> np.ndarray:
        """Return which steps have numbers."""
        return ~np.isnan(encoded).any(axis=1)


def _present(y: np.ndarray) -> np.ndarray:
    """Return the labels that are there, of their own type."""
    present = y[~pd.isna(y)]
    return pd.Series(present).infer_objects().to_numpy() if present.dtype == object else present
