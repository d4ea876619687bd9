"""The networks: raw sequences and static columns -> outputs, one a sequence or one a step."""

from __future__ import annotations

from typing import Any, Self, cast

import torch
from torch import Generator, Tensor, nn

from sklearn_rnn.nn.cells import Cell
from sklearn_rnn.nn.dropout import Dropout
from sklearn_rnn.nn.heads import LinearHead
from sklearn_rnn.nn.inputs import MixedInput
from sklearn_rnn.nn.pooling import POOLINGS, AttentionPooling, MeanPooling, Pooling
from sklearn_rnn.nn.recurrence import Recurrence
from sklearn_rnn.nn.static import StaticEncoder
from sklearn_rnn.nn.stem import STEMS, Stem, inside


class Encoder(nn.Module):
    """What reads the steps.

    Parameters
    ----------
    inputs : MixedInput
    recurrence : Recurrence
    static : StaticEncoder or None
        With one, a sequence may have no steps.
    """

    output_size: int

    def __init__(
        self, inputs: MixedInput, recurrence: Recurrence, static: StaticEncoder | None
    ) -> None:
        super().__init__()
        self.inputs = inputs
        self.recurrence = recurrence
        self.static = static

    def read(
        self,
        values: Tensor,
        lengths: Tensor,
        codes: Tensor | None = None,
        static_values: Tensor | None = None,
        static_codes: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Return the outputs of all steps, and what the head shall know of the static columns.

        Parameters
        ----------
        values : Tensor of shape (batch, time, channels)
            Steps behind a sequence's end may hold any number.
        lengths : Tensor of shape (batch,), int64
            1 at least.
        codes : Tensor of shape (batch, time, n_categorical), int, optional
        static_values : Tensor of shape (batch, n_static), optional
        static_codes : Tensor of shape (batch, n_static_categorical), int, optional

        Returns
        -------
        outputs : Tensor of shape (time, batch, units)
        for_head : Tensor of shape (batch, static.output_size) or None
        """
        x, start, for_head = self.prepare(values, lengths, codes, static_values, static_codes)
        return self.recurrence(x, lengths, start), for_head

    def prepare(
        self,
        values: Tensor,
        lengths: Tensor,
        codes: Tensor | None = None,
        static_values: Tensor | None = None,
        static_codes: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Return what the recurrence reads, what it starts from, and what is for the head.

        Returns
        -------
        x : Tensor of shape (time, batch, inputs.output_size)
        start : Tensor of shape (batch, recurrence.n_state_units) or None
        for_head : Tensor of shape (batch, static.output_size) or None
        """
        for_head = start = None
        if self.static is not None:
            for_head, start = self.static(static_values, static_codes)
        if self.recurrence.cell.takes_any_length(values.device):  # padding is rounded for others
            n_steps = int(lengths.max())
            values, codes = values[:, :n_steps], None if codes is None else codes[:, :n_steps]
        x = self.inputs(values.transpose(0, 1), None if codes is None else codes.transpose(0, 1))
        return x, start, for_head


class SequenceEncoder(Encoder):
    """Sequence and static columns -> one vector.

    Parameters
    ----------
    inputs, recurrence, static
        As of :class:`Encoder`; a learned vector stands for a sequence of no steps.
    pooling : str or type[Pooling]
        A name of :data:`~sklearn_rnn.nn.pooling.POOLINGS` or a class derived from ``Pooling``.
    generator : torch.Generator
    stem : Stem, optional
        What shortens sequences for the recurrence. The mean of what it makes stands beside the
        pooled vector, so that the head reads it past the recurrence too (after the LSTM-FCN of
        Karim et al. 2018).
    """

    def __init__(
        self,
        inputs: MixedInput,
        recurrence: Recurrence,
        static: StaticEncoder | None,
        pooling: str | type[Pooling],
        generator: Generator,
        stem: Stem | None = None,
    ) -> None:
        super().__init__(inputs, recurrence, static)
        pooling = POOLINGS[pooling] if isinstance(pooling, str) else pooling
        self.pooling = pooling(recurrence.output_size, generator)
        self.output_size = pooling.multiple * recurrence.output_size
        self.stem = stem
        if stem is not None:
            self.pooling_of_stem = MeanPooling(stem.output_size, generator)
            self.output_size += stem.output_size
        if static is not None:
            self.of_no_steps = nn.Parameter(torch.zeros(self.output_size, dtype=torch.float32))
            self.output_size += static.output_size

    def forward(self, values: Tensor, lengths: Tensor, **others: Tensor) -> Tensor:
        """Return a Tensor of shape (batch, output_size) for what :meth:`read` takes."""
        x, outputs, n_steps, is_inside, for_head = self._steps(values, lengths, **others)
        last = self.recurrence.last(outputs, n_steps)
        pooled = self.pooling(outputs, last, is_inside, n_steps)
        if self.stem is not None:
            of_stem = self.pooling_of_stem(x, x[0], is_inside, n_steps)
            pooled = torch.cat([pooled, of_stem], dim=1)
        if self.static is not None:
            pooled = torch.where((lengths > 0)[:, None], pooled, self.of_no_steps)
        return pooled if for_head is None else torch.cat([pooled, for_head], dim=1)

    def _steps(
        self, values: Tensor, lengths: Tensor, **others: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor | None]:
        """Return what the recurrence reads and makes of it, and what the head shall know besides.

        Returns
        -------
        x : Tensor of shape (time, batch, inputs)
        outputs : Tensor of shape (time, batch, units)
        n_steps : Tensor of shape (batch,)
            1 at least: something stands for a sequence of none.
        is_inside : Tensor of shape (time, batch, 1), bool
        for_head : Tensor of shape (batch, static.output_size) or None
        """
        n_steps = lengths if self.static is None else lengths.clamp(min=1)
        x, start, for_head = self.prepare(values, n_steps, **others)
        if self.stem is not None:  # which may not read what stands for a sequence of no steps
            x, n_steps = self.stem(x, lengths)
            n_steps = n_steps if self.static is None else n_steps.clamp(min=1)
        outputs = self.recurrence(x, n_steps, start)
        is_inside = inside(n_steps, len(outputs)).t()[..., None]
        return x, outputs, n_steps, is_inside, for_head

    def prefixes(self, values: Tensor, lengths: Tensor, **others: Tensor) -> Tensor:
        """Return what :meth:`forward` makes of each sequence cut after each of its steps.

        Without a stem and for a recurrence of one direction only, where a cut changes none of the
        outputs before it.

        Returns
        -------
        Tensor of shape (time, batch, output_size)
            Time ends with the longest sequence. One of no steps has its vector at the first step.
        """
        n_steps = lengths if self.static is None else lengths.clamp(min=1)
        outputs, for_head = self.read(values, n_steps, **others)
        pooled = self.pooling.prefixes(outputs[: int(n_steps.max())])
        if self.static is not None:
            pooled = torch.where((lengths > 0)[:, None], pooled, self.of_no_steps)
        return beside(pooled, for_head)

    def looking(self, values: Tensor, lengths: Tensor, **others: Tensor) -> Tensor:
        """Return the share of each step in what an attention pooling makes of them.

        Steps that a stem made one of share what that one has.

        Returns
        -------
        Tensor of shape (batch, time, 1)
            Time ends with the longest sequence.
        """
        _, outputs, _, is_inside, _ = self._steps(values, lengths, **others)
        weights = cast(AttentionPooling, self.pooling).weights(outputs, is_inside)
        n_steps = lengths.clamp(min=1)
        n_longest = int(n_steps.max())
        if self.stem is not None:
            each = self.stem.steps_each
            place = torch.arange(n_longest, device=lengths.device) // each
            shared = (n_steps - place[:, None] * each).clamp(min=1, max=each)
            weights = weights[place] / shared[..., None]
        return weights[:n_longest].transpose(0, 1)


class StepEncoder(Encoder):
    """Sequence and static columns -> one vector a step."""

    def __init__(
        self, inputs: MixedInput, recurrence: Recurrence, static: StaticEncoder | None
    ) -> None:
        super().__init__(inputs, recurrence, static)
        self.output_size = recurrence.output_size + (0 if static is None else static.output_size)

    def forward(self, values: Tensor, lengths: Tensor, **others: Tensor) -> Tensor:
        """Return a Tensor of shape (time, batch, output_size) for what :meth:`read` takes."""
        outputs, for_head = self.read(values, lengths.clamp(min=1), **others)
        return beside(outputs, for_head)


def beside(outputs: Tensor, for_head: Tensor | None) -> Tensor:
    """Set what is the same at all steps beside the outputs, (time, batch, units), of each."""
    if for_head is None:
        return outputs
    return torch.cat([outputs, for_head.expand(len(outputs), -1, -1)], dim=2)


class Network(nn.Module):
    """Encoder, dropout, head.

    Parameters
    ----------
    encoder : Encoder
    dropout : float
        On the vectors that the head reads; one mask for all steps of a sequence.
    head : Module
        From ``encoder.output_size`` inputs.
    generator : torch.Generator
    """

    encoder: Encoder

    def __init__(
        self, encoder: Encoder, dropout: float, head: nn.Module, generator: Generator
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = Dropout(dropout, generator)
        self.head = head

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
        dropout: float,
        recurrent_dropout: float,
        bptt_steps: int | None,
        static_to: str,
        generator: Generator,
        stem: str | None = None,
        **of_encoder: Any,
    ) -> Self:
        """Build from an estimator's parameters; the head starts at ``initial_outputs``."""
        n_read = inputs.output_size
        if stem is not None:
            of_encoder["stem"] = STEMS[stem](n_read, hidden_size, generator)
            n_read = of_encoder["stem"].output_size
        recurrence = Recurrence(
            cell,
            n_read,
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
        encoder = cls.make_encoder(inputs, recurrence, static, generator=generator, **of_encoder)
        head = LinearHead(encoder.output_size, len(initial_outputs), initial_outputs, generator)
        return cls(encoder, dropout, head, generator)

    @staticmethod
    def make_encoder(
        inputs: MixedInput,
        recurrence: Recurrence,
        static: StaticEncoder | None,
        *,
        generator: Generator,
        **of_encoder: Any,
    ) -> Encoder:
        """Return the encoder that this network has."""
        raise NotImplementedError


class ManyToOne(Network):
    """One vector of outputs a sequence."""

    encoder: SequenceEncoder

    def forward(self, values: Tensor, lengths: Tensor, **others: Tensor) -> Tensor:
        """Return a Tensor of shape (batch, n_outputs) for what the encoder takes."""
        return self.head(self.dropout(self.encoder(values, lengths, **others)))

    def prefixes(self, values: Tensor, lengths: Tensor, **others: Tensor) -> Tensor:
        """Return the outputs for each sequence cut after each of its steps.

        Returns
        -------
        Tensor of shape (batch, time, n_outputs)
            As :meth:`SequenceEncoder.prefixes` has them.
        """
        prefixes = self.encoder.prefixes(values, lengths, **others)
        return self.head(self.dropout(prefixes)).transpose(0, 1)

    @staticmethod
    def make_encoder(
        inputs: MixedInput,
        recurrence: Recurrence,
        static: StaticEncoder | None,
        *,
        generator: Generator,
        **of_encoder: Any,
    ) -> Encoder:
        """Return one that pools; it takes the ``pooling`` and a stem."""
        return SequenceEncoder(inputs, recurrence, static, generator=generator, **of_encoder)


class ManyToMany(Network):
    """One vector of outputs a step."""

    def forward(self, values: Tensor, lengths: Tensor, **others: Tensor) -> Tensor:
        """Return a Tensor of shape (batch, time, n_outputs) for what the encoder takes.

        Time ends with the longest sequence.
        """
        read = self.encoder(values, lengths, **others)[: max(int(lengths.max()), 1)]
        return self.head(self.dropout(read)).transpose(0, 1)

    @staticmethod
    def make_encoder(
        inputs: MixedInput,
        recurrence: Recurrence,
        static: StaticEncoder | None,
        *,
        generator: Generator,
        **of_encoder: Any,
    ) -> Encoder:
        """Return one that hands on every step."""
        return StepEncoder(inputs, recurrence, static)
