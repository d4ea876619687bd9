"""What a fit is known by: said of any parameter, the same each time, other for others."""

import collections
import functools
import json

import numpy as np
import pytest
import torch
from skorch.callbacks import EarlyStopping

from sklearn_rnn._identity import _said
from sklearn_rnn.augmentation import Jitter
from sklearn_rnn.nn.cells import GRU


class Own(GRU):
    """A class with all that classes have."""

    table: dict = {"a": (1, None)}  # noqa: RUF012  # as users write it

    def __init__(self):
        super().__init__()

    @property
    def one(self):
        return 1

    @classmethod
    def made(cls):
        return cls()


@pytest.mark.parametrize(
    "value",
    [
        *(GRU, Own, Own(), Jitter(0.1), EarlyStopping, EarlyStopping()),
        *(np.random.RandomState(0), np.random.RandomState, np.float64(0.1), np.arange(3)),
        *(torch.ones(2), torch.optim.SGD, len, str.upper, np.sum, lambda x: x),
        *(functools.partial(max, 1), collections.OrderedDict, object(), {"a": [1, (2,)]}, None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_any_parameter_is_said_the_same_each_time(value):
    said = json.dumps(_said(value))
    assert said == json.dumps(_said(value))
    assert " at 0x" not in said


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (GRU, Own),
        (Jitter(0.1), Jitter(0.2)),
        (lambda x: x, lambda x: x + 1),
        (type("Same", (), {"step": 1}), type("Same", (), {"step": 2})),
        (EarlyStopping(patience=2), EarlyStopping(patience=3)),
    ],
)
def test_what_differs_is_said_otherwise(one, other):
    assert _said(one) != _said(other)
