"""The callbacks that a fit has besides the user's, made of an estimator's parameters."""

from __future__ import annotations

from typing import Any

from sklearn_rnn.training.batches import BatchSource
from sklearn_rnn.training.callbacks import (
    Callback,
    DivergenceCheck,
    EarlyStopping,
    ValidationScore,
)
from sklearn_rnn.training.progress import ProgressBar, settings_line
from sklearn_rnn.training.record import EpochRecord, GradientNorm, Watch
from sklearn_rnn.training.samples import Samples
from sklearn_rnn.training.schedules import Course, Schedule, goes_by_validation, make_schedule


def own_callbacks(
    estimator: Any,
    samples: Samples,
    source: BatchSource,
    validation: BatchSource | None,
    net: Any,
    stopping: EarlyStopping | None,
    *,
    one_epoch: bool,
) -> list[Callback]:
    """Return them in the order they are called."""
    schedule = progress = None
    if not one_epoch:
        schedule = _schedule(estimator, len(source), validation)
        if estimator.verbose:
            line = settings_line(estimator, samples, source, net)
            progress = ProgressBar(line, estimator.max_epochs, stopping)
    callbacks = [
        EpochRecord(),
        GradientNorm(estimator.gradient_clip),
        ValidationScore(samples.target),
        DivergenceCheck(),
        Watch(estimator.n_iter_no_change, stops=stopping is not None),
        schedule,
        stopping,
        progress,
    ]
    return [callback for callback in callbacks if callback is not None]


def _schedule(estimator: Any, n_batches: int, validation: BatchSource | None) -> Schedule | None:
    if validation is None and goes_by_validation(estimator.lr_schedule):
        raise ValueError(
            f"The 'lr_schedule' parameter of {type(estimator).__name__} is "
            f"{estimator.lr_schedule!r}, which goes by the validation loss, but there is no "
            "validation data. Set early_stopping=True or pass X_val to fit."
        )
    course = Course(
        lr=estimator.lr,
        n_epochs=estimator.max_epochs,
        n_updates=estimator.max_epochs * n_batches,
        factor=estimator.lr_factor,
        step_epochs=estimator.lr_step_epochs,
        patience=estimator.n_iter_no_change,
        tol=estimator.tol,
        options=estimator.lr_schedule_options or {},
    )
    return make_schedule(estimator.lr_schedule, course)
