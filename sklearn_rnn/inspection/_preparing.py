"""What all looks into a network need: the estimator checked, its net, and batches to look at."""

from __future__ import annotations

from contextlib import suppress
from copy import copy, deepcopy
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from sklearn_rnn._base import BaseRecurrent
from sklearn_rnn._language_model import RNNLanguageModel
from sklearn_rnn._params import Rule, check_parameters
from sklearn_rnn.nn.recurrence import Recurrence
from sklearn_rnn.training.batches import BatchSource
from sklearn_rnn.training.probing import AtStart, Ended, Probe


class Prepared(NamedTuple):
    """A network and what it would be trained on."""

    net: Any
    source: BatchSource


def check_estimator(estimator: Any, function: str) -> None:
    """Raise TypeError for what is none of this library's estimators."""
    if isinstance(estimator, BaseRecurrent):
        return
    repair = "Pass one of this library's estimators, as RNNClassifier()."
    if isinstance(estimator, Pipeline):
        repair = "Pass its last step, 'pipeline[-1]', and as X 'pipeline[:-1].transform(X)'."
    elif hasattr(estimator, "best_estimator_"):
        repair = "Pass its 'best_estimator_'."
    elif isinstance(estimator, type):
        repair = "Pass an instance, with parentheses behind the name."
    raise TypeError(
        f"The 'estimator' parameter of {function} must be an estimator of sklearn_rnn. Got "
        f"{estimator!r} instead. {repair}"
    )


def check_options(function: str, values: dict[str, Any], rules: dict[str, Rule]) -> None:
    """Raise ValueError for all options of a function that break their rules."""
    check_parameters(function, values, rules)


def trial(estimator: Any, **settings: Any) -> Any:
    """Return an unfitted copy for a trial fit: nothing is shown, stored or held out."""
    quiet = {
        "verbose": 0,
        "warm_start": False,
        "early_stopping": False,
        "checkpoint_dir": None,
        "callbacks": None,
    }
    model = clone(estimator)
    for name, value in (quiet | settings).items():
        setattr(model, name, value)  # set_params knows only what a subclass takes
    if model.lr_schedule != estimator.lr_schedule:  # options are of the one that they came with
        model.lr_schedule_options = None
    if model.optimizer != estimator.optimizer:
        model.optimizer_options = None
    return model


def fit_probed(model: Any, probe: Probe, X: Any, y: Any, *validation: Any) -> None:
    """Fit until the probe has seen enough, or to the end."""
    model.callbacks = [probe]
    of_language = isinstance(model, RNNLanguageModel)
    held_out = validation[:1] if of_language else validation
    with suppress(Ended):
        model.fit(X, None if of_language else y, *held_out)


def prepared(estimator: Any, X: Any, y: Any) -> Prepared:
    """Return the fitted net, or the one that a fit would start with, and batches of X and y."""
    if hasattr(estimator, "net_"):
        reader = copy(estimator)  # reading notes in it what it has read
        samples = reader._read_samples(
            X, y, target=copy(reader._target), device=torch.device(reader.net_.device)
        )
        return Prepared(reader.net_, reader._source(samples, samples.rows))
    start = AtStart()
    fit_probed(trial(estimator, lr_schedule=None), start, X, y)
    return Prepared(start.net, start.source)


def module_to_look_into(net: Any) -> Any:
    """Return a copy of the module that follows gradients through all steps, to the inputs alone."""
    module = deepcopy(net.module_).eval().requires_grad_(False)
    for part in module.modules():
        if isinstance(part, Recurrence):
            part.bptt_steps = None
    return module


def seed_of(estimator: Any) -> Any:
    """Return the estimator's random state; draws from it do not move the estimator's own."""
    return deepcopy(estimator.random_state)


def some_rows(rows: np.ndarray, n_rows: int, random: np.random.Generator) -> np.ndarray:
    """Return so many of the distinct rows, drawn at random, in their order."""
    distinct = np.unique(rows)
    if len(distinct) <= n_rows:
        return distinct
    return np.sort(random.choice(distinct, n_rows, replace=False))
