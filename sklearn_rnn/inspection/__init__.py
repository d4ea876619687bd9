"""Looking into data, networks and predictions: is something wrong, and where is it from."""

from sklearn_rnn.inspection._gradient_flow import GradientFlow, gradient_flow

__all__ = [
    "GradientFlow",
    "gradient_flow",
]
