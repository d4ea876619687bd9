"""The recurrent cells: one class a cell, one place to add another.

A cell says how many gates its stacked weights hold and how one step is computed. That alone makes
it usable; :meth:`Cell.scan` then walks through time with it. A cell may name faster ways to do so.
To add a cell, write the class and enter it in :data:`CELLS`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear, logsigmoid, pad

from sklearn_rnn.nn.bptt import GRUThroughTime, RNNThroughTime
from sklearn_rnn.nn.scan import LerpThroughTime, log_positive, positive, scan_in_log_space


class CellWeights(NamedTuple):
    """One layer and direction of a cell, gates stacked along the first axis as in torch.nn.

    A cell whose gates do not read the state has empty recurrent weights, of shape (0, hidden).
    """

    weight_ih: Tensor  # (n_gates * hidden, input)
    weight_hh: Tensor  # (n_gates * hidden, hidden)
    bias_ih: Tensor  # (n_gates * hidden,)
    bias_hh: Tensor  # (n_gates * hidden,)

    @property
    def hidden_size(self) -> int:
        """Size of the state."""
        return self.weight_hh.shape[1]


State = tuple[Tensor, ...]  # each (batch, hidden); the first is the output


MIN_ROWS = 16
"""Rows of a product outside training. BLAS has kernels of their own for a few rows, which sum in
another order, and a prediction alone would have other last digits than in company. The RNN's may
still differ in the last one."""


class Cell(ABC):
    """A function carried through time with the same weights at every step."""

    n_gates: ClassVar[int]
    n_states: ClassVar[int] = 1
    has_recurrent_weights: ClassVar[bool] = True
    keeps_by_gates: ClassVar[bool] = False
    """Whether gates say how much of the state is kept: then ``keep_by`` sets where they start."""
    kernel: ClassVar[Callable[..., Any] | None] = None
    """torch's fused kernel of one layer and direction of this cell, if there is one."""
    through_time: ClassVar[type[torch.autograd.Function] | None] = None
    """Backpropagation through time written out, if that is faster than the kernel on CPU."""

    def initialize_bias(self, weights: CellWeights) -> None:
        """Fill the biases in place; zero unless the cell knows better."""
        weights.bias_ih.zero_()
        weights.bias_hh.zero_()

    def keep_by(self, log_odds: Tensor, weights: CellWeights) -> None:
        """Fill the biases of gates in place, so that units start by keeping their state.

        Parameters
        ----------
        log_odds : Tensor of shape (hidden,)
            Of keeping, for each unit.
        weights : CellWeights
        """
        raise NotImplementedError(f"{type(self).__name__} has no gates that keep its state.")

    @abstractmethod
    def step(self, x: Tensor, state: State, weights: CellWeights) -> State:
        """Return the next state from an input of shape (batch, input)."""

    def initial_state(self, batch: int, weights: CellWeights) -> State:
        """Return a state of zeros."""
        zeros = weights.weight_hh.new_zeros(batch, weights.hidden_size)
        return (zeros,) * self.n_states

    def bounded(self, start: Tensor) -> Tensor:
        """Return numbers that a state may start from."""
        return torch.tanh(start)

    def scan(
        self, inputs: Sequence[Tensor], states: Sequence[State], weights: Sequence[CellWeights]
    ) -> tuple[list[Tensor], list[State]]:
        """Return the outputs of all steps and the states after the last, the fastest way there is.

        This is the one place that chooses between the ways; they give the same numbers.

        Parameters
        ----------
        inputs : for each direction a Tensor of shape (time, batch, input)
        states : for each direction a tuple of Tensor of shape (batch, hidden)
        weights : for each direction CellWeights

        Returns
        -------
        outputs : for each direction a Tensor of shape (time, batch, hidden)
        states : for each direction a tuple of Tensor of shape (batch, hidden)
        """
        if self.takes_any_length(inputs[0].device):
            n_rows = inputs[0].shape[1]
            if n_rows >= MIN_ROWS or torch.is_grad_enabled():
                return self.scan_through_time(inputs, states, weights)
            inputs = [_with_rows(x) for x in inputs]
            states = [tuple(map(_with_rows, state)) for state in states]
            outputs, last = self.scan_through_time(inputs, states, weights)
            return [o[:, :n_rows] for o in outputs], [tuple(s[:n_rows] for s in x) for x in last]
        way = self.scan_steps if self.kernel is None else self.scan_kernel
        results = [way(*each) for each in zip(inputs, states, weights, strict=True)]
        return [outputs for outputs, _ in results], [state for _, state in results]

    def takes_any_length(self, device: torch.device) -> bool:
        """Tell whether scans on this device are written out, with no kernel to prepare a length."""
        return self.through_time is not None and device.type == "cpu"

    def scan_steps(self, x: Tensor, state: State, weights: CellWeights) -> tuple[Tensor, State]:
        """Scan by :meth:`step`, each differentiated by autograd: any cell, slowly."""
        outputs = []
        for x_t in x.unbind(0):
            state = self.step(x_t, state, weights)
            outputs.append(state[0])
        return torch.stack(outputs), state

    def scan_kernel(self, x: Tensor, state: State, weights: CellWeights) -> tuple[Tensor, State]:
        """Scan by torch's kernel of one layer and direction: cuDNN, or oneDNN for the LSTM."""
        assert self.kernel is not None
        first = tuple(s[None] for s in state)
        outputs, *last = self.kernel(
            x,
            first if self.n_states > 1 else first[0],
            list(weights) if x.device.type == "cpu" else in_one_block(weights),
            True,  # has biases
            1,  # layer
            0.0,  # dropout
            torch.is_grad_enabled(),
            False,  # one direction
            False,  # time comes first
        )
        return outputs, tuple(s[0] for s in last)

    def scan_through_time(
        self, inputs: Sequence[Tensor], states: Sequence[State], weights: Sequence[CellWeights]
    ) -> tuple[list[Tensor], list[State]]:
        """Scan all directions in one loop by backpropagation through time written out."""
        assert self.through_time is not None
        scanned = self.through_time.apply(
            _side_by_side(inputs),
            _side_by_side([h for (h,) in states]),
            *(_side_by_side(same) for same in zip(*weights, strict=True)),
        )
        outputs = [scanned.squeeze(0)] if len(inputs) == 1 else list(scanned.unbind(0))
        return outputs, [(o[-1],) for o in outputs]


def _side_by_side(tensors: Sequence[Tensor]) -> Tensor:
    """Return the tensors of all directions as one; of one direction without a copy."""
    return tensors[0][None] if len(tensors) == 1 else torch.stack(list(tensors))


def in_one_block(weights: CellWeights) -> list[Tensor]:
    """Return the weights as views of one block of memory, end to end.

    cuDNN reads them like that. From other places it copies them at each call, and torch warns.
    """
    block = torch.cat([w.flatten() for w in weights])
    parts = block.split([w.numel() for w in weights])
    return [part.view_as(w) for part, w in zip(parts, weights, strict=True)]


def _with_rows(x: Tensor) -> Tensor:
    """Return x of shape (..., batch, units) with zeros up to MIN_ROWS."""
    return pad(x, (0, 0, 0, MIN_ROWS - x.shape[-2]))


class RNN(Cell):
    """Mix input and last state, squash: Elman's cell with tanh."""

    n_gates = 1
    kernel = staticmethod(torch._VF.rnn_tanh)
    through_time = RNNThroughTime

    def step(self, x: Tensor, state: State, weights: CellWeights) -> State:
        """``s = tanh(b + W s + U x)``."""
        (s,) = state
        a = linear(x, weights.weight_ih, weights.bias_ih) + linear(
            s, weights.weight_hh, weights.bias_hh
        )
        return (torch.tanh(a),)


class GRU(Cell):
    """Let a gate choose, unit by unit, between keeping the state and taking a new one."""

    n_gates = 3  # reset, update, new
    keeps_by_gates = True
    kernel = staticmethod(torch._VF.gru)
    through_time = GRUThroughTime

    def keep_by(self, log_odds: Tensor, weights: CellWeights) -> None:
        """Set the update gate, which here is what is kept."""
        weights.bias_ih[len(log_odds) : 2 * len(log_odds)] = log_odds

    def step(self, x: Tensor, state: State, weights: CellWeights) -> State:
        """``h = (1 - z) * n + z * h`` with ``n = tanh(U x + r * (W h))`` (Cho et al. 2014)."""
        (h,) = state
        x_r, x_z, x_n = linear(x, weights.weight_ih, weights.bias_ih).chunk(3, dim=1)
        h_r, h_z, h_n = linear(h, weights.weight_hh, weights.bias_hh).chunk(3, dim=1)
        r = torch.sigmoid(x_r + h_r)
        z = torch.sigmoid(x_z + h_z)
        n = torch.tanh(x_n + r * h_n)
        return ((1 - z) * n + z * h,)


class LSTM(Cell):
    """Keep a memory that gates write to, erase and read out."""

    n_gates = 4  # input, forget, cell, output
    n_states = 2  # h, c
    keeps_by_gates = True
    kernel = staticmethod(torch._VF.lstm)

    def initialize_bias(self, weights: CellWeights) -> None:
        """Open the forget gate: its two biases are 1 in sum (Jozefowicz et al. 2015)."""
        super().initialize_bias(weights)
        hidden = weights.hidden_size
        weights.bias_ih[hidden : 2 * hidden] = 1.0

    def keep_by(self, log_odds: Tensor, weights: CellWeights) -> None:
        """Set the forget gate, and the input gate to the contrary."""
        hidden = len(log_odds)
        weights.bias_ih[hidden : 2 * hidden] = log_odds
        weights.bias_ih[:hidden] = -log_odds

    def step(self, x: Tensor, state: State, weights: CellWeights) -> State:
        """``c = f * c + i * g``, ``h = o * tanh(c)`` (Hochreiter & Schmidhuber 1997, Gers 2000)."""
        h, c = state
        gates = linear(x, weights.weight_ih, weights.bias_ih) + linear(
            h, weights.weight_hh, weights.bias_hh
        )
        i, f, g, o = gates.chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c


class MinGRU(Cell):
    """A GRU whose gate and candidate read the input alone, so that time is no chain of products.

    Feng et al. 2024, "Were RNNs All We Needed?". The state is positive. Biases of the gate start
    with units that forget over 2 to 100 steps (after Tallec and Ollivier 2018).
    """

    n_gates = 2  # update, candidate
    has_recurrent_weights = False
    keeps_by_gates = True
    kernel = staticmethod(scan_in_log_space)
    through_time = LerpThroughTime

    def initialize_bias(self, weights: CellWeights) -> None:
        """Spread how long the units remember, evenly in the logarithm."""
        super().initialize_bias(weights)
        hidden = weights.hidden_size
        weights.bias_ih[:hidden] = (
            -torch.logspace(math.log10(2), 2, hidden, dtype=torch.float32).sub(1).log()
        )

    def keep_by(self, log_odds: Tensor, weights: CellWeights) -> None:
        """Set the update gate, which here is what is new."""
        weights.bias_ih[: len(log_odds)] = -log_odds

    def step(self, x: Tensor, state: State, weights: CellWeights) -> State:
        """``h = (1 - z) * h + z * g(V x)`` with ``z = sigmoid(U x)``, g positive."""
        (h,) = state
        z, c = linear(x, weights.weight_ih, weights.bias_ih).chunk(2, dim=1)
        return (torch.lerp(h, positive(c), torch.sigmoid(z)),)

    def bounded(self, start: Tensor) -> Tensor:
        """Return numbers that are positive as the states are."""
        return torch.sigmoid(start)

    def scan_kernel(self, x: Tensor, state: State, weights: CellWeights) -> tuple[Tensor, State]:
        """Scan in log space, parallel over time."""
        z, c = linear(x, weights.weight_ih, weights.bias_ih).chunk(2, dim=2)
        outputs = self.kernel(state[0], logsigmoid(z), logsigmoid(-z), log_positive(c))
        return outputs, (outputs[-1],)

    def scan_through_time(
        self, inputs: Sequence[Tensor], states: Sequence[State], weights: Sequence[CellWeights]
    ) -> tuple[list[Tensor], list[State]]:
        """Scan all directions in one loop, side by side as if they were one batch."""
        gates = [linear(x, w.weight_ih, w.bias_ih) for x, w in zip(inputs, weights, strict=True)]
        z, c = torch.cat(gates, dim=1).chunk(2, dim=2)
        h = torch.cat([h for (h,) in states])
        outputs = self.through_time.apply(h, torch.sigmoid(z), positive(c)).chunk(len(inputs), 1)
        return list(outputs), [(o[-1],) for o in outputs]


CELLS: dict[str, type[Cell]] = {"rnn": RNN, "gru": GRU, "lstm": LSTM, "mingru": MinGRU}
"""The cells by the name users give them."""
