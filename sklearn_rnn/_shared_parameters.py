"""The parameters that all estimators share: what each may be, and which do not go together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.optim.lr_scheduler import LRScheduler

from sklearn_rnn._device import is_device
from sklearn_rnn._params import (
    Rule,
    a_bool,
    a_number,
    a_subclass,
    an_instance,
    an_int,
    none,
    one_of,
    that,
)
from sklearn_rnn.augmentation._base import Augmentation, are_augmentations
from sklearn_rnn.nn.cells import CELLS, Cell
from sklearn_rnn.nn.initialization import INITIALIZATIONS
from sklearn_rnn.nn.static import PLACES
from sklearn_rnn.training.callbacks import are_callbacks
from sklearn_rnn.training.schedules import (
    OPTIMIZERS,
    SCHEDULES,
    refusal,
    wrong_optimizer_options,
    wrong_schedule_options,
)

SHARED_RULES: dict[str, Rule] = {
    "cell": one_of(CELLS) | a_subclass(Cell),
    "hidden_size": an_int(1),
    "num_layers": an_int(1),
    "bidirectional": a_bool(),
    "dropout": a_number("[0, 1)"),
    "recurrent_dropout": a_number("[0, 1)"),
    "input_dropout": a_number("[0, 1)"),
    "initialization": one_of(INITIALIZATIONS),
    "static_to": one_of(PLACES),
    "embedding_size": an_int(1) | one_of(["auto"]),
    "min_frequency": an_int(1),
    "standardize": a_bool(),
    "lr": a_number("(0, inf)"),
    "max_epochs": an_int(1),
    "batch_size": an_int(1) | one_of(["auto"]),
    "batch_steps": an_int(1) | none(),
    "max_batch_steps": an_int(1),
    "bptt_steps": an_int(1) | none(),
    "optimizer": one_of(OPTIMIZERS) | a_subclass(torch.optim.Optimizer),
    "momentum": a_number("[0, 1)"),
    "optimizer_options": an_instance(dict, "a dict") | none(),
    "weight_decay": a_number("[0, inf)"),
    "lr_schedule": one_of(SCHEDULES) | a_subclass(LRScheduler) | none(),
    "lr_factor": a_number("(0, 1)"),
    "lr_step_epochs": an_int(1) | one_of(["auto"]),
    "lr_schedule_options": an_instance(dict, "a dict") | none(),
    "gradient_clip": a_number("(0, inf)") | none(),
    "early_stopping": a_bool(),
    "validation_fraction": a_number("(0, 1)"),
    "n_iter_no_change": an_int(1),
    "tol": a_number("[0, inf)"),
    "checkpoint_dir": an_instance((str, Path), "a path") | none(),
    "checkpoint_every": an_int(1),
    "callbacks": that("a list of skorch callbacks", are_callbacks) | none(),
    "warm_start": a_bool(),
    "device": that("'auto' or a torch device that is here, as 'cpu'", is_device),
    "random_state": an_int(0) | an_instance(np.random.RandomState, "a RandomState") | none(),
    "verbose": an_int(0) | a_bool(),
}

AUGMENTATION = (
    an_instance(Augmentation, "an Augmentation")
    | that("a list of them", are_augmentations)
    | none()
)
"""A parameter of all but the language model."""


def check_combinations(estimator: Any) -> None:
    """Raise ValueError for parameters that are well by themselves but not together."""
    name = type(estimator).__name__
    made_of = (estimator.optimizer, estimator.momentum, estimator.optimizer_options or {})
    wrong = {
        "optimizer": wrong_optimizer_options(*made_of),
        "lr_schedule": wrong_schedule_options(
            estimator.lr_schedule, estimator.lr_schedule_options or {}
        ),
    }
    if wrong["optimizer"] and wrong["optimizer"] == refusal(*made_of[:2], {}):
        raise ValueError(
            f"The 'optimizer' parameter of {name} must be one that takes weights and biases as two "
            f"groups: {wrong['optimizer']}. Got {estimator.optimizer!r} instead."
        )
    for parameter, what in wrong.items():
        if what:
            raise ValueError(
                f"The '{parameter}_options' parameter of {name} must be options of the "
                f"{parameter} {getattr(estimator, parameter)!r}: {what}. "
                f"Got {getattr(estimator, parameter + '_options')!r} instead."
            )
    cell = CELLS[estimator.cell] if isinstance(estimator.cell, str) else estimator.cell
    if estimator.initialization == "chrono" and not cell.keeps_by_gates:
        raise ValueError(
            f"The 'initialization' parameter of {name} must be 'default' with "
            f"cell={estimator.cell!r}, which has no gates that keep its state. Got 'chrono' "
            "instead. Set cell='gru', 'lstm' or 'mingru'."
        )
