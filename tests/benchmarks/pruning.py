"""What pruning saves, and what a second worker does, on JapaneseVowels.

    python -m tests.benchmarks.pruning pruning [SEED ...]
    python -m tests.benchmarks.pruning halves [SEED ...]
    python -m tests.benchmarks.pruning workers

"pruning": two searches of 30 trials in the suggested space, three folds, one seed for both: one
lets all trials end, the other prunes by default. Told are the best scores, and after how much of
the processor time of the first the second had one as high. "halves": the better half goes on at
each rung, not the best third.

"workers": the same search without pruning, by one worker and by two with a thread each; told is how
much sooner two are done, by the clock. It takes a machine that does nothing else.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import torch
from optuna.pruners import NopPruner, SuccessiveHalvingPruner
from sklearn.model_selection import StratifiedKFold

from sklearn_rnn import RNNClassifier
from sklearn_rnn.datasets import load_japanese_vowels
from sklearn_rnn.model_selection import OptunaSearchCV, suggest_space

N_TRAINING = 270


def vowels() -> tuple[Any, Any]:
    X, y = load_japanese_vowels(return_X_y=True)
    return X[:N_TRAINING], y[:N_TRAINING]


def search(seed: int, **options: Any) -> OptunaSearchCV:
    model = RNNClassifier(random_state=seed)
    cv = StratifiedKFold(3, shuffle=True, random_state=seed)
    space = suggest_space(model)
    defaults = {"n_trials": 30, "cv": cv, "random_state": seed, "refit": False}
    return OptunaSearchCV(model, space, **defaults | options)


def course(seed: int, **options: Any) -> list[tuple[float, float]]:
    """Return the processor time after each trial, and the best score so far."""
    done: list[tuple[float, float]] = []
    started = time.process_time()

    def note(study: Any, trial: Any) -> None:
        done.append((time.process_time() - started, study.best_value))

    search(seed, callbacks=[note], **options).fit(*vowels())
    return done


def pruning(seeds: list[int], **options: Any) -> None:
    for seed in seeds:
        whole, pruned = course(seed, pruner=NopPruner()), course(seed, **options)
        (all_seconds, best), (seconds, best_pruned) = whole[-1], pruned[-1]
        reached = next((t for t, score in pruned if score >= best), None)
        share = "never" if reached is None else f"{reached / all_seconds:.2f}"
        print(
            f"seed {seed}: whole {best:.4f} in {all_seconds:.0f} s, pruned {best_pruned:.4f} in "
            f"{seconds:.0f} s ({seconds / all_seconds:.2f}); as high after {share} of the time",
            flush=True,
        )


def workers() -> None:
    torch.set_num_threads(1)
    seconds = {}
    for n_jobs in (1, 2, 1, 2):
        started = time.perf_counter()
        found = search(0, n_jobs=n_jobs, n_trials=10, pruner=NopPruner()).fit(*vowels())
        seconds.setdefault(n_jobs, []).append(time.perf_counter() - started)
        print(
            f"{n_jobs} worker(s): {seconds[n_jobs][-1]:.0f} s, {found.best_score_:.4f}", flush=True
        )
    print(f"two are {min(seconds[1]) / min(seconds[2]):.2f} times as fast as one")


if __name__ == "__main__":
    seeds = [int(seed) for seed in sys.argv[2:]] or list(range(6))
    if sys.argv[1] == "workers":
        workers()
    elif sys.argv[1] == "halves":
        pruning(seeds, pruner=SuccessiveHalvingPruner(min_resource=10, reduction_factor=2))
    else:
        pruning(seeds)
