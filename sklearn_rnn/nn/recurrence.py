"""A cell through time with exact lengths: the engine.

Padding stands behind a sequence, so going forward it can't touch what came before. Going backward
each sequence is flipped within its own length first, so that padding is behind it again, and the
outputs are flipped back. Every layer and direction is thus one call forward in time on a plain
padded tensor, which is what torch's fused kernels take.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn
from torch.utils.checkpoint import checkpoint

from sklearn_rnn.nn.cells import CELLS, MIN_ROWS, Cell, CellWeights, State
from sklearn_rnn.nn.dropout import Dropout, keep_mask
from sklearn_rnn.nn.initialization import chrono, initialize_gates

STEPS_AT_ONCE = 1 << 14
"""Padded steps walked at once without gradients: bounds the memory of a very long sequence."""


class Recurrence(nn.Module):
    """Layers of a recurrent cell, in one direction or both.

    Parameters have the names, shapes and gate order of ``torch.nn.RNN``, ``GRU`` and ``LSTM``, so
    that a ``state_dict`` moves between them as it is.

    Parameters
    ----------
    cell : str or type[Cell]
        A name of :data:`~sklearn_rnn.nn.cells.CELLS` or a class derived from ``Cell``.
    input_size, hidden_size : int
    num_layers : int
        Each layer reads all outputs of the one below.
    bidirectional : bool
        Adds a second cell a layer that reads from the end; outputs are laid side by side.
    dropout : float
        Between layers, one mask for all steps of a sequence.
    recurrent_dropout : float
        On the recurrent weights (weight-drop; Merity et al. 2018), one mask for all steps of a
        batch.
    bptt_steps : int or None
        Steps that gradients go back through, in training and outside; None: all.
    generator : torch.Generator
        Source of starting weights and of dropout masks.
    """

    def __init__(
        self,
        cell: str | type[Cell],
        input_size: int,
        hidden_size: int,
        *,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        bptt_steps: int | None = None,
        generator: Generator,
    ) -> None:
        super().__init__()
        self.cell = (CELLS[cell] if isinstance(cell, str) else cell)()
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.directions = ("", "_reverse") if bidirectional else ("",)
        self.output_size = hidden_size * len(self.directions)
        self.dropout = Dropout(dropout, generator)
        self.recurrent_dropout = recurrent_dropout
        self.bptt_steps = bptt_steps
        self.generator = generator
        for layer in range(num_layers):
            for direction in self.directions:
                self._add_weights(layer, direction, input_size if layer == 0 else self.output_size)

    def _add_weights(self, layer: int, direction: str, input_size: int) -> None:
        rows = self.cell.n_gates * self.hidden_size
        recurrent_rows = rows if self.cell.has_recurrent_weights else 0
        weights = CellWeights(
            weight_ih=nn.Parameter(torch.empty(rows, input_size, dtype=torch.float32)),
            weight_hh=nn.Parameter(
                torch.empty(recurrent_rows, self.hidden_size, dtype=torch.float32)
            ),
            bias_ih=nn.Parameter(torch.empty(rows, dtype=torch.float32)),
            bias_hh=nn.Parameter(torch.empty(recurrent_rows, dtype=torch.float32)),
        )
        initialize_gates(weights.weight_ih, weights.weight_hh, self.cell.n_gates, self.generator)
        with torch.no_grad():
            self.cell.initialize_bias(weights)
        for name, parameter in weights._asdict().items():
            self.register_parameter(f"{name}_l{layer}{direction}", parameter)

    def spread_memory(self, longest: int) -> None:
        """Start gates so that units forget within one step to ``longest``, of a cell that can."""
        with torch.no_grad():
            for layer in range(self.num_layers):
                for direction in self.directions:
                    log_odds = chrono(self.hidden_size, longest, self.generator)
                    self.cell.keep_by(log_odds, self._weights_of(layer, direction))

    def weights(self, layer: int, direction: str) -> CellWeights:
        """Return one layer's and direction's weights, thinned by recurrent dropout in training."""
        weights = self._weights_of(layer, direction)
        if self.training and self.recurrent_dropout > 0:
            shape = tuple(weights.weight_hh.shape)
            mask = keep_mask(shape, self.recurrent_dropout, self.generator)
            weights = weights._replace(weight_hh=weights.weight_hh * mask.to(weights.weight_hh))
        return weights

    def _weights_of(self, layer: int, direction: str) -> CellWeights:
        return CellWeights(
            *(getattr(self, f"{name}_l{layer}{direction}") for name in CellWeights._fields)
        )

    @property
    def n_state_units(self) -> int:
        """Numbers in the states of all layers and directions."""
        return self.num_layers * len(self.directions) * self.cell.n_states * self.hidden_size

    def first_states(self, batch: int, start: Tensor | None = None) -> list[list[State]]:
        """Return the states before the first step, for each layer one a direction.

        Parameters
        ----------
        batch : int
        start : Tensor of shape (batch, n_state_units), optional
            What they are made of; they are zero without.
        """
        if start is None:
            zeros = self.cell.initial_state(batch, self._weights_of(0, ""))
            return [[zeros for _ in self.directions] for _ in range(self.num_layers)]
        shape = (self.num_layers, len(self.directions), self.cell.n_states, self.hidden_size)
        parts = self.cell.bounded(start).unflatten(1, shape)
        return [
            [
                tuple(parts[:, layer, i, j].contiguous() for j in range(self.cell.n_states))
                for i in range(len(self.directions))
            ]
            for layer in range(self.num_layers)
        ]

    def forward(self, x: Tensor, lengths: Tensor, start: Tensor | None = None) -> Tensor:
        """Return the top layer's outputs.

        Parameters
        ----------
        x : Tensor of shape (time, batch, input)
        lengths : Tensor of shape (batch,), int64
        start : Tensor of shape (batch, n_state_units), optional
            What the first states are made of; they are zero without.

        Returns
        -------
        Tensor of shape (time, batch, directions * hidden)
            What stands behind a sequence's end is arbitrary.
        """
        flip = Flip(lengths, x.shape[0]) if len(self.directions) == 2 else None
        first_states = self.first_states(x.shape[1], start)
        for layer in range(self.num_layers):
            if layer > 0:
                x = self.dropout(x)
            weights = [self.weights(layer, direction) for direction in self.directions]
            states = first_states[layer]
            inputs = [x] if flip is None else [x, flip(x)]
            outputs = self._scan(inputs, states, weights)
            x = outputs[0] if flip is None else torch.cat([outputs[0], flip(outputs[1])], dim=2)
        return x

    def _scan(
        self, inputs: Sequence[Tensor], states: Sequence[State], weights: Sequence[CellWeights]
    ) -> list[Tensor]:
        """Return the outputs of all steps of a layer, walked in chunks if it is long."""
        n_steps, batch, _ = inputs[0].shape
        if torch.is_grad_enabled():
            chunk_steps, in_chunks = self.bptt_steps, self._scan_truncated
        else:
            chunk_steps = max(1, STEPS_AT_ONCE // max(batch, MIN_ROWS))
            in_chunks = self._scan_without_gradients
        if chunk_steps is None or n_steps <= chunk_steps:
            return self.cell.scan(inputs, states, weights)[0]
        return in_chunks(inputs, states, weights, chunk_steps)

    def _scan_without_gradients(
        self,
        inputs: Sequence[Tensor],
        states: Sequence[State],
        weights: Sequence[CellWeights],
        chunk_steps: int,
    ) -> list[Tensor]:
        """Return the outputs, written into one block a direction."""
        outputs = [x.new_empty(*x.shape[:2], self.hidden_size) for x in inputs]
        for begin in range(0, inputs[0].shape[0], chunk_steps):
            chunk = slice(begin, begin + chunk_steps)
            scanned, states = self.cell.scan([x[chunk] for x in inputs], states, weights)
            for block, of_chunk in zip(outputs, scanned, strict=True):
                block[chunk] = of_chunk
        return outputs

    def _scan_truncated(
        self,
        inputs: Sequence[Tensor],
        states: Sequence[State],
        weights: Sequence[CellWeights],
        chunk_steps: int,
    ) -> list[Tensor]:
        """Return the outputs by truncated backpropagation through time (Williams and Peng 1990).

        The state goes on from chunk to chunk, gradients do not. What a chunk's gradient needs is
        computed again when it is due (Chen et al. 2016, "Training deep nets with sublinear memory
        cost"), so that of all steps only the outputs are kept.
        """
        n_directions, n_states = len(inputs), self.cell.n_states

        def scan(*tensors: Tensor) -> tuple[Tensor, ...]:
            x, flat = tensors[:n_directions], tensors[n_directions:]
            states = [flat[i * n_states :][:n_states] for i in range(n_directions)]
            outputs, last = self.cell.scan(x, states, weights)
            return (*outputs, *(s for state in last for s in state))

        chunks = []
        state = [s for direction in states for s in direction]
        for x in zip(*(x.split(chunk_steps) for x in inputs), strict=True):
            scanned = checkpoint(scan, *x, *state, use_reentrant=False, preserve_rng_state=False)
            chunks.append(scanned[:n_directions])
            # Cloned: a view of the last step would keep all outputs of its chunk.
            state = [s.detach().clone() for s in scanned[n_directions:]]
        return [torch.cat(outputs) for outputs in zip(*chunks, strict=True)]

    def last(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """Return where each direction ends: forward at the last step, backward at the first.

        This is ``h_n`` of the top layer of torch's modules.

        Returns
        -------
        Tensor of shape (batch, directions * hidden)
        """
        return _Ends.apply(outputs, lengths - 1, self.hidden_size)


class Stepper:
    """A recurrence in one direction taken step by step, where inputs aren't known beforehand.

    Parameters
    ----------
    recurrence : Recurrence
    batch : int
    start : Tensor of shape (batch, n_state_units), optional
        As of :meth:`Recurrence.forward`.
    """

    def __init__(self, recurrence: Recurrence, batch: int, start: Tensor | None = None) -> None:
        self.cell = recurrence.cell
        # Drawn once: a mask holds for all steps.
        self.weights = [recurrence.weights(layer, "") for layer in range(recurrence.num_layers)]
        ones = self.weights[0].weight_hh.new_ones(batch, recurrence.hidden_size)
        self.masks = [recurrence.dropout(ones) for _ in self.weights[1:]]
        self.states = [states[0] for states in recurrence.first_states(batch, start)]

    def __call__(self, x: Tensor) -> Tensor:
        """Return the output after an input of shape (batch, input), shape (batch, hidden)."""
        return self.walk(x[None])[0]

    def walk(self, x: Tensor) -> Tensor:
        """Return the outputs of several steps, (time, batch, hidden), of (time, batch, input)."""
        for layer, weights in enumerate(self.weights):
            if layer > 0:
                x = x * self.masks[layer - 1]
            (x,), (self.states[layer],) = self.cell.scan([x], [self.states[layer]], [weights])
        return x

    def step(self, x: Tensor) -> Tensor:
        """Return the same as a call by the cell's plain equations, which is quicker for one step.

        It lacks what makes the last digits the same in any company.
        """
        for layer, weights in enumerate(self.weights):
            if layer > 0:
                x = x * self.masks[layer - 1]
            self.states[layer] = self.cell.step(x, self.states[layer], weights)
            x = self.states[layer][0]
        return x

    def take(self, rows: Tensor) -> None:
        """Go on with these rows of the batch, some of them several times or not at all."""
        self.masks = [mask[rows] for mask in self.masks]
        self.states = [tuple(s[rows] for s in state) for state in self.states]


def spread_memory(network: nn.Module, longest: int) -> None:
    """Start the gates of all recurrences of a network for sequences of up to so many steps."""
    for part in network.modules():
        if isinstance(part, Recurrence):
            part.spread_memory(longest)


def at_step(x: Tensor, step: Tensor) -> Tensor:
    """Return x[step[b], b] for each sample b, shape (batch, units)."""
    index = step.view(1, -1, 1).expand(1, -1, x.shape[2])
    return x.gather(0, index).squeeze(0)


class _Ends(torch.autograd.Function):
    """Where each direction ends; its gradient is written into one block of zeros."""

    @staticmethod
    def forward(ctx, outputs: Tensor, last_step: Tensor, hidden_size: int) -> Tensor:
        n_samples, n_units = outputs.shape[1:]
        places = last_step * n_samples + torch.arange(n_samples, device=outputs.device)
        ctx.save_for_backward(places)
        ctx.shape, ctx.hidden_size = outputs.shape, hidden_size
        ends = outputs.reshape(-1, n_units).index_select(0, places)
        if n_units > hidden_size:
            ends[:, hidden_size:] = outputs[0, :, hidden_size:]
        return ends

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (places,) = ctx.saved_tensors
        hidden, n_units = ctx.hidden_size, ctx.shape[2]
        of_outputs = gradient.new_zeros(ctx.shape)
        of_outputs.view(-1, n_units)[:, :hidden].index_copy_(0, places, gradient[:, :hidden])
        if n_units > hidden:
            of_outputs[0, :, hidden:] = gradient[:, hidden:]
        return of_outputs, None, None


class Flip:
    """Reverse each sequence within its own length; padding stays where it is.

    Parameters
    ----------
    lengths : Tensor of shape (batch,)
    n_steps : int
    """

    def __init__(self, lengths: Tensor, n_steps: int) -> None:
        batch = len(lengths)
        time = torch.arange(n_steps, device=lengths.device)[:, None]
        source = torch.where(time < lengths, lengths - 1 - time, time)
        self.places = (source * batch + torch.arange(batch, device=lengths.device)).view(-1)

    def __call__(self, x: Tensor) -> Tensor:
        """Return x of shape (time, batch, units), flipped; flipping twice gives x back."""
        return _Permute.apply(x, self.places)


class _Permute(torch.autograd.Function):
    """Reorder (time, batch) places by a permutation that is its own inverse."""

    @staticmethod
    def forward(ctx, x: Tensor, places: Tensor) -> Tensor:
        ctx.save_for_backward(places)
        return x.reshape(-1, x.shape[2]).index_select(0, places).view(x.shape)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        (places,) = ctx.saved_tensors
        return _Permute.apply(gradient, places), None
