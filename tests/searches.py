"""Small data, small networks and short searches that tests of searches share."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

import numpy as np
from optuna.distributions import FloatDistribution
from optuna.pruners import BasePruner, NopPruner
from skorch.callbacks import Callback

from sklearn_rnn import RNNClassifier
from sklearn_rnn.model_selection import OptunaSearchCV

RANDOM = np.random.default_rng(0)
X = [RANDOM.normal(size=(n, 2)) for n in RANDOM.integers(3, 9, 40)]
NUMBERS = np.array([x[:, 0].mean() for x in X])
LABELS = np.where(NUMBERS > 0, "up", "down")
TABLE = RANDOM.normal(size=(40, 3))
LR = {"lr": FloatDistribution(1e-3, 1e-1, log=True)}
ALPHA = {"alpha": FloatDistribution(0.1, 1.0)}


def small(kind=RNNClassifier, **options):
    return kind(**{"hidden_size": 4, "max_epochs": 4, "random_state": 0} | options)


def search(estimator=None, space=LR, **options):
    estimator = small() if estimator is None else estimator
    defaults = {"n_trials": 3, "cv": 2, "random_state": 0, "pruner": NopPruner()}
    return OptunaSearchCV(estimator, space, **defaults | options)


class Stop(BasePruner):
    """Prune trials but the first after so many steps."""

    def __init__(self, after):
        self.after = after

    def prune(self, study, trial):
        return trial.number > 0 and trial.last_step >= self.after


class CountEpochs(Callback):
    """Count, in this process, the epochs that are trained."""

    trained: ClassVar = Counter()

    def on_epoch_end(self, net, **kwargs):
        self.trained[net.lr] += 1

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass
