"""Searches for parameters that train no epoch more than they must."""

from sklearn_rnn.model_selection._optuna_search import OptunaSearchCV

__all__ = ["OptunaSearchCV"]
