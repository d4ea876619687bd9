"""What stands before a recurrence to shorten a long raw signal: layers of convolution.

A recurrence takes one step after another, and forgets. A signal of a thousand samples is better
read a few dozen steps at a time, each made of the samples around it (convolution before recurrence:
Sainath et al. 2015, "Convolutional, long short-term memory, fully connected deep neural networks").

Nothing behind a sequence's end gets into its own steps: they are zero before each layer, as if the
sequence stood alone, and its length shrinks with each layer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional


class Stem(nn.Module, ABC):
    """Turn steps into fewer ones.

    Parameters
    ----------
    n_inputs : int
    n_units : int
        Of the recurrence behind it.
    generator : torch.Generator
        Source of starting weights.
    """

    output_size: int
    """Numbers of each step it makes."""
    steps_each: int
    """Steps that it makes one of; the last one may be of fewer."""

    def __init__(self, n_inputs: int, n_units: int, generator: Generator) -> None:
        super().__init__()

    @staticmethod
    @abstractmethod
    def shortened(n_steps: int) -> int:
        """Return how many steps it makes of so many."""

    @abstractmethod
    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return the steps it makes and how many each sequence has.

        Parameters
        ----------
        x : Tensor of shape (time, batch, n_inputs)
            Steps behind a sequence's end may hold any number.
        lengths : Tensor of shape (batch,), int64
            A sequence of no steps remains one.

        Returns
        -------
        x : Tensor of shape (fewer steps, batch, output_size)
            1 step at least.
        lengths : Tensor of shape (batch,), int64
        """


class ConvStem(Stem):
    """Three layers of convolution that halve the steps each: one step for eight.

    Convolution, batch normalization and rectification are those of the fully convolutional network
    of Wang, Yan and Oates (2017), "Time series classification from scratch with deep neural
    networks", with strides and longer kernels. How they were chosen is told in docs/defaults.rst.
    """

    kernels = (11, 9, 7)
    steps_each = 8

    def __init__(self, n_inputs: int, n_units: int, generator: Generator) -> None:
        super().__init__(n_inputs, n_units, generator)
        widths = (n_inputs, *(n_units for _ in self.kernels))
        self.layers = nn.ModuleList(
            ConvLayer(n_read, n_units, size, generator)
            for n_read, size in zip(widths, self.kernels, strict=False)
        )
        self.output_size = n_units

    @staticmethod
    def shortened(n_steps: int) -> int:
        """Return an eighth, rounded up."""
        return -(-n_steps // 8)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return one step for eight, rounded up."""
        x = x[: max(int(lengths.max()), 1)]
        x = x.masked_fill(~inside(lengths, len(x)).t()[..., None], 0.0).permute(1, 2, 0)
        for layer in self.layers:
            x, lengths = layer(x, lengths)
        return x.permute(2, 0, 1), lengths


class ConvLayer(nn.Module):
    """Convolution of every other step, normalization, rectification.

    Step t of the result is made of the ``size`` steps around step 2 t. Convolution has no bias,
    which normalization would take away again.

    Parameters
    ----------
    n_inputs, n_outputs : int
    size : int
        Steps of the kernel, odd; the middle one is the step itself.
    generator : torch.Generator
    """

    def __init__(self, n_inputs: int, n_outputs: int, size: int, generator: Generator) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_outputs, n_inputs, size, dtype=torch.float32))
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu", generator=generator)
        self.norm = StepNorm(n_outputs)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return half the steps, and the lengths.

        Parameters
        ----------
        x : Tensor of shape (batch, n_inputs, time)
            Zero behind a sequence's end.
        lengths : Tensor of shape (batch,), int64

        Returns
        -------
        x : Tensor of shape (batch, n_outputs, time / 2 rounded up)
            Zero behind a sequence's end.
        lengths : Tensor of shape (batch,), int64
        """
        x = functional.conv1d(x, self.weight, stride=2, padding=self.weight.shape[2] // 2)
        lengths = (lengths + 1) // 2
        is_inside = inside(lengths, x.shape[2])
        if is_inside.all():
            return torch.relu(self.norm(x)), lengths
        x = x.transpose(1, 2)
        steps = torch.relu(self.norm(x[is_inside]))
        return x.new_zeros(x.shape).index_put((is_inside,), steps).transpose(1, 2), lengths


class StepNorm(nn.Module):
    """Batch normalization (Ioffe and Szegedy 2015) over the steps of all sequences of a batch.

    Steps behind an end are not among them. Outside of training what was met in training stands in
    for the batch, so that no sequence depends on its company.

    Parameters
    ----------
    n_units : int
    """

    momentum = 0.1
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, n_units: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(n_units, dtype=torch.float32))
        self.bias = nn.Parameter(torch.zeros(n_units, dtype=torch.float32))
        self.register_buffer("running_mean", torch.zeros(n_units, dtype=torch.float32))
        self.register_buffer("running_var", torch.ones(n_units, dtype=torch.float32))

    def forward(self, steps: Tensor) -> Tensor:
        """Return steps of shape (n_steps, n_units[, time]), normalized unit by unit."""
        return functional.batch_norm(
            steps,
            self.running_mean,
            self.running_var,
            self.gain,
            self.bias,
            training=self.training and steps.numel() > steps.shape[1],  # one step has no spread
            momentum=self.momentum,
        )


def inside(lengths: Tensor, n_steps: int) -> Tensor:
    """Tell which steps lie before a sequence's end, shape (batch, n_steps)."""
    return torch.arange(n_steps, device=lengths.device) < lengths[:, None]


STEMS: dict[str, type[Stem]] = {"conv": ConvStem}
"""What may stand before the recurrence, by the name users give."""
