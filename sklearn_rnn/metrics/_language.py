"""How well a language model foretells sequences."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_rnn.data.per_sample import read_weight
from sklearn_rnn.data.reading import NUMERIC_KINDS
from sklearn_rnn.data.sequence_y import read_sequences

_ROUNDING = 1e-6


def bits_per_token(log_likelihood: Any, n_tokens: Any, *, sample_weight: Any = None) -> float:
    """Return how many bits a model needs for a token, its cross-entropy to base 2.

    With characters as tokens this is "bits per character". ``2 ** bits`` is the perplexity: among
    how many equally likely tokens the model is in doubt.

    Parameters
    ----------
    log_likelihood : array-like of shape (n_samples,)
        The natural logarithm of each sequence's probability, summed over its tokens, as
        ``score_samples`` returns it.
    n_tokens : array-like of int of shape (n_samples,), or the sequences
        How many tokens each of them covers. Of sequences (texts, lists, arrays, a list column) it
        is the length; where the model also foretells their end, pass ``lengths + 1``.
    sample_weight : array-like of shape (n_samples,), default=None
        Of the bits and the tokens of a sequence.

    Returns
    -------
    float
        All bits by all tokens, the lower the better; infinite if a sequence was held impossible.

    Raises
    ------
    ValueError
        If there are not as many numbers as sequences, a log-likelihood is NaN or above 0, a number
        of tokens is negative or no whole number, or there are no tokens.
    TypeError
        If log_likelihood does not hold numbers.

    Examples
    --------
    A model that finds each of four letters equally likely needs two bits a letter:

    >>> import numpy as np
    >>> from sklearn_rnn.metrics import bits_per_token
    >>> texts = ["abba", "cd"]
    >>> bits_per_token([4 * np.log(1 / 4), 2 * np.log(1 / 4)], texts)
    2.0
    """
    numbers = np.asarray(log_likelihood)
    if numbers.dtype.kind not in NUMERIC_KINDS or numbers.ndim != 1:
        raise TypeError(
            "log_likelihood must hold one number a sequence. Got an array of "
            f"dtype {numbers.dtype} and shape {numbers.shape} instead."
        )
    numbers = numbers.astype(np.float64)
    odd = np.flatnonzero(~(numbers <= _ROUNDING))
    if len(odd):
        raise ValueError(
            "log_likelihood must hold logarithms of probabilities, numbers up to 0. Got "
            f"{numbers[odd[0]]} in row {odd[0]}; of a loss pass '-loss'."
        )
    counts = _counts(n_tokens)
    if len(counts) != len(numbers):
        raise ValueError(
            f"log_likelihood has {len(numbers)} number(s), n_tokens has {len(counts)}. One each a "
            "sequence is needed."
        )
    weight = read_weight(sample_weight, len(numbers))
    total = weight @ counts
    if total == 0:
        raise ValueError("There are no tokens to divide the bits by: n_tokens are 0 in all.")
    weighed = weight > 0  # lest 0 * -inf be NaN
    return float(-(weight[weighed] @ numbers[weighed]) / np.log(2) / total)


def _counts(n_tokens: Any) -> np.ndarray:
    # of a list the first entry tells: the others may be arrays of other lengths
    first = n_tokens[:1] if isinstance(n_tokens, list | tuple) else n_tokens
    array = np.asarray(first)
    if array.ndim != 1 or array.dtype.kind not in "iuf":
        return read_sequences(n_tokens, "n_tokens", texts=True).lengths
    counts = np.asarray(n_tokens, dtype=np.float64)
    odd = np.flatnonzero(~((counts >= 0) & (counts % 1 == 0)))
    if len(odd):
        raise ValueError(
            "n_tokens must hold whole numbers >= 0, or the sequences. Got "
            f"{counts[odd[0]]} in row {odd[0]}."
        )
    return counts.astype(np.int64)
