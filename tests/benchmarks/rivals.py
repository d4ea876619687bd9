"""The ways people train recurrent networks today, as fair as can be.

Every contestant trains the same network (one layer, last state, linear head, cross-entropy) with
AdamW, clipping at 1 and the same number of updates, and returns what it trained.
"""

from __future__ import annotations

import time

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import GradientNormClipping
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset

from sklearn_rnn import RNNClassifier

CELLS = ("lstm", "gru", "rnn")
MODULES = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


class Workload:
    """Sequences, labels and the network to train on them.

    Parameters
    ----------
    X : list of ndarray of shape (n_steps, n_channels), float32
    y : ndarray of int
    cell : {"rnn", "gru", "lstm"}
    hidden_size, batch_size, n_epochs : int
    bidirectional : bool
    """

    def __init__(
        self, X, y, cell="lstm", hidden_size=64, batch_size=32, n_epochs=5, bidirectional=False
    ):
        self.X, self.y = X, y
        self.cell = cell
        self.hidden_size = hidden_size
        self.batch_size = batch_size
        self.n_epochs = n_epochs
        self.bidirectional = bidirectional
        self.n_classes = int(y.max()) + 1
        self.n_channels = X[0].shape[1]


def lognormal(n_samples=1024, n_channels=8, seed=0):
    """Return the sequences of the main table: lengths of median 60, at most 400; two classes."""
    rng = np.random.default_rng(seed)
    lengths = np.clip(np.exp(rng.normal(np.log(60), 0.8, n_samples)), 2, 400).astype(int)
    return labelled([rng.normal(size=(n, n_channels)).astype(np.float32) for n in lengths])


def near(n_steps, n_samples, n_channels=8, seed=0):
    """Return sequences whose lengths lie between half of n_steps and n_steps."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(-(-n_steps // 2), n_steps + 1, n_samples)
    lengths[0] = n_steps
    return labelled([rng.normal(size=(n, n_channels)).astype(np.float32) for n in lengths])


def labelled(X):
    """Return X and whether the first channel is positive on average."""
    return X, np.array([int(x[:, 0].mean() > 0) for x in X])


class Network(nn.Module):
    """What a tutorial writes: a recurrent module, its last state, a linear head."""

    def __init__(self, work, packed=True):
        super().__init__()
        self.packed = packed
        self.recurrent = MODULES[work.cell](
            work.n_channels, work.hidden_size, batch_first=True, bidirectional=work.bidirectional
        )
        self.head = nn.Linear(work.hidden_size * (1 + work.bidirectional), work.n_classes)

    def forward(self, x, lengths):
        if self.packed or self.recurrent.bidirectional:  # padding would reach the way back
            x = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            _, state = self.recurrent(x)
            h = state[0] if isinstance(state, tuple) else state
            return self.head(torch.cat(list(h), dim=1))
        outputs, _ = self.recurrent(x)
        return self.head(outputs[torch.arange(len(x)), lengths - 1])


def collate(batch):
    sequences, labels = zip(*batch, strict=True)
    lengths = torch.tensor([len(s) for s in sequences])
    return pad_sequence(sequences, batch_first=True), lengths, torch.tensor(labels)


class Pairs(Dataset):
    """Sequences and labels, one by one."""

    def __init__(self, work):
        self.pairs = [
            (torch.from_numpy(x), int(label)) for x, label in zip(work.X, work.y, strict=True)
        ]

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, row):
        return self.pairs[row]


def train_on(model, batches, n_epochs, after_epoch=lambda model: None):
    """Train by the loop everyone writes."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(n_epochs):
        for x, lengths, labels in batches:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x, lengths), labels).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        after_epoch(model)
    return model


def tutorial_loop(work, **options):
    """DataLoader, collate function, ``pad_sequence``, ``pack_padded_sequence``."""
    loader = DataLoader(Pairs(work), work.batch_size, shuffle=True, collate_fn=collate)
    return train_on(Network(work), loader, work.n_epochs, **options)


class BucketSampler:
    """Batches of like length in random order, as an expert would draw them."""

    def __init__(self, lengths, batch_size, pool=32):
        self.lengths, self.batch_size, self.pool = lengths, batch_size, pool * batch_size

    def __len__(self):
        return -(-len(self.lengths) // self.batch_size)

    def __iter__(self):
        order = np.random.permutation(len(self.lengths))
        batches = []
        for at in range(0, len(order), self.pool):
            rows = order[at : at + self.pool]
            rows = rows[np.argsort(self.lengths[rows])]
            batches += [rows[i : i + self.batch_size] for i in range(0, len(rows), self.batch_size)]
        for i in np.random.permutation(len(batches)):
            yield batches[i].tolist()


def expert_loop(work, **options):
    """Bucketed batches, padded and not packed where that is exact: the best written by hand."""
    sampler = BucketSampler(np.array([len(x) for x in work.X]), work.batch_size)
    loader = DataLoader(Pairs(work), batch_sampler=sampler, collate_fn=collate)
    return train_on(Network(work, packed=False), loader, work.n_epochs, **options)


class PaddedForSkorch(nn.Module):
    """The tutorial's network with the one input skorch hands over: padding and lengths."""

    def __init__(self, work):
        super().__init__()
        self.network = Network(work)

    def forward(self, x, lengths):
        return self.network(x, lengths)


def plain_skorch(work):
    """skorch as its documentation has it: a Dataset, a collate function, a packing module."""

    def collate_for_skorch(batch):
        x, lengths, labels = collate(batch)
        return {"x": x, "lengths": lengths}, labels

    net = NeuralNet(
        PaddedForSkorch,
        module__work=work,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.AdamW,
        lr=3e-3,
        max_epochs=work.n_epochs,
        batch_size=work.batch_size,
        iterator_train__shuffle=True,
        iterator_train__collate_fn=collate_for_skorch,
        train_split=None,
        callbacks=[GradientNormClipping(1.0)],
        verbose=0,
    )
    return net.fit(Pairs(work), y=None)


def keras_on_jax(work):
    """Keras 3 with the JAX backend: pad all, mask, ``fit``."""
    import keras

    n_steps = max(map(len, work.X))
    padded = np.zeros((len(work.X), n_steps, work.n_channels), np.float32)
    for row, x in enumerate(work.X):
        padded[row, : len(x)] = x
    cell = {"rnn": "SimpleRNN", "gru": "GRU", "lstm": "LSTM"}[work.cell]
    layer = getattr(keras.layers, cell)(work.hidden_size)
    if work.bidirectional:
        layer = keras.layers.Bidirectional(layer)
    model = keras.Sequential(
        [
            keras.Input((n_steps, work.n_channels)),
            keras.layers.Masking(),
            layer,
            keras.layers.Dense(work.n_classes),
        ]
    )
    model.compile(
        keras.optimizers.AdamW(3e-3, clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.fit(padded, work.y, batch_size=work.batch_size, epochs=1, verbose=0)  # compiles
    return lambda: model.fit(
        padded, work.y, batch_size=work.batch_size, epochs=work.n_epochs, verbose=0
    )


def this_library(work, device="cpu", **options):
    """The estimator, all its own work included; without what the rivals do not have."""
    return RNNClassifier(
        cell=work.cell,
        hidden_size=work.hidden_size,
        bidirectional=work.bidirectional,
        pooling="last",
        dropout=0.0,
        recurrent_dropout=0.0,
        label_smoothing=0.0,
        lr=3e-3,
        lr_schedule=None,
        max_epochs=work.n_epochs,
        batch_size=work.batch_size,
        random_state=0,
        device=device,
        **options,
    ).fit(work.X, work.y)


def race(contestants, repeats=5, slow=float("inf")):
    """Return the median seconds of each contestant by name, run in turn after a warm-up.

    Those that take longer than ``slow`` seconds run three times only.
    """
    turns = {}
    for name, run in contestants.items():
        turns[name] = min(repeats, 3) if _seconds(run) > slow else repeats
    seconds = {name: [] for name in contestants}
    for turn in range(repeats):
        for name, run in contestants.items():
            if turn < turns[name]:
                seconds[name].append(_seconds(run))
    return {name: float(np.median(s)) for name, s in seconds.items()}


def _seconds(run):
    started = time.perf_counter()
    run()
    return time.perf_counter() - started
