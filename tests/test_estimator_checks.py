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

# Most checks ask whether estimators keep to the rules, which small networks of few epochs tell.
QUICK = {"hidden_size": 8, "max_epochs": 3, "lr": 0.01, "device": "cpu"}
# These ask whether a classifier or a regressor learns.
LEARNING = {"hidden_size": 32, "max_epochs": 40}
CHECKS_OF_LEARNING = {
    "check_class_weight_classifiers",
    "check_classifiers_classes",
    "check_classifiers_train",
    "check_regressors_train",
}

ESTIMATORS = [
    RNNClassifier(**QUICK),
    RNNRegressor(**QUICK),
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
    if check.func.__name__ in CHECKS_OF_LEARNING:
        estimator.set_params(**LEARNING)
    check(estimator)
