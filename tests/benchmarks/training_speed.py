"""Seconds of a training epoch: this library against the loop of the tutorials.

Both train an LSTM of 64 units, one direction, on 1024 sequences of lognormal length (median 60, at
most 400) with 8 channels, in batches of 32: equal numbers of updates, AdamW, clipping, one process,
runs in turn, medians.

Usage: python -m tests.benchmarks.training_speed [repeats]
"""

from __future__ import annotations

import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader

from sklearn_rnn import RNNClassifier

N_EPOCHS = 2


def workload(n_samples=1024, seed=0):
    """Return sequences of lognormal length and two classes."""
    rng = np.random.default_rng(seed)
    lengths = np.clip(np.exp(rng.normal(np.log(60), 0.8, n_samples)), 2, 400).astype(int)
    X = [rng.normal(size=(n, 8)).astype(np.float32) for n in lengths]
    return X, np.array([int(x[:, 0].mean() > 0) for x in X])


class TutorialModel(nn.Module):
    """Pack, run ``nn.LSTM``, classify the last state."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(8, 64, batch_first=True)
        self.head = nn.Linear(64, 2)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        _, (h, _) = self.lstm(packed)
        return self.head(h[-1])


def collate(batch):
    sequences, labels = zip(*batch, strict=True)
    lengths = torch.tensor([len(s) for s in sequences])
    return pad_sequence(sequences, batch_first=True), lengths, torch.tensor(labels)


def train_as_in_tutorials(X, y):
    """Train with DataLoader, pad_sequence, pack_padded_sequence and nn.LSTM."""
    data = [(torch.from_numpy(x), int(label)) for x, label in zip(X, y, strict=True)]
    loader = DataLoader(data, batch_size=32, shuffle=True, collate_fn=collate)
    model = TutorialModel()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(N_EPOCHS):
        for x, lengths, labels in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x, lengths), labels).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()


def train_with_this_library(X, y):
    """Fit the estimator, all its own work included."""
    RNNClassifier(
        hidden_size=64,
        bidirectional=False,
        pooling="last",
        max_epochs=N_EPOCHS,
        batch_size=32,
        random_state=0,
    ).fit(X, y)


def measure(contestants, repeats, *arguments):
    """Return the median seconds of each contestant, after a warm-up, run in turn."""
    for contestant in contestants:
        contestant(*arguments)
    seconds = {contestant: [] for contestant in contestants}
    for _ in range(repeats):
        for contestant in contestants:
            started = time.perf_counter()
            contestant(*arguments)
            seconds[contestant].append(time.perf_counter() - started)
    return [float(np.median(seconds[contestant])) for contestant in contestants]


if __name__ == "__main__":
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    X, y = workload()
    theirs, ours = measure([train_as_in_tutorials, train_with_this_library], repeats, X, y)
    print(f"tutorial loop {theirs / N_EPOCHS:.2f} s an epoch, sklearn_rnn {ours / N_EPOCHS:.2f} s")
    print(f"ratio {theirs / ours:.1f} with {torch.get_num_threads()} threads")
