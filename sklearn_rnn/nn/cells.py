"""The recurrent cells: one class a cell, one place to add another.

A cell says how many gates its stacked weights hold and how one step is computed. That alone makes
it usable; :meth:`Cell.scan` then walks through time with it. A cell that torch has a fused kernel
for overrides :meth:`Cell.scan`. To add a cell, write the class and enter it in :data:`CELLS`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear


class CellWeights(NamedTuple):
    """One layer and direction of a cell, gates stacked along the first axis as in torch.nn."""

    weight_ih: Tensor  # (n_gates * hidden, input)
    weight_hh: Tensor  # (n_gates * hidden, hidden)
    bias_ih: Tensor  # (n_gates * hidden,)
    bias_hh: Tensor  # (n_gates * hidden,)

    @property
    def hidden_size(self) -> int:
        """Size of the state."""
        return self.weight_hh.shape[1]


State = tuple[Tensor, ...]  # each (batch, hidden); the first is the output


class Cell(ABC):
    """A function carried through time with the same weights at every step."""

    n_gates: ClassVar[int]
    n_states: ClassVar[int] = 1

    def initialize_bias(self, weights: CellWeights) -> None:
        """Fill the biases in place; zero unless the cell knows better."""
        weights.bias_ih.zero_()
        weights.bias_hh.zero_()

    @abstractmethod
    def step(self, x: Tensor, state: State, weights: CellWeights) -> State:
        """Return the next state from an input of shape (batch, input)."""

    def initial_state(self, batch: int, weights: CellWeights) -> State:
        """Return a state of zeros."""
        zeros = weights.weight_hh.new_zeros(batch, weights.hidden_size)
        return (zeros,) * self.n_states

    def scan(self, x: Tensor, weights: CellWeights) -> Tensor:
        """Return the outputs of all steps.

        Parameters
        ----------
        x : Tensor of shape (time, batch, input)

        Returns
        -------
        Tensor of shape (time, batch, hidden)
        """
        state = self.initial_state(x.shape[1], weights)
        outputs = []
        for x_t in x.unbind(0):
            state = self.step(x_t, state, weights)
            outputs.append(state[0])
        return torch.stack(outputs)

    def _fused(self, x: Tensor, weights: CellWeights) -> tuple[Tensor, tuple[Tensor, ...], list]:
        """Return the arguments that torch's fused one-layer, one-direction kernels share."""
        state = tuple(s[None] for s in self.initial_state(x.shape[1], weights))
        return x, state, list(weights)


class RNN(Cell):
    """Mix input and last state, squash: Elman's cell with tanh."""

    n_gates = 1

    def step(self, x: Tensor, state: State, weights: CellWeights) -> State:
        """``s = tanh(b + W s + U x)``."""
        (s,) = state
        a = linear(x, weights.weight_ih, weights.bias_ih) + linear(
            s, weights.weight_hh, weights.bias_hh
        )
        return (torch.tanh(a),)

    def scan(self, x: Tensor, weights: CellWeights) -> Tensor:
        """Return the outputs of all steps, by torch's kernel."""
        x, (h,), flat = self._fused(x, weights)
        return torch._VF.rnn_tanh(x, h, flat, True, 1, 0.0, torch.is_grad_enabled(), False, False)[
            0
        ]


class GRU(Cell):
    """Let a gate choose, unit by unit, between keeping the state and taking a new one."""

    n_gates = 3  # reset, update, new

    def step(self, x: Tensor, state: State, weights: CellWeights) -> State:
        """``h = (1 - z) * n + z * h`` with ``n = tanh(U x + r * (W h))`` (Cho et al. 2014)."""
        (h,) = state
        x_r, x_z, x_n = linear(x, weights.weight_ih, weights.bias_ih).chunk(3, dim=1)
        h_r, h_z, h_n = linear(h, weights.weight_hh, weights.bias_hh).chunk(3, dim=1)
        r = torch.sigmoid(x_r + h_r)
        z = torch.sigmoid(x_z + h_z)
        n = torch.tanh(x_n + r * h_n)
        return ((1 - z) * n + z * h,)

    def scan(self, x: Tensor, weights: CellWeights) -> Tensor:
        """Return the outputs of all steps, by torch's kernel."""
        x, (h,), flat = self._fused(x, weights)
        return torch._VF.gru(x, h, flat, True, 1, 0.0, torch.is_grad_enabled(), False, False)[0]


class LSTM(Cell):
    """Keep a memory that gates write to, erase and read out."""

    n_gates = 4  # input, forget, cell, output
    n_states = 2  # h, c

    def initialize_bias(self, weights: CellWeights) -> None:
        """Open the forget gate: its two biases are 1 in sum (Jozefowicz et al. 2015)."""
        super().initialize_bias(weights)
        hidden = weights.hidden_size
        weights.bias_ih[hidden : 2 * hidden] = 1.0

    def step(self, x: Tensor, state: State, weights: CellWeights) -> State:
        """``c = f * c + i * g``, ``h = o * tanh(c)`` (Hochreiter & Schmidhuber 1997, Gers 2000)."""
        h, c = state
        gates = linear(x, weights.weight_ih, weights.bias_ih) + linear(
            h, weights.weight_hh, weights.bias_hh
        )
        i, f, g, o = gates.chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c

    def scan(self, x: Tensor, weights: CellWeights) -> Tensor:
        """Return the outputs of all steps; on CPU this padded call is oneDNN's fused kernel."""
        x, state, flat = self._fused(x, weights)
        return torch._VF.lstm(x, state, flat, True, 1, 0.0, torch.is_grad_enabled(), False, False)[
            0
        ]


CELLS: dict[str, type[Cell]] = {"rnn": RNN, "gru": GRU, "lstm": LSTM}
"""The cells by the name users give them."""
