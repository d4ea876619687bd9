"""The networks whose answer is a sequence of another length."""

from __future__ import annotations

from typing import NamedTuple, Self

import torch
from torch import Generator, Tensor, nn

from sklearn_rnn.nn.attention import ATTENTIONS, Attention, Beside
from sklearn_rnn.nn.beam import beam_search
from sklearn_rnn.nn.cells import Cell
from sklearn_rnn.nn.decoder import Decoder, DecoderSteps, Reading
from sklearn_rnn.nn.dropout import Dropout
from sklearn_rnn.nn.encoder import Encoder
from sklearn_rnn.nn.feedback import Feedback
from sklearn_rnn.nn.heads import LinearHead
from sklearn_rnn.nn.initialization import exact_linear, linear
from sklearn_rnn.nn.inputs import MixedInput
from sklearn_rnn.nn.recurrence import Recurrence
from sklearn_rnn.nn.static import StaticEncoder


class Written(NamedTuple):
    """What a network wrote by itself."""

    entries: Tensor  # (batch, time, ...): codes or outputs; anything behind the end
    lengths: Tensor  # (batch,)
    weights: Tensor | None = None  # (batch, time, read) of attention


class SequenceReader(Encoder):
    """Sequence and static columns -> a summary and the outputs of all steps."""

    def __init__(
        self, inputs: MixedInput, recurrence: Recurrence, static: StaticEncoder | None
    ) -> None:
        super().__init__(inputs, recurrence, static)
        self.n_values = recurrence.output_size
        self.output_size = recurrence.output_size + (0 if static is None else static.output_size)

    def forward(self, values: Tensor, lengths: Tensor, **others: Tensor) -> Reading:
        """Return what was read of what :meth:`read` takes."""
        n_steps = lengths.clamp(min=1)
        outputs, for_head = self.read(values, n_steps, **others)
        summary = self.recurrence.last(outputs, n_steps)
        if for_head is not None:
            summary = torch.cat([summary, for_head], dim=1)
        return Reading(summary, outputs, n_steps)


class VectorReader(nn.Module):
    """A vector of features, as a sequence of one step or as static columns -> a summary.

    The features as they are, and a hidden layer of them.

    Parameters
    ----------
    inputs : MixedInput
    hidden_size : int
    generator : torch.Generator
    """

    def __init__(self, inputs: MixedInput, hidden_size: int, generator: Generator) -> None:
        super().__init__()
        self.inputs = inputs
        self.hidden = linear(inputs.output_size, hidden_size, 1.0, generator)
        self.n_values = self.output_size = inputs.output_size + hidden_size

    def forward(self, values: Tensor, lengths: Tensor, codes: Tensor | None = None) -> Reading:
        """Return the summary of the only step."""
        x = self.inputs(values[:, 0], None if codes is None else codes[:, 0])
        summary = torch.cat([x, torch.tanh(exact_linear(self.hidden, x))], dim=1)
        return Reading(summary, summary[None], lengths)


class EncoderDecoder(nn.Module):
    """Read all, then write.

    Parameters
    ----------
    encoder : SequenceReader or VectorReader
    decoder : Decoder
    feedback : Feedback
        What outputs stand for.
    dropout : float
        On what the head reads; one mask for all steps.
    head : Module
    generator : torch.Generator
    """

    teacher_forcing = 1.0
    """Share of the training steps that read the right answer before them, not the network's own."""

    def __init__(
        self,
        encoder: SequenceReader | VectorReader,
        decoder: Decoder,
        feedback: Feedback,
        dropout: float,
        head: nn.Module,
        generator: Generator,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.feedback = feedback
        self.dropout = Dropout(dropout, generator)
        self.head = head
        self.generator = generator

    @classmethod
    def build(
        cls,
        inputs: MixedInput,
        static_inputs: MixedInput | None,
        initial_outputs: Tensor,
        *,
        feedback: Feedback,
        encoder: str,
        attention: str | type[Attention] | None,
        decoder_input: str,
        cell: str | type[Cell],
        hidden_size: int,
        num_layers: int,
        bidirectional: bool,
        dropout: float,
        recurrent_dropout: float,
        bptt_steps: int | None,
        static_to: str,
        generator: Generator,
    ) -> Self:
        """Build from an estimator's parameters; the head starts at ``initial_outputs``."""

        def recurrence(n_inputs: int, bidirectional: bool) -> Recurrence:
            return Recurrence(
                cell,
                n_inputs,
                hidden_size,
                num_layers=num_layers,
                bidirectional=bidirectional,
                dropout=dropout,
                recurrent_dropout=recurrent_dropout,
                bptt_steps=bptt_steps,
                generator=generator,
            )

        reader: SequenceReader | VectorReader
        looking: Attention | Beside | None = None
        if encoder == "vector":
            reader = VectorReader(inputs, hidden_size, generator)
            looking = Beside()
        else:
            reading = recurrence(inputs.output_size, bidirectional)
            static = None
            if static_inputs is not None:
                static = StaticEncoder(static_inputs, reading, static_to, generator)
            reader = SequenceReader(inputs, reading, static)
            if attention is not None:
                kind = ATTENTIONS[attention] if isinstance(attention, str) else attention
                looking = kind(reader.n_values, hidden_size, generator)
        reads = decoder_input == "previous"
        decoder = Decoder(
            recurrence(feedback.output_size if reads else 1, False),
            reader.output_size,
            feedback if reads else None,
            looking,
            reader.n_values,
            dropout,
            generator,
        )
        head = LinearHead(decoder.output_size, len(initial_outputs), initial_outputs, generator)
        return cls(reader, decoder, feedback, dropout, head, generator)

    def forward(self, values: Tensor, lengths: Tensor, targets: Tensor, **others: Tensor) -> Tensor:
        """Return the outputs of all steps, (batch, time, n_outputs), of known answers.

        Parameters
        ----------
        values, lengths, **others
            What the encoder takes.
        targets : Tensor of shape (batch, time, ...)
        """
        reading = self.encoder(values, lengths, **others)
        forced = self.teacher_forcing
        if self.decoder.feedback is None or forced == 1 or not self.training:
            features, _ = self.decoder(reading, targets.shape[1], targets)
            return self.head(self.dropout(features)).transpose(0, 1)
        return self._forward_in_steps(reading, targets, forced)

    def _forward_in_steps(self, reading: Reading, targets: Tensor, forced: float) -> Tensor:
        """Return outputs where some steps read the network's own answer (Bengio et al. 2015)."""
        steps = DecoderSteps(self.decoder, reading)
        mask = self.dropout(reading.summary.new_ones(len(targets), self.decoder.output_size))
        outputs = []
        for target in targets.unbind(1):
            features, _ = steps()
            outputs.append(self.head(features * mask))
            own = self.feedback.said(outputs[-1]).to(target.dtype)
            draw = torch.empty(len(target), dtype=torch.float32, device=self.generator.device)
            is_forced = draw.uniform_(generator=self.generator).to(target.device) < forced
            steps.say(torch.where(is_forced.view(-1, *[1] * (target.ndim - 1)), target, own))
        return torch.stack(outputs, dim=1)

    def looking(
        self, values: Tensor, lengths: Tensor, targets: Tensor, **others: Tensor
    ) -> Tensor | None:
        """Return attention's weights, (batch, time, read), while known answers are written."""
        reading = self.encoder(values, lengths, **others)
        return self.decoder(reading, targets.shape[1], targets)[1]

    def write(
        self,
        values: Tensor,
        lengths: Tensor,
        *,
        max_steps: int,
        n_steps: Tensor | None = None,
        beam_size: int = 1,
        **others: Tensor,
    ) -> Written:
        """Return the network's own answers.

        Parameters
        ----------
        values, lengths, **others
            What the encoder takes.
        max_steps : int
            No answer is longer.
        n_steps : Tensor of shape (batch,), optional
            Lengths of the answers, at most max_steps; without, the network says where they end.
        beam_size : int
            How many beginnings are followed at once; only with tokens.
        """
        reading = self.encoder(values, lengths, **others)
        if beam_size > 1:
            steps = DecoderSteps(self.decoder, reading)
            entries, lengths = beam_search(
                steps, self.head, self.feedback, beam_size, max_steps, n_steps
            )
            return Written(entries, lengths)
        if self.decoder.feedback is None:
            features, weights = self.decoder(reading, max_steps)
            outputs = self.head(features).transpose(0, 1)
            first, later = outputs.tensor_split([1], dim=1)
            entries = torch.cat(
                [
                    self.feedback.said(first, may_end=n_steps is None and self._may_end_at(0)),
                    self.feedback.said(later, may_end=n_steps is None),
                ],
                dim=1,
            )
            return self._written(entries, weights, n_steps)
        return self._write_greedily(reading, max_steps, n_steps)

    def _write_greedily(self, reading: Reading, max_steps: int, n_steps: Tensor | None) -> Written:
        """Say at each step what is best there."""
        steps = DecoderSteps(self.decoder, reading)
        entries, looking = [], []
        done = torch.zeros(len(reading.summary), dtype=torch.bool, device=reading.summary.device)
        for step in range(max_steps):
            features, weights = steps()
            may_end = n_steps is None and self._may_end_at(step)
            said = self.feedback.said(self.head(features), may_end=may_end)
            entries.append(said)
            looking += [] if weights is None else [weights]
            if n_steps is None and self.feedback.ends:
                done |= self.feedback.is_last(said)
                if done.all():
                    break
            steps.say(said if said.ndim == 1 else said.to(features.dtype))
        all_weights = torch.stack(looking, dim=1) if looking else None
        return self._written(torch.stack(entries, dim=1), all_weights, n_steps)

    def _may_end_at(self, step: int) -> bool:
        """Tell whether the end may be said at a step: no answer is empty."""
        return step + self.feedback.end_counts > 0

    def _written(self, entries: Tensor, weights: Tensor | None, n_steps: Tensor | None) -> Written:
        """Find where answers end."""
        if n_steps is None:
            is_last = self.feedback.is_last(entries)
            n_steps = is_last.int().argmax(dim=1) + self.feedback.end_counts
            n_steps = torch.where(is_last.any(dim=1), n_steps, entries.shape[1])
        return Written(entries, n_steps, weights)
