"""Mean, spread, smoothness and gaps of the channels, from the training rows alone."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from sklearn_rnn.data.canonical import TrainingRows
from sklearn_rnn.data.ragged import Ragged

SMOOTH = 1 / 8
"""A channel is smooth whose changes from step to step are at most so much of its spread: its
numbers hardly differ from their neighbours. Measured on curves, see ``docs/defaults.rst``."""


@dataclass(frozen=True, slots=True)
class ChannelStatistics:
    """What the network needs to know of each channel before it sees a step.

    Attributes
    ----------
    mean, scale : ndarray of shape (n_channels,), float64
        Over the steps that are not missing; scale is 1 for a constant channel.
    has_missing : ndarray of shape (n_channels,), bool
        Whether any training step lacks the number.
    std : ndarray of shape (n_channels,), float64
        Standard deviation; 0 for a constant channel.
    """

    mean: np.ndarray
    scale: np.ndarray
    has_missing: np.ndarray
    std: np.ndarray

    def unscaled(self) -> ChannelStatistics:
        """Return mean 0 and scale 1: the numbers are left as they are."""
        return replace(self, mean=np.zeros_like(self.mean), scale=np.ones_like(self.scale))


def channel_statistics(
    sequences: Ragged, training: TrainingRows, what: str = "Channel"
) -> ChannelStatistics:
    """Return weighted statistics of the training rows, in two passes of bounded memory.

    A row of weight 2 counts as two rows; a longer sequence counts with each of its steps. Messages
    call a channel by the word given.
    """
    count = np.zeros(sequences.n_channels)
    total = np.zeros(sequences.n_channels)
    squares = np.zeros(sequences.n_channels)
    has_missing = np.zeros(sequences.n_channels, dtype=bool)
    for values, weight in _chunks(sequences, training):
        missing = np.isnan(values)
        if missing.any():
            has_missing |= missing.any(axis=0)
            values[missing] = 0.0
            count -= weight @ missing
        count += weight.sum()
        total += weight @ values
    mean = total / np.where(count > 0, count, 1.0)
    for values, weight in _chunks(sequences, training):
        values -= mean
        if has_missing.any():
            np.nan_to_num(values, copy=False)
        squares += weight @ np.square(values, out=values)
    std = np.sqrt(squares / np.where(count > 0, count, 1.0))
    std = np.where(std <= 1e-12 * np.abs(mean), 0.0, std)  # constant but for rounding
    scale = np.where(std == 0, 1.0, std)
    _warn_of_lost_digits(mean, std, what)
    return ChannelStatistics(mean, scale, has_missing, std)


def step_sizes(sequences: Ragged, training: TrainingRows) -> np.ndarray:
    """Return how much each channel changes from one step to the next in the training rows.

    Returns
    -------
    ndarray of shape (n_channels,), float64
        The root mean square of the changes, weighted as in :func:`channel_statistics`; 0 for a
        channel that never changes, or that has no two steps in a row.
    """
    is_first = np.zeros(len(sequences.values), dtype=bool)
    is_first[sequences.offsets[:-1][sequences.lengths > 0]] = True
    weight_of_row = _weight_of_row(sequences, training)
    count = np.zeros(sequences.n_channels)
    squares = np.zeros(sequences.n_channels)
    for rows in sequences.row_chunks(training.rows):
        steps = sequences.steps_of(rows)
        changes = np.diff(sequences.values[steps].astype(np.float64), axis=0)
        weight = np.repeat(weight_of_row[rows], sequences.lengths[rows])[1:]
        weight = weight * ~is_first[steps][1:]
        count += weight @ ~np.isnan(changes)
        squares += weight @ np.square(np.nan_to_num(changes, copy=False))
    return np.sqrt(squares / np.where(count > 0, count, 1.0))


def smooth_channels(sizes: np.ndarray, statistics: ChannelStatistics) -> np.ndarray:
    """Tell which channels change by little from step to step, beside their spread."""
    return (sizes > 0) & (sizes <= SMOOTH * statistics.std)


def category_counts(sequences: Ragged, training: TrainingRows) -> list[np.ndarray]:
    """Return how often each code stands in an epoch, an array a categorical channel."""
    copies = np.zeros(len(sequences), dtype=np.int64)
    copies[training.rows] = training.copies
    of_steps = np.repeat(copies, sequences.lengths)
    return [
        np.bincount(sequences.codes[:, i], weights=of_steps, minlength=len(vocabulary))
        for i, vocabulary in enumerate(sequences.vocabularies)
    ]


def _warn_of_lost_digits(mean: np.ndarray, std: np.ndarray, what: str) -> None:
    """Warn of a channel whose offset leaves float32 few digits for what varies.

    One that is constant is warned of only where float32 does not resolve integers.
    """
    digit = np.spacing(np.abs(mean).astype(np.float32))
    coarse = np.flatnonzero(np.where(std > 0, std < 16 * digit, digit > 1))
    for channel in coarse:
        seen = (
            f"{what} {channel} of X varies by {std[channel]:.3g} around {mean[channel]:.3g}, which"
        )
        if std[channel] == 0:
            seen = f"{what} {channel} of X is {mean[channel]:.3g} everywhere. If it varies,"
        warnings.warn(
            f"{seen} float32 hardly resolves. Subtract an offset from it, such as its first value.",
            UserWarning,
            stacklevel=2,
        )


def _chunks(sequences: Ragged, training: TrainingRows) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the steps (float64) of some rows at a time and the weight of each step."""
    weight_of_row = _weight_of_row(sequences, training)
    for rows in sequences.row_chunks(training.rows):
        weight = np.repeat(weight_of_row[rows], sequences.lengths[rows])
        yield sequences.values[sequences.steps_of(rows)].astype(np.float64), weight


def _weight_of_row(sequences: Ragged, training: TrainingRows) -> np.ndarray:
    weight = np.zeros(len(sequences))
    weight[training.rows] = training.weight
    return weight
