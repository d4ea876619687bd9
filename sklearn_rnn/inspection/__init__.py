"""Looking into data, networks and predictions: is something wrong, and where is it from."""

from sklearn_rnn.inspection._describe import SequenceDescription, describe_sequences
from sklearn_rnn.inspection._displays._attention import AttentionDisplay
from sklearn_rnn.inspection._displays._forecast import ForecastDisplay
from sklearn_rnn.inspection._displays._gradient_flow import GradientFlowDisplay
from sklearn_rnn.inspection._displays._history import HistoryDisplay
from sklearn_rnn.inspection._displays._lr_range import LRRangeDisplay
from sklearn_rnn.inspection._displays._step_importance import StepImportanceDisplay
from sklearn_rnn.inspection._displays._step_probability import StepProbabilityDisplay
from sklearn_rnn.inspection._gradient_flow import GradientFlow, gradient_flow
from sklearn_rnn.inspection._importance import step_importance
from sklearn_rnn.inspection._lr_range import LRRange, lr_range_test
from sklearn_rnn.inspection._overfit import OverfitResult, overfit_one_batch

__all__ = [
    "AttentionDisplay",
    "ForecastDisplay",
    "GradientFlow",
    "GradientFlowDisplay",
    "HistoryDisplay",
    "LRRange",
    "LRRangeDisplay",
    "OverfitResult",
    "SequenceDescription",
    "StepImportanceDisplay",
    "StepProbabilityDisplay",
    "describe_sequences",
    "gradient_flow",
    "lr_range_test",
    "overfit_one_batch",
    "step_importance",
]
