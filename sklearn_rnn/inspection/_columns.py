"""Figures of each channel and of each column beside the sequences."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from sklearn_rnn.data.inputs import Feature
from sklearn_rnn.data.ragged import Ragged
from sklearn_rnn.data.vocabulary import FIRST, NULL

EXTREME = 10.0
"""Standard deviations from the mean beyond which a number is called extreme."""


class Names(NamedTuple):
    """What columns are called."""

    numeric: list[str]
    categorical: list[str]
    times: list[int]  # which of the numeric ones are log-scaled seconds


def number_names(features: Sequence[Feature], what: str) -> Names:
    """Return names of the numbers and the categories of a step."""
    numeric: list[str] = []
    categorical: list[str] = []
    times: list[int] = []
    for feature in features:
        name = _short(feature.name)
        if feature.vocabulary is not None:
            categorical.append(name or "tokens")
        elif feature.kind == "times" and feature.n_numbers == 2:
            times += [len(numeric), len(numeric) + 1]
            numeric += [f"{name}: since the step before", f"{name}: since the first"]
        elif feature.n_numbers == 1 and name:
            numeric.append(name)
        else:
            prefix = f"{name} " if name else ""
            numeric += [f"{prefix}{what} {i}" for i in range(feature.n_numbers)]
    return Names(numeric, categorical, times)


def _short(name: str) -> str:
    """Return ``a.b`` for ``field 'b' of column 'a' of X``, nothing for ``X``."""
    return ".".join(
        reversed(re.findall(r"(?:field|column) '?(.*?)'?(?= of (?:field|column|X))", name))
    )


def channel_table(ragged: Ragged, features: Sequence[Feature], names: Names) -> pd.DataFrame:
    """Return a row of figures for each numeric channel."""
    with_steps = ragged.lengths > 0
    starts = ragged.offsets[:-1][with_steps]
    rows = []
    for i in range(ragged.n_channels):
        numbers = ragged.values[:, i]
        missing = np.isnan(numbers)
        within = _is_constant_within(numbers, starts) and (ragged.lengths > 1).any()
        known = numbers[~missing].astype(np.float64)
        figures = _figures(known)
        if i in names.times:  # estimators read the logarithm, so that is what is extreme or not
            seconds = np.sign(known) * np.expm1(abs(known))
            figures = _figures(seconds) | {"n_extreme": figures["n_extreme"]}
        rows.append(
            {
                "missing": float(missing.mean()) if len(missing) else 0.0,
                **figures,
                "constant_within": bool(within),
            }
        )
    return pd.DataFrame(rows, index=pd.Index(names.numeric, name="channel"))


def _figures(numbers: np.ndarray) -> dict[str, float]:
    if len(numbers) == 0:
        return dict.fromkeys(("mean", "std", "min", "max"), np.nan) | {"n_extreme": 0}
    mean, std = numbers.mean(), numbers.std()
    std = 0.0 if std <= 1e-12 * abs(mean) else std
    return {
        "mean": float(mean),
        "std": float(std),
        "min": float(numbers.min()),
        "max": float(numbers.max()),
        "n_extreme": int((abs(numbers - mean) > EXTREME * std).sum()) if std else 0,
    }


def _is_constant_within(numbers: np.ndarray, starts: np.ndarray) -> bool:
    """Tell whether each sequence has one number at all of its steps."""
    if len(starts) == 0:
        return False
    low, high = (f.reduceat(numbers, starts) for f in (np.fmin, np.fmax))
    return bool((low == high).all())


def category_table(ragged: Ragged, features: Sequence[Feature]) -> pd.DataFrame:
    """Return a row of figures for each categorical channel."""
    names = number_names(features, "").categorical
    rows = []
    for codes, vocabulary in zip(ragged.codes.T, ragged.vocabularies, strict=True):
        counts = np.bincount(codes, minlength=len(vocabulary))
        of_known = counts[FIRST:]
        most = int(of_known.argmax()) if len(of_known) else None
        n_steps = max(len(codes), 1)
        rows.append(
            {
                "missing": float(counts[NULL] / n_steps),
                "n_categories": int((of_known > 0).sum()),
                "n_once": int((of_known == 1).sum()),
                "most_frequent": None if most is None else vocabulary.categories[most].as_py(),
                "share": 0.0 if most is None else float(of_known[most] / n_steps),
            }
        )
    return pd.DataFrame(rows, index=pd.Index(names, name="channel"))
