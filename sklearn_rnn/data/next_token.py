"""Sequences of tokens <-> what a language model reads and foretells.

It reads a start and then each token, and foretells at each of these steps the token that comes
next, after the last one the end. Where training had tokens that are rarer than ``min_frequency``,
"unknown" is foretold too.
"""

from __future__ import annotations

from typing import Self

import numpy as np

from sklearn_rnn.data.inputs import Inputs
from sklearn_rnn.data.ragged import Ragged
from sklearn_rnn.data.step_targets import NO_LABEL, StepClassTarget
from sklearn_rnn.data.tokens import Tokens
from sklearn_rnn.data.vocabulary import FIRST, NULL, UNSEEN, Vocabulary

START = NULL
"""Code of what is read before the first token: there, a token is missing."""


class NextTokenTarget(StepClassTarget):
    """The next token, or the end.

    Parameters
    ----------
    vocabulary : Vocabulary
        The tokens. The one at place i is class i and has the code ``FIRST + i``.
    are_whole : bool
        Whether tokens are whole numbers.
    has_unknown : bool
        Whether "unknown" is a class, behind the tokens.
    n_entries : float
        Tokens and ends in training.
    longest : int
        Most tokens of a sequence in training.
    """

    loss = "negative_log_likelihood"
    feeds_network = True

    def __init__(
        self,
        vocabulary: Vocabulary,
        are_whole: bool,
        has_unknown: bool,
        n_entries: float,
        longest: int,
    ) -> None:
        categories = vocabulary.categories.to_numpy(zero_copy_only=False)
        if categories.dtype == object:
            categories = categories.astype(str)
        super().__init__(categories.astype(np.int64) if are_whole else categories)
        self.vocabulary = vocabulary
        self.has_unknown = has_unknown
        self.longest = longest
        self.n_outputs = len(categories) + has_unknown + 1
        self.log_unseen = -np.log(n_entries + 1)

    @property
    def end(self) -> int:
        """The class of the end, the last."""
        return self.n_outputs - 1

    @property
    def code_of_class(self) -> np.ndarray:
        """What is read where a class was written, (n_classes,), int64; nothing is after the end."""
        tokens = np.arange(len(self.classes)) + FIRST
        return np.concatenate([tokens, [UNSEEN] * self.has_unknown, [START]]).astype(np.int64)

    @classmethod
    def of_tokens(cls, tokens: Tokens, weight: np.ndarray, min_frequency: int) -> Self:
        """Take the vocabulary from the sequences of which each counts with its weight.

        Raises
        ------
        ValueError
            If no token is left.
        """
        learned = tokens.leaf.vocabulary()
        codes = tokens.leaf.codes(learned) - FIRST
        of_tokens = np.repeat(weight, tokens.lengths)
        counts = np.bincount(codes, weights=of_tokens, minlength=len(learned) - FIRST)
        kept = np.flatnonzero(counts >= min_frequency) if min_frequency > 1 else counts.nonzero()[0]
        if len(kept) == 0:
            raise ValueError(
                f"X has no token that occurs {min_frequency} time(s), 'min_frequency', or more. "
                "Pass longer sequences."
            )
        return cls(
            Vocabulary(learned.categories.take(kept)),
            tokens.are_whole,
            bool(len(kept) < np.count_nonzero(counts)),
            float(of_tokens.sum() + weight.sum()),
            int(tokens.lengths[weight > 0].max()),
        )

    def codes_of(self, tokens: Tokens) -> np.ndarray:
        """Return the codes of tokens, those not known as ``UNSEEN``."""
        return tokens.leaf.codes(self.vocabulary)

    def inputs(self, tokens: Tokens) -> Inputs:
        """Return what is read: a start and the tokens of each sequence."""
        begins = np.cumsum(tokens.lengths) - tokens.lengths
        codes = np.insert(self.codes_of(tokens), begins, START)[:, None]
        values = np.empty((len(codes), 0), dtype=np.float32)
        return Inputs(Ragged.from_lengths(values, tokens.lengths + 1, codes, (self.vocabulary,)))

    def next_of(self, inputs: Inputs) -> np.ndarray:
        """Return the class that follows each step of what is read, int64, -1 if it has none."""
        sequences = inputs.sequences
        following = np.roll(sequences.codes[:, 0], -1).astype(np.int64) - FIRST
        following[following == UNSEEN - FIRST] = self.end - 1 if self.has_unknown else NO_LABEL
        following[sequences.offsets[1:] - 1] = self.end
        return following

    def score(self, outputs: np.ndarray, encoded: np.ndarray) -> float:
        """Return the mean log-likelihood."""
        return float(outputs.mean())


def in_windows(inputs: Inputs, longest: int) -> tuple[Inputs, np.ndarray]:
    """Cut what is read into windows of at most ``longest`` steps, of a sequence as even as can be.

    Returns
    -------
    windows : Inputs of n_windows
        Of the same memory.
    rows : ndarray of shape (n_windows,)
        The sequence that each window is of.
    """
    sequences = inputs.sequences
    n_windows = -(-sequences.lengths // longest)
    rows = np.repeat(np.arange(len(sequences)), n_windows)
    place = np.arange(len(rows)) - np.repeat(np.cumsum(n_windows) - n_windows, n_windows)
    begins = sequences.offsets[rows] + place * sequences.lengths[rows] // n_windows[rows]
    offsets = np.append(begins, sequences.offsets[-1])
    cut = Ragged(sequences.values, offsets, sequences.codes, sequences.vocabularies)
    return Inputs(cut), rows
