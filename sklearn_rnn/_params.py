"""Parameter rules and their one error grammar.

``The 'hidden_size' parameter of RNNClassifier must be an int >= 1. Got 0 instead.``
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from inspect import isabstract
from numbers import Integral, Real
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Rule:
    """What a parameter may be.

    Parameters
    ----------
    wanted : str
        Completes "must be ...".
    accepts : callable
        Tells whether a value is allowed.
    names : tuple of str
        The names among the allowed values, for suggestions.
    """

    wanted: str
    accepts: Callable[[Any], bool]
    names: tuple[str, ...] = ()

    def __or__(self, other: Rule) -> Rule:
        """Allow what either rule allows."""
        return Rule(
            f"{self.wanted} or {other.wanted}",
            lambda value: self.accepts(value) or other.accepts(value),
            self.names + other.names,
        )


def an_int(low: int) -> Rule:
    """Allow ints from low on; bools are not ints."""

    def accepts(value: Any) -> bool:
        return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= low

    return Rule(f"an int >= {low}", accepts)


def a_number(interval: str) -> Rule:
    """Allow finite numbers of an interval, as in ``"[0, 1)"`` or ``"(0, inf)"``."""
    low, high = (float(end) for end in interval[1:-1].split(","))

    def accepts(value: Any) -> bool:
        if not isinstance(value, Real) or isinstance(value, bool):
            return False
        number = float(value)
        above = number >= low if interval[0] == "[" else number > low
        below = number <= high if interval[-1] == "]" else number < high
        return above and below

    return Rule(f"a number in {interval}", accepts)


def a_bool() -> Rule:
    """Allow True and False."""
    return Rule("True or False", lambda v: isinstance(v, bool | np.bool_))


def none() -> Rule:
    """Allow None."""
    return Rule("None", lambda v: v is None)


def one_of(names: Iterable[str]) -> Rule:
    """Allow some strings."""
    allowed = tuple(names)
    return Rule(
        "one of " + ", ".join(map(repr, allowed)),
        lambda v: isinstance(v, str) and v in allowed,
        allowed,
    )


def a_subclass(base: type) -> Rule:
    """Allow classes derived from base."""
    return Rule(
        f"a class derived from {base.__name__}",
        lambda v: isinstance(v, type) and issubclass(v, base) and not isabstract(v),
    )


def an_instance(kind: type | tuple[type, ...], wanted: str) -> Rule:
    """Allow instances of a type."""
    return Rule(wanted, lambda v: isinstance(v, kind))


def that(wanted: str, accepts: Callable[[Any], bool]) -> Rule:
    """Allow what a function accepts."""
    return Rule(wanted, accepts)


def check_parameters(owner: str, values: Mapping[str, Any], rules: Mapping[str, Rule]) -> None:
    """Report all parameters that break their rule in one ValueError.

    Parameters
    ----------
    owner : str
        Class name of the estimator.
    values : mapping of parameter names to values
    rules : mapping of parameter names to rules
    """
    wrong = [
        f"The {name!r} parameter of {owner} must be {rule.wanted}. Got {values[name]!r} instead."
        + suggestion(values[name], rule.names)
        for name, rule in rules.items()
        if not rule.accepts(values[name])
    ]
    if wrong:
        raise ValueError("\n".join(wrong))


def suggestion(value: Any, names: Iterable[str]) -> str:
    """Return `` Did you mean 'lstm'?`` for the name nearest to a wrong one, else nothing."""
    close = get_close_matches(value.lower(), list(names), n=1) if isinstance(value, str) else []
    return f" Did you mean {close[0]!r}?" if close else ""
