"""Random changes to training sequences, so that a network learns what does not matter."""

from sklearn_rnn.augmentation._base import Augmentation, Channels
from sklearn_rnn.augmentation._steps import Crop, StepDropout, TimeWarp
from sklearn_rnn.augmentation._values import ChannelDropout, Jitter, Scaling

__all__ = [
    "Augmentation",
    "ChannelDropout",
    "Channels",
    "Crop",
    "Jitter",
    "Scaling",
    "StepDropout",
    "TimeWarp",
]
