"""scikit-learn's whole check suite, nothing skipped and nothing expected to fail."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_rnn import RNNClassifier, RNNRegressor

# Only what a check measures (does it learn? are results the same?) must hold, so small and short:
# the defaults' accuracy is measured elsewhere.
QUICK = {"hidden_size": 16, "max_epochs": 40, "lr": 0.01, "device": "cpu"}


@parametrize_with_checks([RNNClassifier(**QUICK), RNNRegressor(**QUICK)])
def test_scikit_learn_check(estimator, check):
    check(estimator)
