"""What the tests of displays share."""

import matplotlib as mpl

mpl.use("agg")

import numpy as np

SMALL = {"hidden_size": 4, "max_epochs": 3, "random_state": 0}


def ragged(n_samples=20, n_channels=2, seed=0):
    """Return sequences of 2 to 8 steps."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(n, n_channels)) for n in rng.integers(2, 9, size=n_samples)]


X = ragged()
Y = np.array(["low", "mid", "top"])[np.arange(20) % 3]
STEP_Y = [np.where(x[:, 0] > 0, "up", "down").astype(object) for x in X]


def legend_of(display):
    """Return the texts of the only legend."""
    (legend,) = [ax.get_legend() for ax in display.axes_ if ax.get_legend()]
    return [text.get_text() for text in legend.get_texts()]


def draw(display):
    """Render, where warnings are errors."""
    display.figure_.canvas.draw()


def assert_line_is(line, x, y):
    """Compare the points of a line."""
    np.testing.assert_array_equal(line.get_xdata(), x)
    np.testing.assert_array_equal(line.get_ydata(), y)
