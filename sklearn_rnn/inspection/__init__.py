"""What a network learned, how it went, and what it looks at."""

from sklearn_rnn.inspection._displays._attention import AttentionDisplay
from sklearn_rnn.inspection._displays._forecast import ForecastDisplay
from sklearn_rnn.inspection._displays._history import HistoryDisplay
from sklearn_rnn.inspection._displays._step_importance import StepImportanceDisplay
from sklearn_rnn.inspection._displays._step_probability import StepProbabilityDisplay

__all__ = [
    "AttentionDisplay",
    "ForecastDisplay",
    "HistoryDisplay",
    "StepImportanceDisplay",
    "StepProbabilityDisplay",
]
