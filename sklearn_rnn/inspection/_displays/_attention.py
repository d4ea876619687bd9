"""What a network looked at while it answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from sklearn_rnn._seq2seq import BaseSeq2Seq
from sklearn_rnn.inspection._displays._drawing import (
    bar_beside,
    grid_of,
    is_leftmost,
    is_lowest,
    label_places,
    panels_of,
    room_for,
    shades_of,
    title_of,
    visible,
)
from sklearn_rnn.inspection._displays._reading import (
    answers_of,
    as_read_by_network,
    chosen,
    network_of,
    row_names,
    steps_of,
)
from sklearn_rnn.inspection._displays._tokens import draw_tokens, panels_of_texts


class AttentionDisplay:
    """Heat maps of attention: the steps of X from left to right, the answer from top to bottom.

    Make it by :meth:`from_estimator`. Of an encoder/decoder each sample has a panel; a row of it is
    an entry of the answer and tells how much each step of X was looked at for it. Of a network with
    ``pooling="attention"``, whose answer is one for the whole sequence, each sample is one row of
    one panel, or its text where X holds tokens.

    Parameters
    ----------
    weights : list of ndarray of shape (n_entries, n_steps) or (n_steps,)
        Of each sample.
    x_labels : list of list of str or None, default=None
        The tokens of X of each sample; numbers of steps for None.
    y_labels : list of list of str or None, default=None
        The entries of each answer; their numbers for None.
    names : list of str or None, default=None
        Of the samples.

    Attributes
    ----------
    images_ : list of matplotlib AxesImage
        The heat maps. None are there where weights colour a text.
    grounds_ : list of list of matplotlib Rectangle
        What is behind each token of the texts.
    axes_ : ndarray of shape (n_panels,), of matplotlib Axes
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure

    See Also
    --------
    StepImportanceDisplay : What an answer depends on, of any network.

    Notes
    -----
    Attention tells where the network looked, not why it answered as it did: the state of a
    recurrent network also carries what stood at other steps (Jain and Wallace 2019, "Attention is
    not explanation", NAACL).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import Seq2SeqClassifier
    >>> from sklearn_rnn.inspection import AttentionDisplay
    >>> rng = np.random.default_rng(0)
    >>> X = ["".join(rng.choice(list("abc"), size=n)) for n in rng.integers(1, 5, size=40)]
    >>> model = Seq2SeqClassifier(hidden_size=8, max_epochs=2, random_state=0)
    >>> model = model.fit(X, [word[::-1] for word in X])
    >>> display = AttentionDisplay.from_estimator(model, ["abc", "ca"], ["cba", "ac"])
    >>> [image.get_array().shape for image in display.images_]
    [(3, 3), (2, 2)]
    """

    def __init__(
        self,
        weights: Sequence[np.ndarray],
        *,
        x_labels: Sequence[Sequence[str] | None] | None = None,
        y_labels: Sequence[Sequence[str] | None] | None = None,
        names: Sequence[str] | None = None,
    ) -> None:
        self.weights = weights
        self.x_labels = x_labels
        self.y_labels = y_labels
        self.names = names

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        rows: int | ArrayLike | None = None,
        names: Sequence[str] | None = None,
        ax: Any = None,
        cmap: str = "Blues",
        colorbar: bool = True,
    ) -> Self:
        """Draw what an estimator looked at.

        Parameters
        ----------
        estimator : fitted Seq2SeqClassifier, Seq2SeqRegressor, RNNClassifier or RNNRegressor
            The former with ``attention``, the latter with ``pooling="attention"``. Or a pipeline
            that ends in one, or a search for one.
        X : sequences of n_samples
        y : as in fit, optional
            Answers to look at of an encoder/decoder; without, what it predicts.
        rows : int, list of int or None, default=None
            Which samples to show; None for all.
        names : list of str or None, default=None
            Of the samples that are shown.
        ax, cmap, colorbar
            As of :meth:`plot`.

        Returns
        -------
        AttentionDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
        TypeError
            If the estimator is of a kind that has no attention.
        ValueError
            If it was fitted without attention, there is no such row, or as :meth:`plot`.
        """
        network = network_of(estimator)
        if not hasattr(network, "attention_weights"):
            raise TypeError(
                f"{cls.__name__} needs a Seq2SeqClassifier or Seq2SeqRegressor, or an "
                "RNNClassifier or RNNRegressor with pooling='attention'. "
                f"Got {type(network).__name__} instead."
            )
        writes_answers = isinstance(network, BaseSeq2Seq)
        places, (X, y) = chosen(
            rows, X, y, owner=cls.__name__, a_panel_each=writes_answers and ax is None
        )
        X = as_read_by_network(estimator, X)
        y_labels: list[list[str]] | None = None
        if writes_answers:
            answers = network.predict(X) if y is None else y
            weights = network.attention_weights(X, answers)
            if hasattr(network, "classes_"):
                entries = answers_of(answers, len(places), type(network).__name__, texts=True)
                y_labels = [list(map(str, of_row)) for of_row in entries]
        else:
            weights = network.attention_weights(X)
        x_labels = [of_row.tokens for of_row in steps_of(network, X)]
        if names is None and (len(places) > 1 or np.ndim(weights[0]) == 1):
            names = row_names(places)
        display = cls(list(weights), x_labels=x_labels, y_labels=y_labels, names=names)
        return display.plot(ax=ax, cmap=cmap, colorbar=colorbar)

    def plot(
        self,
        ax: Any = None,
        *,
        cmap: str = "Blues",
        vmax: float | None = None,
        colorbar: bool = True,
        im_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, array of them or None, default=None
            Where to draw, one Axes a panel. None makes a figure.
        cmap : str or matplotlib Colormap, default="Blues"
        vmax : float or None, default=None
            The weight of the last colour; the first is that of 0. None takes the largest weight, so
            that all samples can be compared.
        colorbar : bool, default=True
            Whether a bar tells the colours' weights.
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
            If shapes or labels do not fit, there are too many panels, or not as many Axes as
            panels.
        """
        owner = type(self).__name__
        weights = [np.asarray(of_row) for of_row in self.weights]
        self._check_shapes(weights)
        if vmax is None:
            vmax = max(float(of_row.max(initial=0)) for of_row in weights)
        shades = shades_of(owner, 0, vmax, cmap)
        style = {"norm": shades.norm, "cmap": shades.cmap, "aspect": "auto", **(im_kw or {})}
        self.images_: list[Any] = []
        self.grounds_: list[list[Any]] = []
        if weights[0].ndim == 2:
            axes = self._plot_maps(owner, ax, weights, style)
        elif self.x_labels is None or self.x_labels[0] is None:
            axes = self._plot_rows(owner, ax, weights, style)
        else:
            axes = self._plot_texts(owner, ax, weights, shades)
        if colorbar:
            bar_beside(axes, self.images_[0] if self.images_ else shades, "weight")
        self.axes_ = axes
        self.ax_ = axes[0]
        self.figure_ = axes[0].figure
        return self

    def _check_shapes(self, weights: list[np.ndarray]) -> None:
        """Raise ValueError if weights are not alike, or labels are not as many."""
        owner = type(self).__name__
        if not weights or {w.ndim for w in weights} not in ({1}, {2}):
            raise ValueError(
                f"The 'weights' parameter of {owner} must hold an array of shape (n_entries, "
                "n_steps) for each sample, or one of shape (n_steps,). Got shapes "
                f"{[w.shape for w in weights]} instead."
            )
        for name, axis in (("names", None), ("x_labels", -1), ("y_labels", 0)):
            labels = getattr(self, name)
            if labels is None:
                continue
            if len(labels) != len(weights):
                raise ValueError(
                    f"The {name!r} parameter of {owner} must hold one entry a sample, "
                    f"{len(weights)} in all. Got {len(labels)} instead."
                )
            if axis is None:
                continue
            for row, (of_row, w) in enumerate(zip(labels, weights, strict=True)):
                if of_row is not None and len(of_row) != w.shape[axis]:
                    raise ValueError(
                        f"Row {row} of {name!r} must hold {w.shape[axis]} texts, as its weights "
                        f"have the shape {w.shape}. Got {len(of_row)} instead."
                    )

    def _plot_maps(
        self, owner: str, ax: Any, weights: list[np.ndarray], style: dict[str, Any]
    ) -> np.ndarray:
        """Give each sample a panel of its own."""
        n_entries, n_steps = (max(w.shape[axis] for w in weights) for axis in (0, 1))
        least = 3.4 if len(weights) == 1 else 2.4
        beside, below = (room_for(_all(labels)) for labels in (self.y_labels, self.x_labels))
        width = float(np.clip(0.22 * n_steps + 0.7, least, 9)) + beside
        height = float(np.clip(0.22 * n_entries + 0.7, least - 0.4, 8)) + below
        grid = grid_of(len(weights), width, height)
        axes = panels_of(owner, ax, len(weights), **grid)
        for row, (on, of_row) in enumerate(zip(axes, weights, strict=True)):
            self.images_.append(on.imshow(of_row, **style))
            label_places(
                on.xaxis, visible(_entry(self.x_labels, row)), of_row.shape[1], upright=True
            )
            label_places(on.yaxis, visible(_entry(self.y_labels, row)), len(of_row))
            title_of(on, _entry(self.names, row))
            if is_lowest(on, axes):
                on.set_xlabel("step read")
            if is_leftmost(on):
                on.set_ylabel("entry said")
        return axes

    def _plot_rows(
        self, owner: str, ax: Any, weights: list[np.ndarray], style: dict[str, Any]
    ) -> np.ndarray:
        """Lay samples below each other in one panel; nothing stands behind their ends."""
        n_steps = max(1, *map(len, weights))
        size = 7.0, float(np.clip(0.25 * len(weights) + 1.0, 1.8, 10))
        axes = panels_of(owner, ax, 1, size=size)
        padded = np.full((len(weights), n_steps), np.nan)
        for row, of_row in enumerate(weights):
            padded[row, : len(of_row)] = of_row
        self.images_.append(axes[0].imshow(np.ma.masked_invalid(padded), **style))
        label_places(axes[0].xaxis, None, n_steps)
        label_places(axes[0].yaxis, self.names, len(weights))
        axes[0].set_xlabel("step")
        if self.names is None:
            axes[0].set_ylabel("sample")
        return axes

    def _plot_texts(
        self, owner: str, ax: Any, weights: list[np.ndarray], shades: Any
    ) -> np.ndarray:
        """Write each sample's tokens."""
        assert self.x_labels is not None
        texts = [list(labels or []) for labels in self.x_labels]
        axes = panels_of_texts(owner, ax, texts)
        for row, (on, of_row) in enumerate(zip(axes, weights, strict=True)):
            self.grounds_.append(draw_tokens(on, texts[row], shades.to_rgba(of_row)))
            title_of(on, _entry(self.names, row), loc="left")
        return axes


def _all(of_rows: Sequence[Sequence[str] | None] | None) -> list[str]:
    return [label for labels in of_rows or [] for label in labels or []]


def _entry(of_rows: Sequence[Any] | None, row: int) -> Any:
    return None if of_rows is None else of_rows[row]
