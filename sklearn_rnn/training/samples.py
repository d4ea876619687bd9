"""Everything read from X, y, weights and groups, ready to be split and turned into batches."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from sklearn_rnn.data.batching import DeviceInputs, RowTargets, SequenceTargets
from sklearn_rnn.data.canonical import TrainingRows
from sklearn_rnn.data.inputs import Inputs
from sklearn_rnn.data.ragged import places_of
from sklearn_rnn.data.targets import Target
from sklearn_rnn.training.batches import Augment, BatchSource
from sklearn_rnn.training.validation import holdout


@dataclass
class Samples:
    """What a fit has read.

    Attributes
    ----------
    inputs : Inputs of n_samples
    numbers : ndarray, one row a sample, or an entry of a sample's sequence
        What ``target.read`` made of y.
    offsets : ndarray of shape (n_samples + 1,) or None
        Where each sample's entries begin, if y is a sequence.
    group : ndarray of shape (n_samples,) or None
    rows : TrainingRows
    target : Target
    device : torch.device
    entry_weight : ndarray of shape (n_entries,) or None
        What the loss of each entry of a sequence is multiplied by.
    """

    inputs: Inputs
    numbers: np.ndarray
    offsets: np.ndarray | None
    group: np.ndarray | None
    rows: TrainingRows
    target: Target
    device: torch.device
    entry_weight: np.ndarray | None = None
    _on_device: DeviceInputs | None = None

    def split(self, fraction: float, seed: int) -> tuple[TrainingRows, TrainingRows]:
        """Return training rows and held-out rows.

        Rows with equal sequences stay together, so that no sequence is both learned and judged by;
        groups that share one stay together too.
        """
        group = self.rows.x_group
        if self.group is not None:
            group = _united(group, self.group[self.rows.rows])
        strata = self.target.strata(self.entries_of(self.rows)[0])
        held_out = holdout(fraction, seed, group, strata)
        return self.rows.take(~held_out), self.rows.take(held_out)

    def fingerprint(self) -> str:
        """Return a hash of what is trained on, whatever its order."""
        group = None if self.group is None else self.group[self.rows.rows]
        grouping = "" if group is None else hashlib.sha256(group.astype(np.int64)).hexdigest()
        return self.rows.fingerprint() + grouping

    def entries_of(self, rows: TrainingRows) -> tuple[np.ndarray, np.ndarray]:
        """Return the numbers of these rows, or of all their entries, and the weight of each."""
        if self.offsets is None:
            return self.numbers[rows.rows], rows.weight
        places = places_of(self.offsets, rows.rows)
        weight = np.repeat(rows.weight, np.diff(self.offsets)[rows.rows])
        if self.entry_weight is not None:
            weight = weight * self.entry_weight[places]
        return self.numbers[places], weight

    def source(
        self,
        rows: TrainingRows,
        factor: np.ndarray,
        batch_size: int,
        batch_steps: int | None,
        max_steps: int,
        random: torch.Generator | None,
        augment: Augment | None,
    ) -> BatchSource:
        """Return batches of these rows.

        Parameters
        ----------
        rows : TrainingRows
        factor : ndarray of shape (n_rows,), or one for each of their entries
            What each loss is multiplied by besides the sample weight. Weights are scaled to a mean
            of 1 over an epoch, so that the learning rate keeps its meaning.
        batch_size, max_steps : int
        batch_steps : int or None
        random : torch.Generator or None
            Shuffles if given.
        augment : callable or None
            Changes each batch if rows are shuffled.
        """
        if self._on_device is None:
            self._on_device = DeviceInputs(self.inputs, self.device)
        encoded = self.target.encode(self.numbers)
        weight_of_copy = rows.weight / rows.copies
        target: RowTargets | SequenceTargets
        if self.offsets is None:
            target = RowTargets(encoded, self.device)
            weight_of_copy = weight_of_copy * factor
        else:
            step_weight = self._step_weights(self.offsets, rows, factor)
            target = SequenceTargets(encoded, step_weight, self.offsets, self.device)
        weight = np.zeros(len(self.inputs))
        mean = np.average(weight_of_copy, weights=rows.copies)
        weight[rows.rows] = weight_of_copy / (mean or 1.0)  # 0 if no class here has any weight
        return BatchSource(
            self._on_device,
            target,
            weight,
            np.repeat(rows.rows, rows.copies),
            batch_size,
            batch_steps,
            max_steps,
            random,
            augment,
            self.target.feeds_network,
        )

    def _step_weights(
        self, offsets: np.ndarray, rows: TrainingRows, factor: np.ndarray
    ) -> np.ndarray:
        """Return the weight of each entry in the loss of its row; a row's sum is 1 in the mean."""
        steps = places_of(offsets, rows.rows)
        of_steps = factor * self.target.known(self.numbers[steps])
        if self.entry_weight is not None:
            of_steps = of_steps * self.entry_weight[steps]
        weight = np.zeros(len(self.numbers))
        of_rows = np.repeat(rows.copies, np.diff(offsets)[rows.rows])
        weight[steps] = of_steps / (((of_steps * of_rows).sum() / rows.copies.sum()) or 1.0)
        return weight


def _united(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return a grouping of the rows in which rows that are together in a or in b are together."""
    n_a, n_b = int(a.max()) + 1, int(b.max()) + 1
    edges = coo_array((np.ones(len(a)), (a, n_a + b)), shape=(n_a + n_b, n_a + n_b))
    return connected_components(edges, directed=False)[1][a]
