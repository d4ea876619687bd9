"""Training rows as a multiset: a weight of k is the same as k equal rows, and order is nothing.

scikit-learn asks that an integer sample weight equals repeating the row and that a weight of zero
equals leaving it out. For a network trained on shuffled mini-batches that holds bit for bit only if
both ways lead to the same list of rows in the same order. So equal rows are merged, their weights
are added, and the rows are put in an order that depends on their content alone; a row of weight k
then stands k times in an epoch. As a by-product the order in which rows were passed does not change
the fitted model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from sklearn_rnn.data.inputs import Inputs
from sklearn_rnn.data.ragged import Ragged

_MAX_MEAN_COPIES = 4.0


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """Which rows to train on, how often each, and with what weight.

    Attributes
    ----------
    rows : ndarray of shape (n_unique,), int64
        A row of X for each distinct training row, in canonical order.
    weight : ndarray of shape (n_unique,), float64
        The total weight of the rows equal to it.
    copies : ndarray of shape (n_unique,), int64
        How often it stands in an epoch.
    x_group : ndarray of shape (n_unique,), int64
        Equal for rows with equal sequences, whatever their y.
    hashes : ndarray of shape (n_unique,), uint64
        Of all that a row holds.
    """

    rows: np.ndarray
    weight: np.ndarray
    copies: np.ndarray
    x_group: np.ndarray
    hashes: np.ndarray

    def take(self, chosen: np.ndarray) -> TrainingRows:
        """Return the chosen ones (a mask or places), in the same order."""
        return TrainingRows(
            self.rows[chosen],
            self.weight[chosen],
            self.copies[chosen],
            self.x_group[chosen],
            self.hashes[chosen],
        )

    def fingerprint(self) -> str:
        """Return a hash of all rows and their weights, whatever order they were passed in."""
        digest = hashlib.sha256()
        for array in (self.hashes, self.weight, self.copies):
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def canonical_rows(
    inputs: Inputs,
    target: np.ndarray,
    weight: np.ndarray,
    group: np.ndarray | None = None,
    *,
    target_offsets: np.ndarray | None = None,
    entry_weight: np.ndarray | None = None,
) -> TrainingRows:
    """Merge equal rows and order them by content.

    A total weight is a count of copies up to a mean of 4 over the merged rows. Larger ones are
    scaled down to that mean: beyond it only their ratios matter, or an epoch would be too long.

    Parameters
    ----------
    inputs : Inputs of n_samples
    target : ndarray, one row a sample, or one row an entry of its sequence
        The encoded y.
    weight : ndarray of shape (n_samples,)
        Not negative; rows of weight 0 are left out.
    group : ndarray of shape (n_samples,), optional
        Rows of different groups are not merged.
    target_offsets : ndarray of shape (n_samples + 1,), optional
        Where each sample's entries of the target begin, if it is a sequence.
    entry_weight : ndarray of shape (n_entries,), optional
        Rows whose entries have different weights are not merged.
    """
    if entry_weight is not None and (entry_weight != 1).any():
        target = np.column_stack([target, entry_weight])
    kept = np.flatnonzero(weight > 0)
    x_hash = hash_samples(inputs)[kept]
    row_hash = _mix(x_hash ^ _hash_targets(target, target_offsets)[kept])
    if group is not None:
        row_hash = _mix(row_hash ^ _hash_columns(group)[kept])
    hashes, first, inverse = np.unique(row_hash, return_index=True, return_inverse=True)
    total = _sums(inverse, weight[kept])
    total *= min(1.0, _MAX_MEAN_COPIES / total.mean())
    copies = np.maximum(np.rint(total), 1).astype(np.int64)
    _, x_group = np.unique(x_hash[first], return_inverse=True)
    return TrainingRows(kept[first], total, copies, x_group, hashes)


def _sums(inverse: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Add up the weights of equal rows, the smallest first: a sum depends on the order."""
    order = np.lexsort((weight, inverse))
    return np.bincount(inverse[order], weights=weight[order])


def hash_samples(inputs: Inputs) -> np.ndarray:
    """Return a 64-bit hash of all that is read of each sample, uint64."""
    hashes = hash_sequences(inputs.sequences)
    if inputs.static is None:
        return hashes
    return _mix(hashes ^ _apart(hash_sequences(inputs.static)))


def _hash_targets(target: np.ndarray, offsets: np.ndarray | None) -> np.ndarray:
    if offsets is None:
        return _hash_columns(target)
    columns = _words(target)
    entries = Ragged.from_lengths(columns, np.diff(offsets))
    return _apart(_hash_steps(entries, lambda steps: columns[steps].T))


def _apart(hashes: np.ndarray) -> np.ndarray:
    """Mix hashes that will be joined with some of the same kind: equal ones would cancel out."""
    return _mix(hashes)


def hash_sequences(sequences: Ragged) -> np.ndarray:
    """Return a 64-bit hash of each sequence's length, values and their places, uint64.

    All in numpy, some rows and one channel at a time, so that little extra memory is taken.
    """

    def words(steps: slice) -> Iterator[np.ndarray]:
        for channel in range(sequences.n_channels):
            numbers = sequences.values[steps, channel] + np.float32(0)  # no minus zero
            numbers[np.isnan(numbers)] = np.nan  # which has many bit patterns
            yield numbers.view(np.uint32).astype(np.uint64)
        for channel, vocabulary in enumerate(sequences.vocabularies):
            yield vocabulary.hashes[sequences.codes[steps, channel]]

    return _hash_steps(sequences, words)


def _hash_steps(sequences: Ragged, words: Callable[[slice], Iterable[np.ndarray]]) -> np.ndarray:
    """Hash what words returns for a range of steps, an array of uint64 a channel."""
    lengths = sequences.lengths
    hashed = np.zeros(len(sequences), dtype=np.uint64)
    for rows in sequences.row_chunks():
        begin, end = sequences.offsets[rows[0]], sequences.offsets[rows[-1] + 1]
        starts = sequences.offsets[rows] - begin
        place = np.arange(end - begin, dtype=np.uint64)
        place -= np.repeat(starts.astype(np.uint64), lengths[rows])
        step_hash = _mix(place + np.uint64(1))
        for word in words(slice(begin, end)):
            step_hash = _mix(step_hash ^ word)
        has_steps = lengths[rows] > 0
        hashed[rows[has_steps]] = np.add.reduceat(step_hash, starts[has_steps])
    return _mix(hashed ^ lengths.astype(np.uint64))


def _hash_columns(array: np.ndarray) -> np.ndarray:
    hashed = np.zeros(len(array), dtype=np.uint64)
    for column in _words(array).T:
        hashed = _mix(hashed ^ column)
    return hashed


def _words(array: np.ndarray) -> np.ndarray:
    """Return numbers, one row an entry, as 64-bit words; equal numbers are equal words."""
    numbers = np.ascontiguousarray(array.reshape(len(array), -1).astype(np.float64)) + 0.0
    numbers[np.isnan(numbers)] = np.nan
    return numbers.view(np.uint64)


def _mix(x: np.ndarray) -> np.ndarray:
    """Scramble each 64-bit number (the finalizer of splitmix64, Steele et al. 2014)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
