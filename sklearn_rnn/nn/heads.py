"""From a pooled vector to the numbers a target is fitted on.

A head is built as ``head(n_inputs, n_outputs, initial_outputs, generator)``.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from sklearn_rnn.nn.initialization import HEAD_GAIN, linear


class LinearHead(nn.Module):
    """One linear layer that starts at the best constant answer.

    Parameters
    ----------
    n_inputs, n_outputs : int
    initial_outputs : Tensor of shape (n_outputs,)
        Bias to start from: the log-shares of the classes, or the mean target.
    generator : torch.Generator
    """

    def __init__(
        self, n_inputs: int, n_outputs: int, initial_outputs: Tensor, generator: Generator
    ) -> None:
        super().__init__()
        self.linear = linear(n_inputs, n_outputs, HEAD_GAIN, generator)
        with torch.no_grad():
            self.linear.bias.copy_(initial_outputs)

    def forward(self, pooled: Tensor) -> Tensor:
        """Return a Tensor of shape (batch, n_outputs), float64 outside of training.

        Matrix products sum in an order that depends on the number of rows. In float64 that is far
        below what float32 resolves, so a prediction has the same digits in any company.
        """
        if self.training:
            return self.linear(pooled)
        weight, bias = self.linear.weight.double(), self.linear.bias.double()
        return functional.linear(pooled.double(), weight, bias)
