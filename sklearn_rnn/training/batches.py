"""Whole batches for skorch, in a new order each epoch or in a fixed one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from sklearn_rnn.data.batching import (
    Batch,
    DeviceInputs,
    RowTargets,
    SequenceTargets,
    batches_of_steps,
    cut_to_steps,
    n_batches_of_steps,
    ordered_batches,
    shuffled_batches,
)
from sklearn_rnn.data.canonical import TrainingRows
from sklearn_rnn.training.parallel import current_team

MAX_PADDED = 3
"""Padded steps that go through the network at once, over the steps that an update shall have. Where
lengths jump, one batch holds short sequences and a long one, and would be mostly padding."""

Augment = Callable[[Batch, Generator], Batch]
SkorchBatch = tuple[dict[str, Tensor], tuple[Any, Tensor]]


def auto_batch_size(rows: TrainingRows) -> int:
    """Return 32 sequences, or fewer where an epoch would have less than 8 updates, but 4 at least.

    Small data needs updates more than it needs exact gradients, and has time for them.
    """
    return int(min(32, max(4, rows.copies.sum() // 8)))


class Parts:
    """A batch too long for memory: iterates over ordinary batches, each made when it is due.

    Parameters
    ----------
    source : BatchSource
    parts : list of ndarray of int
        The samples of each.
    size : int
        The samples of the whole batch; there are more than in the parts if other processes have a
        share of it.
    """

    def __init__(self, source: BatchSource, parts: list[np.ndarray], size: int) -> None:
        self.source = source
        self.parts = parts
        self.size = size

    def __len__(self) -> int:
        return self.size

    @property
    def share(self) -> float:
        """How much of the whole batch the parts are."""
        return sum(map(len, self.parts)) / self.size

    def __iter__(self) -> Iterator[SkorchBatch]:
        return (self.source.gather(part, augment=self.source.augment) for part in self.parts)


class BatchSource:
    """Yields ``({"values", "lengths", ...}, (target, weight))``, anew for each epoch.

    Parameters
    ----------
    inputs : DeviceInputs
        All samples, training and held-out ones alike: they are stored once.
    target : RowTargets or SequenceTargets
    weight : ndarray of shape (n_samples,)
        Weight of each sample in the loss.
    rows : ndarray of int
        The samples of an epoch; one may stand there several times.
    batch_size : int
        Sequences a training batch.
    batch_steps : int or None
        Steps a training batch has about, instead.
    max_steps : int
        Padded steps of a training batch beyond which it comes as :class:`Parts`; with
        ``batch_steps`` at most three times as many as that.
    generator : torch.Generator, optional
        Source of the order, and of what ``augment`` draws. Without one, batches come in a fixed
        order, large and as they are.
    augment : callable, optional
        Changes each training batch.
    feeds_targets : bool
        Whether the network reads the targets too, as what it has said before.
    """

    def __init__(
        self,
        inputs: DeviceInputs,
        target: RowTargets | SequenceTargets,
        weight: np.ndarray,
        rows: np.ndarray,
        batch_size: int,
        batch_steps: int | None,
        max_steps: int,
        generator: Generator | None = None,
        augment: Augment | None = None,
        feeds_targets: bool = False,
    ) -> None:
        self.inputs = inputs
        self.rows = rows
        self.batch_size = batch_size
        self.batch_steps = batch_steps
        self.max_steps = max_steps
        if batch_steps is not None:
            self.max_steps = min(max_steps, MAX_PADDED * batch_steps)
        self.generator = generator
        self.augment = augment
        self.feeds_targets = feeds_targets
        self._n_steps = self._n_padded_steps = 0
        self._target = target
        self._lengths = inputs.lengths
        if feeds_targets and isinstance(target, SequenceTargets):  # the longer of both counts
            self._lengths = np.maximum(inputs.lengths, target.lengths)
        self._weight = torch.from_numpy(weight.astype(np.float32)).to(inputs.device)

    def __len__(self) -> int:
        """Return the number of training batches an epoch."""
        if self.batch_steps is None:
            return -(-len(self.rows) // self.batch_size)
        return n_batches_of_steps(self._lengths[self.rows], self.batch_steps)

    def __iter__(self) -> Iterator[SkorchBatch | Parts]:
        if self.generator is None:
            yield from self.in_order()
            return
        lengths, team = self._lengths, current_team()
        self._n_steps = self._n_padded_steps = 0
        for rows in self._shuffled(self.generator):
            own = rows if team is None else team.share(rows)
            parts = list(cut_to_steps(own, lengths, self.max_steps))
            for part in parts:
                self._n_steps += int(lengths[part].sum())
                self._n_padded_steps += len(part) * int(lengths[part].max())
            if len(parts) == 1 and team is None:
                yield self.gather(rows, augment=self.augment)
            else:
                yield Parts(self, parts, len(rows))

    def _shuffled(self, generator: Generator) -> Iterator[np.ndarray]:
        """Yield the samples of the batches of an epoch."""
        if self.batch_steps is None:
            return shuffled_batches(self.rows, self._lengths, self.batch_size, generator)
        return batches_of_steps(self.rows, self._lengths, self.batch_steps, generator)

    @property
    def padding_share(self) -> float:
        """Share of the steps of the last epoch's batches that stood behind a sequence's end.

        What a batch's longest sequence is rounded up by, for kernels that ask for it, is left out.
        """
        return 1 - self._n_steps / max(self._n_padded_steps, 1)

    def in_order(self) -> Iterator[SkorchBatch]:
        """Yield all batches once, in a fixed order and as they are, to measure by."""
        for places in ordered_batches(self._lengths[self.rows]):
            yield self.gather(self.rows[places])

    def gather(self, rows: np.ndarray, augment: Augment | None = None) -> SkorchBatch:
        """Return the batch of these samples, changed if there is a generator to draw from."""
        batch = self.inputs.gather(rows)
        if augment is not None and self.generator is not None:
            batch = augment(batch, self.generator)
        tensors, targets = batch.tensors(), self._target.gather(rows)
        if self.feeds_targets:
            tensors["targets"] = targets[0]
        weight = self._weight[torch.from_numpy(rows).to(self._weight.device)]
        return tensors, (targets, weight)
