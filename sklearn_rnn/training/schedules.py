"""Optimizers and learning-rate schedules, by name; each table takes further entries."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from skorch.callbacks import LRScheduler
from torch import optim
from torch.optim import lr_scheduler

OPTIMIZERS: dict[str, type[optim.Optimizer]] = {
    "adamw": optim.AdamW,
    "adam": optim.Adam,
    "rmsprop": optim.RMSprop,
    "sgd": optim.SGD,
}

_FUSED = (optim.AdamW, optim.Adam, optim.SGD)
_WITH_MOMENTUM = ("rmsprop", "sgd")
_STEPPED_BY_UPDATE = (lr_scheduler.OneCycleLR, lr_scheduler.CyclicLR)


def optimizer_class(optimizer: str | type[optim.Optimizer]) -> type[optim.Optimizer]:
    """Return the class that a name stands for, or the class itself."""
    return OPTIMIZERS[optimizer] if isinstance(optimizer, str) else optimizer


def optimizer_options(
    optimizer: str | type[optim.Optimizer], momentum: float, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what an optimizer is made with: the user's options, and what comes with its name.

    Updates are one kernel instead of one a parameter where torch has such ("fused").
    """
    made_with: dict[str, Any] = {}
    if optimizer_class(optimizer) in _FUSED and not {"foreach", "differentiable"} & set(options):
        made_with["fused"] = True
    if optimizer in _WITH_MOMENTUM:
        made_with["momentum"] = momentum
    return made_with | dict(options)


class Schedule(LRScheduler):
    """skorch's learning-rate schedule, whose place in its course can be stored."""

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Start anew, whatever was trained before."""
        with _as_error_of_options(net):
            super().on_train_begin(net, **kwargs)
        self.start_ = dict(self.lr_scheduler_.state_dict())

    def on_batch_end(self, net: Any, training: bool, **kwargs: Any) -> None:
        """Take a step, if it is one an update."""
        with _as_error_of_options(net):
            super().on_batch_end(net, training, **kwargs)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Take a step, if it is one an epoch."""
        with _as_error_of_options(net):
            super().on_epoch_end(net, **kwargs)

    def state_dict(self) -> dict[str, Any]:
        """Return what has changed since the start; the rest comes from the parameters."""
        now = self.lr_scheduler_.state_dict()
        return {name: now[name] for name in now if now[name] != self.start_.get(name)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where it was stored."""
        self.lr_scheduler_.load_state_dict(self.start_ | dict(state))


@contextmanager
def _as_error_of_options(net: Any) -> Iterator[None]:
    """Raise ValueError that names the parameter for what torch says against a schedule."""
    try:
        yield
    except Exception as error:  # each schedule has its own
        settings = net.settings
        raise ValueError(
            f"The 'lr_schedule_options' parameter of {settings['estimator']} must be options of "
            f"the lr_schedule {settings['lr_schedule']!r}, for as long as training goes: {error}. "
            f"Got {settings['lr_schedule_options']!r} instead."
        ) from error


@dataclass(frozen=True)
class Course:
    """What a schedule is laid out for.

    Attributes
    ----------
    lr : float
        The highest rate.
    n_epochs, n_updates : int
        Of the whole fit.
    factor : float
        What "step" and "plateau" multiply the rate by.
    step_epochs : int or "auto"
        When they do.
    patience : int
        Epochs without a better validation loss that end training, if early stopping is on.
    tol : float
        By how much a loss must be lower to count as better.
    options : mapping
        Further options of the torch class.
    """

    lr: float
    n_epochs: int
    n_updates: int
    factor: float
    step_epochs: int | str
    patience: int
    tol: float
    options: Mapping[str, Any]

    def epochs_between(self, of_auto: int) -> int:
        """Return after how many epochs the rate changes; ``of_auto`` where it is left open."""
        return max(1, of_auto) if isinstance(self.step_epochs, str) else self.step_epochs


def _step(course: Course) -> dict[str, Any]:
    step_size = course.epochs_between(-(-course.n_epochs // 3))
    return {"step_size": step_size, "gamma": course.factor}


def _plateau(course: Course) -> dict[str, Any]:
    return {
        "factor": course.factor,
        "patience": course.epochs_between(course.patience // 2) - 1,  # torch waits one more
        "threshold": course.tol,
        "threshold_mode": "abs",
    }


def _cosine(course: Course) -> dict[str, Any]:
    return {"T_max": course.n_updates, "step_every": "batch"}


def _onecycle(course: Course) -> dict[str, Any]:
    return {
        "max_lr": course.lr,
        "total_steps": course.n_updates + 1,  # skorch steps once more than it trains
        "cycle_momentum": False,
    }


SCHEDULES: dict[str, tuple[type[lr_scheduler.LRScheduler], Callable[[Course], dict[str, Any]]]] = {
    "step": (lr_scheduler.StepLR, _step),
    "plateau": (lr_scheduler.ReduceLROnPlateau, _plateau),
    "cosine": (lr_scheduler.CosineAnnealingLR, _cosine),
    "onecycle": (lr_scheduler.OneCycleLR, _onecycle),
}
"""A torch class and what it is made with, by the name users give."""


def make_schedule(
    lr_schedule: str | type[lr_scheduler.LRScheduler] | None, course: Course
) -> Schedule | None:
    """Return the callback that changes the rate over a fit.

    A class takes a step at the end of each epoch, as torch's examples have it; those made for
    updates (``OneCycleLR``, ``CyclicLR``) after each update.
    """
    if lr_schedule is None:
        return None
    policy = _schedule_class(lr_schedule)
    options: dict[str, Any] = {"event_name": None}
    if isinstance(lr_schedule, str):
        options |= SCHEDULES[lr_schedule][1](course)
    if issubclass(policy, _STEPPED_BY_UPDATE):
        options["step_every"] = "batch"
    if issubclass(policy, lr_scheduler.ReduceLROnPlateau):
        options["monitor"] = "valid_loss"
    else:
        options["last_epoch"] = -1
    return Schedule(policy, **(options | dict(course.options)))


def _schedule_class(
    lr_schedule: str | type[lr_scheduler.LRScheduler],
) -> type[lr_scheduler.LRScheduler]:
    return SCHEDULES[lr_schedule][0] if isinstance(lr_schedule, str) else lr_schedule


def goes_by_validation(lr_schedule: Any) -> bool:
    """Tell whether a schedule needs a validation loss."""
    if lr_schedule is None:
        return False
    return issubclass(_schedule_class(lr_schedule), lr_scheduler.ReduceLROnPlateau)


def refusal(optimizer: Any, momentum: float, options: Mapping[str, Any]) -> str:
    """Return what torch says against an optimizer of weights and biases, or nothing."""
    groups: list[dict[str, Any]] = [
        {"params": [torch.zeros(1)], "weight_decay": 0.0},  # biases
        {"params": [torch.zeros(1, 1)]},
    ]
    made: Any = optimizer_class(optimizer)
    try:
        made(groups, lr=0.01, **optimizer_options(optimizer, momentum, options))
    except Exception as error:  # each optimizer has its own
        return str(error)
    return ""


def wrong_optimizer_options(optimizer: Any, momentum: float, options: Mapping[str, Any]) -> str:
    """Return what is wrong with the options of an optimizer, or nothing."""
    wrong = _wrong(optimizer_class(optimizer), options, lacking=True)
    return wrong or refusal(optimizer, momentum, options)


def wrong_schedule_options(lr_schedule: Any, options: Mapping[str, Any]) -> str:
    """Return what is wrong with the options of a schedule, or nothing."""
    if lr_schedule is None:
        return "" if not options else "there is no schedule"
    named = isinstance(lr_schedule, str)  # and then has all that it must
    return _wrong(_schedule_class(lr_schedule), options, lacking=not named)


def _wrong(made: Any, options: Mapping[str, Any], lacking: bool = False) -> str:
    """Compare options with the signature of a class that takes them behind its first argument."""
    parameters = list(inspect.signature(made).parameters.values())[1:]
    taken = {p.name: p for p in parameters if p.name not in ("lr", "weight_decay", "last_epoch")}
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return ""
    unknown = [name for name in options if name not in taken]
    if unknown:
        return f"{made.__name__} takes {', '.join(taken)}, not {', '.join(map(repr, unknown))}"
    missing = [n for n, p in taken.items() if p.default is p.empty and n not in options]
    if missing and lacking:
        return f"{made.__name__} needs {', '.join(map(repr, missing))}"
    return ""
