"""Batches of sequences of like length, each gathered from the flat values in one step.

Nothing is done a sample at a time: a batch is an index of places, and one gather. Steps beyond a
sequence's end repeat its last step; nothing downstream may read them, and since they are real
numbers they can't overflow either.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from sklearn_rnn.data.inputs import Inputs
from sklearn_rnn.data.ragged import Ragged

POOL_BATCHES = 32
"""Training batches whose sequences are sorted by length together."""

PREDICTION_STEPS = 1 << 15
"""Padded steps of one prediction batch: bounds its memory."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded sequences.

    Attributes
    ----------
    values : Tensor of shape (batch, time, channels), float32
        A transposed view: in memory time comes first, as the recurrence reads it.
    lengths : Tensor of shape (batch,), int64
    codes : Tensor of shape (batch, time, n_categorical), int32, or None
        As values, a transposed view.
    static_values : Tensor of shape (batch, n_static), float32, or None
    static_codes : Tensor of shape (batch, n_static_categorical), int32, or None
    """

    values: Tensor
    lengths: Tensor
    codes: Tensor | None = None
    static_values: Tensor | None = None
    static_codes: Tensor | None = None

    def tensors(self) -> dict[str, Tensor]:
        """Return what there is, by name."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: tensor for name, tensor in named.items() if tensor is not None}


class StepPlaces:
    """Where the steps of sequences are that lie end to end on the device.

    Parameters
    ----------
    offsets : ndarray of shape (n_samples + 1,)
    device : torch.device
    """

    def __init__(self, offsets: np.ndarray, device: torch.device) -> None:
        self.offsets = offsets
        self.lengths = np.diff(offsets)
        self.is_one_sequence = len(self.lengths) == 1
        self.device = device

    @cached_property
    def _places(self) -> Tensor:
        """First place, last place and length of each sequence; some step for one without."""
        end = max(int(self.offsets[-1]), 1) - 1
        first = np.minimum(self.offsets[:-1], end)
        last = np.maximum(self.offsets[1:] - 1, first)
        return torch.from_numpy(np.stack([first, last, self.lengths], axis=1)).to(self.device)

    @cached_property
    def _time(self) -> Tensor:
        return torch.arange(rounded_length(self.lengths.max()), device=self.device)[:, None]

    def of(self, rows: np.ndarray, n_steps: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return samples, their lengths, and where their first steps are, (n_steps, n_samples).

        Behind the end of a sequence stands its last step again.
        """
        index = torch.from_numpy(rows).to(self.device)
        first, last, lengths = self._places.index_select(0, index).unbind(1)
        return index, lengths, (self._time[:n_steps] + first).clamp_(max=last)

    def batch_of(self, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        """Return which steps are inside, and places, of a batch that ends with the longest.

        Returns
        -------
        inside : Tensor of shape (batch, time), bool
            False behind the end of a sequence.
        places : Tensor of shape (batch, time)
        """
        n_steps = max(int(self.lengths[rows].max()), 1)
        _, lengths, places = self.of(rows, n_steps)
        return self._time[:n_steps].t() < lengths[:, None], places.t()


class RowTargets:
    """What the loss compares with, held on the device: one entry a sample."""

    def __init__(self, encoded: np.ndarray, device: torch.device) -> None:
        self._encoded = torch.from_numpy(np.ascontiguousarray(encoded)).to(device)

    def gather(self, rows: np.ndarray) -> Tensor:
        """Return the entries of these samples."""
        return self._encoded[torch.from_numpy(rows).to(self._encoded.device)]


class SequenceTargets:
    """What the loss compares with, held on the device: a sequence of entries a sample.

    Parameters
    ----------
    encoded : ndarray of n_entries
    weight : ndarray of shape (n_entries,)
        Of each entry in the loss of its sample; 0 for one that is not known.
    offsets : ndarray of shape (n_samples + 1,)
    device : torch.device
    """

    def __init__(
        self, encoded: np.ndarray, weight: np.ndarray, offsets: np.ndarray, device: torch.device
    ) -> None:
        self._encoded = torch.from_numpy(np.ascontiguousarray(encoded)).to(device)
        self._weight = torch.from_numpy(weight.astype(np.float32)).to(device)
        self._places = StepPlaces(offsets, device)
        self.lengths = self._places.lengths

    def gather(self, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        """Return the entries of these samples, (batch, time, ...), and weights, (batch, time).

        What stands behind the end is the last entry with a weight of 0.
        """
        inside, places = self._places.batch_of(rows)
        return self._encoded[places], self._weight[places] * inside


class DeviceInputs:
    """Inputs held once on the device, from which batches are gathered."""

    def __init__(self, inputs: Inputs, device: torch.device | str = "cpu") -> None:
        sequences, static = inputs.sequences, inputs.static
        self._values, self._codes = _on_device(sequences, device)
        self.steps: StepPlaces = StepPlaces(sequences.offsets, self._values.device)
        self.lengths = self.steps.lengths
        self._static_values: Tensor | None = None
        self._static_codes: Tensor | None = None
        if static is not None:
            self._static_values, self._static_codes = _on_device(static, device)

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def device(self) -> torch.device:
        """Where the batches are."""
        return self._values.device

    def gather(self, rows: np.ndarray) -> Batch:
        """Return these samples padded to a common, rounded length."""
        if self.steps.is_one_sequence and len(rows) == 1:  # to answer one sequence quickly
            return Batch(
                self._values[None],
                torch.from_numpy(self.lengths).to(self.device),
                None if self._codes is None else self._codes[None],
                self._static_values,
                self._static_codes,
            )
        n_steps = rounded_length(self.lengths[rows].max())
        index, lengths, places = self.steps.of(rows, n_steps)
        places = places.view(-1)

        def steps_of(x: Tensor) -> Tensor:
            return x.index_select(0, places).view(n_steps, len(rows), x.shape[1]).transpose(0, 1)

        return Batch(
            steps_of(self._values),
            lengths,
            None if self._codes is None else steps_of(self._codes),
            None if self._static_values is None else self._static_values.index_select(0, index),
            None if self._static_codes is None else self._static_codes.index_select(0, index),
        )


def _on_device(ragged: Ragged, device: torch.device | str) -> tuple[Tensor, Tensor | None]:
    """Return values, and codes if there are any; a step of nothing if there are no steps."""
    values, codes = ragged.values, ragged.codes
    if len(values) == 0:
        values, codes = (np.zeros((1, x.shape[1]), x.dtype) for x in (values, codes))
    if not values.flags.writeable:  # torch has no read-only tensors and would warn
        values = values.copy()
    on_device = torch.from_numpy(values).to(device)
    return on_device, torch.from_numpy(codes).to(device) if codes.shape[1] else None


def rounded_length(n_steps: int | np.integer) -> int:
    """Round up to one of few lengths: those up to 64, and beyond at most a thirty-second longer.

    The fused kernels prepare themselves for each length they have not met, half a millisecond each,
    and remember some hundreds.
    """
    n_steps = max(int(n_steps), 1)
    grain = 1 << max(n_steps.bit_length() - 6, 0)
    return -(-n_steps // grain) * grain


def shuffled_batches(
    rows: np.ndarray, lengths: np.ndarray, batch_size: int, generator: torch.Generator
) -> Iterator[np.ndarray]:
    """Yield the rows in batches of like length, in random order.

    The rows are shuffled and cut into pools of 32 batches; each pool is sorted by length and cut
    into batches. So a batch holds little padding and is still a random draw.

    Parameters
    ----------
    rows : ndarray of int
        Samples to draw; a sample may stand there several times.
    lengths : ndarray of shape (n_samples,)
    batch_size : int
        Sequences a batch, or fewer: the batches of a pool are of one size, but for one sequence.
    generator : torch.Generator
        Source of the order, moved once an epoch.
    """
    batches: list[np.ndarray] = []
    for pool in _sorted_pools(rows, lengths, POOL_BATCHES * batch_size, generator):
        batches += np.array_split(pool, -(-len(pool) // batch_size))
    for i in torch.randperm(len(batches), generator=generator, device="cpu").tolist():
        yield batches[i]


def batches_of_steps(
    rows: np.ndarray, lengths: np.ndarray, batch_steps: int, generator: torch.Generator
) -> Iterator[np.ndarray]:
    """Yield the rows in batches of like length and about as many steps each, in random order.

    As :func:`shuffled_batches`, but every other pool is sorted from long to short, so that
    sequences are of like length also where one pool ends and the next begins: batches are cut from
    all pools laid end to end. Their number is the same in each epoch.

    Parameters
    ----------
    rows : ndarray of int
        Samples to draw; a sample may stand there several times.
    lengths : ndarray of shape (n_samples,)
    batch_steps : int
        A batch has as many in the mean, padding left out, or a few more; longer sequences count as
        so many.
    generator : torch.Generator
        Source of the order, moved once an epoch.
    """
    n_batches = n_batches_of_steps(lengths[rows], batch_steps)
    pool_size = POOL_BATCHES * -(-len(rows) // n_batches)
    pools = enumerate(_sorted_pools(rows, lengths, pool_size, generator))
    order = np.concatenate([pool[::-1] if i % 2 else pool for i, pool in pools])
    steps = _counted(lengths[order], batch_steps)
    # None counts for more than its share, so that each batch gets a sequence.
    batch_of = (steps.cumsum() - steps) * n_batches // steps.sum()
    batches = np.split(order, np.flatnonzero(np.diff(batch_of)) + 1)
    for i in torch.randperm(len(batches), generator=generator, device="cpu").tolist():
        yield batches[i][np.argsort(lengths[batches[i]], kind="stable")]


def _sorted_pools(
    rows: np.ndarray, lengths: np.ndarray, size: int, generator: torch.Generator
) -> Iterator[np.ndarray]:
    """Yield the rows in random pools of a size, each sorted by length."""
    order = rows[torch.randperm(len(rows), generator=generator, device="cpu").numpy()]
    for at in range(0, len(order), size):
        pool = order[at : at + size]
        yield pool[np.argsort(lengths[pool], kind="stable")]


def n_batches_of_steps(lengths: np.ndarray, batch_steps: int) -> int:
    """Return the number of batches of sequences of these lengths."""
    return max(1, int(_counted(lengths, batch_steps).sum()) // batch_steps)


def _counted(lengths: np.ndarray, batch_steps: int) -> np.ndarray:
    return lengths.clip(1, batch_steps)


def ordered_batches(lengths: np.ndarray, max_steps: int = PREDICTION_STEPS) -> Iterator[np.ndarray]:
    """Yield all samples in batches of like length of at most ``max_steps`` padded steps.

    A sample longer than ``max_steps`` is a batch of its own.
    """
    return cut_to_steps(np.argsort(lengths, kind="stable"), lengths, max_steps)


def cut_to_steps(rows: np.ndarray, lengths: np.ndarray, max_steps: int) -> Iterator[np.ndarray]:
    """Yield rows that are sorted by length in parts of at most ``max_steps`` padded steps."""
    end = len(rows)
    while end > 0:  # longest first: the largest block of memory is asked for once
        size = max(1, max_steps // rounded_length(lengths[rows[end - 1]]))
        yield rows[max(0, end - size) : end]
        end -= size
