"""Augmentations that change numbers and leave the steps where they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Generator, Tensor

from sklearn_rnn._params import a_number
from sklearn_rnn.augmentation._base import Augmentation, Channels
from sklearn_rnn.augmentation._draws import normal, uniform
from sklearn_rnn.data.vocabulary import NULL


@dataclass(frozen=True)
class Jitter(Augmentation):
    """Add Gaussian noise to every number (Um et al. 2017 [1]_).

    Missing numbers stay missing; categories are left alone, as is a channel that is constant in
    training.

    Parameters
    ----------
    scale : float, default=0.1
        Standard deviation of the noise, in standard deviations of each channel.

    References
    ----------
    .. [1] Um, T. T. et al. (2017). Data augmentation of wearable sensor data for Parkinson's
           disease monitoring using convolutional neural networks. ICMI. arXiv:1706.00527.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNClassifier
    >>> from sklearn_rnn.augmentation import Jitter
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=n).cumsum() for n in rng.integers(5, 30, size=80)]
    >>> y = ["up" if x[-1] > x[0] else "down" for x in X]
    >>> model = RNNClassifier(
    ...     augmentation=Jitter(0.2), hidden_size=8, max_epochs=20, random_state=0
    ... ).fit(X, y)
    >>> model.score(X, y) > 0.8
    True
    """

    scale: float = 0.1

    keeps_steps: ClassVar = True
    _parameter_rules: ClassVar = {"scale": a_number("[0, inf)")}

    def apply(
        self,
        values: Tensor,
        codes: Tensor | None,
        lengths: Tensor,
        channels: Channels,
        generator: Generator,
    ) -> tuple[Tensor, Tensor | None, Tensor]:
        """Return the batch with noise on its values; see :meth:`Augmentation.apply`."""
        if self.scale == 0:
            return values, codes, lengths
        n_rows, n_steps, n_channels = values.shape
        noise = normal((n_steps, n_rows, n_channels), generator, values.device)
        noise *= self.scale * channels.std
        return values + noise.transpose(0, 1), codes, lengths


@dataclass(frozen=True)
class Scaling(Augmentation):
    """Stretch each channel of a sequence by a random factor (Um et al. 2017 [1]_).

    What is multiplied is the distance from the channel's mean over the training sequences, so that
    the zero of its unit (degrees Celsius or kelvin) has no say. One factor a sequence and channel
    holds for all steps. Missing numbers stay missing; categories are left alone.

    Parameters
    ----------
    scale : float, default=0.1
        Standard deviation of the factors, which are normally distributed around 1.

    References
    ----------
    .. [1] Um, T. T. et al. (2017). Data augmentation of wearable sensor data for Parkinson's
           disease monitoring using convolutional neural networks. ICMI. arXiv:1706.00527.

    Examples
    --------
    >>> from sklearn_rnn import RNNClassifier
    >>> from sklearn_rnn.augmentation import Scaling
    >>> RNNClassifier(augmentation=Scaling(0.2))
    RNNClassifier(augmentation=Scaling(scale=0.2))
    """

    scale: float = 0.1

    keeps_steps: ClassVar = True
    _parameter_rules: ClassVar = {"scale": a_number("[0, inf)")}

    def apply(
        self,
        values: Tensor,
        codes: Tensor | None,
        lengths: Tensor,
        channels: Channels,
        generator: Generator,
    ) -> tuple[Tensor, Tensor | None, Tensor]:
        """Return the batch with its values stretched; see :meth:`Augmentation.apply`."""
        if self.scale == 0:
            return values, codes, lengths
        n_rows, _, n_channels = values.shape
        growth = self.scale * normal((n_rows, 1, n_channels), generator, values.device)
        return values + growth * (values - channels.mean), codes, lengths


@dataclass(frozen=True)
class ChannelDropout(Augmentation):
    """Make whole channels of a sequence missing, so that the network does not lean on one.

    Numbers become NaN and categories null, at all steps of the sequence. So they are read as any
    missing ones are: as the channel's mean (as 0 with ``standardize=False``), marked as missing in
    the channels that lack numbers in the training sequences; a null category as its own learned
    vector if there were nulls, else as an unknown one. At least one channel of each sequence stays,
    so that sequences of a single channel are left as they are.

    Parameters
    ----------
    p : float in [0, 1), default=0.1
        Probability that a channel, numeric or categorical, is dropped from a sequence.

    Examples
    --------
    >>> from sklearn_rnn import RNNClassifier
    >>> from sklearn_rnn.augmentation import ChannelDropout
    >>> RNNClassifier(augmentation=ChannelDropout(p=0.2))
    RNNClassifier(augmentation=ChannelDropout(p=0.2))
    """

    p: float = 0.1

    keeps_steps: ClassVar = True
    _parameter_rules: ClassVar = {"p": a_number("[0, 1)")}

    def apply(
        self,
        values: Tensor,
        codes: Tensor | None,
        lengths: Tensor,
        channels: Channels,
        generator: Generator,
    ) -> tuple[Tensor, Tensor | None, Tensor]:
        """Return the batch with channels missing; see :meth:`Augmentation.apply`."""
        n_rows, _, n_numeric = values.shape
        n_channels = n_numeric + (0 if codes is None else codes.shape[2])
        if self.p == 0 or n_channels < 2:
            return values, codes, lengths
        drawn = uniform((n_rows, n_channels), generator, values.device)
        dropped = (drawn < self.p).scatter_(1, drawn.argmax(1, keepdim=True), False)[:, None]
        values = values.masked_fill(dropped[..., :n_numeric], float("nan"))
        if codes is not None:
            codes = codes.masked_fill(dropped[..., n_numeric:], NULL)
        return values, codes, lengths
