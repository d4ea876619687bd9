"""y that is a sequence of another length than X <-> tensors.

Where training targets differ in length, the end is learned: as one more token behind each sequence,
or, with numbers, as one more output that marks the last step. Where all have one length, answers
have it too.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd

from sklearn_rnn.data.sequence_y import Sequences
from sklearn_rnn.data.targets import ClassTarget, LabelError, NumberTarget


def common_length(answers: Sequences) -> int | None:
    """Return the length of all answers, or None where lengths differ."""
    lengths = answers.lengths
    return int(lengths[0]) if (lengths == lengths[0]).all() else None


def check_steps(answers: Sequences, name: str) -> None:
    """Raise ValueError that names a row without entries, or one that lacks a finite entry."""
    empty = np.flatnonzero(answers.lengths == 0)
    if len(empty):
        raise ValueError(
            f"Row {empty[0]} of {name} has no entries ({len(empty)} such row(s)). Each sequence to "
            "be learned needs one at least; drop these rows."
        )
    missing = pd.isna(answers.values).reshape(len(answers.values), -1).any(axis=1)
    if missing.any():
        row, step = answers.place_of(int(missing.argmax()))
        raise ValueError(
            f"Row {row} of {name} lacks its entry {step}, it contains NaN or None "
            f"({missing.sum()} such entries). Drop such rows, or fill the gaps."
        )
    if answers.values.dtype.kind == "f" and not np.isfinite(answers.values).all():
        is_finite = np.isfinite(answers.values).reshape(len(answers.values), -1).all(axis=1)
        row, step = answers.place_of(int(is_finite.argmin()))
        raise ValueError(f"Row {row} of {name} contains infinity in its entry {step}.")


def check_length(answers: Sequences, n_steps: int | None, name: str) -> None:
    """Raise ValueError if answers of one length are needed and one has another."""
    odd = np.flatnonzero(answers.lengths != n_steps)
    if n_steps is not None and len(odd):
        raise ValueError(
            f"Row {odd[0]} of {name} has {answers.lengths[odd[0]]} entries ({len(odd)} such "
            f"row(s)), but the model was fitted on sequences of {n_steps} alone and has learned no "
            "end. Fit anew with sequences of different lengths."
        )


class TokenSequenceTarget(ClassTarget):
    """A sequence of tokens.

    Parameters
    ----------
    classes : ndarray
        The tokens, sorted.
    n_steps : int or None
        Length of all answers; None if their end is learned, a class behind the others.
    """

    loss = "step_cross_entropy"
    per_step = True
    feeds_network = True

    def __init__(self, classes: np.ndarray, n_steps: int | None) -> None:
        super().__init__(classes)
        self.n_steps = n_steps
        self.n_outputs = len(classes) + self.ends

    @property
    def ends(self) -> bool:
        """Whether the end is learned."""
        return self.n_steps is None

    @staticmethod
    def check(y: Any, name: str = "y") -> Any:
        """Return the answers, their tokens brought to a common type.

        Raises
        ------
        ValueError, TypeError
            As :meth:`ClassTarget.check`; and if an answer has no tokens, or lacks one.
        """
        check_steps(y, name)
        values = y.values[:, 0] if y.values.ndim == 2 and y.values.shape[1] == 1 else y.values
        if values.ndim > 1:
            raise ValueError(f"{name} must have one token a step. Got {values.shape[1]} instead.")
        return Sequences(ClassTarget.check(values, name), y.lengths, y.is_null)

    @classmethod
    def from_y(cls, y: Any) -> Self:
        """Take the tokens from the answers.

        Raises
        ------
        LabelError
            If there is nothing to tell apart: one token, and one length.
        """
        classes, n_steps = np.unique(y.values), common_length(y)
        if len(classes) < 2 and n_steps is not None:
            raise LabelError(
                "The number of classes has to be greater than one; got 1 class: all of y is "
                f"{classes.tolist()[0]!r}. Pass rows of at least two tokens."
            )
        return cls(classes, n_steps)

    def read(self, y: Any, name: str = "y") -> np.ndarray:
        """Return the codes of all tokens, and of the end behind each answer if it is learned."""
        check_length(y, self.n_steps, name)
        codes = self.entries(y, name)
        if not self.ends:
            return codes
        return np.insert(codes, y.offsets[1:], len(self.classes))

    def entries(self, y: Sequences, name: str = "y") -> np.ndarray:
        """Return the codes of all tokens.

        Raises
        ------
        LabelError
            If one was not there in ``fit``.
        """
        codes = pd.Index(self.classes).get_indexer(pd.Index(y.values))
        if (codes < 0).any():
            step = int((codes < 0).argmax())
            row, place = y.place_of(step)
            raise LabelError(
                f"Row {row} of {name} has the token {y.values.tolist()[step]!r} in entry {place}, "
                f"which was not there in fit ({(codes < 0).sum()} such entries)."
            )
        return codes.astype(np.int64)

    def offsets(self, y: Sequences) -> np.ndarray:
        """Return where each answer begins in what :meth:`read` returned."""
        return np.concatenate([[0], np.cumsum(y.lengths + self.end_entries)])

    @property
    def end_entries(self) -> int:
        """Entries that :meth:`read` adds behind an answer."""
        return int(self.ends)

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """Return the tokens of codes."""
        return self.classes[outputs]

    def strata(self, numbers: np.ndarray) -> None:
        """Return None: a sequence has no class."""
        return None


class NumberSequenceTarget(NumberTarget):
    """A sequence of numbers, several at each step or one.

    Parameters
    ----------
    n_numbers : int
        At each step.
    one_dimensional : bool
        Whether predictions have no axis for them.
    n_steps : int or None
        Length of all answers; None if their end is learned, as an output behind the others.
    """

    per_step = True
    feeds_network = True
    end_entries = 0
    """Entries that :meth:`read` adds behind an answer: the end is one more output."""

    def __init__(self, n_numbers: int, one_dimensional: bool, n_steps: int | None) -> None:
        super().__init__(n_numbers, one_dimensional)
        self.n_numbers = n_numbers
        self.n_steps = n_steps
        self.n_outputs = n_numbers + self.ends

    @property
    def ends(self) -> bool:
        """Whether the end is learned."""
        return self.n_steps is None

    @property
    def loss(self) -> str:  # type: ignore[override]  # which loss depends on the answers seen
        """Name of the loss."""
        return "step_squared_error_and_end" if self.ends else "step_squared_error"

    @staticmethod
    def check(y: Any, name: str = "y") -> Any:
        """Return the answers as float64.

        Raises
        ------
        ValueError, TypeError
            As :meth:`NumberTarget.check`; and if an answer has no steps, or lacks a number.
        """
        check_steps(y, name)
        return Sequences(NumberTarget.check(y.values, name), y.lengths, y.is_null)

    @classmethod
    def from_y(cls, y: Any) -> Self:
        """Take the numbers at a step, and the length, from the answers."""
        n_numbers = 1 if y.values.ndim == 1 else y.values.shape[1]
        return cls(n_numbers, y.values.ndim == 1, common_length(y))

    def read(self, y: Any, name: str = "y") -> np.ndarray:
        """Return the numbers of all steps, beside them 1 at the last if the end is learned."""
        check_length(y, self.n_steps, name)
        numbers = y.values.reshape(len(y.values), -1)
        if numbers.shape[1] != self.n_numbers:
            raise ValueError(
                f"{name} has {numbers.shape[1]} number(s) a step, but the model was fitted with "
                f"{self.n_numbers}."
            )
        if not self.ends:
            return numbers
        is_last = np.zeros((len(numbers), 1))
        is_last[np.cumsum(y.lengths) - 1] = 1.0
        return np.hstack([numbers, is_last])

    def entries(self, y: Sequences, name: str = "y") -> np.ndarray:
        """Return encoded numbers."""
        return self.encode(self.read(y, name))

    def offsets(self, y: Sequences) -> np.ndarray:
        """Return where each answer begins in what :meth:`read` returned."""
        return y.offsets

    def fit(self, numbers: np.ndarray, weight: np.ndarray) -> None:
        """Learn mean and standard deviation of each output; start at the mean."""
        super().fit(numbers[:, : self.n_numbers], weight)
        self.initial_outputs = np.zeros(self.n_outputs)
        if self.ends:
            half = 0.5 / len(numbers)  # all may be last ones where longer answers are held out
            share = np.clip(np.average(numbers[:, -1], weights=weight), half, 1 - half)
            self.initial_outputs[-1] = np.log(share) - np.log1p(-share)

    def encode(self, numbers: np.ndarray) -> np.ndarray:
        """Return standardised numbers, float32, with the ends as they are."""
        encoded = super().encode(numbers[:, : self.n_numbers])
        return np.hstack([encoded, numbers[:, self.n_numbers :]]).astype(np.float32)

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """Return float64 numbers in y's units, shape (n_steps,) or (n_steps, n_numbers)."""
        return super().decode(outputs[:, : self.n_numbers])

    def score(self, outputs: np.ndarray, encoded: np.ndarray) -> float:
        """Return R squared, averaged over outputs; NaN for a single step."""
        return super().score(outputs[:, : self.n_numbers], encoded[:, : self.n_numbers])
