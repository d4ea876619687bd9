"""Texts and tokens as Python holds them -> codes, all at once.

A text is a sequence of its characters; a list of texts is a sequence of tokens.
"""

from __future__ import annotations

from itertools import chain

import numpy as np
import pyarrow as pa

from sklearn_rnn.data.cells import is_missing
from sklearn_rnn.data.leaves import Categories, Place


def read_texts(rows: list, place: Place) -> tuple[Categories, np.ndarray]:
    """Read texts or lists of texts.

    Returns
    -------
    leaf : Categories
    lengths : ndarray of shape (n_samples,), int64

    Raises
    ------
    ValueError
        If a row is missing.
    TypeError
        If a row or a token is no text.
    """
    missing = next((row for row, text in enumerate(rows) if text is None), None)
    if missing is not None:
        raise ValueError(f"Row {missing} of {place.name} has no text, it is None. Drop such rows.")
    are_texts = isinstance(rows[0], str)
    kinds = str if are_texts else list | tuple | np.ndarray
    odd = next((row for row, text in enumerate(rows) if not isinstance(text, kinds)), None)
    if odd is not None:
        wanted = "a text, as the first row is" if are_texts else "a list of texts"
        raise TypeError(f"Row {odd} of {place.name} must be {wanted}. Got {rows[odd]!r} instead.")
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    place = Place(place.name, place.path, lengths)
    values = _characters(rows) if are_texts else _tokens(rows, place)
    return Categories([values], place), lengths


def _characters(texts: list[str]) -> pa.Array:
    points = np.frombuffer("".join(texts).encode("utf-32-le", "replace"), dtype=np.uint32)
    place_of = np.zeros(points.max(initial=0) + 1, dtype=np.int32)
    place_of[points] = 1
    distinct = np.flatnonzero(place_of)
    place_of[distinct] = np.arange(len(distinct))
    characters = pa.array(list(map(chr, distinct.tolist())), type=pa.large_string())
    return pa.DictionaryArray.from_arrays(pa.array(place_of[points]), characters)


def _tokens(rows: list, place: Place) -> pa.Array:
    tokens = list(chain.from_iterable(rows))
    try:
        return pa.array(tokens, type=pa.large_string(), from_pandas=True)
    except (pa.ArrowException, TypeError):
        odd = next(i for i, t in enumerate(tokens) if not isinstance(t, str) and not is_missing(t))
        raise TypeError(
            f"{place.of_value(odd)} must be a text, as the first token is. Got {tokens[odd]!r} "
            "instead."
        ) from None
