"""OptunaSearchCV: what scikit-learn's searches are, by Optuna's trials."""

from __future__ import annotations

import numpy as np
from optuna.distributions import FloatDistribution
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_rnn import RNNClassifier
from sklearn_rnn.model_selection import OptunaSearchCV

RANDOM = np.random.default_rng(0)
X = [RANDOM.normal(size=(n, 2)) for n in RANDOM.integers(3, 9, 40)]
NUMBERS = np.array([x[:, 0].mean() for x in X])
LABELS = np.where(NUMBERS > 0, "up", "down")
LR = {"lr": FloatDistribution(1e-3, 1e-1, log=True)}


def small(kind=RNNClassifier, **options):
    return kind(**{"hidden_size": 4, "max_epochs": 4, "random_state": 0} | options)


def search(estimator=None, space=LR, **options):
    estimator = small() if estimator is None else estimator
    return OptunaSearchCV(estimator, space, **{"n_trials": 3, "cv": 2, "random_state": 0} | options)


CHECKED = {"n_trials": 2, "error_score": "raise"}


@parametrize_with_checks(
    [
        search(Ridge(), {"alpha": FloatDistribution(0.1, 1.0)}, **CHECKED),
        search(LogisticRegression(), {"C": FloatDistribution(0.1, 1.0)}, **CHECKED),
        search(
            make_pipeline(StandardScaler(), Ridge()),
            {"ridge__alpha": FloatDistribution(0.1, 1.0)},
            **CHECKED,
        ),
    ]
)
def test_search_passes_scikit_learn_check(estimator, check):
    check(estimator)
