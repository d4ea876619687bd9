"""How a fit went, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd

from sklearn_rnn._params import suggestion
from sklearn_rnn.inspection._displays._drawing import (
    PALETTE,
    free_colors,
    legend_beside,
    panels_of,
)
from sklearn_rnn.inspection._displays._reading import network_of

_AXIS_LABELS = {"lr": "learning rate"}
_DATA = {"train": "training", "valid": "held out"}


class HistoryDisplay:
    """Learning curves: losses, scores and whatever else was recorded at each epoch.

    Make it by :meth:`from_estimator`, or :meth:`from_estimators` for several fits in one picture.
    A fit has one colour; what was measured on training data is dashed, what was measured on
    held-out data is a full line. A dot marks the epoch whose weights were kept.

    Parameters
    ----------
    histories : list of pandas.DataFrame
        A row an epoch, as ``history_`` of the estimators, one frame a fit.
    names : list of str or None, default=None
        Of the fits. Fits of one name, such as the seeds of one setting, have one colour.
    best_epochs : list of int or None, default=None
        The epoch of each fit, from 1, whose weights were kept.

    Attributes
    ----------
    lines_ : list of dict
        For each fit the matplotlib lines by the names of their columns.
    dots_ : list
        The matplotlib lines of one point that mark the epochs kept.
    axes_ : ndarray of shape (n_panels,), of matplotlib Axes
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure

    See Also
    --------
    GradientFlowDisplay : How far back in a sequence training reaches.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNClassifier
    >>> from sklearn_rnn.inspection import HistoryDisplay
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=n).cumsum() for n in rng.integers(5, 30, size=80)]
    >>> y = ["up" if x[-1] > x[0] else "down" for x in X]
    >>> model = RNNClassifier(hidden_size=8, max_epochs=5, early_stopping=True, random_state=0)
    >>> display = HistoryDisplay.from_estimator(model.fit(X, y), log_scale=True)
    >>> [ax.get_ylabel() for ax in display.axes_]
    ['loss', 'score']
    >>> list(display.lines_[0])
    ['train_loss', 'valid_loss', 'valid_score']
    """

    def __init__(
        self,
        histories: Sequence[pd.DataFrame],
        *,
        names: Sequence[str] | None = None,
        best_epochs: Sequence[int] | None = None,
    ) -> None:
        self.histories = histories
        self.names = names
        self.best_epochs = best_epochs

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        name: str | None = None,
        ax: Any = None,
        panels: Sequence[str] | None = None,
        log_scale: bool = False,
        x: str = "epoch",
        line_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the history of a fit.

        Parameters
        ----------
        estimator : fitted estimator of sklearn_rnn
            Or a pipeline that ends in one, or a search for one.
        name : str or None, default=None
            What the legend calls it.
        ax, panels, log_scale, x, line_kw
            As of :meth:`plot`.

        Returns
        -------
        HistoryDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
        TypeError
            If the estimator keeps no history.
        ValueError
            As :meth:`plot`.
        """
        names = None if name is None else [name]
        return cls.from_estimators(
            [estimator],
            names=names,
            ax=ax,
            panels=panels,
            log_scale=log_scale,
            x=x,
            line_kw=line_kw,
        )

    @classmethod
    def from_estimators(
        cls,
        estimators: Sequence[Any] | Mapping[str, Any],
        *,
        names: Sequence[str] | None = None,
        ax: Any = None,
        panels: Sequence[str] | None = None,
        log_scale: bool = False,
        x: str = "epoch",
        line_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the histories of several fits: of settings, of seeds, of folds.

        Parameters
        ----------
        estimators : list of fitted estimators, or dict of them by name
            As the entry "estimator" of what ``cross_validate(..., return_estimator=True)`` returns.
        names : list of str or None, default=None
            One a fit. Fits of one name have one colour.
        ax, panels, log_scale, x, line_kw
            As of :meth:`plot`.

        Returns
        -------
        HistoryDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
        TypeError
            If an estimator keeps no history.
        ValueError
            As :meth:`plot`, and if there is not one name a fit.
        """
        if isinstance(estimators, Mapping):
            names = [str(name) for name in estimators] if names is None else names
            estimators = list(estimators.values())
        histories, best_epochs = _histories_of(estimators, cls.__name__)
        display = cls(histories, names=names, best_epochs=best_epochs)
        return display.plot(ax=ax, panels=panels, log_scale=log_scale, x=x, line_kw=line_kw)

    def plot(
        self,
        ax: Any = None,
        *,
        panels: Sequence[str] | None = None,
        log_scale: bool = False,
        x: str = "epoch",
        line_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, array of them or None, default=None
            Where to draw, one Axes a panel. None makes a figure. On Axes that show another fit
            already this one is drawn beside it in a colour of its own.
        panels : str, list of str or None, default=None
            What to show, one panel each: "loss" and "score", which show the columns of training
            and of held-out data, or any other column, as "lr". None shows the loss and, if there
            is one and there are Axes for it, the score.
        log_scale : bool, default=False
            Whether losses have a logarithmic axis.
        x : {"epoch", "seconds"}, default="epoch"
            What runs to the right. Seconds are those since the fit began.
        line_kw : dict or None, default=None
            Passed to ``matplotlib.axes.Axes.plot``.

        Returns
        -------
        self

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there is no history, a panel has no column, numbers of names or Axes do not fit, or a
            loss is not above 0 with ``log_scale=True``.
        """
        owner = type(self).__name__
        names = self._checked_names()
        if x not in ("epoch", "seconds"):
            raise ValueError(
                f"The 'x' parameter of {owner} must be 'epoch' or 'seconds'. Got {x!r} instead."
                + suggestion(x, ("epoch", "seconds"))
            )
        shown = self._shown(panels, ax)
        if log_scale and "loss" in shown:
            self._check_above_zero()
        height = 2.6 if len(shown) > 1 else 3.4
        axes = panels_of(owner, ax, len(shown), size=(6.8, height), sharex=True)
        colors = _colors(names, axes[0])
        self.lines_: list[dict[str, Any]] = [{} for _ in self.histories]
        self.dots_: list[Any] = []
        is_labelled = False
        for panel, on in zip(shown, axes, strict=True):
            for fit in range(len(self.histories)):
                self._draw_fit(on, panel, fit, x, {"color": colors[fit], **(line_kw or {})})
            of_data = any(
                column != panel for history in self.histories for column in _columns(panel, history)
            )
            if of_data or not is_labelled:  # or the legend would name fits twice
                self._label(panel, names)
                is_labelled = True
            if panel == "loss":
                self._mark_best(on, x)
                on.set_yscale("log" if log_scale else "linear")
            on.set_ylabel(_AXIS_LABELS.get(panel, panel.replace("_", " ")))
        _finish_x(axes, x)
        legend_beside(axes)
        self.axes_ = axes
        self.ax_ = axes[0]
        self.figure_ = axes[0].figure
        return self

    def _draw_fit(self, ax: Any, panel: str, fit: int, x: str, line_kw: dict[str, Any]) -> None:
        """Draw what a panel shows of a fit; dashed is training, where there is held-out data."""
        history = self.histories[fit]
        is_compared = any("valid_loss" in other for other in self.histories)
        for column in _columns(panel, history):
            is_training = column.startswith("train_") and is_compared
            style = {
                "linestyle": "--" if is_training else "-",
                "linewidth": 1.0 if is_training else 1.5,
                "marker": "." if len(history) == 1 else "",
                "label": "_",
                **line_kw,
            }
            (line,) = ax.plot(_progress(history, x), history[column], **style)
            self.lines_[fit][column] = line

    def _label(self, panel: str, names: list[str | None]) -> None:
        """Name the lines of a panel for the legend, those of fits of one name once."""
        for fit, history in enumerate(self.histories):
            if names[fit] in names[:fit]:
                continue
            for column in _columns(panel, history):
                data = _DATA.get(column.partition("_")[0])
                label = ", ".join(part for part in (names[fit], data) if part)
                self.lines_[fit][column].set_label(label or "_")

    def _checked_names(self) -> list[str | None]:
        """Return a name a fit; None for all alike."""
        owner, n_fits = type(self).__name__, len(self.histories)
        if n_fits == 0:
            raise ValueError(f"{owner} has no fit to show. Pass at least one fitted estimator.")
        if self.names is None:
            few = 1 < n_fits <= len(PALETTE)
            return [f"fit {i}" if few else None for i in range(n_fits)]
        names = list(self.names)
        if len(names) != n_fits:
            raise ValueError(
                f"The 'names' parameter of {owner} must hold one name a fit, {n_fits} in all. "
                f"Got {len(names)} instead."
            )
        return [*names]

    def _shown(self, panels: Sequence[str] | None, ax: Any) -> list[str]:
        """Return the panels, each of which some history has a column for."""
        if panels is None:
            panels = ["loss", *(["score"] if self._has("score") else [])]
            if ax is not None:
                panels = panels[: 1 if hasattr(ax, "plot") else np.size(ax)]
        panels = [panels] if isinstance(panels, str) else list(panels)
        for panel in panels:
            if not self._has(panel):
                known = sorted({str(c) for history in self.histories for c in history.columns})
                raise ValueError(
                    f"The 'panels' parameter of {type(self).__name__} must hold 'loss', 'score' or "
                    f"columns of the history: {', '.join(known)}. Got {panel!r} instead."
                    + suggestion(panel, ["loss", "score", *known])
                )
        return panels

    def _has(self, panel: str) -> bool:
        return any(_columns(panel, history) for history in self.histories)

    def _mark_best(self, ax: Any, x: str) -> None:
        """Mark the epochs whose weights were kept, where there was something to choose by."""
        alone = len(self.histories) == 1
        for fit, history in enumerate(self.histories):
            if self.best_epochs is None or "valid_loss" not in history:
                continue
            epoch = int(self.best_epochs[fit])
            place = _progress(history, x)[epoch - 1], history["valid_loss"].iloc[epoch - 1]
            color = self.lines_[fit]["valid_loss"].get_color()
            label = f"epoch {epoch}, kept" if alone else "_"
            self.dots_ += ax.plot(*place, "o", color=color, label=label)
        if self.dots_ and not alone:
            ax.plot([], [], "o", color="0.4", label="epoch kept")

    def _check_above_zero(self) -> None:
        lowest = min(float(h[c].min()) for h in self.histories for c in _columns("loss", h))
        if lowest <= 0:
            raise ValueError(
                f"log_scale=True of {type(self).__name__} needs losses above 0. The lowest is "
                f"{lowest:.3g}. Set log_scale=False."
            )


def _histories_of(estimators: Sequence[Any], owner: str) -> tuple[list[pd.DataFrame], list[int]]:
    networks = [network_of(estimator) for estimator in estimators]
    for network in networks:
        if not hasattr(network, "history_"):
            raise TypeError(
                f"{owner} needs an estimator of sklearn_rnn, which keeps a history_. "
                f"Got {type(network).__name__} instead."
            )
    return [n.history_ for n in networks], [n.best_epoch_ for n in networks]


def _columns(panel: str, history: pd.DataFrame) -> list[str]:
    """Return what a panel shows of a history."""
    names = (f"train_{panel}", f"valid_{panel}", panel)
    return [name for name in names if name in history]


def _progress(history: pd.DataFrame, x: str) -> np.ndarray:
    """Return where each epoch stands."""
    if x == "epoch":
        return np.arange(1, len(history) + 1)
    if "elapsed" in history:
        return history["elapsed"].to_numpy()
    return history["dur"].to_numpy().cumsum()


def _colors(names: list[str | None], ax: Any) -> list[str]:
    """Return a colour a fit, one for all of a name."""
    distinct = list(dict.fromkeys(names))
    by_name = dict(zip(distinct, free_colors(ax, len(distinct)), strict=True))
    return [by_name[name] for name in names]


def _finish_x(axes: np.ndarray, x: str) -> None:
    from matplotlib.ticker import MaxNLocator

    for ax in axes:
        if ax is axes[-1] or not ax.get_shared_x_axes().joined(ax, axes[-1]):
            ax.set_xlabel(x)
        if x == "epoch":
            ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
