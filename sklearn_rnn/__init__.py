"""Recurrent networks on sequences of different lengths, as scikit-learn estimators."""

from sklearn_rnn._classifier import RNNClassifier
from sklearn_rnn._language_model import RNNLanguageModel
from sklearn_rnn._regressor import RNNRegressor
from sklearn_rnn._seq2seq_classifier import Seq2SeqClassifier
from sklearn_rnn._seq2seq_regressor import Seq2SeqRegressor
from sklearn_rnn._step_classifier import StepClassifier
from sklearn_rnn._step_regressor import StepRegressor

__all__ = [
    "RNNClassifier",
    "RNNLanguageModel",
    "RNNRegressor",
    "Seq2SeqClassifier",
    "Seq2SeqRegressor",
    "StepClassifier",
    "StepRegressor",
    "__version__",
]

__version__ = "0.1.0.dev0"
