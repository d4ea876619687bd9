"""Poolings and trainings that were tried for the defaults and are not part of the package."""

from __future__ import annotations

import torch
from torch import nn

from sklearn_rnn import RNNClassifier
from sklearn_rnn.nn.encoder import ManyToOne
from sklearn_rnn.nn.pooling import (
    LastPooling,
    MaxPooling,
    MeanPooling,
    MinPooling,
    SideBySide,
)
from sklearn_rnn.training.net import RecurrentNet


class MeanMax(SideBySide):
    """Mean and max."""

    multiple = 2
    kinds = (MeanPooling, MaxPooling)


class MaxMin(SideBySide):
    """Max and min."""

    multiple = 2
    kinds = (MaxPooling, MinPooling)


class LastMax(SideBySide):
    """Last and max."""

    multiple = 2
    kinds = (LastPooling, MaxPooling)


class LastMeanMaxMin(SideBySide):
    """All four."""

    multiple = 4
    kinds = (LastPooling, MeanPooling, MaxPooling, MinPooling)


class MixedUp(ManyToOne):
    """Trained on mixtures of two pooled vectors each (manifold mixup; Verma et al. 2019)."""

    alpha = 0.5
    """Of the Beta distribution that each row's share is drawn from."""

    def forward(self, values, lengths, **others):
        """Return outputs; in training those of mixtures, and remember what was mixed."""
        pooled = self.encoder(values, lengths, **others)
        if self.training:
            random = self.dropout.generator
            alphas = torch.full((len(pooled), 2), self.alpha)
            share = torch._sample_dirichlet(alphas, generator=random)[:, 0]
            order = torch.randperm(len(pooled), generator=random)
            self.mixed = share, order
            pooled = share[:, None] * pooled + (1 - share[:, None]) * pooled[order]
        return self.head(self.dropout(pooled))


class Normalized(ManyToOne):
    """With layer normalization of the pooled vector."""

    def __init__(self, encoder, dropout, head, generator):
        super().__init__(encoder, dropout, head, generator)
        self.norm = nn.LayerNorm(encoder.output_size)

    def forward(self, values, lengths, **others):
        """Return outputs."""
        return self.head(self.dropout(self.norm(self.encoder(values, lengths, **others))))


class MixingNet(RecurrentNet):
    """Shares the loss of each mixture between its two targets."""

    def get_loss(self, y_pred, y_true, X=None, training=False):
        """Return the weighted mean of the losses."""
        if not (training and isinstance(self.module_, MixedUp)):
            return super().get_loss(y_pred, y_true, X, training)
        target, weight = y_true
        share, order = self.module_.mixed
        own = self.criterion_(y_pred, target) * weight
        other = self.criterion_(y_pred, target[order]) * weight[order]
        return (share * own + (1 - share) * other).mean()


class MixingClassifier(RNNClassifier):
    """Trained on mixtures of pooled vectors."""

    _network_kind = MixedUp

    def _new_net(self, *args):
        net = super()._new_net(*args)
        net.__class__ = MixingNet
        return net


class NormalizingClassifier(RNNClassifier):
    """With layer normalization of the pooled vector."""

    _network_kind = Normalized
