"""Forecasts beside what came in fact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from sklearn_rnn._seq2seq import BaseSeq2Seq
from sklearn_rnn.inspection._displays._drawing import (
    free_colors,
    grid_of,
    is_leftmost,
    is_lowest,
    legend_beside,
    panels_of,
    title_of,
)
from sklearn_rnn.inspection._displays._reading import (
    answers_of,
    as_read_by_network,
    chosen,
    names_of_numbers,
    network_of,
    row_names,
    steps_of,
)


class ForecastDisplay:
    """What was read, what came then, and what was forecast of it.

    Make it by :meth:`from_estimator` or :meth:`from_predictions`. Each sample has a panel, or one
    for each output where there are several. Steps are counted from the last one that was read,
    which is 0.

    Parameters
    ----------
    forecasts : dict of str to list of ndarray of shape (n_steps,) or (n_steps, n_outputs)
        By the name of the model, one array a sample.
    past : list of ndarray of shape (n_past_steps,) or (n_past_steps, n_outputs), or None
        What was read of the outputs.
    future : list of ndarray of shape (n_steps,) or (n_steps, n_outputs), or None
        What came in fact.
    lower, upper : list of ndarray in the form of a forecast, or None
        Bounds of the first forecast.
    output_names : list of str or None, default=None
    names : list of str or None, default=None
        Of the samples.

    Attributes
    ----------
    lines_ : list of dict
        For each panel the matplotlib lines "past", "future" and those of the forecasts by name.
    bands_ : list
        For each panel the band between the bounds, or None.
    axes_ : ndarray of shape (n_panels,), of matplotlib Axes
        Sample by sample, and in each output by output.
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure

    See Also
    --------
    sklearn_rnn.preprocessing.sliding_windows : Long series -> pasts and futures.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import Seq2SeqRegressor
    >>> from sklearn_rnn.inspection import ForecastDisplay
    >>> waves = np.sin(np.arange(40) / 3 + np.random.default_rng(0).uniform(0, 6, (40, 1)))
    >>> X, y = waves[:, :30, None], waves[:, 30:]
    >>> model = Seq2SeqRegressor(hidden_size=8, max_epochs=5, random_state=0).fit(X, y)
    >>> display = ForecastDisplay.from_estimator(model, X, y, rows=[0, 7])
    >>> np.allclose(display.lines_[1]["forecast"].get_ydata(), model.predict(X)[7])
    True
    """

    def __init__(
        self,
        forecasts: Mapping[str, Sequence[np.ndarray]],
        *,
        past: Sequence[np.ndarray] | None = None,
        future: Sequence[np.ndarray] | None = None,
        lower: Sequence[np.ndarray] | None = None,
        upper: Sequence[np.ndarray] | None = None,
        output_names: Sequence[str] | None = None,
        names: Sequence[str] | None = None,
    ) -> None:
        self.forecasts = forecasts
        self.past = past
        self.future = future
        self.lower = lower
        self.upper = upper
        self.output_names = output_names
        self.names = names

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        target: int | str | Sequence[int | str] | None = None,
        n_steps: int | None = None,
        name: str = "forecast",
        lower: Any = None,
        upper: Any = None,
        output_names: Sequence[str] | None = None,
        rows: int | ArrayLike | None = None,
        names: Sequence[str] | None = None,
        ax: Any = None,
        n_past: int | None = None,
    ) -> Self:
        """Draw what an estimator forecasts.

        Parameters
        ----------
        estimator : fitted Seq2SeqRegressor
            Or a pipeline that ends in one, or a search for one.
        X : sequences of n_samples
        y : as in fit, optional
            What came in fact.
        target : int, str, list of them or None, default=None
            Channels of X that go on in y, an int or a name for each output, as of
            :func:`~sklearn_rnn.preprocessing.sliding_windows`. None takes all channels if there
            are as many as outputs, and shows no past if there are not.
        n_steps : int or None, default=None
            As of ``predict``.
        name : str, default="forecast"
            What the legend calls it.
        lower, upper : sequences in the form of y, optional
            Bounds of the forecasts, one a row of X.
        output_names : list of str or None, default=None
            None takes the names of the channels of ``target``.
        rows : int, list of int or None, default=None
            Which samples to show; None for all.
        names : list of str or None, default=None
            Of the samples that are shown.
        ax, n_past
            As of :meth:`plot`.

        Returns
        -------
        ForecastDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
        TypeError
            If the estimator is no Seq2SeqRegressor.
        ValueError
            If there is no such row or channel, numbers of samples differ, or as :meth:`plot`.
        """
        owner, network = cls.__name__, network_of(estimator)
        if not isinstance(network, BaseSeq2Seq) or hasattr(network, "classes_"):
            raise TypeError(
                f"{owner} needs a Seq2SeqRegressor, which writes sequences of numbers. "
                f"Got {type(network).__name__} instead. For forecasts of other models use "
                "from_predictions."
            )
        places, (X, y, lower, upper) = chosen(
            rows, X, y, lower, upper, owner=owner, a_panel_each=ax is None
        )
        X = as_read_by_network(estimator, X)
        n = len(places)
        kind = type(network).__name__
        forecast = answers_of(network.predict(X, n_steps), n, kind, texts=False)
        n_outputs = _as_columns(forecast[0]).shape[1]
        channels = names_of_numbers(network)
        read = _target_channels(target, channels, n_outputs, owner)
        past = None
        if read and network.encoder == "sequence":
            past = [steps.values[:, read] for steps in steps_of(network, X)]
            if output_names is None and target is not None:
                output_names = [channels[i] for i in read]
        if names is None and n > 1:
            names = row_names(places)
        future, lower, upper = (
            None if a is None else answers_of(a, n, kind, texts=False) for a in (y, lower, upper)
        )
        display = cls(
            {name: forecast},
            past=past,
            future=future,
            lower=lower,
            upper=upper,
            output_names=output_names,
            names=names,
        )
        return display.plot(ax=ax, n_past=n_past)

    @classmethod
    def from_predictions(
        cls,
        y_pred: Any,
        y_true: Any = None,
        *,
        past: Any = None,
        lower: Any = None,
        upper: Any = None,
        output_names: Sequence[str] | None = None,
        rows: int | ArrayLike | None = None,
        names: Sequence[str] | None = None,
        ax: Any = None,
        n_past: int | None = None,
    ) -> Self:
        """Draw forecasts that are known, of one model or several.

        Parameters
        ----------
        y_pred : sequences of n_samples, or dict of them by the name of the model
            Each a list or object array of arrays of shape (n_steps,) or (n_steps, n_outputs), an
            array of shape (n_samples, n_steps) or (n_samples, n_steps, n_outputs), or a list
            column.
        y_true, past, lower, upper : sequences in the form of y_pred, optional
            What came in fact; what was before; bounds of the first model's forecasts.
        output_names, names
            As of the class.
        rows : int, list of int or None, default=None
            Which samples to show; None for all.
        ax, n_past
            As of :meth:`plot`.

        Returns
        -------
        ForecastDisplay

        Raises
        ------
        ValueError
            If there is no such row, numbers of samples differ, or as :meth:`plot`.
        """
        owner = cls.__name__
        named = dict(y_pred) if isinstance(y_pred, Mapping) else {"forecast": y_pred}
        if not named:
            raise ValueError(f"{owner} has no forecast to show. Pass at least one.")
        others = y_true, past, lower, upper
        places, shown = chosen(rows, *named.values(), *others, owner=owner, a_panel_each=ax is None)
        arrays = [
            None if a is None else answers_of(a, len(places), owner, texts=False) for a in shown
        ]
        if names is None and len(places) > 1:
            names = row_names(places)
        future, before, low, high = arrays[len(named) :]
        display = cls(
            {name: of_model or [] for name, of_model in zip(named, arrays, strict=False)},
            past=before,
            future=future,
            lower=low,
            upper=high,
            output_names=output_names,
            names=names,
        )
        return display.plot(ax=ax, n_past=n_past)

    def plot(
        self,
        ax: Any = None,
        *,
        n_past: int | None = None,
        line_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, array of them or None, default=None
            Where to draw, one Axes a panel. None makes a figure. On Axes that show other forecasts
            of the same samples these are drawn beside them.
        n_past : int or None, default=None
            How many of the last steps that were read are shown; None for four times as many as the
            longest forecast has.
        line_kw : dict or None, default=None
            Passed to ``matplotlib.axes.Axes.plot`` for the forecasts.

        Returns
        -------
        self

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If shapes or names do not fit, there are too many panels, or not as many Axes as
            panels.
        """
        owner = type(self).__name__
        n_samples, n_outputs = self._checked_shape()
        if n_past is not None and (not isinstance(n_past, int) or n_past < 0):
            raise ValueError(
                f"The 'n_past' parameter of {owner} must be an int >= 0 or None. "
                f"Got {n_past!r} instead."
            )
        forecasts = [of_row for of_model in self.forecasts.values() for of_row in of_model]
        if n_past is None:
            n_past = 4 * max(map(len, forecasts))
        n_panels = n_samples * n_outputs
        grid = grid_of(n_panels, *((3.6, 2.2) if n_panels > 1 else (6.4, 3.0)))
        if n_outputs > 1:
            grid["n_columns"] = n_outputs
        sharey = "col" if n_outputs > 1 else True
        axes = panels_of(owner, ax, n_panels, **grid, sharey=sharey)
        self.lines_: list[dict[str, Any]] = []
        self.bands_: list[Any] = []
        for panel, on in enumerate(axes):
            sample, output = divmod(panel, n_outputs)
            colors = free_colors(on, len(self.forecasts))
            self._draw(on, sample, output, n_past, colors, line_kw or {})
            names = None if self.names is None else self.names[sample]
            if n_outputs > 1:
                given = self.output_names
                of_output = f"output {output}" if given is None else given[output]
                names = ", ".join(filter(None, (names, of_output)))
            title_of(on, names)
            if is_lowest(on, axes):
                on.set_xlabel("step from the last one read")
            if is_leftmost(on):
                label = "value"
                if self.output_names is not None and n_outputs == 1:
                    label = self.output_names[0]
                on.set_ylabel(label, parse_math=False)
        legend_beside(axes)
        self.axes_ = axes
        self.ax_ = axes[0]
        self.figure_ = axes[0].figure
        return self

    def _checked_shape(self) -> tuple[int, int]:
        """Return numbers of samples and outputs, the same wherever they are known."""
        owner = type(self).__name__
        others = {name: getattr(self, name) for name in ("past", "future", "lower", "upper")}
        known = {**self.forecasts, **{k: v for k, v in others.items() if v is not None}}
        first = next(iter(self.forecasts))
        n_samples = len(self.forecasts[first])
        n_outputs = _as_columns(self.forecasts[first][0]).shape[1]
        for name, of_samples in known.items():
            if len(of_samples) != n_samples:
                raise ValueError(
                    f"{name!r} of {owner} must hold {n_samples} samples, as {first!r} does. "
                    f"Got {len(of_samples)} instead."
                )
            for row, of_row in enumerate(of_samples):
                width = _as_columns(of_row).shape[1]
                if width != n_outputs:
                    raise ValueError(
                        f"Row {row} of {name!r} must hold {n_outputs} number(s) a step, as "
                        f"{first!r} does. Got {width} instead."
                    )
                is_bound = name in ("lower", "upper")
                if is_bound and len(of_row) != len(self.forecasts[first][row]):
                    raise ValueError(
                        f"Row {row} of {name!r} must hold {len(self.forecasts[first][row])} steps, "
                        f"as {first!r} does. Got {len(of_row)} instead."
                    )
        if (self.lower is None) != (self.upper is None):
            raise ValueError(f"{owner} needs both of 'lower' and 'upper', or none. Got only one.")
        for name, wanted in (("names", n_samples), ("output_names", n_outputs)):
            given = getattr(self, name)
            if given is not None and len(given) != wanted:
                raise ValueError(
                    f"The {name!r} parameter of {owner} must hold {wanted} texts. "
                    f"Got {len(given)} instead."
                )
        return n_samples, n_outputs

    def _draw(
        self,
        ax: Any,
        sample: int,
        output: int,
        n_past: int,
        colors: list[str],
        line_kw: dict[str, Any],
    ) -> None:
        """Draw a panel."""
        lines: dict[str, Any] = {}
        if self.past is not None and n_past:
            past = _as_columns(self.past[sample])[-n_past:, output]
            steps = np.arange(1 - len(past), 1)
            lines["past"] = _drawn_once(ax, steps, past, label="past", color="0.55")
        band = None
        if self.lower is not None and self.upper is not None:
            low, high = (_as_columns(b[sample])[:, output] for b in (self.lower, self.upper))
            steps = np.arange(1, len(low) + 1)
            band = ax.fill_between(steps, low, high, color=colors[0], alpha=0.25, linewidth=0)
            band.set_label(f"{next(iter(self.forecasts))}, bounds")
        if self.future is not None:
            future = _as_columns(self.future[sample])[:, output]
            steps = np.arange(1, len(future) + 1)
            lines["future"] = _drawn_once(ax, steps, future, label="in fact", color="black")
        for (name, of_model), color in zip(self.forecasts.items(), colors, strict=True):
            forecast = _as_columns(of_model[sample])[:, output]
            marker = "." if len(forecast) == 1 else ""
            style = {"color": color, "linewidth": 1.6, "marker": marker, "label": name, **line_kw}
            (lines[name],) = ax.plot(np.arange(1, len(forecast) + 1), forecast, **style)
        self.lines_.append(lines)
        self.bands_.append(band)


def _as_columns(of_row: ArrayLike) -> np.ndarray:
    """Return the numbers of a sample with one column an output."""
    array = np.asarray(of_row)
    return array[:, None] if array.ndim == 1 else array


def _drawn_once(ax: Any, x: np.ndarray, y: np.ndarray, *, label: str, color: str) -> Any:
    """Return a line, the one that is there if another forecast's picture brought it."""
    for line in ax.get_lines():
        same = line.get_label() == label and np.array_equal(line.get_xdata(), x)
        if same and np.array_equal(line.get_ydata(), y, equal_nan=True):
            return line
    marker = "." if len(x) == 1 else ""
    (line,) = ax.plot(x, y, color=color, linewidth=1.1, label=label, marker=marker)
    return line


def _target_channels(target: Any, channels: list[str], n_outputs: int, owner: str) -> list[int]:
    """Return which channel of X each output goes on with; none if that is not known."""
    if target is None:
        return list(range(n_outputs)) if len(channels) == n_outputs else []
    asked = [target] if isinstance(target, int | str) else list(target)
    places = [channels.index(t) if t in channels else t for t in asked]
    for given in places:
        if isinstance(given, str) or not 0 <= given < len(channels):
            raise ValueError(
                f"The 'target' parameter of {owner} must hold channels of X, "
                f"{', '.join(channels)}, or their places from 0. Got {given!r} instead."
            )
    if len(places) != n_outputs:
        raise ValueError(
            f"The 'target' parameter of {owner} must hold one channel an output, {n_outputs} in "
            f"all. Got {len(places)} instead."
        )
    return [int(place) for place in places]
