"""What a decoder says at a step, and how that is read at the next: one class a kind of answer.

Entries are codes of tokens, or standardised numbers. Where the length of answers is learned, the
end is a token of its own, the last one; or, with numbers, one more output whose sign says whether
this step is the last.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from sklearn_rnn.nn.inputs import START_STD

LARGEST_NUMBER = 1e6
"""Larger numbers, in standard deviations, are read as this: a cell whose state has no bounds would
else drive its own answers to infinity."""


class Feedback(nn.Module, ABC):
    """Entries -> vectors that the next step reads, outputs -> entries.

    A learned vector stands before the first entry, and for one that is not known.

    Parameters
    ----------
    output_size : int
        Width of the vectors.
    ends : bool
        Whether the end is learned.
    generator : torch.Generator
    """

    may_be_thinned: ClassVar[bool]
    """Whether units of the vectors may be dropped in training; a lone number may not."""
    end_counts: ClassVar[int]
    """1 if the last entry is part of the answer, 0 if it only says the end."""

    def __init__(self, output_size: int, ends: bool, generator: Generator) -> None:
        super().__init__()
        self.output_size = output_size
        self.ends = ends
        self.unknown = nn.Parameter(torch.empty(output_size, dtype=torch.float32))
        with torch.no_grad():
            self.unknown.normal_(std=START_STD, generator=generator)

    def first(self, batch: int) -> Tensor:
        """Return what the first step reads, (batch, output_size)."""
        return self.unknown.expand(batch, -1)

    def before(self, targets: Tensor) -> Tensor:
        """Return what each step reads if all before it were said right.

        Parameters
        ----------
        targets : Tensor of shape (batch, time, ...)

        Returns
        -------
        Tensor of shape (time, batch, output_size)
        """
        earlier = self(targets[:, :-1].transpose(0, 1))
        return torch.cat([self.first(len(targets))[None], earlier])

    @abstractmethod
    def forward(self, entries: Tensor) -> Tensor:
        """Return the vectors of entries."""

    @abstractmethod
    def said(self, outputs: Tensor, *, may_end: bool = True) -> Tensor:
        """Return the entries that outputs of shape (..., n_outputs) stand for.

        With ``may_end=False`` none of them is the end.
        """

    @abstractmethod
    def is_last(self, entries: Tensor) -> Tensor:
        """Return after which entries nothing more is said."""


class TokenFeedback(Feedback):
    """A learned vector for each token.

    Parameters
    ----------
    n_tokens : int
        With the end, if it is one.
    output_size : int
    ends : bool
    generator : torch.Generator
    """

    may_be_thinned = True
    end_counts = 0

    def __init__(self, n_tokens: int, output_size: int, ends: bool, generator: Generator) -> None:
        super().__init__(output_size, ends, generator)
        self.n_tokens = n_tokens
        self.embedding = nn.utils.skip_init(
            nn.Embedding, n_tokens, output_size, dtype=torch.float32
        )
        with torch.no_grad():
            self.embedding.weight.normal_(std=START_STD, generator=generator)

    def forward(self, entries: Tensor) -> Tensor:
        """Return the vectors of codes of shape (...); -1 is one that is not known."""
        vectors = self.embedding(entries.clamp(min=0))
        return torch.where((entries >= 0)[..., None], vectors, self.unknown)

    def before(self, targets: Tensor) -> Tensor:
        """Return what each step reads if all before it were said right, by one lookup."""
        table = torch.cat([self.unknown[None], self.embedding.weight])
        places = functional.pad(targets[:, :-1] + 1, (1, 0))
        return functional.embedding(places.t(), table)

    def said(self, outputs: Tensor, *, may_end: bool = True) -> Tensor:
        """Return the most probable codes, shape (...)."""
        if self.ends and not may_end:
            outputs = outputs[..., :-1]
        return outputs.argmax(dim=-1)

    def is_last(self, entries: Tensor) -> Tensor:
        """Return which codes are the end."""
        if not self.ends:
            return torch.zeros_like(entries, dtype=torch.bool)
        return entries == self.n_tokens - 1


class NumberFeedback(Feedback):
    """Numbers are read as they are.

    Parameters
    ----------
    n_numbers : int
        Without the output that says the end.
    ends : bool
    generator : torch.Generator
    """

    may_be_thinned = False
    end_counts = 1

    def __init__(self, n_numbers: int, ends: bool, generator: Generator) -> None:
        super().__init__(n_numbers, ends, generator)

    def forward(self, entries: Tensor) -> Tensor:
        """Return the numbers, (..., n_numbers); NaN is one that is not known."""
        numbers = entries[..., : self.output_size].clamp(-LARGEST_NUMBER, LARGEST_NUMBER)
        return torch.where(numbers.isnan().any(dim=-1, keepdim=True), self.unknown, numbers)

    def said(self, outputs: Tensor, *, may_end: bool = True) -> Tensor:
        """Return the outputs, the one that says the end as 0 or 1."""
        if not self.ends:
            return outputs
        numbers, end = outputs[..., :-1], outputs[..., -1:]
        return torch.cat([numbers, ((end > 0) & may_end).to(outputs.dtype)], dim=-1)

    def is_last(self, entries: Tensor) -> Tensor:
        """Return which entries are marked as the last."""
        if not self.ends:
            return torch.zeros(entries.shape[:-1], dtype=torch.bool, device=entries.device)
        return entries[..., -1] > 0.5
