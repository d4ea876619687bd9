"""Tokens as running text, each on a ground of the colour of its number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sklearn_rnn.inspection._displays._drawing import visible

LINE = 72
"""Characters a line."""
_LINE_HEIGHT = 0.27  # inches
_ADVANCE = 0.602  # of the monospaced font, in its size


def lines_of(tokens: Sequence[str]) -> list[tuple[int, int, int]]:
    """Return the line, the begin and the width of each token, in characters.

    Characters stand side by side, words with a space between them; a token wider than a line is cut
    in the picture.
    """
    widths = np.minimum([max(len(token), 1) for token in map(str, tokens)], LINE)
    gap = 0 if (widths == 1).all() else 1
    line = begin = 0
    places = []
    for width in widths.tolist():
        if begin + width > LINE and begin:
            line, begin = line + 1, 0
        places.append((line, begin, width))
        begin += width + gap
    return places


def height_of(tokens: Sequence[str]) -> float:
    """Return how many inches a panel of these tokens needs."""
    return _LINE_HEIGHT * (lines_of(tokens)[-1][0] + 1) + 0.35


def draw_tokens(ax: Any, tokens: Sequence[str], colors: np.ndarray) -> list[Any]:
    """Write tokens.

    Parameters
    ----------
    ax : matplotlib Axes
    tokens : list of str
    colors : ndarray of shape (n_tokens, 4)
        Of the ground of each.

    Returns
    -------
    list of matplotlib Rectangle
        The ground of each.
    """
    from matplotlib.patches import Rectangle

    places = lines_of(tokens)
    n_lines = places[-1][0] + 1
    ax.set(xlim=(0, LINE), ylim=(n_lines, 0))
    ax.set_axis_off()
    box = ax.get_window_extent()  # before a layout engine makes room for title and colour bar
    points = 72 / ax.figure.dpi
    size = min(0.85 * box.width * points / LINE / _ADVANCE, 0.75 * box.height * points / n_lines)
    luminance = colors[:, :3] @ [0.299, 0.587, 0.114]
    grounds = []
    for token, (line, begin, width), color, light in zip(
        visible(tokens, space=" "), places, colors, luminance, strict=True
    ):
        ground = Rectangle((begin, line + 0.06), width, 0.88, facecolor=color, linewidth=0)
        grounds.append(ax.add_patch(ground))
        ax.text(
            begin + width / 2,
            line + 0.5,
            token[:LINE],
            family="monospace",
            fontsize=np.clip(size, 4, 11),
            ha="center",
            va="center_baseline",
            color="black" if light > 0.5 else "white",
            parse_math=False,
        )
    return grounds
