"""A network that answers at each step, and whose next step reads that answer.

What is said can only be handed forward. So a recurrence in one direction reads, at each step, what
was said at the step before beside what there is to read: the step of X itself or, where X is read
in both directions, the output there of a recurrence below. In training the right answers are known,
each step reads the one before it (teacher forcing; Williams and Zipser 1989), and all steps are one
call. In prediction each step reads the network's own answer, so they follow one another.
"""

from __future__ import annotations

from typing import Self

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from sklearn_rnn.nn.cells import Cell
from sklearn_rnn.nn.dropout import Dropout
from sklearn_rnn.nn.encoder import Encoder, beside
from sklearn_rnn.nn.feedback import Feedback
from sklearn_rnn.nn.heads import LinearHead
from sklearn_rnn.nn.inputs import MixedInput
from sklearn_rnn.nn.recurrence import Recurrence, Stepper
from sklearn_rnn.nn.static import StaticEncoder


class FeedbackEncoder(Encoder):
    """Sequence, static columns and the answers so far -> one vector a step.

    Parameters
    ----------
    inputs : MixedInput
    recurrence : Recurrence
        In one direction; it reads what was said beside what there is to read.
    static : StaticEncoder or None
        With one, a sequence may have no steps.
    feedback : Feedback
        How an answer is read.
    below : Recurrence or None
        Reads the steps of X first.
    dropout : float
        Between the two recurrences; one mask for all steps of a sequence.
    generator : torch.Generator
    """

    def __init__(
        self,
        inputs: MixedInput,
        recurrence: Recurrence,
        static: StaticEncoder | None,
        feedback: Feedback,
        below: Recurrence | None,
        dropout: float,
        generator: Generator,
    ) -> None:
        super().__init__(inputs, recurrence, static)
        self.feedback = feedback
        self.below = below
        self.dropout = Dropout(dropout, generator)
        self.output_size = recurrence.output_size + (0 if static is None else static.output_size)

    def prepare(
        self, values: Tensor, lengths: Tensor, *args: Tensor | None, **others: Tensor | None
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Return what there is to read beside answers, and more as :meth:`Encoder.prepare`."""
        x, start, for_head = super().prepare(values, lengths, *args, **others)
        if self.below is not None:
            x = self.dropout(self.below(x, lengths))
        return x, start, for_head

    def forward(self, values: Tensor, lengths: Tensor, targets: Tensor, **others: Tensor) -> Tensor:
        """Return a Tensor of shape (time, batch, output_size), all answers being known.

        Parameters
        ----------
        values, lengths, **others
            What :meth:`prepare` takes, but a sequence may have no steps.
        targets : Tensor of shape (batch, time, ...)
            What is said at each step, to the end of the longest sequence.
        """
        lengths = lengths.clamp(min=1)
        x, start, for_head = self.prepare(values, lengths, **others)
        said = self.feedback.before(targets)
        said = functional.pad(said, (0, 0, 0, 0, 0, len(x) - len(said)))
        outputs = self.recurrence(torch.cat([x, said], dim=2), lengths, start)
        return beside(outputs, for_head)


class OutputFeedback(nn.Module):
    """One vector of outputs a step, each in the light of the answer before it.

    Parameters
    ----------
    encoder : FeedbackEncoder
    dropout : float
        On the vectors that the head reads; one mask for all steps of a sequence.
    head : Module
        From ``encoder.output_size`` inputs.
    generator : torch.Generator
    """

    def __init__(
        self, encoder: FeedbackEncoder, dropout: float, head: nn.Module, generator: Generator
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
        feedback: Feedback,
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
        """Build from an estimator's parameters; the head starts at ``initial_outputs``.

        Where X is read in both directions the ``num_layers`` do that, and one more reads answers;
        else they all follow the answers.
        """

        def recurrence(n_inputs: int, num_layers: int, bidirectional: bool) -> Recurrence:
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

        below = recurrence(inputs.output_size, num_layers, True) if bidirectional else None
        n_read = inputs.output_size if below is None else below.output_size
        top = recurrence(n_read + feedback.output_size, 1 if bidirectional else num_layers, False)
        static = None
        if static_inputs is not None:
            static = StaticEncoder(static_inputs, top, static_to, generator)
        encoder = FeedbackEncoder(inputs, top, static, feedback, below, dropout, generator)
        head = LinearHead(encoder.output_size, len(initial_outputs), initial_outputs, generator)
        return cls(encoder, dropout, head, generator)

    def forward(
        self, values: Tensor, lengths: Tensor, targets: Tensor | None = None, **others: Tensor
    ) -> Tensor:
        """Return a Tensor of shape (batch, time, n_outputs) for what the encoder takes.

        Time ends with the longest sequence.

        Parameters
        ----------
        values, lengths, **others
            As of :meth:`Encoder.read`.
        targets : Tensor of shape (batch, time, ...), optional
            What is said at each step; without, the network's own answers.
        """
        n_steps = max(int(lengths.max()), 1)
        if targets is None:
            return self._answer(n_steps, values, lengths, **others)
        read = self.encoder(values, lengths, targets, **others)[:n_steps]
        return self.head(self.dropout(read)).transpose(0, 1)

    def _answer(self, n_steps: int, values: Tensor, lengths: Tensor, **others: Tensor) -> Tensor:
        """Return the outputs of all steps, each reading what the one before stands for."""
        feedback = self.encoder.feedback
        x, start, for_head = self.encoder.prepare(values, lengths.clamp(min=1), **others)
        stepper = Stepper(self.encoder.recurrence, len(lengths), start)
        said = feedback.first(len(lengths))
        outputs = []
        for x_t in x[:n_steps].unbind(0):
            features = stepper(torch.cat([x_t, said], dim=1))
            outputs.append(self.head(beside(features[None], for_head))[0])
            said = feedback(feedback.said(outputs[-1])).to(x.dtype)
        return torch.stack(outputs, dim=1)
