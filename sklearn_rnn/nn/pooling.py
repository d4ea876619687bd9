"""From the outputs of all steps to one vector a sequence: one class a pooling.

A pooling reads outputs of shape (time, batch, units) and may look at none that stands behind a
sequence's end. To add one, write the class and enter it in :data:`POOLINGS`. Its vector after each
step is computed step by step, in a time that grows with the square of the length, unless its
``prefixes`` has a quicker way.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, cast

import torch
from torch import Generator, Tensor, nn

from sklearn_rnn.nn.initialization import linear


class Pooling(nn.Module, ABC):
    """Turn outputs into one vector a sequence.

    Parameters
    ----------
    n_units : int
        Width of the outputs.
    generator : torch.Generator
        Source of starting weights, for a pooling that has any.
    """

    multiple = 1
    """Width of the result over the width of the outputs."""

    def __init__(self, n_units: int, generator: Generator) -> None:
        super().__init__()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Let no class inherit the ``prefixes`` of another ``forward`` than its own."""
        super().__init_subclass__(**kwargs)
        if "forward" in vars(cls) and "prefixes" not in vars(cls):
            # A running form that is inherited would be that of another pooling.
            cls.prefixes = Pooling.prefixes  # type: ignore[method-assign]

    @abstractmethod
    def forward(self, outputs: Tensor, last: Tensor, inside: Tensor, lengths: Tensor) -> Tensor:
        """Return a Tensor of shape (batch, multiple * units).

        Parameters
        ----------
        outputs : Tensor of shape (time, batch, units)
        last : Tensor of shape (batch, units)
            Where each direction of the recurrence ends.
        inside : Tensor of shape (time, batch, 1), bool
            True up to a sequence's end.
        lengths : Tensor of shape (batch,)
        """

    def prefixes(self, outputs: Tensor) -> Tensor:
        """Return the vector after each step, as if the sequence ended there.

        Parameters
        ----------
        outputs : Tensor of shape (time, batch, units)
            Of a recurrence of one direction, which then ends with its last output.

        Returns
        -------
        Tensor of shape (time, batch, multiple * units)
            What stands behind a sequence's end is arbitrary.
        """
        n_steps, batch, _ = outputs.shape
        inside = torch.ones(n_steps, batch, 1, dtype=torch.bool, device=outputs.device)
        lengths = torch.arange(1, n_steps + 1, device=outputs.device)[:, None].expand(-1, batch)
        vectors = [
            self(outputs[: n + 1], outputs[n], inside[: n + 1], lengths[n]) for n in range(n_steps)
        ]
        return torch.stack(vectors)


class LastPooling(Pooling):
    """The state after the last step (backward: after the first)."""

    def forward(self, outputs: Tensor, last: Tensor, inside: Tensor, lengths: Tensor) -> Tensor:
        """Return ``last``."""
        return last

    def prefixes(self, outputs: Tensor) -> Tensor:
        """Return the outputs."""
        return outputs


class MeanPooling(Pooling):
    """The mean over steps."""

    def forward(self, outputs: Tensor, last: Tensor, inside: Tensor, lengths: Tensor) -> Tensor:
        """Return the mean over each sequence's own steps."""
        # Summed in float64: the order of a sum depends on the size of the batch, and so would the
        # last bit of the mean.
        total = outputs.masked_fill(~inside, 0.0).sum(dim=0, dtype=torch.float64)
        return (total / lengths[:, None]).to(outputs.dtype)

    def prefixes(self, outputs: Tensor) -> Tensor:
        """Return the running mean."""
        n_steps = torch.arange(1, len(outputs) + 1, device=outputs.device)[:, None, None]
        return (outputs.cumsum(dim=0, dtype=torch.float64) / n_steps).to(outputs.dtype)


class Extremes(torch.autograd.Function):
    """The largest and smallest outputs over each sequence's own steps, quicker than by torch.

    What is slow on a CPU are masks of bool and copies of all outputs. So steps that are inside all
    sequences are read where they lie, and comparisons are written as floats.
    """

    @staticmethod
    def forward(
        ctx: Any, outputs: Tensor, inside: Tensor, lengths: Tensor, *fillers: float
    ) -> tuple[Tensor, ...]:
        """Return the extreme outputs, each of shape (batch, units).

        Parameters
        ----------
        outputs, inside, lengths
            As of :meth:`Pooling.forward`.
        *fillers : float
            ``-inf`` for the largest outputs, ``inf`` for the smallest.
        """
        n_common = int(lengths.min()) if outputs.device.type == "cpu" else 0
        common = outputs[:n_common]
        rest = outputs[n_common:].clone(memory_format=torch.contiguous_format)
        places = _places(~inside[n_common:])
        found = []
        for filler in fillers:
            reduce = torch.amax if filler < 0 else torch.amin
            extremes = [reduce(common, dim=0)] if n_common else []
            if len(rest):
                extremes.append(reduce(_fill(rest, places, filler), dim=0))
            found.append(reduce(torch.stack(extremes), dim=0) if len(extremes) > 1 else extremes[0])
        ctx.n_common = n_common
        ctx.save_for_backward(outputs, places, *found)
        return tuple(found)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Share each gradient evenly among the steps that are as large, or as small."""
        outputs, places, *found = (saved.detach() for saved in ctx.saved_tensors)
        total = None
        for extreme, gradient in zip(found, gradients, strict=True):
            is_extreme = torch.empty_like(outputs, memory_format=torch.contiguous_format)
            torch.eq(outputs, extreme, out=is_extreme)  # 1 or 0
            _fill(is_extreme[ctx.n_common :], places, 0.0)
            share = gradient / is_extreme.sum(dim=0)
            if total is None:
                total = is_extreme.mul_(share)
            else:
                total = total.addcmul_(is_extreme, share)
        return total, None, None, *[None] * len(found)


def _places(behind: Tensor) -> Tensor:
    """Return what :func:`_fill` fills: rows on a CPU, where that is faster than by a mask."""
    return behind.reshape(-1).nonzero()[:, 0] if behind.device.type == "cpu" else behind


def _fill(x: Tensor, places: Tensor, value: float) -> Tensor:
    """Fill a contiguous x, (time, batch, units), in place."""
    if x.device.type == "cpu":
        x.view(-1, x.shape[2]).index_fill_(0, places, value)
        return x
    return x.masked_fill_(places, value)


class MaxPooling(Pooling):
    """The largest value of each unit over steps."""

    def forward(self, outputs: Tensor, last: Tensor, inside: Tensor, lengths: Tensor) -> Tensor:
        """Return the maximum over each sequence's own steps."""
        return Extremes.apply(outputs, inside, lengths, -torch.inf)[0]

    def prefixes(self, outputs: Tensor) -> Tensor:
        """Return the running maximum."""
        return outputs.cummax(dim=0).values


class MinPooling(Pooling):
    """The smallest value of each unit over steps."""

    def forward(self, outputs: Tensor, last: Tensor, inside: Tensor, lengths: Tensor) -> Tensor:
        """Return the minimum over each sequence's own steps."""
        return Extremes.apply(outputs, inside, lengths, torch.inf)[0]

    def prefixes(self, outputs: Tensor) -> Tensor:
        """Return the running minimum."""
        return outputs.cummin(dim=0).values


class SideBySide(Pooling):
    """Several poolings side by side; a class of it names them."""

    kinds: ClassVar[tuple[type[Pooling], ...]]

    def __init__(self, n_units: int, generator: Generator) -> None:
        super().__init__(n_units, generator)
        self.parts = nn.ModuleList(kind(n_units, generator) for kind in self.kinds)

    def forward(self, outputs: Tensor, last: Tensor, inside: Tensor, lengths: Tensor) -> Tensor:
        """Return the poolings side by side."""
        return torch.cat([part(outputs, last, inside, lengths) for part in self.parts], dim=1)

    def prefixes(self, outputs: Tensor) -> Tensor:
        """Return their running forms side by side."""
        parts = [cast(Pooling, part).prefixes(outputs) for part in self.parts]
        return torch.cat(parts, dim=2)


class ConcatPooling(SideBySide):
    """Last, mean and max side by side (Howard and Ruder 2018)."""

    multiple = 3
    kinds = (LastPooling, MeanPooling, MaxPooling)


class ExtremesPooling(SideBySide):
    """Last, max and min side by side: how far each unit goes, either way, and where it ends."""

    multiple = 3
    kinds = (LastPooling, MaxPooling, MinPooling)

    def forward(self, outputs: Tensor, last: Tensor, inside: Tensor, lengths: Tensor) -> Tensor:
        """Return the three side by side, both extremes found in one go."""
        extremes = Extremes.apply(outputs, inside, lengths, -torch.inf, torch.inf)
        return torch.cat([last, *extremes], dim=1)

    def prefixes(self, outputs: Tensor) -> Tensor:
        """Return their running forms side by side."""
        return super().prefixes(outputs)


class AttentionPooling(Pooling):
    """A mean weighted by learned relevance (Bahdanau et al. 2015; Yang et al. 2016)."""

    def __init__(self, n_units: int, generator: Generator) -> None:
        super().__init__(n_units, generator)
        self.key = linear(n_units, n_units, 1.0, generator)
        self.query = linear(n_units, 1, 1.0, generator)

    def forward(self, outputs: Tensor, last: Tensor, inside: Tensor, lengths: Tensor) -> Tensor:
        """Return ``sum_t softmax_t(q . tanh(K h_t)) h_t`` over each sequence's own steps."""
        weight = self.weights(outputs, inside)
        return (weight * outputs.masked_fill(~inside, 0.0)).sum(dim=0)

    def weights(self, outputs: Tensor, inside: Tensor) -> Tensor:
        """Return the share of each step, (time, batch, 1), 0 behind a sequence's end."""
        relevance = self.query(torch.tanh(self.key(outputs)))
        return relevance.masked_fill(~inside, -torch.inf).softmax(dim=0)

    def prefixes(self, outputs: Tensor) -> Tensor:
        """Return the running weighted mean.

        Each step moves the mean towards its own output by its share of the weight so far (as in the
        online softmax of Milakov and Gimelshein 2018), so that no relevance is too large or small.
        """
        relevance = self.query(torch.tanh(self.key(outputs))).double()
        shares = (relevance - relevance.logcumsumexp(dim=0)).exp()
        mean = torch.zeros_like(outputs[0], dtype=torch.float64)
        means = []
        for output, share in zip(outputs.double().unbind(0), shares.unbind(0), strict=True):
            mean = torch.lerp(mean, output, share)
            means.append(mean)
        return torch.stack(means).to(outputs.dtype)


POOLINGS: dict[str, type[Pooling]] = {
    "last": LastPooling,
    "mean": MeanPooling,
    "max": MaxPooling,
    "concat": ConcatPooling,
    "extremes": ExtremesPooling,
    "attention": AttentionPooling,
}
"""The poolings by the name users give them."""
