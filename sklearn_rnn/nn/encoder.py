"""The many-to-one network: raw sequence -> recurrence -> one vector -> outputs."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn

from sklearn_rnn.nn.cells import Cell
from sklearn_rnn.nn.dropout import Dropout
from sklearn_rnn.nn.heads import LinearHead
from sklearn_rnn.nn.inputs import NumericInput
from sklearn_rnn.nn.pooling import POOLINGS, Pooling
from sklearn_rnn.nn.recurrence import Recurrence


class SequenceEncoder(nn.Module):
    """Sequence -> one vector.

    Parameters
    ----------
    inputs : NumericInput
    recurrence : Recurrence
    pooling : str or type[Pooling]
        A name of :data:`~sklearn_rnn.nn.pooling.POOLINGS` or a class derived from ``Pooling``.
    generator : torch.Generator
    """

    def __init__(
        self,
        inputs: NumericInput,
        recurrence: Recurrence,
        pooling: str | type[Pooling],
        generator: Generator,
    ) -> None:
        super().__init__()
        pooling = POOLINGS[pooling] if isinstance(pooling, str) else pooling
        self.inputs = inputs
        self.recurrence = recurrence
        self.pooling = pooling(recurrence.output_size, generator)
        self.output_size = pooling.multiple * recurrence.output_size

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        """Return a Tensor of shape (batch, output_size).

        Parameters
        ----------
        values : Tensor of shape (batch, time, channels)
            Steps behind a sequence's end may hold any number.
        lengths : Tensor of shape (batch,), int64
        """
        if self.recurrence.cell.takes_any_length(values.device):  # padding is rounded for others
            values = values[:, : int(lengths.max())]
        x = self.inputs(values.transpose(0, 1))
        outputs = self.recurrence(x, lengths)
        last = self.recurrence.last(outputs, lengths)
        inside = torch.arange(len(outputs), device=lengths.device)[:, None] < lengths
        return self.pooling(outputs, last, inside[..., None], lengths)


class ManyToOne(nn.Module):
    """Encoder, dropout, head: one vector of outputs a sequence.

    Parameters
    ----------
    encoder : SequenceEncoder
    dropout : float
        On the pooled vector.
    head : Module
        From ``encoder.output_size`` inputs.
    generator : torch.Generator
    """

    def __init__(
        self, encoder: SequenceEncoder, dropout: float, head: nn.Module, generator: Generator
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = Dropout(dropout, generator)
        self.head = head

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        """Return a Tensor of shape (batch, n_outputs)."""
        return self.head(self.dropout(self.encoder(values, lengths)))

    @classmethod
    def build(
        cls,
        inputs: NumericInput,
        initial_outputs: Tensor,
        *,
        cell: str | type[Cell],
        hidden_size: int,
        num_layers: int,
        bidirectional: bool,
        pooling: str | type[Pooling],
        dropout: float,
        recurrent_dropout: float,
        bptt_steps: int | None,
        generator: Generator,
    ) -> ManyToOne:
        """Build from an estimator's parameters; the head starts at ``initial_outputs``."""
        recurrence = Recurrence(
            cell,
            inputs.output_size,
            hidden_size,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            bptt_steps=bptt_steps,
            generator=generator,
        )
        encoder = SequenceEncoder(inputs, recurrence, pooling, generator)
        head = LinearHead(encoder.output_size, len(initial_outputs), initial_outputs, generator)
        return cls(encoder, dropout, head, generator)
