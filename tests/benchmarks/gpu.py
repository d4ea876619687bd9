"""Padded against packed calls of cuDNN, and whole fits against the tutorial loop, on a GPU.

A recurrence here hands cuDNN padded batches, a call a layer and direction; packing them is what
it would be compared with. ``--device cpu`` only shows that the program runs.

Usage: python -m tests.benchmarks.gpu [--device cuda]
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from itertools import product

import numpy as np
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from sklearn_rnn._random import generator
from sklearn_rnn.nn.recurrence import Recurrence
from tests.benchmarks import rivals
from tests.benchmarks.rivals import CELLS, MODULES, Workload

BATCH, N_CHANNELS = 128, 8
LENGTHS = {"180 to 200": (180, 201), "10 to 200": (10, 201)}


def milliseconds(run, device, repeats=20):
    """Return the median of a run, the device waited for."""
    seconds = []
    for _ in range(repeats + 3):
        started = time.perf_counter()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - started)
    return 1e3 * float(np.median(seconds[3:]))


def padded(recurrence, x, lengths):
    """Go through a batch forward and back as this library does."""
    outputs = recurrence(x, lengths)
    torch.autograd.grad(outputs.sum(), list(recurrence.parameters()))


def packed(module, x, lengths):
    """Go through a batch forward and back as torch's documentation has it."""
    outputs, _ = module(pack_padded_sequence(x, lengths.cpu(), enforce_sorted=False))
    outputs, _ = pad_packed_sequence(outputs)
    torch.autograd.grad(outputs.sum(), list(module.parameters()))


def recurrences(device):
    """Print a line a cell, size and spread of lengths."""
    print("cell,directions,units,lengths,padded ms,packed ms,packed over padded")
    for cell, bidirectional, hidden, (name, (low, high)) in product(
        CELLS, (False, True), (64, 256), LENGTHS.items()
    ):
        recurrence = Recurrence(
            cell, N_CHANNELS, hidden, bidirectional=bidirectional, generator=generator(0)
        ).to(device)
        module = MODULES[cell](N_CHANNELS, hidden, bidirectional=bidirectional).to(device)
        module.load_state_dict(recurrence.state_dict())
        lengths = torch.randint(low, high, (BATCH,), generator=generator(1))
        lengths[0] = high - 1
        x = torch.randn(high - 1, BATCH, N_CHANNELS, generator=generator(2)).to(device)
        ways = (padded, recurrence), (packed, module)
        ours, theirs = (
            milliseconds(partial(way, network, x, lengths.to(device)), device)
            for way, network in ways
        )
        size = f"{cell},{1 + bidirectional},{hidden},{name}"
        print(f"{size},{ours:.2f},{theirs:.2f},{theirs / ours:.2f}", flush=True)


class OnDevice(rivals.Network):
    """The tutorial's network, whose batches are sent to where its weights are."""

    def forward(self, x, lengths):
        return super().forward(x.to(self.head.weight.device), lengths)


def tutorial_loop(work, device):
    """Train by the tutorial's loop on a device."""
    loader = torch.utils.data.DataLoader(
        rivals.Pairs(work), work.batch_size, shuffle=True, collate_fn=to_device(device)
    )
    return rivals.train_on(OnDevice(work).to(device), loader, work.n_epochs)


def to_device(device):
    """Return a collate function that sends labels to the device; packing wants lengths here."""

    def collate(batch):
        x, lengths, labels = rivals.collate(batch)
        return x, lengths, labels.to(device)

    return collate


def fits(device):
    """Print a line a cell and size of batch."""
    X, y = rivals.lognormal()
    print("\ncell,batches of,units,fit ms,tutorial loop ms,times ours")
    for cell, (batch_size, hidden) in product(CELLS, ((32, 64), (128, 256))):
        work = Workload(X, y, cell, hidden, batch_size=batch_size, n_epochs=2)
        ours, theirs = (
            milliseconds(partial(way, work, device), device, repeats=3)
            for way in (rivals.this_library, tutorial_loop)
        )
        size = f"{cell},{batch_size},{hidden}"
        print(f"{size},{ours:.0f},{theirs:.0f},{theirs / ours:.1f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda", type=torch.device)
    chosen = parser.parse_args().device
    if chosen.type == "cuda":
        print(torch.cuda.get_device_name(chosen))
    recurrences(chosen)
    fits(chosen)
