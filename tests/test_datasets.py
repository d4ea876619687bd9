"""Tests of the data sets that come with the package."""

from pathlib import Path

import numpy as np
import pytest

from sklearn_rnn.datasets import load_japanese_vowels, load_rated_tweets

COUNTS = {
    "train": [30] * 9,
    "test": [31, 35, 88, 44, 29, 24, 40, 50, 29],
    "all": [61, 65, 118, 74, 59, 54, 70, 80, 59],
}


@pytest.mark.parametrize("split", COUNTS)
def test_japanese_vowels_has_the_published_counts(split):
    X, y = load_japanese_vowels(return_X_y=True, split=split)
    assert X.shape == y.shape == (sum(COUNTS[split]),)
    assert X.dtype == object
    assert y.dtype == np.int64
    np.testing.assert_array_equal(np.bincount(y)[1:], COUNTS[split])
    assert {x.ndim for x in X} == {2}
    assert {x.shape[1] for x in X} == {12}
    assert {x.dtype for x in X} == {np.dtype(np.float32)}


def test_japanese_vowels_lengths_run_from_7_to_29():
    X, _ = load_japanese_vowels(return_X_y=True)
    lengths = [len(x) for x in X]
    assert (min(lengths), max(lengths)) == (7, 29)
    assert lengths[:3] == [20, 26, 22]
    assert sum(lengths) == 9961


def test_japanese_vowels_holds_the_numbers_of_the_source():
    X, _ = load_japanese_vowels(return_X_y=True)
    first = "1.860936 -0.207383 0.261557 -0.214562 -0.171253 -0.118167 "
    first += "-0.277557 0.025668 0.126701 -0.306756 -0.213076 0.088728"
    last = "1.177449 -0.40408 0.052026 -0.284812 0.42984 -0.203484 "
    last += "-0.072393 -0.080955 -0.244424 -0.001849 -0.016634 0.224688"
    np.testing.assert_array_equal(X[0][0], np.array(first.split(), dtype=np.float32))
    np.testing.assert_array_equal(X[-1][-1], np.array(last.split(), dtype=np.float32))


@pytest.mark.parametrize("split", ["train", "test"])
def test_japanese_vowels_equals_the_copy_in_aeon(split):
    import aeon.datasets

    folder = Path(aeon.datasets.__file__).parent / "data" / "JapaneseVowels"
    expected_X, expected_y = aeon.datasets.load_from_ts_file(
        folder / f"JapaneseVowels_{split.upper()}.ts"
    )
    X, y = load_japanese_vowels(return_X_y=True, split=split)
    np.testing.assert_array_equal(y, expected_y.astype(int))
    assert len(X) == len(expected_X)
    for sequence, expected in zip(X, expected_X, strict=True):
        np.testing.assert_array_equal(sequence, expected.T.astype(np.float32))


def test_japanese_vowels_splits_join_to_all():
    X, y = load_japanese_vowels(return_X_y=True)
    X_train, y_train = load_japanese_vowels(return_X_y=True, split="train")
    X_test, y_test = load_japanese_vowels(return_X_y=True, split="test")
    np.testing.assert_array_equal(y, np.concatenate([y_train, y_test]))
    for sequence, expected in zip(X, [*X_train, *X_test], strict=True):
        np.testing.assert_array_equal(sequence, expected)


def test_japanese_vowels_bunch_names_everything():
    bunch = load_japanese_vowels(split="test")
    X, y = load_japanese_vowels(return_X_y=True, split="test")
    np.testing.assert_array_equal(bunch.data[5], X[5])
    np.testing.assert_array_equal(bunch.target, y)
    assert bunch.target_names == [f"speaker_{i}" for i in range(1, 10)]
    assert bunch.feature_names == [f"cepstrum_{i}" for i in range(1, 13)]
    assert "CC BY 4.0" in bunch.DESCR
    assert "10.24432/C5NS47" in bunch.DESCR


def test_japanese_vowels_can_be_written_to_without_changing_the_next_call():
    first, _ = load_japanese_vowels(return_X_y=True)
    first[0][:] = 0
    assert first[1].any()
    again, _ = load_japanese_vowels(return_X_y=True)
    assert again[0].any()


@pytest.mark.parametrize("split", ["tset", "", None, ["train"]])
def test_japanese_vowels_rejects_an_unknown_split(split):
    with pytest.raises(
        ValueError, match=r"The 'split' parameter .* 'all', 'train' or 'test'\. Got"
    ):
        load_japanese_vowels(split=split)


def test_rated_tweets_are_those_of_the_source():
    X, y = load_rated_tweets(return_X_y=True)
    assert X.shape == y.shape == (4200,)
    assert (X[0][:31], y[0]) == ("Somehow I was blessed with some", 2.726315789)
    assert (X[-1], y[-1]) == ("Execute like lightning not like wind", 0.2)
    assert (y.min(), y.max()) == (-3.75, 3.55)
    n_words = [len(text.split()) for text in X]
    assert (min(n_words), max(n_words)) == (1, 32)


def test_rated_tweets_bunch_tells_source_and_licence():
    bunch = load_rated_tweets()
    assert len(bunch.data) == len(bunch.target) == 4200
    assert "MIT License" in bunch.DESCR
    assert "Hutto" in bunch.DESCR
