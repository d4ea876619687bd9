"""Probabilities of the classes, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from sklearn_rnn._params import suggestion
from sklearn_rnn._step import BaseStep
from sklearn_rnn.inspection._displays._drawing import (
    GREY,
    PALETTE,
    grid_of,
    is_leftmost,
    is_lowest,
    label_places,
    legend_beside,
    panels_of,
    room_for,
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

_KINDS = ("line", "area")
_ABOVE = 0.36
"""Share of a panel that the sequence takes."""
_STRIP = (-0.11, 0.05)
"""Where the true classes stand below the probabilities: begin and height."""


class StepProbabilityDisplay:
    """Class probabilities along sequences, with the true classes below them.

    Make it by :meth:`from_estimator` or :meth:`from_predictions`. Each sequence has a panel. Of a
    :class:`~sklearn_rnn.StepClassifier` it shows the probabilities of each step's label; of an
    :class:`~sklearn_rnn.RNNClassifier` those of the one label of the sequence, from what came until
    each step.

    Parameters
    ----------
    probabilities : list of ndarray of shape (n_steps, n_classes)
        Of each sequence.
    classes : array-like of shape (n_classes,)
    y_true : list of array-like of shape (n_steps,) or None, default=None
        The true class at each step, None or NaN where it is not known.
    sequences : list or None, default=None
        What was read: of each sequence a list of tokens or an array of shape (n_steps,
        n_channels).
    names : list of str or None, default=None
        Of the sequences.

    Attributes
    ----------
    lines_ : list of dict
        For each sequence the matplotlib lines by class, with ``kind="line"``.
    areas_ : list of dict
        For each sequence the matplotlib areas by class, with ``kind="area"``. All classes without a
        colour of their own together are None.
    strips_ : list
        For each sequence what marks the true classes, a matplotlib collection, or None.
    axes_ : ndarray of shape (n_panels,), of matplotlib Axes
    ax_ : matplotlib Axes
        The first of them.
    sequence_axes_ : list of matplotlib Axes
        Where the sequences stand, above each panel, with ``show_sequence=True``.
    figure_ : matplotlib Figure

    See Also
    --------
    sklearn_rnn.RNNClassifier.predict_proba_steps : The probabilities after each step.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import StepClassifier
    >>> from sklearn_rnn.inspection import StepProbabilityDisplay
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=n) for n in rng.integers(5, 20, size=40)]
    >>> y = [np.where(np.diff(x, prepend=x[0]) > 0, "up", "down") for x in X]
    >>> model = StepClassifier(hidden_size=8, max_epochs=3, random_state=0).fit(X, y)
    >>> display = StepProbabilityDisplay.from_estimator(model, X, y, rows=[0, 3], kind="area")
    >>> len(display.axes_), list(display.areas_[0])
    (2, ['down', 'up'])
    """

    def __init__(
        self,
        probabilities: Sequence[np.ndarray],
        classes: ArrayLike,
        *,
        y_true: Sequence[ArrayLike] | None = None,
        sequences: Sequence[Any] | None = None,
        names: Sequence[str] | None = None,
    ) -> None:
        self.probabilities = probabilities
        self.classes = classes
        self.y_true = y_true
        self.sequences = sequences
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
        kind: str = "line",
        classes: ArrayLike | None = None,
        show_sequence: bool = False,
    ) -> Self:
        """Draw the probabilities that an estimator gives.

        Parameters
        ----------
        estimator : fitted StepClassifier or RNNClassifier
            Or a pipeline that ends in one, or a search for one.
        X : sequences of n_samples
        y : as in fit, optional
            The true label of each step, or of each sequence.
        rows : int, list of int or None, default=None
            Which samples to show; None for all.
        names : list of str or None, default=None
            Of the samples that are shown.
        ax, kind, classes, show_sequence
            As of :meth:`plot`.

        Returns
        -------
        StepProbabilityDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
        TypeError
            If the estimator gives no probabilities at each step.
        ValueError
            If there is no such row, lengths of X and y differ, or as :meth:`plot`.
        """
        network = network_of(estimator)
        per_step = getattr(network, "predict_proba_steps", None)
        if per_step is None and isinstance(network, BaseStep):
            per_step = getattr(network, "predict_proba", None)
        if per_step is None:
            raise TypeError(
                f"{cls.__name__} needs a StepClassifier or an RNNClassifier, which give "
                f"probabilities at each step. Got {type(network).__name__} instead."
            )
        places, (X, y) = chosen(rows, X, y, owner=cls.__name__, a_panel_each=ax is None)
        X = as_read_by_network(estimator, X)
        probabilities = list(per_step(X))
        y_true: list[np.ndarray] | None = None
        if y is not None and hasattr(network, "predict_proba_steps"):
            labels = np.asarray(y, dtype=object)
            y_true = [np.full(len(p), c) for p, c in zip(probabilities, labels, strict=True)]
        elif y is not None:
            y_true = answers_of(y, len(places), type(network).__name__, texts=False)
        sequences = [s.values if s.tokens is None else s.tokens for s in steps_of(network, X)]
        if names is None and len(places) > 1:
            names = row_names(places)
        display = cls(
            probabilities, network.classes_, y_true=y_true, sequences=sequences, names=names
        )
        return display.plot(ax=ax, kind=kind, classes=classes, show_sequence=show_sequence)

    @classmethod
    def from_predictions(
        cls,
        probabilities: Sequence[ArrayLike] | np.ndarray,
        classes: ArrayLike,
        y_true: Sequence[ArrayLike] | None = None,
        *,
        sequences: Sequence[Any] | None = None,
        names: Sequence[str] | None = None,
        ax: Any = None,
        kind: str = "line",
        show_classes: ArrayLike | None = None,
        show_sequence: bool = False,
    ) -> Self:
        """Draw probabilities that are known.

        Parameters
        ----------
        probabilities : list of array-like of shape (n_steps, n_classes)
            Of each sequence; or one array of shape (n_samples, n_steps, n_classes), or of one
            sequence alone (n_steps, n_classes).
        classes : array-like of shape (n_classes,)
        y_true, sequences, names
            As of the class.
        ax, kind, show_sequence
            As of :meth:`plot`.
        show_classes
            The ``classes`` of :meth:`plot`.

        Returns
        -------
        StepProbabilityDisplay

        Raises
        ------
        ValueError
            As :meth:`plot`.
        """
        if isinstance(probabilities, np.ndarray) and probabilities.dtype != object:
            if probabilities.ndim == 2:
                probabilities = probabilities[None]
        of_rows = [np.asarray(p, dtype=float) for p in probabilities]
        if names is None and len(of_rows) > 1:
            names = row_names(range(len(of_rows)))
        display = cls(of_rows, classes, y_true=y_true, sequences=sequences, names=names)
        return display.plot(ax=ax, kind=kind, classes=show_classes, show_sequence=show_sequence)

    def plot(
        self,
        ax: Any = None,
        *,
        kind: str = "line",
        classes: ArrayLike | None = None,
        show_sequence: bool = False,
        line_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, array of them or None, default=None
            Where to draw, one Axes a sequence. None makes a figure.
        kind : {"line", "area"}, default="line"
            A line for each class, or areas that add up to 1.
        classes : array-like or None, default=None
            Which classes have a colour of their own. None takes the 8 that
            are most probable over all. The others are thin and grey, or one grey area.
        show_sequence : bool, default=False
            Whether the channels of the sequence are drawn above. Tokens stand at their steps
            either way.
        line_kw : dict or None, default=None
            Passed to ``matplotlib.axes.Axes.plot``, or to ``stackplot`` with ``kind="area"``.

        Returns
        -------
        self

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If kind or a class is unknown, shapes do not fit, there are too many panels, or not as
            many Axes as panels.
        """
        owner = type(self).__name__
        if kind not in _KINDS:
            raise ValueError(
                f"The 'kind' parameter of {owner} must be 'line' or 'area'. Got {kind!r} instead."
                + suggestion(kind, _KINDS)
            )
        if show_sequence and self.sequences is None:
            raise ValueError(
                f"show_sequence=True of {owner} needs the sequences. Pass sequences=..., or make "
                "the display by from_estimator."
            )
        known = list(np.asarray(self.classes).tolist())
        self._check_shapes(known)
        colors = self._colors(known, classes)
        n_steps = max(len(p) for p in self.probabilities)
        channels = self._numeric(0) if show_sequence else None
        is_above = channels is not None and channels.shape[1] > 0
        height = (3.4 if is_above else 2.4) + self._room_for_tokens()
        size = float(np.clip(0.12 * n_steps + 1, 3.4, 9)), height
        n_rows = len(self.probabilities)
        axes = panels_of(owner, ax, n_rows, **grid_of(n_rows, *size))
        self.lines_: list[dict[Any, Any]] = []
        self.areas_: list[dict[Any, Any]] = []
        self.strips_: list[Any] = []
        self.sequence_axes_: list[Any] = []
        for row, on in enumerate(axes):
            draw = self._draw_lines if kind == "line" else self._draw_areas
            draw(on, np.asarray(self.probabilities[row]), known, colors, line_kw or {})
            self._finish(on, row, colors)
            if is_above:
                self._draw_sequence(on, row)
            if is_lowest(on, axes):
                on.set_xlabel("step")
            title_of(on, None if self.names is None else self.names[row])
        legend_beside(axes)
        self.axes_ = axes
        self.ax_ = axes[0]
        self.figure_ = axes[0].figure
        return self

    def _check_shapes(self, known: list[Any]) -> None:
        """Raise ValueError if there are not as many probabilities, labels and tokens as needed."""
        owner = type(self).__name__
        for name in ("y_true", "sequences", "names"):
            others = getattr(self, name)
            if others is not None and len(others) != len(self.probabilities):
                raise ValueError(
                    f"The {name!r} parameter of {owner} must hold one entry a sequence, "
                    f"{len(self.probabilities)} in all. Got {len(others)} instead."
                )
        for row, of_row in enumerate(self.probabilities):
            shape = np.shape(of_row)
            if len(shape) != 2 or shape[1] != len(known):
                raise ValueError(
                    f"Row {row} of the 'probabilities' of {owner} must be of shape (n_steps, "
                    f"{len(known)}), a column a class. Got {shape} instead."
                )
            for name in ("y_true", "sequences"):
                others = getattr(self, name)
                if others is not None and len(others[row]) != shape[0]:
                    raise ValueError(
                        f"Row {row} of {name!r} must hold one entry a step, {shape[0]} in all. "
                        f"Got {len(others[row])} instead."
                    )

    def _colors(self, known: list[Any], classes: ArrayLike | None) -> dict[Any, str]:
        """Return the colour of each class that has one of its own."""
        if classes is None:
            total = np.sum([np.sum(p, axis=0) for p in self.probabilities], axis=0)
            top = np.argsort(-total, kind="stable")[: len(PALETTE)]
            own = [known[i] for i in sorted(top.tolist())]
        else:
            own = np.atleast_1d(np.asarray(classes)).tolist()
            for name in own:
                if name not in known:
                    raise ValueError(
                        f"The classes of {type(self).__name__} must be among "
                        f"{', '.join(map(repr, known[:20]))}{', ...' * (len(known) > 20)}. "
                        f"Got {name!r} instead." + suggestion(name, map(str, known))
                    )
        return {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(own)}

    def _draw_lines(
        self,
        ax: Any,
        of_row: np.ndarray,
        known: list[Any],
        colors: dict[Any, str],
        line_kw: dict[str, Any],
    ) -> None:
        """Draw a line a class, those with a colour above the others."""
        lines = {}
        others = _others(len(known) - len(colors))
        marker = "." if len(of_row) == 1 else ""
        for name in [*colors, *(name for name in known if name not in colors)]:
            own = name in colors
            style = {
                "color": colors.get(name, GREY),
                "linewidth": 1.5 if own else 0.6,
                "zorder": 2.2 if own else 1.9,
                "marker": marker,
                "label": str(name) if own else others,
                **line_kw,
            }
            (lines[name],) = ax.plot(np.arange(len(of_row)), of_row[:, known.index(name)], **style)
        self.lines_.append(lines)

    def _draw_areas(
        self,
        ax: Any,
        of_row: np.ndarray,
        known: list[Any],
        colors: dict[Any, str],
        line_kw: dict[str, Any],
    ) -> None:
        """Stack the classes; a step reaches from half a step before it to half a step behind."""
        shares = {name: of_row[:, known.index(name)] for name in colors}
        names = [str(name) for name in colors]
        if len(colors) < len(known):
            others = [i for i, name in enumerate(known) if name not in colors]
            shares[None] = of_row[:, others].sum(axis=1)
            names.append(_others(len(others)))
        edges = np.arange(len(of_row) + 1) - 0.5
        heights = [np.append(share, share[-1:]) for share in shares.values()]
        style = {"colors": [*colors.values(), GREY], "step": "post", "linewidth": 0, **line_kw}
        areas = ax.stackplot(edges, heights, labels=names, **style)
        self.areas_.append(dict(zip(shares, areas, strict=True)))

    def _finish(self, ax: Any, row: int, colors: dict[Any, str]) -> None:
        """Mark the true classes, and label the axes."""
        n_steps = len(self.probabilities[row])
        strip = None
        if self.y_true is not None:
            truth = np.asarray(self.y_true[row], dtype=object)
            runs = _runs(truth)
            strip = ax.broken_barh(
                [(begin - 0.5, end - begin) for begin, end in runs],
                _STRIP,
                facecolors=[colors.get(truth[begin], GREY) for begin, _ in runs],
            )
        self.strips_.append(strip)
        low = -0.02 if strip is None else _STRIP[0] - 0.03
        ax.set(xlim=(-0.5, max(n_steps, 1) - 0.5), ylim=(low, 1.02))
        ticks, labels = [0, 0.5, 1], ["0", "0.5", "1"]
        if strip is not None:
            ticks, labels = [_STRIP[0] + _STRIP[1] / 2, *ticks], ["true", *labels]
        ax.set_yticks(ticks, labels)
        if is_leftmost(ax):
            ax.set_ylabel("probability")
        tokens = None
        if self.sequences is not None and self._numeric(row) is None:
            tokens = visible(self.sequences[row])
        label_places(ax.xaxis, tokens, n_steps, upright=True)

    def _numeric(self, row: int) -> np.ndarray | None:
        """Return the channels of a sequence, None for tokens."""
        assert self.sequences is not None
        sequence = self.sequences[row]
        if isinstance(sequence, np.ndarray) and sequence.dtype.kind in "fiub":
            return sequence if sequence.ndim == 2 else sequence[:, None]
        return None

    def _room_for_tokens(self) -> float:
        if self.sequences is None:
            return 0.0
        rows = [row for row in range(len(self.sequences)) if self._numeric(row) is None]
        return max((room_for(self.sequences[row]) for row in rows), default=0.0)

    def _draw_sequence(self, ax: Any, row: int) -> None:
        """Draw the channels in the upper part of a panel, whatever it stands in."""
        from matplotlib.ticker import MaxNLocator

        channels = self._numeric(row)
        assert channels is not None
        low, high = ax.get_ylim()
        ax.set_ylim(low, low + (high - low) / (1 - _ABOVE))
        above = ax.inset_axes([0, 1 - _ABOVE, 1, _ABOVE], sharex=ax)
        above.plot(np.arange(len(channels)), channels, color="0.35", linewidth=0.9, alpha=0.7)
        above.yaxis.set_major_locator(MaxNLocator(3, prune="lower"))
        above.tick_params(bottom=False, labelbottom=False, labelsize="small")
        if is_leftmost(ax):
            ax.set_ylabel("probability", y=(1 - _ABOVE) / 2)
            above.set_ylabel("channels" if channels.shape[1] > 1 else "value")
        self.sequence_axes_.append(above)


def _others(n: int) -> str:
    return f"{n} other" + "s" * (n > 1)


def _runs(labels: np.ndarray) -> list[tuple[int, int]]:
    """Return begin and end of each stretch of one label; steps without a label are in none."""
    runs: list[tuple[int, int]] = []
    for place, label in enumerate(labels.tolist()):
        if label is None or label != label:
            continue
        if runs and runs[-1][1] == place and labels[place - 1] == label:
            runs[-1] = runs[-1][0], place + 1
        else:
            runs.append((place, place + 1))
    return runs
