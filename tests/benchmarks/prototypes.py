"""Poolings and trainings that were tried for the defaults and are not part of the package."""

from __future__ import annotations

import math

import numpy as np
import torch
from skorch.callbacks import Callback
from torch import nn

from sklearn_rnn import RNNClassifier
from sklearn_rnn.nn.cells import GRU
from sklearn_rnn.nn.encoder import ManyToOne
from sklearn_rnn.nn.heads import LinearHead
from sklearn_rnn.nn.inputs import NumericInput
from sklearn_rnn.nn.pooling import (
    LastPooling,
    MaxPooling,
    MeanPooling,
    MinPooling,
    SideBySide,
)
from sklearn_rnn.nn.recurrence import Flip, Recurrence, at_step
from sklearn_rnn.nn.static import StaticEncoder
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


class KeepingGRU(GRU):
    """Whose update gate starts by keeping the state."""

    def initialize_bias(self, weights):
        """Fill the biases in place."""
        super().initialize_bias(weights)
        hidden = weights.hidden_size
        weights.bias_ih[hidden : 2 * hidden] = 1.0


class SeveralMasks(ManyToOne):
    """Trained on several dropout masks of each pooled vector (Inoue 2019)."""

    n_masks = 8

    def forward(self, values, lengths, **others):
        """Return outputs; in training (batch, masks, n_outputs)."""
        pooled = self.encoder(values, lengths, **others)
        if not self.training:
            return self.head(pooled)
        n_rows = len(pooled)
        outputs = self.head(self.dropout(pooled.repeat(self.n_masks, 1)))
        return outputs.unflatten(0, (self.n_masks, n_rows)).transpose(0, 1)


class WholeUnits(ManyToOne):
    """Whose dropout takes a unit out of all parts of the pooled vector together."""

    def forward(self, values, lengths, **others):
        """Return outputs."""
        pooled = self.encoder(values, lengths, **others)
        if self.training:
            n_units = self.encoder.recurrence.output_size
            n_parts = self.encoder.pooling.multiple
            mask = self.dropout(pooled.new_ones(len(pooled), pooled.shape[1]))
            mask[:, : n_parts * n_units] = mask[:, :n_units].repeat(1, n_parts)
            pooled = pooled * mask
        return self.head(pooled)


class Recurrences(Recurrence):
    """Members that read the same, each in both directions, all in one loop; of one layer."""

    def __init__(self, n_members, *args, **options):
        super().__init__(*args, bidirectional=True, **options)
        input_size = self.weight_ih_l0.shape[1]
        for member in range(1, n_members):
            for direction in (f"_of_{member}", f"_of_{member}_reverse"):
                self._add_weights(0, direction, input_size)
                self.directions = (*self.directions, direction)
        self.output_size = self.hidden_size * len(self.directions)

    def forward(self, x, lengths, start=None):
        """Return the outputs of all members side by side."""
        flip = Flip(lengths, x.shape[0])
        inputs = [x, flip(x)] * (len(self.directions) // 2)
        weights = [self.weights(0, direction) for direction in self.directions]
        states = self.first_states(x.shape[1], start)[0]
        outputs, _ = self.cell.scan(inputs, states, weights)
        outputs[1::2] = [flip(backward) for backward in outputs[1::2]]
        return torch.cat(outputs, dim=2)

    def last(self, outputs, lengths):
        """Return where each direction of each member ends."""
        parts = (-1, 2, self.hidden_size)
        forward = at_step(outputs, lengths - 1).unflatten(1, parts)[:, :, 0]
        backward = outputs[0].unflatten(1, parts)[:, :, 1]
        return torch.stack([forward, backward], dim=2).flatten(1)


class Ensemble(ManyToOne):
    """Members with weights and a head each; their probabilities are averaged."""

    n_members = 4

    def __init__(self, encoder, dropout, head, generator):
        super().__init__(encoder, dropout, head, generator)
        n_units = encoder.pooling.multiple * encoder.recurrence.output_size // self.n_members
        n_static = 0 if encoder.static is None else encoder.static.output_size
        heads = [
            LinearHead(n_units + n_static, len(head.linear.bias), head.linear.bias, generator)
            for _ in range(self.n_members)
        ]
        self.head = nn.ModuleList(heads)

    @classmethod
    def make_encoder(cls, inputs, recurrence, static, *, generator, **of_encoder):
        """Return an encoder of as many members."""
        of_one = recurrence
        recurrence = Recurrences(
            cls.n_members,
            type(of_one.cell),
            inputs.output_size,
            of_one.hidden_size,
            recurrent_dropout=of_one.recurrent_dropout,
            generator=generator,
        )
        if static is not None:
            static = StaticEncoder(static.inputs, recurrence, "both", generator)
        return super().make_encoder(inputs, recurrence, static, generator=generator, **of_encoder)

    def forward(self, values, lengths, **others):
        """Return the logarithms of mean probabilities; in training (batch, members, n_outputs)."""
        pooled = self.dropout(self.encoder(values, lengths, **others))
        n_parts, n_units = self.encoder.pooling.multiple, self.encoder.recurrence.output_size
        static = pooled[:, n_parts * n_units :]
        parts = pooled[:, : n_parts * n_units].unflatten(1, (n_parts, self.n_members, -1))
        outputs = torch.stack(
            [
                head(torch.cat([parts[:, :, member].flatten(1), static], dim=1))
                for member, head in enumerate(self.head)
            ],
            dim=1,
        )
        if self.training:
            return outputs
        return outputs.log_softmax(dim=2).logsumexp(dim=1) - math.log(self.n_members)


class Pair(Ensemble):
    """Two members."""

    n_members = 2


class SharingNet(RecurrentNet):
    """Averages the losses of the outputs that each row has."""

    def get_loss(self, y_pred, y_true, X=None, training=False):
        """Return the mean loss; of members, scaled so that clipping meets each as if alone."""
        if y_pred.ndim == 2:
            return super().get_loss(y_pred, y_true, X, training)
        target, weight = y_true
        n_outputs = y_pred.shape[1]
        losses = self.criterion_(y_pred.flatten(0, 1), target.repeat_interleave(n_outputs))
        loss = (losses.view(-1, n_outputs).mean(dim=1) * weight).mean()
        return loss * n_outputs**0.5 if isinstance(self.module_, Ensemble) else loss


class SharingClassifier(RNNClassifier):
    """With several outputs a row in training."""

    def _new_net(self, *args):
        net = super()._new_net(*args)
        net.__class__ = SharingNet
        return net


class MasksClassifier(SharingClassifier):
    """Trained on several dropout masks."""

    _network_kind = SeveralMasks


class UnitsClassifier(RNNClassifier):
    """With dropout of whole units."""

    _network_kind = WholeUnits


class EnsembleClassifier(SharingClassifier):
    """With four members."""

    _network_kind = Ensemble


class PairClassifier(SharingClassifier):
    """With two members."""

    _network_kind = Pair


class LaggedInput(NumericInput):
    """Reads the changes over two steps, which are smoother, in the place of those over one."""

    lag = 2

    def forward(self, values):
        """Return what the network reads."""
        read = super().forward(values)
        n_differences = len(self.differenced)
        if n_differences:
            x = values.index_select(-1, self.differenced)
            before = torch.cat([x[:1].expand(self.lag, *x.shape[1:]), x])[: len(x)]
            changes = (x - before) / (self.lag * self.step_scale)
            read[..., -n_differences:] = changes.nan_to_num(nan=0.0)
        return read


class LagClassifier(RNNClassifier):
    """Which reads the changes over two steps."""

    input_kind = LaggedInput

    def _new_net(self, *args):
        net = super()._new_net(*args)
        net.module_.encoder.inputs.numeric.__class__ = self.input_kind
        return net


class Averaging(Callback):
    """Ends with a moving average of the weights of the last third of training."""

    decay = 0.98

    def on_train_begin(self, net, X=None, **kwargs):
        """Count what is to come."""
        self.n_left = len(X) * net.settings["max_epochs"]
        self.start, self.mean = self.n_left // 3, None

    def on_batch_end(self, net, training=True, **kwargs):
        """Average after each update."""
        self.n_left -= 1
        if self.n_left >= self.start:
            return
        weights = [p.detach() for p in net.module_.parameters()]
        if self.mean is None:
            self.mean = [w.clone() for w in weights]
        for mean, w in zip(self.mean, weights, strict=True):
            mean.lerp_(w, 1 - self.decay)

    def on_train_end(self, net, **kwargs):
        """Put the average in."""
        with torch.no_grad():
            for p, mean in zip(net.module_.parameters(), self.mean, strict=True):
                p.copy_(mean)


class QuantileClip(Callback):
    """Scales gradients down to a quantile of the norms so far (AutoClip; Seetharaman et al. 2020).

    An update whose gradient is a hundred times the usual fills AdamW's second moment, so that
    hundreds of updates after it hardly move.
    """

    def __init__(self, quantile):
        self.quantile = quantile

    def on_train_begin(self, net, **kwargs):
        """No norms yet."""
        self.norms = []

    def on_grad_computed(self, net, **kwargs):
        """Clip."""
        weights = [p for p in net.module_.parameters() if p.grad is not None]
        norm = torch.linalg.vector_norm(torch.stack([p.grad.norm() for p in weights]))
        self.norms.append(norm.item())
        torch.nn.utils.clip_grad_norm_(weights, float(np.quantile(self.norms, self.quantile)))
