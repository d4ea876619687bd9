"""The many-to-one network: raw sequence and static columns -> one vector -> outputs."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn

from sklearn_rnn.nn.cells import Cell
from sklearn_rnn.nn.dropout import Dropout
from sklearn_rnn.nn.heads import LinearHead
from sklearn_rnn.nn.inputs import MixedInput
from sklearn_rnn.nn.pooling import POOLINGS, Pooling
from sklearn_rnn.nn.recurrence import Recurrence
from sklearn_rnn.nn.static import StaticEncoder


class SequenceEncoder(nn.Module):
    """Sequence and static columns -> one vector.

    Parameters
    ----------
    inputs : MixedInput
    recurrence : Recurrence
    pooling : str or type[Pooling]
        A name of :data:`~sklearn_rnn.nn.pooling.POOLINGS` or a class derived from ``Pooling``.
    static : StaticEncoder or None
        With one, a sequence may have no steps: a learned vector stands for it then.
    generator : torch.Generator
    """

    def __init__(
        self,
        inputs: MixedInput,
        recurrence: Recurrence,
        pooling: str | type[Pooling],
        static: StaticEncoder | None,
        generator: Generator,
    ) -> None:
        super().__init__()
        pooling = POOLINGS[pooling] if isinstance(pooling, str) else pooling
        self.inputs = inputs
        self.recurrence = recurrence
        self.pooling = pooling(recurrence.output_size, generator)
        self.output_size = pooling.multiple * recurrence.output_size
        self.static = static
        if static is not None:
            self.of_no_steps = nn.Parameter(torch.zeros(self.output_size))
            self.output_size += static.output_size

    def forward(
        self,
        values: Tensor,
        lengths: Tensor,
        codes: Tensor | None = None,
        static_values: Tensor | None = None,
        static_codes: Tensor | None = None,
    ) -> Tensor:
        """Return a Tensor of shape (batch, output_size).

        Parameters
        ----------
        values : Tensor of shape (batch, time, channels)
            Steps behind a sequence's end may hold any number.
        lengths : Tensor of shape (batch,), int64
        codes : Tensor of shape (batch, time, n_categorical), int, optional
        static_values : Tensor of shape (batch, n_static), optional
        static_codes : Tensor of shape (batch, n_static_categorical), int, optional
        """
        if self.static is None:
            return self._pooled(values, lengths, codes)
        for_head, start = self.static(static_values, static_codes)
        pooled = self._pooled(values, lengths.clamp(min=1), codes, start)
        pooled = torch.where((lengths > 0)[:, None], pooled, self.of_no_steps)
        return pooled if for_head is None else torch.cat([pooled, for_head], dim=1)

    def _pooled(
        self, values: Tensor, lengths: Tensor, codes: Tensor | None, start: Tensor | None = None
    ) -> Tensor:
        if self.recurrence.cell.takes_any_length(values.device):  # padding is rounded for others
            n_steps = int(lengths.max())
            values, codes = values[:, :n_steps], None if codes is None else codes[:, :n_steps]
        x = self.inputs(values.transpose(0, 1), None if codes is None else codes.transpose(0, 1))
        outputs = self.recurrence(x, lengths, start)
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

    def forward(self, *args: Tensor, **kwargs: Tensor) -> Tensor:
        """Return a Tensor of shape (batch, n_outputs) for what the encoder takes."""
        return self.head(self.dropout(self.encoder(*args, **kwargs)))

    @classmethod
    def build(
        cls,
        inputs: MixedInput,
        static_inputs: MixedInput | None,
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
        static_to: str,
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
        static = None
        if static_inputs is not None:
            static = StaticEncoder(static_inputs, recurrence, static_to, generator)
        encoder = SequenceEncoder(inputs, recurrence, pooling, static, generator)
        head = LinearHead(encoder.output_size, len(initial_outputs), initial_outputs, generator)
        return cls(encoder, dropout, head, generator)
