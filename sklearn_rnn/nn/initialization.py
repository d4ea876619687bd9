"""Starting weights that make plain recurrent nets train.

Recurrent weights are orthogonal gate by gate (Saxe et al. 2014), input weights are Xavier uniform
gate by gate (Glorot and Bengio 2010), the forget gate starts open with a bias of 1 in sum
(Jozefowicz et al. 2015) or, on demand, all gates for a memory of many lengths (Tallec and Ollivier
2018), and the head starts at the best constant answer with small random weights,
so that the first gradients tell about the data and not about a bad start. Every draw comes from the
generator passed; torch's global one is neither read nor moved.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

HEAD_GAIN = 0.1

INITIALIZATIONS = ("default", "chrono")
"""What gates may start from: the cell's own biases, or biases for a memory of many lengths."""


def chrono(n_units: int, longest: int, generator: Generator) -> Tensor:
    """Return the log-odds of keeping a state, one a unit, for a memory of up to so many steps.

    A unit that keeps its state with odds u to 1 forgets within u + 1 steps or so; u is drawn evenly
    between 1 and ``longest - 1`` (Tallec and Ollivier 2018, "Can recurrent neural networks warp
    time?").
    """
    return (
        torch.empty(n_units, dtype=torch.float32)
        .uniform_(1.0, max(longest - 1.0, 1.0), generator=generator)
        .log_()
    )


def initialize_gates(
    weight_ih: Tensor, weight_hh: Tensor, n_gates: int, generator: Generator
) -> None:
    """Fill stacked gate weights in place, each gate as a matrix of its own.

    Parameters
    ----------
    weight_ih : Tensor of shape (n_gates * hidden, input)
    weight_hh : Tensor of shape (n_gates * hidden, hidden)
    """
    with torch.no_grad():
        for gate in weight_ih.chunk(n_gates):
            nn.init.xavier_uniform_(gate, generator=generator)
        for gate in weight_hh.chunk(n_gates):
            nn.init.orthogonal_(gate, generator=generator)


def linear(n_inputs: int, n_outputs: int, gain: float, generator: Generator) -> nn.Linear:
    """Return a linear layer with weights uniform in +-gain / sqrt(n_inputs) and no bias yet."""
    layer = nn.utils.skip_init(nn.Linear, n_inputs, n_outputs, dtype=torch.float32)
    bound = gain / n_inputs**0.5
    with torch.no_grad():
        layer.weight.uniform_(-bound, bound, generator=generator)
        layer.bias.zero_()
    return layer


def exact_linear(layer: nn.Linear, x: Tensor) -> Tensor:
    """Apply a linear layer; outside of training with the same digits in any company.

    Matrix products sum in an order that depends on the number of rows. In float64 that is far below
    what float32 resolves.
    """
    if layer.training:
        return layer(x)
    return functional.linear(x.double(), layer.weight.double(), layer.bias.double()).to(x.dtype)
