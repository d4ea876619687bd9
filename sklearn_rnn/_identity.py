"""What decides the result of a fit, in words and hashes: fits that agree in it are one."""

from __future__ import annotations

import hashlib
import json
from functools import cache, partial
from importlib.metadata import version
from types import CodeType, FunctionType, MethodType
from typing import Any

import numpy as np
from torch import Tensor

_OF_NO_SAY = (
    "checkpoint_dir",
    "checkpoint_every",
    "device",
    "random_state",
    "verbose",
    "warm_start",
)
"""Parameters that change what is shown or stored, or say it in another way."""


_KNOWN_BY_VERSION = ("abc", "builtins", "numpy", "sklearn_rnn", "torch")
"""Packages whose classes are known by their names."""

_OF_EVERY_CLASS = (
    "__dict__",
    "__doc__",
    "__firstlineno__",
    "__module__",
    "__weakref__",
    "_abc_impl",
)
_SAY_WHAT_A_CLASS_DOES = (FunctionType, bool, int, float, str, tuple, list, dict, type(None))


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
        "version": _own_version(),
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


@cache  # to read it from the installed files takes longer than all else here
def _own_version() -> str:
    return version("sklearn-rnn")


def all_parameters_of(estimator: Any) -> dict[str, Any]:
    """Return the parameters of an estimator, also those that a subclass does not take but sets."""
    names = {*estimator._parameter_rules, *estimator.get_params(deep=False)}
    return {name: getattr(estimator, name) for name in sorted(names)}


def parameters_of(estimator: Any) -> dict[str, Any]:
    """Return the parameters of an estimator, but callbacks, as JSON has them."""
    return {
        name: _said(value)
        for name, value in all_parameters_of(estimator).items()
        if name != "callbacks"
    }


def _said(value: Any) -> Any:
    """Return a value that is the same for equal parameters, in every process."""
    if isinstance(value, np.generic | np.ndarray | Tensor):
        value = value.tolist()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, dict):
        return {str(key): _said(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [_said(child) for child in value]
    return _said_of_code_or_object(value)


def _said_of_code_or_object(value: Any) -> Any:
    if isinstance(value, FunctionType):
        return f"{_name(value)} {_hash_of_function(value)}"
    if isinstance(value, MethodType):
        return {"method": [_said(value.__func__), _said(value.__self__)]}
    if isinstance(value, partial):
        return {"partial": [_said(part) for part in (value.func, value.args, value.keywords)]}
    if isinstance(value, type):
        return f"{_name(value)} {_hash_of_class(value)}".strip()
    if hasattr(value, "__qualname__"):  # a function in C
        return _name(value)
    said = repr(value)
    if " at 0x" not in said:
        return said
    return {"class": _said(type(value)), **_said(getattr(value, "__dict__", {}))}


def _name(of: Any) -> str:
    return f"{getattr(of, '__module__', '')}.{of.__qualname__}"  # a slot in C has no module


def _hash_of_class(of: type) -> str:
    """Return one of what a user's class does, nothing for those that the version stands for."""
    own = [c for c in of.__mro__ if c.__module__.partition(".")[0] not in _KNOWN_BY_VERSION]
    members = [
        (name, _said(member))
        for each in own
        for name, wrapped in sorted(vars(each).items())
        if isinstance(member := getattr(wrapped, "__func__", wrapped), _SAY_WHAT_A_CLASS_DOES)
        and name not in _OF_EVERY_CLASS
    ]
    return hashlib.sha256(json.dumps(members).encode()).hexdigest()[:16] if members else ""


def _hash_of_function(function: FunctionType) -> str:
    """Return one of what it does, since all lambdas of a module may have one name."""
    closure = [
        _said_of_code(bound.__code__)
        if isinstance(bound, FunctionType)
        else _name(bound)
        if isinstance(bound, type)
        else _said(bound)
        for bound in (cell.cell_contents for cell in function.__closure__ or ())
    ]  # of functions the code alone, of classes the name: one may be bound to itself
    defaults = [_said(function.__defaults__), _said(function.__kwdefaults__)]
    said = json.dumps([_said_of_code(function.__code__), defaults, closure], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _said_of_code(code: CodeType) -> list[Any]:
    """Return all of it but where it stands."""
    constants = [
        _said_of_code(constant)
        if isinstance(constant, CodeType)
        else sorted(map(repr, constant))  # whose order is another in each process
        if isinstance(constant, frozenset)
        else repr(constant)
        for constant in code.co_consts
    ]
    return [code.co_code.hex(), code.co_names, constants]


def _hash_of_weights(net: Any) -> str:
    digest = hashlib.sha256(str(len(net.history)).encode())
    for tensor in net.module_.state_dict().values():
        digest.update(tensor.cpu().numpy().tobytes())
    return digest.hexdigest()
