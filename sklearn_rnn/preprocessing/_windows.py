"""Long series -> windows and what comes after them."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from pyarrow import types

from sklearn_rnn.data.leaves import numbers_of
from sklearn_rnn.data.reading import as_array, checked_numbers
from sklearn_rnn.data.tables import check_known, column_names, is_frame, one_array
from sklearn_rnn.preprocessing._steps import Steps, form_of, read_steps

_NUMBERS = (types.is_integer, types.is_floating, types.is_boolean, types.is_decimal, types.is_null)


def sliding_windows(
    X: Any,
    *,
    window: int,
    horizon: int | Sequence[int] = 1,
    stride: int = 1,
    target: int | str | Sequence[int] | Sequence[str] | None = None,
    groups: Any = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut long series into windows, each with the value that comes some steps after it.

    This makes a forecast a regression: a window is one sample, what follows is its ``y``. No window
    reaches from one series into another.

    Parameters
    ----------
    X : sequences of n_series
        A long series a row, in any form that the estimators read; for a single one pass
        ``[series]``. Numbers only.
    window : int >= 1
        Steps of a window.
    horizon : int >= 1 or list of int, default=1
        How many steps after the window's last one ``y`` is taken; 1 is the very next. A list, such
        as ``range(1, 25)``, takes several.
    stride : int >= 1, default=1
        Steps from the beginning of a window to that of the next.
    target : int, str, list or None, default=None
        The channel(s) to take ``y`` from, by place or, for frames, by name. None takes all.
    groups : array-like of shape (n_series,), str or None, default=None
        An id for each series, or the column of the frame that has it. None takes the index of a
        pandas frame, else 0, 1 and so on.

    Returns
    -------
    X : ndarray of shape (n_windows, window, n_channels)
        Of a single series a view that can't be written to, not a copy.
    y : ndarray of shape (n_windows,)
        With a list of horizons and several targets (n_windows, n_horizons, n_targets), without the
        axis of what is one.
    groups : ndarray of shape (n_windows,)
        The id of each window's series. Windows of one series overlap: give it to a splitter such as
        ``GroupKFold``, lest a model be tested on steps that it was trained on.

    Raises
    ------
    TypeError
        If X does not hold numbers.
    ValueError
        If a parameter is out of range, a channel or column is missing, or no series is long enough.
        A series of less than ``window`` steps and the horizon gives no window.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.preprocessing import sliding_windows
    >>> series = [np.array([1, 2, 3, 4, 5]), np.array([60, 70, 80])]
    >>> X, y, groups = sliding_windows(series, window=2)
    >>> X[:, :, 0]
    array([[ 1,  2],
           [ 2,  3],
           [ 3,  4],
           [60, 70]])
    >>> y
    array([ 3,  4,  5, 80])
    >>> groups
    array([0, 0, 0, 1])
    """
    horizons = _checked_steps(window, stride, horizon)
    X, ids = _split_groups(X, groups)
    steps = _read_series(X)
    names = steps.names or _names_of_series(X)
    values, channels = _numbers(steps), _channels(target, steps.n_channels, names)
    if ids is None:
        ids = np.arange(len(steps.lengths)) if steps.index is None else steps.index
    ids = _checked_ids(ids, len(steps.lengths))

    rows, begins = _begins(steps.lengths, window + int(horizons.max()), stride)
    ends = begins + window - 1
    y = values[(ends[:, None] + horizons)[:, :, None], np.atleast_1d(channels)]
    y = y if np.ndim(channels) else y[:, :, 0]
    y = y if np.ndim(horizon) else y[:, 0]
    windows = sliding_window_view(values, window, axis=0).transpose(0, 2, 1)
    is_single = len(steps.lengths) == 1
    return windows[: begins[-1] + 1 : stride] if is_single else windows[begins], y, ids[rows]


def _checked_steps(window: Any, stride: Any, horizon: Any) -> np.ndarray:
    """Check what counts steps; return the horizons."""
    given = {"window": (window,), "stride": (stride,)}
    given["horizon"] = tuple(horizon) if np.ndim(horizon) == 1 else (horizon,)
    values = {"window": window, "stride": stride, "horizon": horizon}
    wrong = [
        f"The {name!r} parameter of sliding_windows must be an int >= 1"
        f"{' or a list of them' if name == 'horizon' else ''}. Got {values[name]!r} instead."
        for name, numbers in given.items()
        if not numbers or not all(_is_int(number) and number >= 1 for number in numbers)
    ]
    if wrong:
        raise ValueError("\n".join(wrong))
    return np.array(given["horizon"], dtype=np.int64)


def _is_int(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _split_groups(X: Any, groups: Any) -> tuple[Any, Any]:
    """Return X without the column that has the ids, and the ids."""
    if not isinstance(groups, str):
        return X, groups
    if not is_frame(X):
        raise ValueError(
            f"The 'groups' parameter of sliding_windows names the column {groups!r}, but X is a "
            f"{type(X).__name__}. Pass an array of one id a series."
        )
    names = column_names(X, "X")
    if isinstance(X, pd.DataFrame) and groups in X.index.names and groups not in names:
        return X, X.index.get_level_values(groups)
    check_known([groups], names, "X")
    others = [name for name in names if name != groups]
    return X[others] if isinstance(X, pd.DataFrame) else X.select(others), X[groups]


def _read_series(X: Any) -> Steps:
    form, X = form_of(X)
    if form == "2d" and is_frame(X):
        raise ValueError(
            "X is a frame without list columns, so it is not clear what a series is. If its rows "
            "are the steps of one series pass [X]; of many series, call to_sequences on it first."
        )
    if form == "2d":
        X = as_array(X, "X")
        if X.ndim != 2:
            raise ValueError(
                f"X has {X.ndim} dimension(s). Expected one series of shape (n_steps, n_channels) "
                "or (n_steps,) a row; for a single one pass [series]."
            )
    beside = "Leave them out; name one that has the ids of the series in 'groups'."
    return read_steps(form, X, beside=beside)


def _numbers(steps: Steps) -> np.ndarray:
    """Return the steps as numbers, nulls as NaN."""
    if steps.names is None:
        return checked_numbers(steps.values, "X")
    for field in steps.values.schema:
        if not any(is_kind(field.type) for is_kind in _NUMBERS):
            raise TypeError(
                f"The channel {field.name!r} of X must hold numbers. Got {field.type} instead; "
                "leave it out, or encode it as numbers first."
            )
    return np.column_stack([numbers_of(one_array(column)) for column in steps.values.columns])


def _names_of_series(X: Any) -> list[str] | None:
    """Return the columns of series that are frames, which all must have."""
    if not isinstance(X, list | tuple) or not all(is_frame(series) for series in X):
        return None
    names = column_names(X[0], "X")
    for row, series in enumerate(X):
        if column_names(series, "X") != names:
            raise ValueError(
                f"The series of X must have the same columns in the same order, but those of row 0 "
                f"are {names} and those of row {row} {column_names(series, 'X')}."
            )
    return names


def _channels(target: Any, n_channels: int, names: list[str] | None) -> int | np.ndarray:
    """Return the place(s) of the target channel(s)."""
    if target is None:
        return 0 if n_channels == 1 else np.arange(n_channels)
    is_single = isinstance(target, str) or np.ndim(target) == 0
    wanted = [target] if is_single else target
    places = [_place(channel, n_channels, names) for channel in wanted]
    if not places:
        raise ValueError(
            "The 'target' parameter of sliding_windows is empty. Name at least one channel."
        )
    return places[0] if is_single else np.array(places)


def _place(channel: Any, n_channels: int, names: list[str] | None) -> int:
    if isinstance(channel, str) and names is not None:
        check_known([channel], names, "The frame X, with the fields of its lists,")
        return names.index(channel)
    if _is_int(channel) and 0 <= channel < n_channels:
        return int(channel)
    by_name = " or a name" if names is not None else ""
    raise ValueError(
        f"The 'target' parameter of sliding_windows must be a channel from 0 to "
        f"{n_channels - 1}{by_name}, or a list of them. Got {channel!r} instead."
    )


def _checked_ids(ids: Any, n_series: int) -> np.ndarray:
    array = np.asarray(ids)
    if array.shape != (n_series,):
        raise ValueError(
            f"groups must be of shape ({n_series},), one id a series. Got shape {array.shape} "
            "instead."
        )
    return array


def _begins(lengths: np.ndarray, n_needed: int, stride: int) -> tuple[np.ndarray, np.ndarray]:
    """Return of each window the series, and where it begins among all steps."""
    counts = np.maximum(lengths - n_needed, -1) // stride + 1
    if counts.sum() == 0:
        raise ValueError(
            f"No series of X is long enough for a window: window and horizon take {n_needed} "
            f"steps, but the longest series has {lengths.max()}. Shorten them, or give longer "
            "series (for a single one pass [series])."
        )
    rows = np.repeat(np.arange(len(lengths)), counts)
    place = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    return rows, (np.cumsum(lengths) - lengths)[rows] + place * stride
