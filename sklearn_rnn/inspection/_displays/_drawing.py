"""What the displays share in drawing: panels, colours, legends and ticks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

PALETTE = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#E69F00",
    "#000000",
    "#F0E442",
)
"""Colours that people see apart whatever their colour vision (Okabe and Ito 2008)."""
GREY = "0.7"

MAX_PANELS = 64
"""No picture is cut into more: they would be too small to read, and slow to draw."""

_FIGURE_WIDTH = 11.5  # inches
_MAX_TICKS = 40


def pyplot_of(owner: str) -> Any:
    """Return matplotlib's pyplot, or say how to install it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{owner} draws with matplotlib, which is not installed. Install it with "
            "'pip install sklearn-rnn[plot]'."
        ) from error
    return plt


def panels_of(
    owner: str,
    ax: Any,
    n_panels: int,
    *,
    size: tuple[float, float],
    n_columns: int = 1,
    **subplots: Any,
) -> np.ndarray:
    """Return the Axes to draw on, one a panel.

    Parameters
    ----------
    owner : str
        Class name of the display, for messages.
    ax : Axes, array-like of Axes or None
        What the user passed. None makes a figure.
    n_panels : int
    size : (float, float)
        Width and height of a panel in a new figure, in inches.
    n_columns : int, default=1
        Panels side by side in a new figure.
    **subplots
        Of ``matplotlib.pyplot.subplots``, for a new figure.

    Returns
    -------
    ndarray of shape (n_panels,), of Axes

    Raises
    ------
    ValueError
        If there are too many panels, or not as many Axes as panels.
    """
    plt = pyplot_of(owner)
    if ax is not None:
        axes = np.array([ax], dtype=object) if hasattr(ax, "plot") else np.asarray(ax, object)
        if axes.size != n_panels:
            raise ValueError(
                f"The 'ax' parameter of {owner} must hold one Axes a panel, {n_panels} in all. "
                f"Got {axes.size} instead. Pass an array of {n_panels}, or choose what is shown."
            )
        return axes.ravel()
    check_few(n_panels, owner)
    n_columns = min(n_columns, n_panels)
    n_rows = -(-n_panels // n_columns)
    _, axes = plt.subplots(
        n_rows,
        n_columns,
        figsize=(size[0] * n_columns, size[1] * n_rows),
        squeeze=False,
        layout="constrained",
        **subplots,
    )
    for unused in axes.ravel()[n_panels:]:
        unused.remove()
    return axes.ravel()[:n_panels]


def check_few(n_panels: int, owner: str) -> None:
    """Raise ValueError if there are more panels than a picture has room for."""
    if n_panels > MAX_PANELS:
        raise ValueError(
            f"{owner} has {n_panels} panels to draw, more than {MAX_PANELS}. Choose some: "
            "pass rows=[...], or fewer samples."
        )


def grid_of(n_panels: int, width: float, height: float) -> dict[str, Any]:
    """Return the size of panels and how many stand side by side; many are drawn smaller."""
    if n_panels > 12:
        width, height = 0.75 * width, 0.75 * height
    return {"size": (width, height), "n_columns": max(int(_FIGURE_WIDTH // width), 1)}


def is_leftmost(ax: Any) -> bool:
    """Tell whether no panel of the same grid stands to the left."""
    place = ax.get_subplotspec()
    return place is None or place.is_first_col()


def is_lowest(ax: Any, axes: np.ndarray) -> bool:
    """Tell whether no panel of the same grid stands below."""
    place = ax.get_subplotspec()
    others = [other.get_subplotspec() for other in axes]
    return place is None or not any(
        other.rowspan.start > place.rowspan.start
        for other in others
        if other is not None and other.colspan.start == place.colspan.start
    )


def free_colors(ax: Any, n: int) -> list[str]:
    """Return n colours, first those that no line of these Axes has."""
    from matplotlib.colors import to_hex

    used = {to_hex(line.get_color()).upper() for line in ax.get_lines()}
    free = [color for color in PALETTE if color not in used] or list(PALETTE)
    return [free[i % len(free)] for i in range(n)]


def legend_beside(axes: np.ndarray) -> None:
    """Put a legend of what the panels show outside of them, once for all.

    It stands right of the panel in the upper right corner where a layout engine makes room for it,
    and inside that panel where there is none.
    """

    def place(ax: Any) -> tuple[float, float]:
        box = ax.get_position()
        return round(box.y1, 3), box.x1

    corner = max(axes, key=place)
    entries: dict[str, Any] = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    if not entries:
        return
    beside: dict[str, Any] = {}
    if corner.figure.get_layout_engine() is not None:
        beside = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0), "borderaxespad": 0.0}
    legend = corner.legend(list(entries.values()), list(entries), frameon=False, **beside)
    for text in legend.get_texts():
        text.set_parse_math(False)


def label_places(axis: Any, labels: Sequence[str] | None, n: int, *, upright: bool = False) -> None:
    """Put texts, or numbers where there are none, at places 0 to n - 1 of an axis.

    Where there are many, only each second, third, ... is written.
    """
    from matplotlib.ticker import MaxNLocator

    if labels is None or n == 0:
        axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, nbins="auto"))
        return
    texts = list(labels)
    every = -(-n // _MAX_TICKS)
    turned = {"rotation": 90} if upright and max(map(len, texts), default=0) > 2 else {}
    axis.set_ticks(
        range(0, n, every), labels=texts[::every], parse_math=False, fontsize="small", **turned
    )
    axis.set_tick_params(length=0)


def room_for(labels: Iterable[Any] | None) -> float:
    """Return how many inches the longest of some texts needs beside a panel, 2 at most."""
    longest = max((len(str(label)) for label in labels or []), default=0)
    return min(0.07 * longest, 2.0)


def visible(tokens: Iterable[Any] | None, *, space: str = "\u2423") -> Any:
    """Return tokens as texts in which line breaks and the like can be seen; None for None."""
    if tokens is None:
        return None
    signs = {"\n": "\u21b5", "\t": "\u21e5", "\r": "\u240d", " ": space}
    return ["".join(signs.get(c, c) for c in str(token)) for token in tokens]


def title_of(ax: Any, text: str | None, *, loc: str = "center") -> None:
    """Write above a panel, if there is anything to write."""
    if text:
        ax.set_title(text, loc=loc, fontsize="medium", parse_math=False)


def shades_of(owner: str, vmin: float, vmax: float, cmap: Any) -> Any:
    """Return what turns numbers into colours."""
    pyplot_of(owner)
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    return ScalarMappable(Normalize(vmin, vmax), cmap)


def bar_beside(axes: np.ndarray, shades: Any, label: str) -> None:
    """Put a bar that explains the colours beside all panels."""
    of = axes[0] if len(axes) == 1 else list(axes)  # alone, tight layout knows how to make room
    axes[0].figure.colorbar(shades, ax=of, label=label, fraction=0.06, pad=0.02, aspect=25)
