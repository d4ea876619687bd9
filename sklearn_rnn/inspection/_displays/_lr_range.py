"""The loss over a rising learning rate."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from sklearn_rnn.inspection._displays._drawing import free_colors, legend_beside, panels_of
from sklearn_rnn.inspection._lr_range import LRRange, lr_range_test


class LRRangeDisplay:
    """Curve of the loss while the learning rate rises, with the rate that is suggested.

    Make it by :meth:`from_estimator`, or of a result of
    :func:`~sklearn_rnn.inspection.lr_range_test` that is there already. Left of the suggestion the
    loss falls slowly, right of its lowest point rates are too high.

    Parameters
    ----------
    result : LRRange
    name : str or None, default=None
        What the legend calls the estimator.

    Attributes
    ----------
    line_ : matplotlib Line2D
        The running mean of the losses.
    loss_line_ : matplotlib Line2D
        The losses themselves, in a lighter shade.
    dot_ : matplotlib Line2D
        The suggested rate, at the loss where the test came by it.
    axes_ : ndarray of shape (1,), of matplotlib Axes
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    lr_range_test : The numbers that are drawn.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNClassifier
    >>> from sklearn_rnn.inspection import LRRangeDisplay
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=n) for n in rng.integers(5, 20, size=80)]
    >>> y = [int(x.sum() > 0) for x in X]
    >>> model = RNNClassifier(hidden_size=8, random_state=0)
    >>> display = LRRangeDisplay.from_estimator(model, X, y, n_updates=30)
    >>> display.ax_.get_xscale(), display.ax_.get_xlabel()
    ('log', 'learning rate')
    """

    def __init__(self, result: LRRange, *, name: str | None = None) -> None:
        self.result = result
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        min_lr: float = 1e-5,
        max_lr: float = 1.0,
        n_updates: int = 100,
        name: str | None = None,
        ax: Any = None,
    ) -> Self:
        """Run the test on a copy of an estimator and draw it.

        Parameters
        ----------
        estimator : estimator of sklearn_rnn
        X, y, min_lr, max_lr, n_updates
            As of :func:`~sklearn_rnn.inspection.lr_range_test`.
        name : str or None, default=None
            What the legend calls the estimator.
        ax : matplotlib Axes or None, default=None
            As of :meth:`plot`.

        Returns
        -------
        LRRangeDisplay

        Raises
        ------
        TypeError, ValueError
            As :func:`~sklearn_rnn.inspection.lr_range_test` and :meth:`plot`.
        """
        result = lr_range_test(estimator, X, y, min_lr=min_lr, max_lr=max_lr, n_updates=n_updates)
        return cls(result, name=name).plot(ax=ax)

    def plot(self, ax: Any = None, *, line_kw: dict[str, Any] | None = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw. None makes a figure. On an Axes that shows another test already this one
            is drawn beside it in a colour of its own.
        line_kw : dict or None, default=None
            Passed to ``matplotlib.axes.Axes.plot`` for the running mean.

        Returns
        -------
        self

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there is more than one Axes.
        """
        (on,) = axes = panels_of(type(self).__name__, ax, 1, size=(7.0, 3.6))
        result, (color,) = self.result, free_colors(on, 1)
        known = np.isfinite(result.losses) & np.isfinite(result.smoothed)
        (self.loss_line_,) = on.plot(
            result.lrs[known], result.losses[known], color=color, alpha=0.3, lw=0.8, label="_"
        )
        style = {"color": color, "label": self.name or "loss, running mean", **(line_kw or {})}
        (self.line_,) = on.plot(result.lrs[known], result.smoothed[known], **style)
        near = int(np.abs(np.log(result.lrs) - np.log(result.suggestion)).argmin())
        (self.dot_,) = on.plot([result.suggestion], [result.smoothed[near]], "o", color=color)
        suggested = f"suggested: {result.suggestion:.2g}"
        self.dot_.set_label(f"{self.name}, {suggested}" if self.name else suggested)
        on.set_xscale("log")
        on.set(xlabel="learning rate", ylabel="loss")
        legend_beside(axes)
        self.axes_ = axes
        self.ax_ = on
        self.figure_ = on.figure
        return self
