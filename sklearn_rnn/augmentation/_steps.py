"""Augmentations that move or remove steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor
from torch.nn.functional import pad

from sklearn_rnn._params import a_number
from sklearn_rnn.augmentation._base import Augmentation, Channels
from sklearn_rnn.augmentation._draws import normal, uniform

KNOTS = 4
"""Places of a sequence at which TimeWarp draws a speed."""


@dataclass(frozen=True)
class TimeWarp(Augmentation):
    """Let time run faster here and slower there (after Um et al. 2017 [1]_).

    The logarithm of the speed is drawn at four places of the sequence and linear between them; the
    way made is scaled to the sequence's length. So first and last step stay, the order stays, and
    so does the number of steps. Numbers are interpolated linearly between two steps; what is
    missing, and categories, are those of the nearest step.

    Parameters
    ----------
    strength : float in [0, 1], default=0.2
        Standard deviation of the logarithm of the speed. With 0.2 it is within two thirds and one
        and a half of the mean for the most part, and the farthest a step moves is about 4% of the
        length.

    Notes
    -----
    Elapsed-time features of a channel of timestamps are warped as any numbers.

    References
    ----------
    .. [1] Um, T. T. et al. (2017). Data augmentation of wearable sensor data for Parkinson's
           disease monitoring using convolutional neural networks. ICMI. arXiv:1706.00527.

    Examples
    --------
    >>> from sklearn_rnn import RNNClassifier
    >>> from sklearn_rnn.augmentation import TimeWarp
    >>> RNNClassifier(augmentation=TimeWarp(strength=0.4))
    RNNClassifier(augmentation=TimeWarp(strength=0.4))
    """

    strength: float = 0.2

    _parameter_rules: ClassVar = {"strength": a_number("[0, 1]")}

    def apply(
        self,
        values: Tensor,
        codes: Tensor | None,
        lengths: Tensor,
        channels: Channels,
        generator: Generator,
    ) -> tuple[Tensor, Tensor | None, Tensor]:
        """Return the batch warped; see :meth:`Augmentation.apply`."""
        if self.strength == 0:
            return values, codes, lengths
        log_speed = self.strength * normal((KNOTS, len(lengths)), generator, values.device)
        places = warped_places(log_speed, lengths, values.shape[1])
        nearest = places.round()
        beside = nearest + (places - nearest).sign()
        near_values = take_steps(values, nearest.long())
        values = near_values.lerp(
            take_steps(values, beside.long()), (places - nearest).abs().t()[..., None]
        )
        values = torch.where(values.isnan(), near_values, values)
        return values, None if codes is None else take_steps(codes, nearest.long()), lengths


def warped_places(log_speed: Tensor, lengths: Tensor, n_steps: int) -> Tensor:
    """Return where each step is taken from.

    Parameters
    ----------
    log_speed : Tensor of shape (n_knots, batch)
        At places evenly spread over the sequence, both ends among them.
    lengths : Tensor of shape (batch,)
    n_steps : int

    Returns
    -------
    Tensor of shape (n_steps, batch), float32
        From 0 to length - 1, never falling; behind the end it is length - 1 (0 without steps).
    """
    n_ways = (lengths - 1).clamp(min=0)  # from step to step
    way = torch.arange(n_steps, device=lengths.device)[:, None]
    middle = ((way + 0.5) / n_ways.clamp(min=1)).clamp(max=1) * (len(log_speed) - 1)
    knot = middle.long().clamp(max=len(log_speed) - 2)
    log_speed = log_speed.gather(0, knot).lerp(log_speed.gather(0, knot + 1), middle - knot)
    made = log_speed.exp().masked_fill(way >= n_ways, 0.0).cumsum(0)
    total = made[-1].clamp(min=torch.finfo(made.dtype).tiny)
    return pad(made[:-1], (0, 0, 1, 0)) / total * n_ways


@dataclass(frozen=True)
class Crop(Augmentation):
    """Keep a random window of each sequence (window slicing; Le Guennec et al. 2016 [1]_).

    Its length is drawn evenly from ``min_fraction`` of the sequence's steps to all of them, its
    place evenly from all that it can have. At least one step stays.

    Parameters
    ----------
    min_fraction : float in (0, 1], default=0.8
        Share of its steps that a sequence keeps at least.

    References
    ----------
    .. [1] Le Guennec, A., Malinowski, S. and Tavenard, R. (2016). Data augmentation for time series
           classification using convolutional neural networks. ECML/PKDD workshop on advanced
           analytics and learning on temporal data.

    Examples
    --------
    >>> from sklearn_rnn import RNNClassifier
    >>> from sklearn_rnn.augmentation import Crop, Jitter
    >>> RNNClassifier(augmentation=[Crop(min_fraction=0.5), Jitter()])
    RNNClassifier(augmentation=[Crop(min_fraction=0.5), Jitter(scale=0.1)])
    """

    min_fraction: float = 0.8

    _parameter_rules: ClassVar = {"min_fraction": a_number("(0, 1]")}

    def apply(
        self,
        values: Tensor,
        codes: Tensor | None,
        lengths: Tensor,
        channels: Channels,
        generator: Generator,
    ) -> tuple[Tensor, Tensor | None, Tensor]:
        """Return windows of the sequences; see :meth:`Augmentation.apply`."""
        if self.min_fraction == 1:
            return values, codes, lengths
        for_length, for_start = uniform((2, len(lengths)), generator, values.device)
        fraction = self.min_fraction + (1 - self.min_fraction) * for_length
        kept = (fraction * lengths).ceil().long().clamp(max=lengths)
        spare = lengths - kept
        start = (for_start * (spare + 1)).long().clamp(max=spare)
        places = _time(values).clamp(max=(kept - 1).clamp(min=0)) + start
        return (
            take_steps(values, places),
            None if codes is None else take_steps(codes, places),
            kept,
        )


@dataclass(frozen=True)
class StepDropout(Augmentation):
    """Remove random steps; those that stay keep their order and close the gaps.

    For texts this is word dropout (Iyyer et al. 2015 [1]_). At least one step of each sequence
    stays.

    Parameters
    ----------
    p : float in [0, 1), default=0.1
        Probability that a step is removed.

    Notes
    -----
    The time since the step before, which is read of a channel of timestamps, is not added up over
    the steps that were removed.

    References
    ----------
    .. [1] Iyyer, M., Manjunatha, V., Boyd-Graber, J. and Daumé, H. (2015). Deep unordered
           composition rivals syntactic methods for text classification. ACL.

    Examples
    --------
    >>> from sklearn_rnn import RNNClassifier
    >>> from sklearn_rnn.augmentation import StepDropout
    >>> texts = ["so good", "good film", "a good one", "so bad", "bad film", "a bad one"] * 5
    >>> labels = ["+", "+", "+", "-", "-", "-"] * 5
    >>> model = RNNClassifier(
    ...     augmentation=StepDropout(0.2), hidden_size=8, max_epochs=20, random_state=0
    ... ).fit(texts, labels)
    >>> model.predict(["good", "bad"])
    array(['+', '-'], dtype='<U1')
    """

    p: float = 0.1

    _parameter_rules: ClassVar = {"p": a_number("[0, 1)")}

    def apply(
        self,
        values: Tensor,
        codes: Tensor | None,
        lengths: Tensor,
        channels: Channels,
        generator: Generator,
    ) -> tuple[Tensor, Tensor | None, Tensor]:
        """Return the batch with fewer steps; see :meth:`Augmentation.apply`."""
        if self.p == 0:
            return values, codes, lengths
        time = _time(values)
        inside = time < lengths
        drawn = uniform((len(time), len(lengths)), generator, values.device)
        drawn = drawn.masked_fill(~inside, -1.0)
        kept = (drawn >= self.p).scatter_(0, drawn.argmax(0, keepdim=True), True) & inside
        # A kept step goes to its rank among them, all others to a place behind the last.
        rank = torch.where(kept, kept.cumsum(0) - 1, len(time))
        places = rank.new_zeros(len(time) + 1, len(lengths))
        places = places.scatter_(0, rank, time.expand_as(rank))[:-1].cummax(0).values
        return (
            take_steps(values, places),
            None if codes is None else take_steps(codes, places),
            kept.sum(0),
        )


def _time(values: Tensor) -> Tensor:
    """Return the numbers of the steps, shape (time, 1)."""
    return torch.arange(values.shape[1], device=values.device)[:, None]


def take_steps(x: Tensor, places: Tensor) -> Tensor:
    """Return the steps that stand at places.

    Parameters
    ----------
    x : Tensor of shape (batch, time, n)
    places : Tensor of shape (new_time, batch), int64

    Returns
    -------
    Tensor of shape (batch, new_time, n)
        In memory time comes first.
    """
    n_rows = len(x)
    flat = (places * n_rows + torch.arange(n_rows, device=x.device)).view(-1)
    steps = x.transpose(0, 1).flatten(0, 1).index_select(0, flat)
    return steps.view(len(places), n_rows, x.shape[2]).transpose(0, 1)
