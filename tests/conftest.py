"""Shared data and settings of the tests."""

import os

os.environ["SCIPY_ARRAY_API"] = "1"  # before SciPy loads: scikit-learn's array API check needs it

import numpy as np
import pytest


def make_sequences(n_samples=24, n_channels=3, low=2, high=9, seed=0):
    """Return sequences whose first channel drifts up or down, and the direction as a label."""
    rng = np.random.default_rng(seed)
    y = np.arange(n_samples) % 2
    X = []
    for label in y:
        sequence = rng.normal(size=(rng.integers(low, high + 1), n_channels)).astype(np.float32)
        sequence[:, 0] += (2 * label - 1) * np.linspace(0.5, 1.5, len(sequence))
        X.append(sequence)
    return X, y


@pytest.fixture
def sequences():
    """24 sequences of 2 to 9 steps and 3 channels, and labels 0 and 1."""
    return make_sequences()


@pytest.fixture(scope="session")
def postgresql_url():
    """The URL of a database in a PostgreSQL server that runs as long as the tests."""
    from tests.postgresql import running_postgresql

    with running_postgresql() as url:
        yield url
