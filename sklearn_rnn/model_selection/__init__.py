"""Searching parameters: where to look."""

from sklearn_rnn.model_selection._space import suggest_space

__all__ = ["suggest_space"]
