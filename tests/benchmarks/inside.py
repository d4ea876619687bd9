"""What a fit is made of: memory, arithmetic, and the share of the recurrence in its time.

Sections of ``python -m tests.benchmarks.speed``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack
from functools import partial
from itertools import product
from time import perf_counter
from unittest.mock import patch

import numpy as np
import pandas as pd
import torch

from sklearn_rnn import RNNClassifier
from sklearn_rnn.nn.cells import Cell, CellWeights
from sklearn_rnn.training.batches import BatchSource
from sklearn_rnn.training.net import RecurrentNet
from sklearn_rnn.training.record import GradientNorm
from tests.benchmarks import rivals
from tests.benchmarks.rivals import CELLS, Workload, race

MEMORY_PROGRAM = """
import json, sys, threading, time
import numpy as np
from sklearn_rnn import RNNClassifier, RNNRegressor
from tests.benchmarks.rivals import labelled

def resident():  # MiB
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 2**20

n, n_steps, hidden, bptt_steps = json.loads(sys.argv[1])
options = dict(hidden_size=hidden, max_epochs=1, random_state=0, device="cpu", batch_size=32)
options["bptt_steps"] = bptt_steps
small, label = labelled([np.random.rand(8, 8).astype(np.float32)] * 32 + [-np.ones((8, 8), "f")])
RNNClassifier(**options).fit(small, label)  # libraries are loaded, as before any fit
rng = np.random.default_rng(0)
X, y = labelled([rng.standard_normal((n_steps, 8), dtype=np.float32) for _ in range(n)])
y[0], y[1] = 0, 1
before, peak, done = resident(), 0, False

def watch():
    global peak
    while not done:
        peak = max(peak, resident())
        time.sleep(0.002)

thread = threading.Thread(target=watch)
thread.start()
RNNClassifier(**options).fit(X, y)
done = True
thread.join()
print(json.dumps({"data": sum(x.nbytes for x in X) / 2**20, "fit": peak - before}))
"""


def memory():
    """Measure the peak of ``fit`` beyond the caller's data, in MiB, a fresh process a line."""
    rows = []
    for n, n_steps, hidden, bptt_steps in [
        (1_000, 200, 64, None),
        (4_000, 200, 64, None),
        (16_000, 200, 64, None),
        (1_000, 800, 64, None),
        (1_000, 200, 128, None),
        (1_000, 200, 256, None),
        (2, 100_000, 64, None),
        (2, 100_000, 64, 1_000),
    ]:
        out = subprocess.run(
            [sys.executable, "-c", MEMORY_PROGRAM, json.dumps([n, n_steps, hidden, bptt_steps])],
            check=True,
            capture_output=True,
            text=True,
        )
        peak = json.loads(out.stdout)
        rows.append(
            {
                "n_samples": n,
                "n_steps": n_steps,
                "hidden_size": hidden,
                "bptt_steps": "" if bptt_steps is None else bptt_steps,
                "data, MiB": peak["data"],
                "peak of fit, MiB": peak["fit"],
                "less one copy of the data": peak["fit"] - peak["data"],
            }
        )
    return pd.DataFrame(rows)


def roofline():
    """Compare the arithmetic of training with matrix products of the same shapes alone."""
    rows = []
    for cell, gates in (("lstm", 4), ("gru", 3), ("rnn", 1)):
        for hidden in (32, 64, 128, 256):
            batch, n_steps, n_channels = 32, 200, 8
            rng = np.random.default_rng(0)
            cube = rng.normal(size=(4 * batch, n_steps, n_channels)).astype(np.float32)
            X, y = rivals.labelled(list(cube))
            work = Workload(X, y, cell, hidden, n_epochs=1)
            state, weight = torch.randn(batch, hidden), torch.randn(hidden, gates * hidden)
            x = torch.randn(batch * n_steps, n_channels)
            big, big_state = torch.randn(batch * n_steps, gates * hidden), torch.randn(6400, hidden)
            weight_ih = torch.randn(n_channels, gates * hidden)

            def products(
                state=state, weight=weight, x=x, big=big, big_state=big_state, weight_ih=weight_ih
            ):
                x @ weight_ih
                x.t() @ big
                big_state.t() @ big
                gradient = state @ weight
                for _ in range(200):
                    state @ weight
                    gradient @ weight.t()

            seconds = race(
                {"fit": partial(rivals.this_library, work), "products": products}, repeats=3
            )
            flop = 2 * batch * n_steps * gates * hidden * (3 * hidden + 2 * n_channels)
            updates = len(X) / batch
            rows.append(
                {
                    "cell": cell,
                    "hidden_size": hidden,
                    "products alone, GFLOP/s": flop / seconds["products"] / 1e9,
                    "whole fit, GFLOP/s": flop * updates / seconds["fit"] / 1e9,
                    "share reached": seconds["products"] * updates / seconds["fit"],
                }
            )
    return pd.DataFrame(rows)


class Recorder:
    """Keeps what the recurrence was given in training, to do the same work again alone."""

    def __init__(self):
        self.calls = []

    def __enter__(self):
        self._scan = Cell.scan

        def scan(cell, inputs, states, weights, scan=Cell.scan):
            self.calls.append((cell, *_leaves((inputs, states, weights))))
            return scan(cell, inputs, states, weights)

        Cell.scan = scan
        return self

    def __exit__(self, *error):
        Cell.scan = self._scan

    def replay(self):
        """Go through every recorded call forward and back."""
        for cell, inputs, states, weights in self.calls:
            outputs, _ = cell.scan(inputs, states, weights)
            parameters = [w for direction in weights for w in direction]
            torch.autograd.grad(outputs, parameters, [torch.ones_like(o) for o in outputs])


def _leaves(structure):
    """Return copies of tensors in nested tuples and lists, asking for gradients where they did."""
    if isinstance(structure, torch.Tensor):
        return structure.detach().clone().requires_grad_(structure.requires_grad)
    parts = [_leaves(part) for part in structure]
    return CellWeights(*parts) if isinstance(structure, CellWeights) else parts


def share():
    """Share of a whole fit's time that is not the recurrence forward and back.

    The recurrence alone goes through the batches of the same fit again. A profiler would slow down
    small operations more than large ones.
    """
    workloads = {
        "2 to 400, median 60": (rivals.lognormal(), 64),
        "100 to 200": (rivals.near(200, 512), 128),
    }
    rows = []
    for steps, ((X, y), hidden_size) in workloads.items():
        for cell, bidirectional in product(CELLS, (False, True)):
            work = Workload(X, y, cell, hidden_size, bidirectional=bidirectional)
            with Recorder() as recorder:
                rivals.this_library(work)
            seconds = race(
                {"fit": partial(rivals.this_library, work), "recurrence": recorder.replay}
            )
            n_updates = work.n_epochs * -(-len(X) // work.batch_size)
            beside = seconds["fit"] - seconds["recurrence"]
            rows.append(
                {
                    "steps": steps,
                    "units": hidden_size,
                    "cell": cell,
                    "directions": 1 + bidirectional,
                    "s of fit": seconds["fit"],
                    "s of recurrence": seconds["recurrence"],
                    "not the recurrence": beside / seconds["fit"],
                    "ms of it an update": 1e3 * beside / n_updates,
                }
            )
    return pd.DataFrame(rows)


class Stopwatch(ExitStack):
    """Sums up the seconds of functions inside the block, what they call of each other left out."""

    def __init__(self):
        super().__init__()
        self.seconds, self._inner = Counter(), [0.0]

    def watch(self, part, owner, name):
        """Count a method's time for a part."""
        function = getattr(owner, name)

        def timed(*args, **kwargs):
            self._inner.append(0.0)
            started = perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                whole = perf_counter() - started
                self.seconds[part] += whole - self._inner.pop()
                self._inner[-1] += whole

        self.enter_context(patch.object(owner, name, timed))


PARTS = {
    "recurrence": [(Cell, "scan")],
    "network beside it": [(RecurrentNet, "infer"), (torch.Tensor, "backward")],
    "loss": [(RecurrentNet, "get_loss")],
    "batches": [(BatchSource, "gather")],
    "optimizer": [(torch.optim.AdamW, "step")],
    "gradient norm": [(GradientNorm, "on_grad_computed")],
    "skorch, callbacks": [(RecurrentNet, "run_single_epoch"), (RecurrentNet, "train_step_single")],
    "once a fit": [(RNNClassifier, "fit")],
}
"""Whose time is whose, but that going back through the recurrence is measured alone."""


def parts():
    """Milliseconds an update of what a fit is made of, for the workload of the first table."""
    X, y = rivals.lognormal()
    rows = []
    for cell in CELLS:
        work = Workload(X, y, cell)
        with Recorder() as recorder:
            rivals.this_library(work)
        runs = []
        for _ in range(5):
            alone = race({"recurrence": recorder.replay}, repeats=1)["recurrence"]
            with Stopwatch() as stopwatch:
                for part, functions in PARTS.items():
                    for owner, name in functions:
                        stopwatch.watch(part, owner, name)
                rivals.this_library(work)
            back = alone - stopwatch.seconds["recurrence"]
            stopwatch.seconds["recurrence"] += back
            stopwatch.seconds["network beside it"] -= back
            runs.append([stopwatch.seconds[part] for part in PARTS])
        an_update = 1e3 * np.median(runs, axis=0) / (work.n_epochs * -(-len(X) // work.batch_size))
        rows.append({"cell": cell} | dict(zip(PARTS, an_update, strict=True)))
    return pd.DataFrame(rows)
