"""What halving costs that trains on, beside scikit-learn's, which fits anew at each rung.

Both searches have as many fits. They run in two processes that take turns after each, so that what
else the machine does meets both.

python -m tests.benchmarks.halving > docs/halving.csv
"""

from __future__ import annotations

import csv
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from time import process_time

import torch
from scipy.stats import loguniform, uniform
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401  # lets the next import in
from sklearn.model_selection import HalvingRandomSearchCV as AnewSearchCV
from sklearn.model_selection import StratifiedKFold

from sklearn_rnn import RNNClassifier
from sklearn_rnn.datasets import load_japanese_vowels
from sklearn_rnn.model_selection import HalvingRandomSearchCV

SEEDS = range(3)
SPACE = {
    "lr": loguniform(1e-3, 1e-1),
    "dropout": uniform(0.1, 0.4),
    "recurrent_dropout": uniform(0.1, 0.4),
}
"""Nothing that makes an epoch dearer: which of the candidates survive is luck."""
SIZES = [  # factor, candidates, epochs
    (2, 32, 96),
    (3, 27, 81),
]
COLUMNS = (
    "factor",
    "candidates",
    "rungs",
    "seed",
    "share of epochs",
    "share of training time",
    "share of all time",
    "seconds anew",
    "seconds continued",
    "same best candidate",
    "score anew",
    "score continued",
    "test anew",
    "test continued",
)


class Turns:
    """Let two processes go on one at a time."""

    def __init__(self, context):
        self._may_go_on = [context.Semaphore(1), context.Semaphore(0)]
        self._has_left = context.Value("b", False)

    def wait(self, me):
        """Wait until it is one's turn."""
        if not self._has_left.value:
            self._may_go_on[me].acquire()

    def pass_on(self, me):
        """Let the other have its turn first."""
        self._may_go_on[1 - me].release()
        self.wait(me)

    def leave(self, me):
        """Have no more turns."""
        self._has_left.value = True
        self._may_go_on[1 - me].release()


class TimedScorer:
    """The estimator's own score, and the processor time that it took; then the other's turn."""

    def __init__(self, pass_on):
        self.seconds = 0.0
        self.pass_on = pass_on

    def __call__(self, estimator, X, y):
        """Score."""
        started = process_time()
        score = estimator.score(X, y)
        self.seconds += process_time() - started
        self.pass_on()
        return score


def searched(kinds, *size):
    """Search by two kinds in turn.

    Returns
    -------
    list of (search, float, float)
        Each that is done, and the seconds of processor time it took: in all, and but for scoring.
    """
    context = get_context("spawn")
    turns = Turns(context)
    with ProcessPoolExecutor(2, context, _share, (turns,)) as pool:
        done = [pool.submit(_in_turn, kind, me, *size) for me, kind in enumerate(kinds)]
        return [each.result() for each in done]


def _share(turns):
    global shared_turns
    shared_turns = turns


def _in_turn(kind, me, *size):
    torch.set_num_threads(1)
    _search(kind, lambda: None, 2, 2, 2, 0)  # what is first loaded is nobody's
    shared_turns.wait(me)
    try:
        return _search(kind, lambda: shared_turns.pass_on(me), *size)
    finally:
        shared_turns.leave(me)


def _search(kind, pass_on, factor, n_candidates, n_epochs, seed):
    scorer = TimedScorer(pass_on)
    search = kind(
        RNNClassifier(pooling="max", max_epochs=n_epochs, random_state=seed, device="cpu"),
        SPACE,
        n_candidates=n_candidates,
        factor=factor,
        resource="max_epochs",
        max_resources=n_epochs,
        min_resources="exhaust",
        cv=StratifiedKFold(3, shuffle=True, random_state=seed),
        scoring=scorer,
        refit=False,
        return_train_score=False,
        random_state=seed,
    )
    X, y = load_japanese_vowels(return_X_y=True, split="train")
    started = process_time()
    search.fit(X, y)
    seconds = process_time() - started
    search.scoring = search.scorer_ = None  # which can't be sent to another process
    return search, seconds, seconds - scorer.seconds


def accuracy_on_test(search):
    """Fit the best candidate on all training rows; return its accuracy on the test rows."""
    model = clone(search.estimator).set_params(**search.best_params_)
    model.fit(*load_japanese_vowels(return_X_y=True, split="train"))
    return model.score(*load_japanese_vowels(return_X_y=True, split="test"))


def epochs_trained(search, *, anew):
    """Return how many epochs a candidate's folds were trained for, all candidates together."""
    rungs = search.n_resources_
    begun_at = [0] * len(rungs) if anew else [0, *rungs]
    return sum(
        n * (epochs - begun)
        for n, epochs, begun in zip(search.n_candidates_, rungs, begun_at, strict=False)
    )


def main():
    """Print one line a size and seed."""
    torch.set_num_threads(1)
    writer = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for factor, n_candidates, n_epochs in SIZES:
        for seed in SEEDS:
            size = (factor, n_candidates, n_epochs, seed)
            (anew, all_anew, fits_anew), (ours, all_ours, fits_ours) = searched(
                [AnewSearchCV, HalvingRandomSearchCV], *size
            )
            first = slice(n_candidates)
            candidates = [each.cv_results_["params"][first] for each in (anew, ours)]
            assert candidates[0] == candidates[1]
            share = epochs_trained(ours, anew=False) / epochs_trained(anew, anew=True)
            writer.writerow(
                {
                    "factor": factor,
                    "candidates": n_candidates,
                    "rungs": " ".join(map(str, ours.n_resources_)),
                    "seed": seed,
                    "share of epochs": f"{share:.3f}",
                    "share of training time": f"{fits_ours / fits_anew:.3f}",
                    "share of all time": f"{all_ours / all_anew:.3f}",
                    "seconds anew": f"{all_anew:.1f}",
                    "seconds continued": f"{all_ours:.1f}",
                    "same best candidate": ours.best_params_ == anew.best_params_,
                    "score anew": f"{anew.best_score_:.4f}",
                    "score continued": f"{ours.best_score_:.4f}",
                    "test anew": f"{accuracy_on_test(anew):.4f}",
                    "test continued": f"{accuracy_on_test(ours):.4f}",
                }
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main()
