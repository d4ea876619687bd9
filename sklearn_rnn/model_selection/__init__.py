"""Searching parameters: where to look, and how to train no epoch more than it takes."""

from sklearn_rnn.model_selection._halving import HalvingGridSearchCV, HalvingRandomSearchCV
from sklearn_rnn.model_selection._optuna_search import OptunaSearchCV
from sklearn_rnn.model_selection._shared_data import SharedSequences
from sklearn_rnn.model_selection._space import suggest_space

__all__ = [
    "HalvingGridSearchCV",
    "HalvingRandomSearchCV",
    "OptunaSearchCV",
    "SharedSequences",
    "suggest_space",
]
