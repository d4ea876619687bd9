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

# The checks ask whether an estimator learns and keeps to the rules, not how well it does; a smaller
# network and fewer epochs keep the suite at two minutes.
QUICK = {"hidden_size": 32, "max_epochs": 60, "lr": 0.01, "device": "cpu"}


ESTIMATORS = (
    RNNClassifier,
    RNNRegressor,
    StepClassifier,
    StepRegressor,
    Seq2SeqClassifier,
    Seq2SeqRegressor,
)


ONE_TO_MANY = [kind(encoder="vector", **QUICK) for kind in (Seq2SeqClassifier, Seq2SeqRegressor)]

FED = [kind(output_feedback=True, **QUICK) for kind in (StepClassifier, StepRegressor)]

# No check asks how well it foretells.
LANGUAGE_MODEL = RNNLanguageModel(**QUICK | {"max_epochs": 5})


@parametrize_with_checks(
    [*(estimator(**QUICK) for estimator in ESTIMATORS), *ONE_TO_MANY, *FED, LANGUAGE_MODEL]
)
def test_scikit_learn_check(estimator, check):
    check(estimator)
