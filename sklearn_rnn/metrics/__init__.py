"""Metrics and scorers for targets that are a sequence a sample, of different lengths."""

from sklearn_rnn.metrics._entities import entity_f1
from sklearn_rnn.metrics._language import bits_per_token
from sklearn_rnn.metrics._scorers import get_scorer, get_scorer_names, make_step_scorer
from sklearn_rnn.metrics._sequences import edit_distance, exact_match, token_error_rate
from sklearn_rnn.metrics._steps import sequence_mae, sequence_rmse, step_accuracy, step_f1

__all__ = [
    "bits_per_token",
    "edit_distance",
    "entity_f1",
    "exact_match",
    "get_scorer",
    "get_scorer_names",
    "make_step_scorer",
    "sequence_mae",
    "sequence_rmse",
    "step_accuracy",
    "step_f1",
    "token_error_rate",
]
