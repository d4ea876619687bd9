"""Five ways to search on one problem with one budget: the best score by seconds spent.

Seconds are those of the processor, so that what runs beside does not count. Each way and seed runs
in a process of its own with one thread. All ways of a seed have the same folds.

python -m tests.benchmarks.searches 45 0 1      (a budget in seconds, seeds)
"""

from __future__ import annotations

import sys
import time
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, cpu_count, delayed
from optuna.pruners import NopPruner
from scipy.stats import loguniform, uniform
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, StratifiedKFold

from sklearn_rnn import RNNClassifier
from sklearn_rnn.datasets import load_japanese_vowels
from sklearn_rnn.model_selection import HalvingRandomSearchCV, OptunaSearchCV, suggest_space

DOCS = Path(__file__).parents[2] / "docs"
N_FOLDS, MAX_EPOCHS, SCORE = 3, 18, "neg_log_loss"
GRID = {"cell": ["gru", "lstm", "mingru"], "hidden_size": [32, 64], "lr": [0.003, 0.01, 0.03]}
# What suggest_space gives, as scikit-learn takes it.
SPACE = {
    "cell": ["gru", "lstm", "mingru"],
    "dropout": uniform(0, 0.5),
    "hidden_size": np.unique(np.geomspace(16, 64, 30).round().astype(int)).tolist(),
    "lr": loguniform(0.001, 0.03),
    "pooling": ["extremes", "max", "mean", "concat"],
    "recurrent_dropout": uniform(0, 0.5),
}


class BudgetSpent(BaseException):
    """Ends a search from within a scorer; none of what catches errors catches it."""


class Clock:
    """Notes what candidates come to, and when."""

    def __init__(self, budget):
        self.budget, self.started = budget, time.process_time()
        self.found, self.n_begun = [], 0

    @property
    def seconds(self):
        return time.process_time() - self.started

    def note(self, score, params):
        """Note a candidate that was trained to the end, if in time."""
        if self.seconds <= self.budget and np.isfinite(score):
            self.found.append({"seconds": self.seconds, "score": score, "params": params})

    def check(self):
        """Raise BudgetSpent if it is."""
        if self.seconds > self.budget:
            raise BudgetSpent


class Watch:
    """A scorer that notes every candidate once it is done in all folds."""

    def __init__(self, clock, *, whole=True):
        self.clock, self.whole, self.scores = clock, whole, []

    def __call__(self, estimator, X, y):
        score = get_scorer(SCORE)(estimator, X, y)
        self.scores.append(score)
        if self.whole and len(self.scores) % N_FOLDS == 0:
            params = {name: estimator.get_params()[name] for name in SPACE}
            self.clock.n_begun += 1
            self.clock.note(np.mean(self.scores[-N_FOLDS:]), params)
        self.clock.check()
        return score


def network(seed):
    """Return what is searched for: a small one that trains fast, to try many."""
    return RNNClassifier(hidden_size=32, max_epochs=MAX_EPOCHS, random_state=seed, device="cpu")


def grid(X, y, folds, seed, clock):
    """Try values of the three parameters that matter most, in the grid's order."""
    GridSearchCV(network(seed), GRID, scoring=Watch(clock), cv=folds, refit=False).fit(X, y)


def random(X, y, folds, seed, clock):
    """Draw points of the whole space."""
    RandomizedSearchCV(
        network(seed),
        SPACE,
        n_iter=10_000,
        scoring=Watch(clock),
        cv=folds,
        refit=False,
        random_state=seed,
    ).fit(X, y)


def halving(X, y, folds, seed, clock):
    """Draw 27 points, 9 of which train on, and 3 to the end; and again with others."""
    for i in count():
        clock.n_begun += 27
        search = HalvingRandomSearchCV(
            network(seed),
            SPACE,
            n_candidates=27,
            min_resources=MAX_EPOCHS // 9,
            scoring=Watch(clock, whole=False),
            cv=folds,
            refit=False,
            return_train_score=False,
            random_state=1000 * i + seed,
        ).fit(X, y)
        results = search.cv_results_
        for at in np.flatnonzero(results["iter"] == results["iter"].max()):
            clock.note(results["mean_test_score"][at], results["params"][at])


def bayesian(X, y, folds, seed, clock, pruner=None):
    """Let Optuna propose points of the same space."""

    def note(study, trial):
        clock.n_begun += 1
        if trial.value is not None and trial.state.name == "COMPLETE":
            clock.note(trial.value, trial.params)
        if clock.seconds > clock.budget:
            study.stop()

    OptunaSearchCV(
        network(seed),
        suggest_space(network(seed)),
        n_trials=None,
        pruner=pruner,
        scoring=SCORE,
        cv=folds,
        refit=False,
        random_state=seed,
        callbacks=[note],
    ).fit(X, y)


def bayesian_whole(X, y, folds, seed, clock):
    """Let no trial end early."""
    bayesian(X, y, folds, seed, clock, pruner=NopPruner())


WAYS = {
    "grid": grid,
    "random": random,
    "halving": halving,
    "Bayesian": bayesian_whole,
    "Bayesian, pruned": bayesian,
}
COLORS = dict(zip(WAYS, ["gray", "C0", "C2", "C1", "C3"], strict=True))


def judged(X, y, seed, params):
    """Return accuracy and log loss on the test split, fitted on all of the training split."""
    model = network(seed).set_params(**params).fit(X, y)
    X_test, y_test = load_japanese_vowels(split="test", return_X_y=True)
    return {
        "test accuracy": model.score(X_test, y_test),
        "test log loss": -get_scorer("neg_log_loss")(model, X_test, y_test),
    }


def run(way, seed, budget):
    """Search one way; return how its best score rose, and what it came to."""
    torch.set_num_threads(1)
    X, y = load_japanese_vowels(split="train", return_X_y=True)
    folds = list(StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed).split(X, y))
    network(seed).set_params(max_epochs=2).fit(X, y)  # what torch loads at its first fit
    clock = Clock(budget)
    if way == "defaults":
        losses = [
            get_scorer(SCORE)(
                network(seed).fit([X[i] for i in train], y[train]), [X[i] for i in test], y[test]
            )
            for train, test in folds
        ]
        clock.n_begun = 1
        clock.found = [{"seconds": clock.seconds, "score": np.mean(losses), "params": {}}]
    else:
        try:
            WAYS[way](X, y, folds, seed, clock)
        except BudgetSpent:
            pass
    steps = pd.DataFrame(clock.found).assign(way=way, seed=seed)
    steps = steps[steps["score"] > steps["score"].cummax().shift(fill_value=-np.inf)]
    best = steps.iloc[-1]
    result = {
        "way": way,
        "seed": seed,
        "tried": clock.n_begun,
        "to the end": len(clock.found),
        "log loss": -best["score"],
        **judged(X, y, seed, best["params"]),
        "params": {
            name: round(float(value), 4) if isinstance(value, float) else value
            for name, value in best["params"].items()
        },
    }
    curve = steps.assign(**{"log loss": -steps["score"]})
    return curve[["way", "seed", "seconds", "log loss"]], result


def draw(curves, budget):
    """Draw how the log loss of the best candidate falls: each seed, and the mean of all."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
    times = np.linspace(0, budget, 481)
    for way, color in COLORS.items():
        falling = []
        for _, rows in curves[curves["way"] == way].groupby("seed"):
            at = np.searchsorted(rows["seconds"], times, side="right") - 1
            falling.append(np.where(at < 0, np.nan, rows["log loss"].to_numpy()[at]))
            ax.plot(times, falling[-1], color=color, alpha=0.25, linewidth=1)
        ax.plot(times, np.mean(falling, axis=0), color=color, linewidth=2.5, label=way)
    defaults = curves.loc[curves["way"] == "defaults", "log loss"].mean()
    ax.axhline(defaults, color="black", linestyle=":", linewidth=1, label="defaults")
    ax.set(
        xlabel="Seconds of one core",
        ylabel="Log loss of the best so far,\nmean of three folds",
        ylim=(curves["log loss"].min() * 0.97, defaults * 1.25),
        xlim=(0, budget),
    )
    ax.legend(title="Thick: mean of seeds", ncols=2)
    figure.savefig(DOCS / "search_ways.png", dpi=150)


def main(budget, seeds):
    """Search each way with each seed; put the results into two tables and draw the picture.

    What is in the tables of other seeds stays.
    """
    todo = [(way, seed) for seed in seeds for way in ("defaults", *WAYS)]
    for curve, result in Parallel(n_jobs=cpu_count(), return_as="generator_unordered")(
        delayed(run)(way, seed, budget) for way, seed in todo
    ):
        put("search_ways.csv", curve)
        put("search_ways_found.csv", pd.DataFrame([result]))
    draw(pd.read_csv(DOCS / "search_ways.csv"), budget)


def put(name, rows):
    """Add rows to a table, in place of those of the same way and seed."""
    path = DOCS / name
    if path.exists():
        old = pd.read_csv(path)
        same = (old["way"] == rows["way"].iloc[0]) & (old["seed"] == rows["seed"].iloc[0])
        rows = pd.concat([old[~same], rows])
    rows.sort_values(["way", "seed"], kind="stable").to_csv(path, index=False, float_format="%.4g")


if __name__ == "__main__":
    main(float(sys.argv[1]), [int(seed) for seed in sys.argv[2:]])
