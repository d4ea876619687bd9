"""All figures of docs/performance.md: training, prediction, growth, memory, side by side.

Contestants run in turn in one process after a warm-up; a figure is the median of its repeats.
Memory is measured in a process of its own for each line. A ratio is theirs over ours.

Usage: python -m tests.benchmarks.speed [section ...]     (all: about half an hour)
"""

from __future__ import annotations

import os
import platform
import sys
import time
from functools import partial
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np
import pandas as pd
import torch
from skorch.callbacks import Callback
from torch.nn.utils.rnn import pad_sequence

from sklearn_rnn import RNNClassifier, RNNRegressor
from sklearn_rnn.datasets import load_japanese_vowels
from tests.benchmarks import rivals
from tests.benchmarks.data_sets import adding_problem
from tests.benchmarks.inside import memory, parts, roofline, share
from tests.benchmarks.rivals import CELLS, Workload, race

RESULTS = Path(__file__).parents[2] / "docs" / "performance"
LABELS = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN", "mingru": "minGRU"}


def training():
    """Time an epoch of 1024 sequences of lognormal length, each cell and contestant."""
    X, y = rivals.lognormal()
    rows = []
    for cell in CELLS:
        work = Workload(X, y, cell)
        contestants = {
            "sklearn_rnn": partial(rivals.this_library, work),
            "tutorial loop": partial(rivals.tutorial_loop, work),
            "best loop by hand": partial(rivals.expert_loop, work),
            "plain skorch": partial(rivals.plain_skorch, work),
        }
        try:
            contestants["Keras 3 on JAX"] = rivals.keras_on_jax(work)
        except ImportError:
            print("Keras or JAX is not installed; going on without them.")
        seconds = race(contestants, repeats=9, slow=5.0)
        rows += [
            {
                "cell": cell,
                "contestant": name,
                "seconds an epoch": s / work.n_epochs,
                "times ours": s / seconds["sklearn_rnn"],
            }
            for name, s in seconds.items()
        ]
    return pd.DataFrame(rows)


def sizes():
    """Time an update while one of hidden size, length, direction and batch is varied."""
    variations = [{}]
    variations += [{"hidden_size": h} for h in (32, 128, 256)]
    variations += [{"n_steps": t} for t in (20, 1000)]
    variations += [{"bidirectional": True}, {"batch_size": 8}, {"batch_size": 128}]
    rows = []
    for cell in CELLS:
        for variation in variations:
            options = {"hidden_size": 64, "bidirectional": False, "batch_size": 32} | variation
            n_steps = options.pop("n_steps", 200)
            n_updates = 1 if n_steps > 500 else 4  # the tutorial loop takes seconds for one
            X, y = rivals.near(n_steps, n_updates * options["batch_size"])
            work = Workload(X, y, cell, **options)
            seconds = race(
                {
                    "ours": partial(rivals.this_library, work),
                    "tutorial": partial(rivals.tutorial_loop, work),
                    "by hand": partial(rivals.expert_loop, work),
                },
                repeats=2,
            )
            rows.append(
                {
                    "cell": cell,
                    "n_steps": n_steps,
                    **options,
                    "ms an update": 1e3 * seconds["ours"] / (n_updates * work.n_epochs),
                    "tutorial loop": seconds["tutorial"] / seconds["ours"],
                    "best loop by hand": seconds["by hand"] / seconds["ours"],
                }
            )
    return pd.DataFrame(rows)


def length():
    """Time a step of training, one batch of 32, by length; a linear cost is a flat line."""
    works = {
        (cell, n_steps): Workload(*rivals.near(n_steps, 64), cell, n_epochs=1)
        for cell in (*CELLS, "mingru")
        for n_steps in (125, 250, 500, 1000, 2000)
    }
    ours = race({key: partial(rivals.this_library, w) for key, w in works.items()})
    theirs = race(
        {
            (cell, n_steps): partial(rivals.tutorial_loop, work)
            for (cell, n_steps), work in works.items()
            if cell == "lstm" and n_steps <= 1000  # a quarter of an hour at 2000
        },
        repeats=1,
    )
    rows = []
    for (cell, n_steps), work in works.items():
        n_rows = sum(map(len, work.X))
        rows.append(
            {
                "cell": cell,
                "n_steps": n_steps,
                "us a step": 1e6 * ours[cell, n_steps] / n_rows,
                "over that at 125": ours[cell, n_steps]
                / n_rows
                / (ours[cell, 125] / sum(map(len, works[cell, 125].X))),
                "tutorial loop, us a step": 1e6 * theirs.get((cell, n_steps), np.nan) / n_rows,
            }
        )
    return pd.DataFrame(rows)


def predict_packed(network, X):
    """Predict as tutorials do: batches of 32 in the given order, packed."""
    network.eval()
    with torch.no_grad():
        for at in range(0, len(X), 32):
            batch = [torch.from_numpy(x) for x in X[at : at + 32]]
            lengths = torch.tensor([len(x) for x in batch])
            network(pad_sequence(batch, batch_first=True), lengths).argmax(dim=1).numpy()


def prediction():
    """Time ``predict`` of 4096 sequences, and of one against the bare network."""
    X, y = rivals.lognormal(4096)
    rows = []
    for cell in CELLS:
        work = Workload(X[:256], y[:256], cell, n_epochs=1)
        model, network = rivals.this_library(work), rivals.Network(work)
        seconds = race(
            {
                "ours": partial(model.predict, X),
                "packed": partial(predict_packed, network, X),
            }
        )
        one = [X[0]]
        module = model.net_.module_
        values = torch.from_numpy(X[0])[None]
        lengths = torch.tensor([len(X[0])])

        def bare(module=module, values=values, lengths=lengths):
            with torch.inference_mode():
                module(values, lengths)

        single = race({"predict": partial(model.predict, one), "bare": bare}, repeats=2000)
        rows.append(
            {
                "cell": cell,
                "s for 4096": seconds["ours"],
                "packed loop, s": seconds["packed"],
                "ratio": seconds["packed"] / seconds["ours"],
                "one sequence, ms": 1e3 * single["predict"],
                "bare network, ms": 1e3 * single["bare"],
                "wrapper, ms": 1e3 * (single["predict"] - single["bare"]),
            }
        )
    return pd.DataFrame(rows)


class Reached(Callback):
    """Note the seconds of training until an accuracy is reached, those of looking left out."""

    def __init__(self, X, y, accuracy):
        self.X, self.y, self.accuracy = X, y, accuracy

    def on_train_begin(self, net, **kwargs):
        self.seconds_, self._pause, self._started = np.nan, 0.0, time.perf_counter()

    def on_epoch_end(self, net, **kwargs):
        now = time.perf_counter()
        self.look(lambda values, lengths: net.module_.eval()(values, lengths))
        self._pause += time.perf_counter() - now

    def look(self, network):
        """Measure the accuracy of a network of padded values and lengths."""
        seconds = time.perf_counter() - self._started - self._pause
        lengths = torch.tensor([len(x) for x in self.X])
        padded = pad_sequence([torch.from_numpy(x) for x in self.X], batch_first=True)
        with torch.no_grad():
            right = network(padded, lengths).argmax(dim=1).numpy() == self.y
        if np.isnan(self.seconds_) and right.mean() >= self.accuracy:
            self.seconds_ = seconds


def accuracy():
    """Time to 95% test accuracy on JapaneseVowels: the same network, rate and batch size."""
    (X, labels), (X_test, labels_test) = (
        load_japanese_vowels(return_X_y=True, split=split) for split in ("train", "test")
    )
    classes, y = np.unique(labels, return_inverse=True)
    y_test = np.searchsorted(classes, labels_test)
    pooled = np.concatenate(X)
    X, X_test = (
        [((x - pooled.mean(0)) / pooled.std(0)).astype(np.float32) for x in part]
        for part in (X, X_test)
    )
    seconds = {"sklearn_rnn": [], "tutorial loop": []}
    for seed in range(5):
        torch.manual_seed(seed)
        work = Workload(X, y, n_epochs=100)
        model = RNNClassifier(
            bidirectional=False,
            pooling="last",
            dropout=0.0,
            recurrent_dropout=0.0,
            label_smoothing=0.0,
            lr=3e-3,
            lr_schedule=None,
            batch_size=32,
            max_epochs=work.n_epochs,
            callbacks=[Reached(X_test, y_test, 0.95)],
            random_state=seed,
            device="cpu",
        ).fit(X, y)
        seconds["sklearn_rnn"].append(model.net_.callbacks_[-1][1].seconds_)
        watch = Reached(X_test, y_test, 0.95)
        watch.on_train_begin(None)

        def after_epoch(network, watch=watch):
            now = time.perf_counter()
            watch.look(network)
            watch._pause += time.perf_counter() - now

        rivals.tutorial_loop(work, after_epoch=after_epoch)
        seconds["tutorial loop"].append(watch.seconds_)
    return pd.DataFrame(
        {
            "contestant": list(seconds),
            "seconds to 95%, median of 5 seeds": [np.nanmedian(s) for s in seconds.values()],
            "seeds that reached it": [int(np.isfinite(s).sum()) for s in seconds.values()],
        }
    )


def long_inputs():
    """Fit the adding problem: two marked numbers among 100 steps, and their sum (R squared)."""
    (X, y), (X_test, y_test) = (adding_problem(400, 100, seed) for seed in (0, 1))
    rows = []
    for cell in ("lstm", "gru", "mingru"):
        scores, seconds = [], []
        for seed in range(2):
            started = time.perf_counter()
            model = RNNRegressor(cell=cell, random_state=seed, device="cpu").fit(X, y)
            seconds.append(time.perf_counter() - started)
            scores.append(model.score(X_test, y_test))
        rows.append({"cell": cell, "R squared": np.mean(scores), "s a fit": np.median(seconds)})
    return pd.DataFrame(rows)


SECTIONS = {
    section.__name__: section
    for section in (
        training,
        sizes,
        length,
        prediction,
        memory,
        roofline,
        accuracy,
        share,
        parts,
        long_inputs,
    )
}


def machine():
    """Return what the figures were measured on, in words."""
    model = next(
        (line.split(":")[1].strip() for line in open("/proc/cpuinfo") if "model name" in line),
        platform.processor(),
    )
    return (
        f"{model}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, "
        f"PyTorch {torch.__version__}, Python {platform.python_version()}"
    )


def draw():
    """Draw the picture of the page from the tables."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    table = pd.read_csv(RESULTS / "training.csv")
    wide = table.pivot(index="contestant", columns="cell", values="seconds an epoch")
    wide = wide.loc[wide["lstm"].sort_values().index, list(CELLS)]
    wide.columns = [LABELS[name] for name in wide.columns]
    wide.plot.barh(ax=left, xlabel="seconds an epoch", ylabel="")
    left.invert_yaxis()
    left.set_title("1024 sequences, median length 60, at most 400")
    table = pd.read_csv(RESULTS / "length.csv")
    for cell, rows in table.groupby("cell", sort=False):
        right.plot(rows["n_steps"], rows["us a step"], "o-", label=LABELS[cell])
        if rows["tutorial loop, us a step"].notna().any():
            right.plot(
                rows["n_steps"],
                rows["tutorial loop, us a step"],
                "o--",
                color="gray",
                label=f"{LABELS[cell]}, tutorial loop",
            )
    right.set(xlabel="steps of a sequence", ylabel="µs a step", xscale="log", yscale="log")
    lengths, microseconds = sorted(set(table["n_steps"])), [2, 5, 10, 20, 50, 100]
    right.set_xticks(lengths, lengths)
    right.set_yticks(microseconds, microseconds)
    right.minorticks_off()
    right.set_title("Cost of a training step by length")
    right.legend()
    figure.savefig(RESULTS / "speed.png", dpi=150)


def main(names):
    """Run the sections and write a table each; draw the picture."""
    if unknown := set(names) - set(SECTIONS):
        sys.exit(f"There is no section {sorted(unknown)}. There are {', '.join(SECTIONS)}.")
    RESULTS.mkdir(exist_ok=True)
    for name in names or SECTIONS:
        started = time.perf_counter()
        table = SECTIONS[name]()
        table.to_csv(RESULTS / f"{name}.csv", index=False, float_format="%.3g")
        print(f"\n{name}, {time.perf_counter() - started:.0f} s\n{table.to_string(index=False)}")
    (RESULTS / "machine.txt").write_text(machine() + "\n")
    draw()


if __name__ == "__main__":
    main(sys.argv[1:])
