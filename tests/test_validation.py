"""The held-out split: seeded, stratified, never through a group."""

import numpy as np
import pytest

from sklearn_rnn.training.validation import holdout


def test_holdout_keeps_the_shares_of_the_classes():
    strata = np.repeat([0, 1, 2], [60, 30, 10])
    held_out = holdout(0.2, 0, np.arange(100), strata)
    assert np.bincount(strata[held_out]).tolist() == [12, 6, 2]
    np.testing.assert_array_equal(held_out, holdout(0.2, 0, np.arange(100), strata))
    assert (held_out != holdout(0.2, 1, np.arange(100), strata)).any()


def test_holdout_keeps_a_class_of_one_row_in_training():
    strata = np.append(np.repeat([0, 1], 20), 2)
    assert not holdout(0.2, 0, np.arange(41), strata)[-1]


def test_holdout_of_few_rows_has_one_of_each_class():
    strata = np.arange(24) % 4
    assert sorted(strata[holdout(0.1, 0, np.arange(24), strata)]) == [0, 1, 2, 3]


@pytest.mark.parametrize("strata", [None, np.arange(100) // 5 % 2])
def test_holdout_splits_no_group(strata):
    groups = np.arange(100) // 5
    held_out = holdout(0.2, 0, groups, strata)
    assert held_out.sum() == 20
    assert not set(groups[held_out]) & set(groups[~held_out])


@pytest.mark.parametrize("fraction", [0.1, 0.3, 0.4, 0.9])
def test_holdout_meets_the_fraction_as_far_as_groups_allow(fraction):
    groups, strata = np.arange(240) // 3, np.arange(240) % 2
    assert abs(holdout(fraction, 0, groups, strata).mean() - fraction) < 0.02
    assert abs(holdout(fraction, 0, np.arange(240), strata).mean() - fraction) < 0.01


def test_holdout_of_few_groups_takes_one_at_least():
    groups, strata = np.arange(24) // 3, np.arange(24) // 3 % 2
    held_out = holdout(0.1, 0, groups, strata)
    assert held_out.sum() == 3


@pytest.mark.parametrize("seed", range(20))
def test_holdout_never_takes_the_last_group_of_a_class(seed):
    groups = np.arange(40) // 4
    strata = np.where(groups == 7, 1, 0)
    assert not holdout(0.4, seed, groups, strata)[groups == 7].any()
