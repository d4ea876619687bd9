"""What decides the result of a fit, in words and hashes: fits that agree in it are one."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from typing import Any

import numpy as np

_OF_NO_SAY = (
    "checkpoint_dir",
    "checkpoint_every",
    "device",
    "random_state",
    "verbose",
    "warm_start",
)
"""Parameters that change what is shown or stored, or say it in another way."""


def identity_of_fit(
    estimator: Any,
    training: str,
    validation: str | None,
    seeds: list[int] | None,
    continued: Any,
) -> dict[str, Any]:
    """Return it, as JSON has it.

    Parameters
    ----------
    estimator : estimator
    training, validation : str
        Fingerprints of the rows.
    seeds : list of int or None
        None where they are drawn anew at each fit.
    continued : NeuralNet or None
        The net from which training goes on.
    """
    return {
        "estimator": type(estimator).__name__,
        "version": version("sklearn-rnn"),
        "parameters": {
            name: value
            for name, value in parameters_of(estimator).items()
            if name not in _OF_NO_SAY
        },
        "training rows": training,
        "validation rows": validation,
        "seeds": seeds,
        "start": None if continued is None else _hash_of_weights(continued),
    }


def parameters_of(estimator: Any) -> dict[str, Any]:
    """Return the parameters of an estimator, but callbacks, as JSON has them."""
    return {
        name: _said(value)
        for name, value in estimator.get_params(deep=False).items()
        if name != "callbacks"
    }


def _said(value: Any) -> Any:
    """Return a value that is the same for equal parameters, in every process."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, dict):
        return {str(key): _said(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [_said(child) for child in value]
    if isinstance(value, type) or callable(value):
        return f"{value.__module__}.{value.__qualname__}"
    said = repr(value)
    if " at 0x" not in said:
        return said
    return {"class": _said(type(value)), **_said(getattr(value, "__dict__", {}))}


def _hash_of_weights(net: Any) -> str:
    digest = hashlib.sha256(str(len(net.history)).encode())
    for tensor in net.module_.state_dict().values():
        digest.update(tensor.cpu().numpy().tobytes())
    return digest.hexdigest()
