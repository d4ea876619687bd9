"""What stays the same through a sequence: beside the pooled vector, or where the state starts."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn

from sklearn_rnn.nn.initialization import exact_linear, linear
from sklearn_rnn.nn.inputs import MixedInput
from sklearn_rnn.nn.recurrence import Recurrence

PLACES = ("head", "state", "both")
"""Where static columns may go."""


class StaticEncoder(nn.Module):
    """Static columns -> a vector for the head, states to start from, or both.

    The head reads them as they are and through one hidden layer beside them ("wide and deep",
    Cheng et al. 2016). The first state of each layer and direction is a bounded linear function of
    them (Karpathy and Fei-Fei 2015).

    Parameters
    ----------
    inputs : MixedInput
    recurrence : Recurrence
        Whose states are started.
    static_to : {"head", "state", "both"}
    generator : torch.Generator
    """

    def __init__(
        self, inputs: MixedInput, recurrence: Recurrence, static_to: str, generator: Generator
    ) -> None:
        super().__init__()
        self.inputs = inputs
        self.hidden: nn.Linear | None = None
        self.start: nn.Linear | None = None
        self.output_size = 0
        if static_to in ("head", "both"):
            self.hidden = linear(inputs.output_size, recurrence.hidden_size, 1.0, generator)
            self.output_size = inputs.output_size + recurrence.hidden_size
        if static_to in ("state", "both"):
            self.start = linear(inputs.output_size, recurrence.n_state_units, 1.0, generator)

    def forward(self, values: Tensor, codes: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        """Return what the head reads and what the states start from.

        Returns
        -------
        for_head : Tensor of shape (batch, output_size) or None
        start : Tensor of shape (batch, n_state_units) or None
        """
        x = self.inputs(values, codes)
        for_head = None
        if self.hidden is not None:
            for_head = torch.cat([x, torch.relu(exact_linear(self.hidden, x))], dim=1)
        return for_head, None if self.start is None else exact_linear(self.start, x)
