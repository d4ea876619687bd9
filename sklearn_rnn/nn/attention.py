"""What a decoder looks at: a weighted mean of all steps that were read. One class a score.

A score says how much each step read matters to each step written. To add one, write the class and
enter it in :data:`ATTENTIONS`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

from sklearn_rnn.nn.initialization import linear
from sklearn_rnn.nn.kernels import tanh


class Memory(NamedTuple):
    """What was read, ready to be looked at."""

    values: Tensor  # (batch, read, units)
    keys: Tensor  # (batch, read, keys)
    behind: Tensor  # (batch, read, 1), bool: behind the end of what was read

    def take(self, rows: Tensor) -> Memory:
        """Return the memory of these rows of the batch."""
        return Memory(self.values[rows], self.keys[rows], self.behind[rows])


class Attention(nn.Module, ABC):
    """Weigh the steps read by their score, softmax over a sequence's own steps.

    Parameters
    ----------
    n_values : int
        Width of what was read.
    n_queries : int
        Width of the decoder's outputs.
    generator : torch.Generator
        Source of starting weights.
    """

    def __init__(self, n_values: int, n_queries: int, generator: Generator) -> None:
        super().__init__()
        self.key = linear(n_values, n_queries, 1.0, generator)

    def remember(self, outputs: Tensor, lengths: Tensor) -> Memory:
        """Return the memory of outputs of shape (read, batch, units)."""
        keys = self.key(outputs)
        behind = torch.arange(len(outputs), device=lengths.device) >= lengths[:, None]
        return Memory(outputs.transpose(0, 1), keys.transpose(0, 1), behind[..., None])

    def forward(self, queries: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """Return what is seen from each step written, and the weights of the steps read.

        Parameters
        ----------
        queries : Tensor of shape (batch, written, n_queries)
        memory : Memory

        Returns
        -------
        seen : Tensor of shape (batch, written, n_values)
        weights : Tensor of shape (batch, written, read)
            They sum to 1.
        """
        # Across memory the sums are the same to the last digit whatever is behind the end. It is
        # also ten times faster where fewer than 16 steps were read, and slower where many were.
        scores = self.scores(queries, memory.keys).transpose(1, 2)
        weights = scores.masked_fill(memory.behind, -torch.inf).softmax(dim=1).transpose(1, 2)
        return weights @ memory.values, weights

    @abstractmethod
    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Return a Tensor of shape (batch, written, read)."""


class DotAttention(Attention):
    """``q . K h`` (Luong, Pham and Manning 2015, "general")."""

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Return the products of all queries and keys."""
        return (keys @ queries.transpose(1, 2)).transpose(1, 2)


class AdditiveAttention(Attention):
    """``v . tanh(Q q + K h)`` (Bahdanau, Cho and Bengio 2015)."""

    def __init__(self, n_values: int, n_queries: int, generator: Generator) -> None:
        super().__init__(n_values, n_queries, generator)
        self.query = linear(n_queries, n_queries, 1.0, generator)
        self.score = linear(n_queries, 1, 1.0, generator)

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Return the score of each pair."""
        both = self.query(queries)[:, :, None] + keys[:, None]
        return self.score(tanh(both)).squeeze(3)


class Beside(nn.Module):
    """All that was read is one vector, which each step sees as it is."""

    def remember(self, outputs: Tensor, lengths: Tensor) -> Memory:
        """Return the memory of outputs of shape (1, batch, units)."""
        values = outputs.transpose(0, 1)
        return Memory(values, values, torch.zeros_like(values[:, :, :1], dtype=torch.bool))

    def forward(self, queries: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """Return the vector for each step written, and weights of 1, as :class:`Attention` does."""
        n_written = queries.shape[1]
        seen = memory.values.expand(-1, n_written, -1)
        return seen, queries.new_ones(len(queries), n_written, 1)


ATTENTIONS: dict[str, type[Attention]] = {"dot": DotAttention, "additive": AdditiveAttention}
"""The attentions by the name users give them."""
