"""Every prefix of every sequence as a sequence of its own, all in the memory of the whole ones."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from sklearn_rnn.data.batching import DeviceInputs, StepPlaces
from sklearn_rnn.data.inputs import Inputs


class PrefixPlaces(StepPlaces):
    """Where the steps of prefixes are: one prefix ends at each step of the sequences."""

    def __init__(self, offsets: np.ndarray, device: torch.device) -> None:
        super().__init__(offsets, device)
        self.is_one_sequence = False
        sequence = np.repeat(np.arange(len(self.lengths)), self.lengths)
        self._first = offsets[sequence]
        self._sequence = torch.from_numpy(sequence).to(device)
        self.lengths = np.arange(1, len(sequence) + 1) - self._first

    @cached_property
    def _places(self) -> Tensor:
        last = self._first + self.lengths - 1
        return torch.from_numpy(np.stack([self._first, last, self.lengths], 1)).to(self.device)

    def of(self, rows: np.ndarray, n_steps: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return the sequences that prefixes are of, their lengths, and where their steps are."""
        index, lengths, places = super().of(rows, n_steps)
        return self._sequence[index], lengths, places


class DevicePrefixes(DeviceInputs):
    """Inputs held once on the device, from which batches of their prefixes are gathered.

    The prefixes of one sequence follow each other, from that of one step on.

    Parameters
    ----------
    inputs : Inputs of n_samples
    device : torch.device or str
    """

    def __init__(self, inputs: Inputs, device: torch.device | str = "cpu") -> None:
        super().__init__(inputs, device)
        self.steps = PrefixPlaces(inputs.sequences.offsets, self.device)
        self.lengths = self.steps.lengths
