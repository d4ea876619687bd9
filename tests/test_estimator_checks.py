"""scikit-learn's whole check suite, nothing skipped and nothing expected to fail."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_rnn import (
    RNNClassifier,
    RNNLanguageModel,
    RNNRegressor,
    Seq2SeqClassifier,
    Seq2SeqRegressor,
    StepClassifier,
    StepRegressor,
)

# The checks ask whether a classifier or a regressor learns: a smaller network and fewer epochs do.
# Of estimators with other answers they ask only whether they keep to the rules.
LEARNING = {"hidden_size": 32, "max_epochs": 60, "lr": 0.01, "device": "cpu"}
QUICK = LEARNING | {"hidden_size": 8, "max_epochs": 3}

ESTIMATORS = [
    RNNClassifier(**LEARNING),
    RNNRegressor(**LEARNING),
    StepClassifier(**QUICK),
    StepRegressor(**QUICK),
    StepClassifier(output_feedback=True, **QUICK),
    StepRegressor(output_feedback=True, **QUICK),
    Seq2SeqClassifier(**QUICK),
    Seq2SeqRegressor(**QUICK),
    Seq2SeqClassifier(encoder="vector", **QUICK),
    Seq2SeqRegressor(encoder="vector", **QUICK),
    RNNLanguageModel(**QUICK),
]


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_check(estimator, check):
    check(estimator)
