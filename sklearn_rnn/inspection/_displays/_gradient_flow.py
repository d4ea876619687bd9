"""How far back in a sequence training reaches."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.pipeline import Pipeline

from sklearn_rnn.inspection._displays._drawing import free_colors, legend_beside, panels_of
from sklearn_rnn.inspection._displays._reading import as_read_by_network, network_of
from sklearn_rnn.inspection._gradient_flow import EXPLODED, VANISHED, gradient_flow


class GradientFlowDisplay:
    """Curves of the gradient that is left at earlier and earlier steps.

    Make it by :meth:`from_estimator`. Each layer and direction has a line; a direction that reads
    from the end is dashed. Grey lines mark where gradients count as vanished or exploded, and a dot
    the lag by which that is judged: the one that half of the sequences have.

    Parameters
    ----------
    lags : array-like of shape (n_lags,)
        Steps back from the step whose answer the loss is of.
    norms : array-like of shape (n_series, n_lags)
        Of the loss's derivative by the state so many steps back.
    labels : list of str
        Of the series.
    typical_lag : array-like of shape (n_series,) or None, default=None
        The lag that half of the sequences have.
    verdict : str or None, default=None
        What stands above.
    name : str or None, default=None
        Of the model, before the labels of its series.

    Attributes
    ----------
    lines_ : list of matplotlib Line2D
        One a series.
    dots_ : list of matplotlib Line2D
        One a series with a typical lag.
    axes_ : ndarray of shape (1,), of matplotlib Axes
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    gradient_flow : The numbers that are drawn.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNClassifier
    >>> from sklearn_rnn.inspection import GradientFlowDisplay
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=50) for _ in range(20)]
    >>> y = [int(x[0] > 0) for x in X]
    >>> model = RNNClassifier(cell="rnn", bidirectional=False, random_state=0)
    >>> display = GradientFlowDisplay.from_estimator(model, X, y)
    >>> display.ax_.get_xlabel(), len(display.lines_)
    ('steps back', 1)
    """

    def __init__(
        self,
        lags: ArrayLike,
        norms: ArrayLike,
        labels: Sequence[str],
        *,
        typical_lag: ArrayLike | None = None,
        verdict: str | None = None,
        name: str | None = None,
    ) -> None:
        self.lags = lags
        self.norms = norms
        self.labels = labels
        self.typical_lag = typical_lag
        self.verdict = verdict
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        n_sequences: int = 64,
        name: str | None = None,
        ax: Any = None,
        relative: bool = True,
    ) -> Self:
        """Measure the flow of an estimator and draw it.

        Parameters
        ----------
        estimator : estimator of sklearn_rnn
            A fitted one is looked at as it is; of another, the network that a fit would start with.
            Or a fitted pipeline that ends in one, or a search for one.
        X, y, n_sequences
            As of :func:`~sklearn_rnn.inspection.gradient_flow`.
        name : str or None, default=None
            What the legend calls the estimator.
        ax, relative
            As of :meth:`plot`.

        Returns
        -------
        GradientFlowDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If a pipeline or search is not fitted.
        TypeError, ValueError
            As :func:`~sklearn_rnn.inspection.gradient_flow` and :meth:`plot`.
        """
        if isinstance(estimator, Pipeline) or hasattr(estimator, "estimator"):
            network = network_of(estimator)
            X = as_read_by_network(estimator, X)
        else:
            network = estimator
        flow = gradient_flow(network, X, y, n_sequences=n_sequences)
        display = cls(
            flow.lags,
            flow.norms,
            flow.labels,
            typical_lag=flow.typical_lag,
            verdict=flow.verdict,
            name=name,
        )
        return display.plot(ax=ax, relative=relative)

    def plot(
        self,
        ax: Any = None,
        *,
        relative: bool = True,
        line_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw. None makes a figure. On an Axes that shows another flow already this one
            is drawn beside it in other colours, and no verdict stands above.
        relative : bool, default=True
            Whether norms are divided by the one at lag 0.
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
            If shapes do not fit, no norm is above 0, or there is more than one Axes.
        """
        owner = type(self).__name__
        lags, norms = np.asarray(self.lags), np.asarray(self.norms, dtype=float)
        self._check_shapes(lags, norms)
        (on,) = axes = panels_of(owner, ax, 1, size=(7.4, 4.0))
        is_first = not on.get_lines()
        if relative:
            start = norms[:, :1]
            norms = np.divide(norms, start, out=np.full_like(norms, np.nan), where=start > 0)
        shown = np.where(norms > 0, norms, np.nan)
        if relative and is_first:
            _draw_bounds(on, at_end=bool(np.nanmin(shown, initial=1) < VANISHED / 10))
        self.lines_: list[Any] = []
        self.dots_: list[Any] = []
        for i, color in enumerate(free_colors(on, len(norms))):
            label = ", ".join(filter(None, (self.name, self.labels[i])))
            style = {
                "color": color,
                "linestyle": "--" if "backward" in label else "-",
                "marker": "." if len(lags) == 1 else "",
                "label": label,
                **(line_kw or {}),
            }
            self.lines_ += on.plot(lags, shown[i], **style)
            if self.typical_lag is not None:
                lag = int(np.asarray(self.typical_lag)[i])
                place = [lag], shown[i, [lag]]
                self.dots_ += on.plot(*place, "o", color=color, markersize=5, label="_")
        on.set_yscale("log")
        on.set_xlabel("steps back")
        on.set_ylabel("gradient, relative to lag 0" if relative else "norm of the gradient")
        title = textwrap.fill(self.verdict, 80) if self.verdict and is_first else ""
        on.set_title(title, fontsize="small", loc="left", parse_math=False)
        legend_beside(axes)
        self.axes_ = axes
        self.ax_ = on
        self.figure_ = on.figure
        return self

    def _check_shapes(self, lags: np.ndarray, norms: np.ndarray) -> None:
        owner = type(self).__name__
        wanted = len(self.labels), len(lags)
        if norms.shape != wanted:
            raise ValueError(
                f"The 'norms' parameter of {owner} must be of shape {wanted}, a row a label and a "
                f"column a lag. Got {norms.shape} instead."
            )
        if not (norms > 0).any():
            raise ValueError(
                f"The 'norms' parameter of {owner} must hold a number above 0: there is no "
                "gradient to draw on a logarithmic axis."
            )


def _draw_bounds(ax: Any, *, at_end: bool) -> None:
    """Mark what counts as vanished and exploded; texts stand where lines are far from there."""
    for height, text in ((VANISHED, "vanished below"), (1.0, ""), (EXPLODED, "exploded above")):
        ax.axhline(height, color="0.8", linewidth=0.8, zorder=1, label="_")
        ax.text(
            0.99 if at_end else 0.01,
            height,
            text,
            transform=ax.get_yaxis_transform(),
            fontsize="x-small",
            color="0.4",
            va="top",
            ha="right" if at_end else "left",
        )
