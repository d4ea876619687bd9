"""What in the figures of sequences may do harm, in plain words, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from sklearn_rnn.data.inputs import Inputs
from sklearn_rnn.inspection._target_table import TargetFigures

LONG = 1000
"""Steps beyond which gradients hardly reach."""

SHOWN = 5
"""Names in one sentence."""


def concerns(
    description: Any,
    inputs: Inputs,
    target: TargetFigures | None,
    test_target: TargetFigures | None,
    contradictory: np.ndarray,
    shifts: dict[str, float],
) -> Iterator[str]:
    """Yield a sentence for each.

    Parameters
    ----------
    description : SequenceDescription
        All figures.
    inputs : Inputs
    target, test_target : TargetFigures or None
    contradictory : ndarray of int
        Rows of equal sequences with different y, for an example.
    shifts : dict
        By how many standard deviations the mean of each channel differs in the test.
    """
    yield from _of_duplicates(description, contradictory)
    yield from _of_lengths(description)
    yield from _of_channels(description.channels, inputs, "Channel")
    yield from _of_channels(description.static, inputs, "Column")
    for table in (description.categories, description.static_categories):
        yield from _of_categories(table)
    if target is not None:
        yield from _of_target(target)
    if description.test is not None:
        yield from _of_test(description, target, test_target, shifts)


def _of_duplicates(description: Any, contradictory: np.ndarray) -> Iterator[str]:
    if description.n_contradictory:
        rows = " and ".join(map(str, contradictory[:2].tolist()))
        yield (
            f"{description.n_contradictory:,} sequence(s) stand there with different y, as rows "
            f"{rows}. No model can be right on all of them: look for what tells them apart, or "
            "for wrong labels."
        )
    n = description.n_duplicates
    if n > 0.01 * description.n_sequences and n > 1:
        yield (
            f"{n:,} sequences ({n / description.n_sequences:.0%}) are equal to an earlier one. "
            "Splits by chance put the same sequence on both sides: pass groups to "
            "cross-validation, or drop them (fit holds out equal sequences together by itself)."
        )


def _of_lengths(description: Any) -> Iterator[str]:
    lengths, n = description.lengths, description.n_sequences
    n_single, n_empty = int(lengths["of one step"]), int(lengths["of no steps"])
    if n_single == n:
        yield (
            "All sequences have one step, so there is nothing to recur over. An estimator for "
            "tables does as well; or pass the steps of one id as one sequence "
            "(preprocessing.to_sequences)."
        )
    elif n_single > 0.2 * n:
        yield (
            f"{n_single:,} sequences ({n_single / n:.0%}) have a single step. Is that all that is "
            "known of them?"
        )
    if n_empty:
        yield (
            f"{n_empty:,} sequence(s) have no steps. A learned vector stands for them; the columns "
            "beside them are all that tells them apart."
        )
    longest, median = lengths["longest"], max(lengths["median"], 1)
    if longest > LONG:
        yield (
            f"The longest sequence has {longest:,.0f} steps. Gradients hardly reach over so many: "
            "cut by preprocessing.sliding_windows, let stem='conv' shorten raw signals, or set "
            "bptt_steps, which also saves memory."
        )
    elif longest > 10 * median:
        yield (
            f"The longest sequence has {longest:,.0f} steps, half of them {median:,.0f} or fewer. "
            "Batches of like length keep padding small; look whether the long ones are what they "
            "should be."
        )


def _of_channels(table: pd.DataFrame, inputs: Inputs, what: str) -> Iterator[str]:
    if len(table) == 0:
        return
    constant = table.index[(table["std"] == 0)].tolist()
    if constant:
        yield f"{_called(what, constant)}: always the same number. Leave out."
    lacking = table.index[table["missing"] == 1].tolist()
    if lacking:
        yield f"{_called(what, lacking)}: no number at all. Leave out."
    sparse = table[(table["missing"] > 0.5) & (table["missing"] < 1)]
    if len(sparse):
        shares = [f"{name} ({share:.0%})" for name, share in sparse["missing"].items()]
        yield (
            f"{_called(what, shares)}: missing in most steps. What is missing is read as the "
            "mean beside a mark; carrying the last number forward may tell more."
        )
    extreme = table[table["n_extreme"] > 0]
    for name, row in extreme.head(SHOWN).iterrows():
        yield (
            f"{_called(what, [name])}: {row['n_extreme']:,.0f} number(s) are more than 10 standard "
            f"deviations from the mean (from {row['min']:.4g} to {row['max']:.4g}, mean "
            f"{row['mean']:.4g}). Look whether they are right; else clip them, or take logarithms."
        )
    if len(extreme) > SHOWN:
        yield f"{len(extreme) - SHOWN} more {what.lower()}(s) have such extreme numbers."
    are_times = [": since the " in str(name) for name in table.index]  # read as logarithms
    spread = table["std"][(table["std"] > 0) & ~np.array(are_times)]
    if len(spread) > 1 and spread.max() > 1000 * spread.min():
        orders = np.log10(spread.max() / spread.min())
        yield (
            f"The spread of {spread.idxmax()} is {orders:.0f} orders of magnitude above that of "
            f"{spread.idxmin()}. Keep standardize=True."
        )
    within = table.index[table["constant_within"] & (table["std"] > 0)].tolist()
    if within and what == "Channel":
        yield (
            f"{_called(what, within)}: the same at all steps of each sequence. In a frame, "
            "a column of single values beside the sequences says the same with less work."
        )
    backwards = [n for n in table.index if str(n).endswith("before") and table["min"][n] < 0]
    if backwards:
        yield f"{_listed(backwards)}: time goes backwards at some steps. Sort the steps by time."


def _of_categories(table: pd.DataFrame) -> Iterator[str]:
    for name, row in table.iterrows():
        n, once = int(row["n_categories"]), int(row["n_once"])
        if n <= 1:
            yield f"{name}: {n or 'no'} category in all. Leave it out."
        elif once > 0.5 * n and n > 20:
            yield (
                f"{name}: {once:,} of {n:,} categories are met once. Little can be learned of "
                "them: set min_frequency=2 or more, or group them. If they are numbers or ids, "
                "pass numbers, or leave ids out."
            )
        if row["missing"] > 0.5:
            yield f"{name}: missing in {row['missing']:.0%} of the steps."


def _of_target(target: TargetFigures) -> Iterator[str]:
    n_missing = int(target.missing.sum())
    if n_missing:
        share = n_missing / len(target.missing)
        repair = (
            "Such rows must be dropped."
            if target.lengths is None
            else "Estimators that answer at each step leave them out."
        )
        yield f"{n_missing:,} entries of y ({share:.0%}) are missing. {repair}"
    table = target.table
    if target.are_labels:
        if len(table) < 2:
            yield "y has a single label. There is nothing to tell apart."
            return
        alone = table.index[table["n"] == 1].tolist()
        if alone:
            yield (
                f"{_called('Label', alone)}: a single entry, which can't be both learned and "
                "judged by. Collect more, or join with others."
            )
        if table["share"].min() * len(table) < 0.2:
            rarest = table.iloc[-1]
            yield (
                f"Labels are uneven: {table.index[0]!r} has {table['share'].iloc[0]:.0%} of the "
                f"entries, {table.index[-1]!r} {rarest['n']:,.0f} in all. Judge by balanced "
                "accuracy or F1 beside accuracy (always saying the first would be right in "
                f"{table['share'].iloc[0]:.0%}), and try class_weight='balanced'."
            )
        return
    for output, row in table.iterrows():
        name = "y" if len(table) == 1 else f"Output {output} of y"
        if row["std"] == 0:
            yield f"{name} is always {row['mean']:.4g}. There is nothing to learn."
        elif _has_far_numbers(row):
            yield (
                f"{name} reaches from {row['min']:.4g} to {row['max']:.4g} around a mean of "
                f"{row['mean']:.4g}: few entries make most of the squared error. Take logarithms, "
                "as by TransformedTargetRegressor, or clip."
            )


def _has_far_numbers(row: pd.Series) -> bool:
    """Tell whether a number is 20 standard deviations, as of the middle half, from the median."""
    middle = row["75%"] - row["25%"]
    spread = middle / 1.35 if middle else row["std"]
    return max(row["max"] - row["50%"], row["50%"] - row["min"]) > 20 * spread


def _of_test(
    description: Any,
    target: TargetFigures | None,
    test_target: TargetFigures | None,
    shifts: dict[str, float],
) -> Iterator[str]:
    test = description.test
    if test["in X too"]:
        n = int(test["in X too"])
        yield (
            f"{n:,} sequences of X_test ({n / test['sequences']:.0%}) stand in X too. What is "
            "measured on them is memory: take them out of one of the two."
        )
    for name, share in test.items():
        column = str(name).removeprefix("unknown in ")
        if column != name and share > 0.001:
            yield (
                f"{column}: {share:.1%} of the steps of X_test have a category that X lacks; all "
                "of these are read as one, unknown."
            )
    if test["longest"] > 1.5 * description.lengths["longest"]:
        yield (
            f"X_test has sequences of up to {test['longest']:,.0f} steps, X of "
            f"{description.lengths['longest']:,.0f}. What networks do at steps they never came to "
            "is not known."
        )
    shifted = [f"{name} ({by:+.1f})" for name, by in shifts.items() if abs(by) > 0.5]
    if shifted:
        yield (
            f"{_called('Channel', shifted)}: the mean differs in X_test, by so many standard "
            "deviations. Were both collected in the same way?"
        )
    if target is not None and test_target is not None and target.are_labels:
        unknown = sorted(
            set(test_target.entries[~test_target.missing].tolist())
            - set(target.entries[~target.missing].tolist()),
            key=str,
        )
        if unknown:
            yield f"y_test has labels that y lacks: {_listed(unknown)}. They can't be foretold."


def _listed(names: list[Any]) -> str:
    shown = ", ".join(str(name) for name in names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"


def _called(what: str, names: list[Any]) -> str:
    """Begin a sentence with columns, ``Channel 2`` for ``channel 2``."""
    bare = [str(name).removeprefix(f"{what.lower()} ") for name in names]
    return f"{what}{'s' * (len(names) > 1)} {_listed(bare)}"
