"""The one internal form of sequence data: flat values and offsets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sklearn_rnn.data.vocabulary import Vocabulary

_CHUNK = 1 << 16
"""Steps looked at together by what passes over all data: bounds its extra memory."""


@dataclass(frozen=True, slots=True)
class Ragged:
    """Sequences of different lengths, laid end to end.

    Sample ``i`` is ``values[offsets[i]:offsets[i + 1]]``.

    Parameters
    ----------
    values : ndarray of shape (total_steps, n_channels), float32
        The steps of all sequences, one after another: their numbers.
    offsets : ndarray of shape (n_samples + 1,), int64
        Where each sequence begins and, as the last entry, where all end.
    codes : ndarray of shape (total_steps, n_categorical), int32
        The categories of the steps.
    vocabularies : tuple of Vocabulary, one a categorical channel
    """

    values: np.ndarray
    offsets: np.ndarray
    codes: np.ndarray
    vocabularies: tuple[Vocabulary, ...] = ()

    @classmethod
    def from_lengths(
        cls,
        values: np.ndarray,
        lengths: np.ndarray,
        codes: np.ndarray | None = None,
        vocabularies: tuple[Vocabulary, ...] = (),
    ) -> Ragged:
        """Build from the steps laid end to end and the length of each sequence."""
        offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
        np.cumsum(lengths, out=offsets[1:])
        if codes is None:
            codes = np.empty((len(values), 0), dtype=np.int32)
        return cls(values, offsets, codes, vocabularies)

    @classmethod
    def from_rectangular(cls, array: np.ndarray) -> Ragged:
        """Build from shape (n_samples, n_steps, n_channels), without a copy if float32."""
        n_samples, n_steps, n_channels = array.shape
        if array.dtype.kind in "iu":  # rounded as they are where one among them is missing
            array = array.astype(np.float64)
        with np.errstate(over="ignore"):  # the reader reports what float32 can't hold
            values = np.ascontiguousarray(array, dtype=np.float32)
        return cls(
            values.reshape(n_samples * n_steps, n_channels),
            np.arange(n_samples + 1, dtype=np.int64) * n_steps,
            np.empty((n_samples * n_steps, 0), dtype=np.int32),
        )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def n_channels(self) -> int:
        """Numbers a step."""
        return self.values.shape[1]

    @property
    def n_categorical(self) -> int:
        """Categories a step."""
        return len(self.vocabularies)

    @property
    def lengths(self) -> np.ndarray:
        """Number of steps of each sequence, shape (n_samples,)."""
        return np.diff(self.offsets)

    def row_of_step(self, step: int) -> tuple[int, int]:
        """Return the sample a flat step belongs to, and its place in that sample."""
        row = int(np.searchsorted(self.offsets, step, side="right")) - 1
        return row, int(step - self.offsets[row])

    def steps_of(self, rows: np.ndarray) -> np.ndarray:
        """Return the flat places of all steps of these samples, one sample after another."""
        return places_of(self.offsets, rows)

    def row_chunks(self, rows: np.ndarray | None = None) -> Iterator[np.ndarray]:
        """Yield the samples, or some of them, a few at a time: about 65,536 steps."""
        rows = np.arange(len(self)) if rows is None else rows
        chunk_of_row = np.cumsum(self.lengths[rows]) // _CHUNK
        yield from np.split(rows, np.flatnonzero(np.diff(chunk_of_row)) + 1)


def places_of(offsets: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the flat places of all steps of some samples, one sample after another."""
    lengths = np.diff(offsets)[rows]
    ends = np.cumsum(lengths)
    shift = offsets[:-1][rows] - (ends - lengths)
    return np.repeat(shift, lengths) + np.arange(ends[-1] if len(ends) else 0)


def in_rows(flat: np.ndarray, lengths: np.ndarray, *, as_one_array: bool) -> np.ndarray:
    """Cut what is laid end to end into one entry a sample, or one array if asked and possible."""
    if as_one_array and (lengths == lengths[0]).all():
        return flat.reshape(len(lengths), lengths[0], *flat.shape[1:])
    return split_at(flat, lengths)


def split_at(flat: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Cut what is laid end to end into a 1-D object array of one array a sample."""
    cut = np.empty(len(lengths), dtype=object)
    ends = np.cumsum(lengths).tolist()
    for row, (begin, end) in enumerate(zip([0, *ends], ends, strict=False)):
        cut[row] = flat[begin:end]
    return cut
