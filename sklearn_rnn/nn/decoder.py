"""From what was read to a sequence of another length.

The state starts at a function of what was read. At each step the recurrence reads what was said
before; what it puts out is set beside what attention sees. Attention comes after the recurrence
(Luong, Pham and Manning 2015), so that in training, where all answers are known, the recurrence is
one call through all steps and attention one product.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

from sklearn_rnn.nn.attention import Attention, Beside, Memory
from sklearn_rnn.nn.dropout import Dropout
from sklearn_rnn.nn.feedback import Feedback
from sklearn_rnn.nn.initialization import linear
from sklearn_rnn.nn.kernels import tanh
from sklearn_rnn.nn.recurrence import Recurrence, Stepper


class Reading(NamedTuple):
    """What an encoder has read."""

    summary: Tensor  # (batch, n_summary)
    outputs: Tensor  # (read, batch, units), what attention may look at
    lengths: Tensor  # (batch,)


class Decoder(nn.Module):
    """Summary and memory of what was read -> features of each step written.

    Parameters
    ----------
    recurrence : Recurrence
        In one direction.
    n_summary : int
        Width of the summary, from which all states start.
    feedback : Feedback or None
        How the last answer is read; without one, the state goes on by itself, ``s' = f(s)``.
    attention : Attention, Beside or None
    n_values : int
        Width of what attention sees.
    dropout : float
        On the vectors of what was said before.
    generator : torch.Generator
    """

    def __init__(
        self,
        recurrence: Recurrence,
        n_summary: int,
        feedback: Feedback | None,
        attention: Attention | Beside | None,
        n_values: int,
        dropout: float,
        generator: Generator,
    ) -> None:
        super().__init__()
        self.recurrence = recurrence
        self.feedback = feedback
        self.attention = attention
        thinned = feedback is not None and feedback.may_be_thinned
        self.dropout = Dropout(dropout if thinned else 0.0, generator)
        self.start = linear(n_summary, recurrence.n_state_units, 1.0, generator)
        self.output_size = recurrence.hidden_size
        self.mix: nn.Linear | None = None
        if attention is not None:
            n_both = recurrence.hidden_size + n_values
            self.mix = linear(n_both, recurrence.hidden_size, 1.0, generator)

    def forward(
        self, reading: Reading, n_steps: int, targets: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Return the features of all steps at once.

        Parameters
        ----------
        reading : Reading
        n_steps : int
        targets : Tensor of shape (batch, n_steps, ...)
            What is said at each step; only used with feedback.

        Returns
        -------
        features : Tensor of shape (n_steps, batch, output_size)
        weights : Tensor of shape (batch, n_steps, read) or None
            Of attention.
        """
        batch = len(reading.summary)
        if self.feedback is None:
            x = reading.summary.new_zeros(n_steps, batch, 1)
        else:
            assert targets is not None
            x = self.dropout(self.feedback.before(targets))
        lengths = torch.full((batch,), n_steps, device=x.device)
        outputs = self.recurrence(x, lengths, self.start(reading.summary))
        return self._looking(outputs, self.memory(reading))

    def memory(self, reading: Reading) -> Memory | None:
        """Return what attention looks at."""
        if self.attention is None:
            return None
        return self.attention.remember(reading.outputs, reading.lengths)

    def _looking(self, outputs: Tensor, memory: Memory | None) -> tuple[Tensor, Tensor | None]:
        """Set what attention sees beside the outputs, (written, batch, hidden)."""
        if self.attention is None or self.mix is None or memory is None:
            return outputs, None
        seen, weights = self.attention(outputs.transpose(0, 1), memory)
        both = torch.cat([outputs, seen.transpose(0, 1)], dim=2)
        return tanh(self.mix(both)), weights


class DecoderSteps:
    """A decoder taken step by step, each step reading what was said before.

    Parameters
    ----------
    decoder : Decoder
    reading : Reading
    """

    def __init__(self, decoder: Decoder, reading: Reading) -> None:
        batch = self.batch = len(reading.summary)
        self.device = reading.summary.device
        self.decoder = decoder
        self.recurrence = Stepper(decoder.recurrence, batch, decoder.start(reading.summary))
        self.memory = decoder.memory(reading)
        if decoder.feedback is None:
            self._read = reading.summary.new_zeros(batch, 1)
            self._mask = self._read
        else:
            self._read = decoder.feedback.first(batch)
            self._mask = decoder.dropout(torch.ones_like(self._read))

    def __call__(self) -> tuple[Tensor, Tensor | None]:
        """Return the features of the next step, (batch, output_size), and attention's weights."""
        output = self.recurrence(self._read * self._mask)
        features, weights = self.decoder._looking(output[None], self.memory)
        return features[0], None if weights is None else weights[:, 0]

    def say(self, entries: Tensor) -> None:
        """Let the next step read these entries, (batch, ...)."""
        if self.decoder.feedback is not None:
            self._read = self.decoder.feedback(entries)

    def take(self, rows: Tensor) -> None:
        """Go on with these rows of the batch, some of them several times or not at all."""
        self.recurrence.take(rows)
        self._read, self._mask = self._read[rows], self._mask[rows]
        if self.memory is not None:
            self.memory = self.memory.take(rows)
