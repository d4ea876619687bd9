"""Encoder/decoders: what they learn exactly, how fast they train, and how fast they write.

Usage: python -m tests.benchmarks.seq2seq [tokens] [training] [writing]
"""

from __future__ import annotations

import sys
import time
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader

from sklearn_rnn import Seq2SeqClassifier
from tests.benchmarks.rivals import race

LETTERS = list("abcdefghij")
CELLS = {"gru": nn.GRU, "lstm": nn.LSTM}


def words(n_samples: int, low: int = 5, high: int = 20, seed: int = 0) -> list[str]:
    """Return random words of ten letters, 5 to 20 long."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(low, high + 1, size=n_samples)
    return ["".join(rng.choice(LETTERS, size=size)) for size in sizes]


# -- what is learned ------------------------------------------------------------------------------


def tokens() -> None:
    """Copy and reverse; judge by words that were not there in training."""
    settings = {
        "untouched defaults": (5_000, {"max_epochs": 20}),
        "attention='additive'": (5_000, {"max_epochs": 20, "attention": "additive"}),
        "attention=None": (
            20_000,
            {
                "attention": None,
                "hidden_size": 128,
                "max_epochs": 18,
                "dropout": 0.0,
                "recurrent_dropout": 0.0,
            },
        ),
    }
    for name, (n_samples, parameters) in settings.items():
        X, fresh = words(n_samples), words(2_000, seed=1)
        for task, answer in (("reverse", lambda w: w[::-1]), ("copy", lambda w: w)):
            begin, cpu = time.perf_counter(), time.process_time()
            model = Seq2SeqClassifier(random_state=0, **parameters).fit(X, list(map(answer, X)))
            seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
            score = model.score(fresh, list(map(answer, fresh)))
            print(
                f"{task}, {name}: exact match {score:.4f}, {seconds:.0f} s, {cpu:.0f} s of "
                "processors",
                flush=True,
            )


# -- how fast it trains ---------------------------------------------------------------------------


class Encoder(nn.Module):
    """What a tutorial writes: embedding, packed recurrence."""

    def __init__(self, cell: str, n_tokens: int, embedding: int, hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(n_tokens, embedding)
        self.recurrent = CELLS[cell](embedding, hidden, batch_first=True)

    def forward(self, codes, lengths):
        x = pack_padded_sequence(
            self.embedding(codes), lengths, batch_first=True, enforce_sorted=False
        )
        outputs, state = self.recurrent(x)
        return pad_packed_sequence(outputs, batch_first=True)[0], state


class DecoderLoop(nn.Module):
    """A step at a time in Python: embedding, recurrence, attention, head (Luong et al. 2015)."""

    def __init__(self, cell: str, n_tokens: int, embedding: int, hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(n_tokens, embedding)
        self.recurrent = CELLS[cell](embedding, hidden, batch_first=True)
        self.key = nn.Linear(hidden, hidden)
        self.mix = nn.Linear(2 * hidden, hidden)
        self.head = nn.Linear(hidden, n_tokens)

    def forward(self, read, state, behind, previous):
        keys = self.key(read)
        outputs = []
        for step in range(previous.shape[1]):
            output, state = self.recurrent(self.embedding(previous[:, step : step + 1]), state)
            scores = (output @ keys.transpose(1, 2)).masked_fill(behind[:, None], -torch.inf)
            seen = scores.softmax(dim=2) @ read
            mixed = torch.tanh(self.mix(torch.cat([output, seen], dim=2)))
            outputs.append(self.head(mixed))
        return torch.cat(outputs, dim=1)


def by_hand(pairs, cell: str, batch_size: int, n_epochs: int, hidden: int) -> nn.Module:
    """Train by the loop everyone writes: DataLoader, padding, a loop over the decoder's steps."""
    end, start, pad = len(LETTERS), len(LETTERS) + 1, -100

    def collate(batch):
        sources, targets = zip(*batch, strict=True)
        lengths = torch.tensor([len(s) for s in sources])
        return (
            pad_sequence(sources, batch_first=True),
            lengths,
            pad_sequence(targets, batch_first=True, padding_value=pad),
        )

    codes = {letter: code for code, letter in enumerate(LETTERS)}
    data = [
        (torch.tensor([codes[c] for c in x]), torch.tensor([*(codes[c] for c in y), end]))
        for x, y in pairs
    ]
    loader = DataLoader(data, batch_size, shuffle=True, collate_fn=collate)
    encoder = Encoder(cell, len(LETTERS) + 2, 8, hidden)
    decoder = DecoderLoop(cell, len(LETTERS) + 2, 8, hidden)
    model = nn.ModuleList([encoder, decoder])
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(n_epochs):
        for sources, lengths, targets in loader:
            optimizer.zero_grad()
            read, state = encoder(sources, lengths)
            behind = torch.arange(read.shape[1]) >= lengths[:, None]
            first = torch.full((len(targets), 1), start)
            previous = torch.cat([first, targets[:, :-1].clamp(min=0)], dim=1)
            outputs = decoder(read, state, behind, previous)
            nn.functional.cross_entropy(
                outputs.flatten(0, 1), targets.flatten(), ignore_index=pad
            ).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
    return model


def training() -> None:
    """Time epochs each way: the same network, updates and length of training."""
    n_epochs = 2
    print("cell,words of,batches of,units,times ours")
    for (low, high), n_words in (((5, 20), 2_000), ((30, 60), 2_000), ((100, 200), 512)):
        X = words(n_words, low, high)
        y = [word[::-1] for word in X]
        for cell in CELLS:
            for batch_size, hidden in ((32, 64), (32, 128), (128, 128)):
                ours = Seq2SeqClassifier(  # without what the other has not
                    cell=cell,
                    hidden_size=hidden,
                    batch_size=batch_size,
                    max_epochs=n_epochs,
                    bidirectional=False,
                    embedding_size=8,
                    dropout=0.0,
                    recurrent_dropout=0.0,
                    lr_schedule=None,
                    random_state=0,
                )
                hand = partial(
                    by_hand, list(zip(X, y, strict=True)), cell, batch_size, n_epochs, hidden
                )
                seconds = race({"ours": partial(ours.fit, X, y), "by hand": hand}, repeats=3)
                ratio = seconds["by hand"] / seconds["ours"]
                size = f"{low} to {high} letters,{batch_size},{hidden}"
                print(f"{cell.upper()},{size},{ratio:.1f}", flush=True)


# -- how fast it writes ---------------------------------------------------------------------------


def writing() -> None:
    """Time the answers to 1,000 words, greedy and by beam search."""
    X, fresh = words(2_000), words(1_000, seed=1)
    for hidden in (64, 256):
        model = Seq2SeqClassifier(hidden_size=hidden, max_epochs=1, random_state=0)
        model.fit(X, [word[::-1] for word in X])
        asked = np.array([len(word) for word in fresh])
        for beam_size in (1, 5):
            model.set_params(beam_size=beam_size)
            seconds = race({"ours": partial(model.predict, fresh, n_steps=asked)}, repeats=3)
            print(f"{hidden} units, beam {beam_size}: {seconds['ours']:.2f} s a thousand words")


SECTIONS = {section.__name__: section for section in (tokens, training, writing)}

if __name__ == "__main__":
    for chosen in sys.argv[1:] or SECTIONS:
        SECTIONS[chosen]()
