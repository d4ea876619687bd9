"""Which steps and channels an answer depends on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from sklearn_rnn._language_model import RNNLanguageModel
from sklearn_rnn.inspection._displays._drawing import (
    bar_beside,
    grid_of,
    is_leftmost,
    is_lowest,
    label_places,
    panels_of,
    shades_of,
    title_of,
)
from sklearn_rnn.inspection._displays._reading import (
    as_read_by_network,
    chosen,
    names_of_channels,
    network_of,
    row_names,
    steps_of,
)
from sklearn_rnn.inspection._displays._tokens import draw_tokens, panels_of_texts
from sklearn_rnn.inspection._importance import step_importance


class StepImportanceDisplay:
    """Heat maps of importance, steps by channels, or text on grounds of its colours.

    Make it by :meth:`from_estimator`. Red is what raises the answer, blue what lowers it; all
    samples share one scale, whose middle is 0.

    Parameters
    ----------
    importances : list of ndarray of shape (n_steps, n_channels)
        Of each sequence, as :func:`~sklearn_rnn.inspection.step_importance` returns them.
    tokens : list of list of str or None, default=None
        Of each sequence. With them texts are drawn, coloured by the sum over the channels.
    channel_names : list of str or None, default=None
    names : list of str or None, default=None
        Of the sequences.
    label : str, default="importance"
        What the bar of colours tells.

    Attributes
    ----------
    images_ : list of matplotlib AxesImage
        The heat maps. None are there where importances colour a text.
    grounds_ : list of list of matplotlib Rectangle
        What is behind each token of the texts.
    axes_ : ndarray of shape (n_samples,), of matplotlib Axes
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure

    See Also
    --------
    step_importance : The numbers that are drawn.
    AttentionDisplay : What a network with attention looked at.

    Notes
    -----
    Texts are written in the first font of ``matplotlib.rcParams["font.monospace"]``; name one there
    that has the characters.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.inspection import StepImportanceDisplay
    >>> importances = [np.array([[0.1, -0.4], [0.0, 0.2], [0.3, 0.0]])]
    >>> display = StepImportanceDisplay(importances, channel_names=["pulse", "pressure"]).plot()
    >>> display.images_[0].get_array().shape, display.images_[0].get_clim()
    ((2, 3), (-0.4, 0.4))
    """

    def __init__(
        self,
        importances: Sequence[np.ndarray],
        *,
        tokens: Sequence[Sequence[str]] | None = None,
        channel_names: Sequence[str] | None = None,
        names: Sequence[str] | None = None,
        label: str = "importance",
    ) -> None:
        self.importances = importances
        self.tokens = tokens
        self.channel_names = channel_names
        self.names = names
        self.label = label

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        output: Any = None,
        step: int | None = None,
        baseline: ArrayLike | None = None,
        n_steps: int = 50,
        rows: int | ArrayLike | None = None,
        names: Sequence[str] | None = None,
        ax: Any = None,
        cmap: str = "RdBu_r",
        colorbar: bool = True,
    ) -> Self:
        """Compute importances and draw them.

        Parameters
        ----------
        estimator : fitted estimator of sklearn_rnn
            Or a pipeline that ends in one, or a search for one.
        X : sequences of n_samples
        output, step, baseline, n_steps
            As of :func:`~sklearn_rnn.inspection.step_importance`.
        rows : int, list of int or None, default=None
            Which samples to show; None for all.
        names : list of str or None, default=None
            Of the samples that are shown. None takes their places and, where the predicted label is
            explained, that label.
        ax, cmap, colorbar
            As of :meth:`plot`.

        Returns
        -------
        StepImportanceDisplay

        Raises
        ------
        ImportError
            If captum or matplotlib is not installed.
        sklearn.exceptions.NotFittedError
        TypeError, ValueError
            As :func:`~sklearn_rnn.inspection.step_importance` and :meth:`plot`, and if there is no
            such row.
        """
        network = network_of(estimator)
        places, (X,) = chosen(rows, X, owner=cls.__name__, a_panel_each=ax is None)
        X = as_read_by_network(estimator, X)
        importances = step_importance(
            network, X, output=output, step=step, baseline=baseline, n_steps=n_steps
        )
        steps = steps_of(network, X)
        tokens = None if steps[0].tokens is None else [list(s.tokens or []) for s in steps]
        if names is None:
            names = row_names(places)
            if output is None and hasattr(network, "predict_proba_steps"):
                labels = network.predict(X)
                names = [f"{name}, predicted {y}" for name, y in zip(names, labels, strict=True)]
        has_classes = hasattr(network, "classes_") or isinstance(network, RNNLanguageModel)
        display = cls(
            list(importances),
            tokens=tokens,
            channel_names=None if tokens is not None else names_of_channels(network),
            names=names,
            label=f"importance, {'log-odds' if has_classes else 'in the units of y'}",
        )
        return display.plot(ax=ax, cmap=cmap, colorbar=colorbar)

    def plot(
        self,
        ax: Any = None,
        *,
        cmap: str = "RdBu_r",
        vmax: float | None = None,
        colorbar: bool = True,
        im_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, array of them or None, default=None
            Where to draw, one Axes a sequence. None makes a figure.
        cmap : str or matplotlib Colormap, default="RdBu_r"
            Its middle stands for 0.
        vmax : float or None, default=None
            The importance of the last colour; the first is that of ``-vmax``. None takes the one
            farthest from 0.
        colorbar : bool, default=True
            Whether a bar tells the colours' importances.
        im_kw : dict or None, default=None
            Passed to ``matplotlib.axes.Axes.imshow``.

        Returns
        -------
        self

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If shapes do not fit, there are too many panels, or not as many Axes as panels.
        """
        owner = type(self).__name__
        of_rows = [np.asarray(of_row, dtype=float) for of_row in self.importances]
        self._check_shapes(of_rows)
        self.images_: list[Any] = []
        self.grounds_: list[list[Any]] = []
        if self.tokens is not None:
            of_rows = [of_row.sum(axis=1) for of_row in of_rows]
        if vmax is None:
            vmax = max(float(np.abs(of_row).max(initial=0)) for of_row in of_rows) or 1.0
        shades = shades_of(owner, -vmax, vmax, cmap)
        if self.tokens is None:
            style = {"norm": shades.norm, "cmap": shades.cmap, **(im_kw or {})}
            axes = self._plot_maps(owner, ax, of_rows, style)
        else:
            axes = self._plot_texts(owner, ax, of_rows, shades)
        if colorbar:
            bar_beside(axes, self.images_[0] if self.images_ else shades, self.label)
        self.axes_ = axes
        self.ax_ = axes[0]
        self.figure_ = axes[0].figure
        return self

    def _check_shapes(self, of_rows: list[np.ndarray]) -> None:
        owner = type(self).__name__
        for name in ("tokens", "names"):
            others = getattr(self, name)
            if others is not None and len(others) != len(of_rows):
                raise ValueError(
                    f"The {name!r} parameter of {owner} must hold one entry a sequence, "
                    f"{len(of_rows)} in all. Got {len(others)} instead."
                )
        for row, of_row in enumerate(of_rows):
            width = "n_channels" if self.channel_names is None else len(self.channel_names)
            if of_row.ndim != 2 or (self.channel_names is not None and of_row.shape[1] != width):
                raise ValueError(
                    f"Row {row} of the 'importances' of {owner} must be of shape (n_steps, "
                    f"{width}). Got {of_row.shape} instead."
                )
            if self.tokens is not None and len(self.tokens[row]) != len(of_row):
                raise ValueError(
                    f"Row {row} of 'tokens' must hold one token a step, {len(of_row)} in all. "
                    f"Got {len(self.tokens[row])} instead."
                )

    def _plot_texts(
        self, owner: str, ax: Any, of_rows: list[np.ndarray], shades: Any
    ) -> np.ndarray:
        assert self.tokens is not None
        axes = panels_of_texts(owner, ax, self.tokens)
        for row, (on, of_row) in enumerate(zip(axes, of_rows, strict=True)):
            self.grounds_.append(draw_tokens(on, self.tokens[row], shades.to_rgba(of_row)))
            title_of(on, None if self.names is None else self.names[row], loc="left")
        return axes

    def _plot_maps(
        self, owner: str, ax: Any, of_rows: list[np.ndarray], style: dict[str, Any]
    ) -> np.ndarray:
        n_steps, n_channels = (max(of_row.shape[axis] for of_row in of_rows) for axis in (0, 1))
        width = float(np.clip(0.15 * n_steps + 1, 3.4, 9))
        height = float(np.clip(0.2 * n_channels + 0.6, 2.0, 7))
        axes = panels_of(owner, ax, len(of_rows), **grid_of(len(of_rows), width, height))
        for row, (on, of_row) in enumerate(zip(axes, of_rows, strict=True)):
            extent = (-0.5, max(len(of_row), 1) - 0.5, of_row.shape[1] - 0.5, -0.5)
            how = {"aspect": "auto", "extent": extent, **style}  # the extent also of no steps
            self.images_.append(on.imshow(of_row.T, **how))
            label_places(on.xaxis, None, len(of_row))
            label_places(on.yaxis, self.channel_names if is_leftmost(on) else None, of_row.shape[1])
            title_of(on, None if self.names is None else self.names[row])
            if is_lowest(on, axes):
                on.set_xlabel("step")
            if is_leftmost(on):
                on.set_ylabel("channel" if self.channel_names is None else "")
            else:
                on.tick_params(labelleft=False)
        return axes
