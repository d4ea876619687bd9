"""Optimizers and learning-rate schedules, by name; each table takes further entries."""

from __future__ import annotations

from typing import Any

from skorch.callbacks import LRScheduler
from torch import optim

OPTIMIZERS: dict[str, type[optim.Optimizer]] = {
    "adamw": optim.AdamW,
    "adam": optim.Adam,
    "rmsprop": optim.RMSprop,
    "sgd": optim.SGD,
}

_FUSED = (optim.AdamW, optim.Adam, optim.SGD)


def optimizer_options(optimizer: type[optim.Optimizer]) -> dict[str, Any]:
    """Return options that make an update one kernel instead of one a parameter."""
    return {"fused": True} if optimizer in _FUSED else {}


def _cosine(lr: float, n_updates: int) -> LRScheduler:
    return LRScheduler(
        optim.lr_scheduler.CosineAnnealingLR, T_max=n_updates, step_every="batch", last_epoch=-1
    )


def _onecycle(lr: float, n_updates: int) -> LRScheduler:
    return LRScheduler(
        optim.lr_scheduler.OneCycleLR,
        max_lr=lr,
        total_steps=n_updates + 1,  # skorch steps once more than it trains
        step_every="batch",
        cycle_momentum=False,
        last_epoch=-1,
    )


SCHEDULES = {"cosine": _cosine, "onecycle": _onecycle}
"""``schedule(lr, n_updates)`` -> skorch callback, by the name users give."""
