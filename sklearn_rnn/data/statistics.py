"""Mean, spread and missingness of the channels, from the training rows alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from sklearn_rnn.data.canonical import TrainingRows
from sklearn_rnn.data.ragged import Ragged

_CHUNK = 1 << 16  # steps looked at together: bounds the float64 copy


@dataclass(frozen=True, slots=True)
class ChannelStatistics:
    """What the network needs to know of each channel before it sees a step.

    Attributes
    ----------
    mean, scale : ndarray of shape (n_channels,), float64
        Over the steps that are not missing; scale is 1 for a constant channel.
    has_missing : ndarray of shape (n_channels,), bool
        Whether any training step lacks the number.
    """

    mean: np.ndarray
    scale: np.ndarray
    has_missing: np.ndarray

    def unscaled(self) -> ChannelStatistics:
        """Return mean 0 and scale 1: the numbers are left as they are."""
        return replace(self, mean=np.zeros_like(self.mean), scale=np.ones_like(self.scale))


def channel_statistics(sequences: Ragged, training: TrainingRows) -> ChannelStatistics:
    """Return weighted statistics of the training rows, in two passes of bounded memory.

    A row of weight 2 counts as two rows; a longer sequence counts with each of its steps.
    """
    count = np.zeros(sequences.n_channels)
    total = np.zeros(sequences.n_channels)
    squares = np.zeros(sequences.n_channels)
    has_missing = np.zeros(sequences.n_channels, dtype=bool)
    for values, weight in _chunks(sequences, training):
        present = ~np.isnan(values)
        has_missing |= ~present.all(axis=0)
        count += weight @ present
        total += weight @ np.where(present, values, 0.0)
    mean = total / np.where(count > 0, count, 1.0)
    for values, weight in _chunks(sequences, training):
        squares += weight @ np.nan_to_num(values - mean) ** 2
    scale = np.sqrt(squares / np.where(count > 0, count, 1.0))
    # Rounding to float32 leaves a constant channel a spread of about 1e-7 of its mean.
    scale[scale <= 1e-6 * np.abs(mean)] = 1.0
    scale[scale == 0] = 1.0
    return ChannelStatistics(mean, scale, has_missing)


def _chunks(sequences: Ragged, training: TrainingRows) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the steps (float64) of some rows at a time and the weight of each step."""
    lengths = sequences.lengths[training.rows]
    chunk_of_row = np.cumsum(lengths) // _CHUNK
    starts = np.flatnonzero(np.diff(chunk_of_row, prepend=-1))
    for chosen in np.split(np.arange(len(lengths)), starts[1:]):
        steps = sequences.steps_of(training.rows[chosen])
        weight = np.repeat(training.weight[chosen], lengths[chosen])
        yield sequences.values[steps].astype(np.float64), weight
