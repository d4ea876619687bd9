"""A held-out part of the training rows: seeded, stratified, never splitting a group."""

from __future__ import annotations

import numpy as np


def holdout(
    fraction: float,
    seed: int,
    groups: np.ndarray,
    strata: np.ndarray | None = None,
) -> np.ndarray:
    """Return a mask of the rows to validate on.

    Rows that are alone in their group are drawn class by class, one of each class at least; groups
    of several rows are drawn whole while that brings the classes' shares nearer to the fraction. A
    class always keeps rows to train on.

    Parameters
    ----------
    fraction : float
        Share of the rows.
    seed : int
    groups : ndarray of shape (n_rows,)
        Rows of one group stay on one side.
    strata : ndarray of shape (n_rows,), int, optional
        Classes whose shares both sides keep.

    Raises
    ------
    ValueError
        If no row can be held out.
    """
    rng = np.random.default_rng(seed)
    _, group, size = np.unique(groups, return_inverse=True, return_counts=True)
    if strata is None:
        strata = np.zeros(len(groups), dtype=np.int64)
    alone = size[group] == 1
    mask = np.zeros(len(groups), dtype=bool)
    mask[alone] = _hold_out_rows(fraction, rng, strata[alone])
    mask[~alone] = _hold_out_groups(fraction, rng, strata[~alone], group[~alone])
    if not mask.any():
        mask = _any_group(fraction, rng, strata, group)
    return mask


def _hold_out_rows(fraction: float, rng: np.random.Generator, strata: np.ndarray) -> np.ndarray:
    """Draw a share of each class, all classes in one sort."""
    counts = np.bincount(strata)
    n_held_out = np.clip(np.rint(fraction * counts), 1, np.maximum(counts - 1, 0))
    order = rng.permutation(len(strata))
    order = order[np.argsort(strata[order], kind="stable")]
    rank = np.arange(len(strata)) - (np.cumsum(counts) - counts)[strata[order]]
    mask = np.zeros(len(strata), dtype=bool)
    mask[order] = rank < n_held_out[strata[order]]
    return mask


def _hold_out_groups(
    fraction: float, rng: np.random.Generator, strata: np.ndarray, group: np.ndarray
) -> np.ndarray:
    """Take groups in random order, each if it brings the shares nearer to the fraction."""
    names, counts = _class_counts(strata, group)
    total = counts.sum(axis=0)
    held_out = np.zeros_like(total)
    taken = []
    for place in rng.permutation(len(names)):
        with_it = held_out + counts[place]
        nearer = abs(with_it - fraction * total).sum() < abs(held_out - fraction * total).sum()
        if nearer and (with_it < total)[counts[place] > 0].all():
            held_out = with_it
            taken.append(names[place])
    return np.isin(group, taken)


def _any_group(
    fraction: float, rng: np.random.Generator, strata: np.ndarray, group: np.ndarray
) -> np.ndarray:
    """Take one group that is not the last of a class."""
    names, counts = _class_counts(strata, group)
    spare = (counts < counts.sum(axis=0)) | (counts == 0)
    candidates = names[spare.all(axis=1)]
    if len(candidates) == 0:
        raise ValueError(
            f"Can't hold out validation_fraction={fraction} of {len(group)} training row(s) in "
            f"{len(names)} group(s): each class needs rows to train on, and equal sequences count "
            "as one group. Pass X_val and y_val, more data, or early_stopping=False."
        )
    return group == rng.choice(candidates)


def _class_counts(strata: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the groups' names and how many rows of each class they have."""
    names, place = np.unique(group, return_inverse=True)
    n_classes = int(strata.max(initial=0)) + 1
    counts = np.bincount(place * n_classes + strata, minlength=len(names) * n_classes)
    return names, counts.reshape(len(names), n_classes)
