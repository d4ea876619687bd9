"""Tokens as running text, each on a ground of the colour of its number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sklearn_rnn.inspection._displays._drawing import panels_of, visible

LINE = 72
"""Characters a line."""
_LINE_HEIGHT, _CHARACTER_WIDTH = 0.27, 0.125  # inches
_ADVANCE = 0.602  # of the monospaced font, in its size


def lines_of(tokens: Sequence[str]) -> list[tuple[int, int, int]]:
    """Return the line, the begin and the width of each token, in characters.

    Characters stand side by side, words with a space between them; a token wider than a line is cut
    in the picture.
    """
    if not len(tokens):
        return []
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


def panels_of_texts(owner: str, ax: Any, texts: Sequence[Sequence[str]]) -> np.ndarray:
    """Return one Axes a text, below each other and as high as their lines need."""
    heights = [_LINE_HEIGHT * _n_lines(lines_of(text)) + 0.35 for text in texts]
    height = max(sum(heights), 1.8) / len(heights)
    return panels_of(
        owner, ax, len(texts), size=(_CHARACTER_WIDTH * LINE, height), height_ratios=heights
    )


def _n_lines(places: list[tuple[int, int, int]]) -> int:
    return places[-1][0] + 1 if places else 1


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
    n_lines = _n_lines(places)
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
