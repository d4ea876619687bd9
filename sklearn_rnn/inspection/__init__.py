"""Looking into data, networks and predictions: is something wrong, and where is it from."""

from sklearn_rnn.inspection._gradient_flow import GradientFlow, gradient_flow
from sklearn_rnn.inspection._importance import step_importance

__all__ = [
    "GradientFlow",
    "gradient_flow",
    "step_importance",
]
