"""Figures of sequences against pandas and hand counts, and each warning where it is due."""

import time
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from sklearn_rnn.inspection import describe_sequences


def make_data(n_samples=60, n_channels=2, seed=0, low=3, high=12):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(low, high, size=n_samples)
    return [rng.normal(size=(n, n_channels)) for n in lengths], rng


def make_frame(n_samples=50, seed=0):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, 8, size=n_samples)
    start = pd.Timestamp("2024-01-01")
    return pd.DataFrame(
        {
            "x": [rng.normal(size=n).tolist() for n in lengths],
            "w": [rng.choice(list("abcd"), n).tolist() for n in lengths],
            "t": [[start + pd.Timedelta(int(h) ** 2, "h") for h in range(n)] for n in lengths],
            "v": [rng.normal(size=(n, 2)).tolist() for n in lengths],
            "s": [[{"p": float(i), "q": "yn"[i % 2]} for i in range(n)] for n in lengths],
            "age": rng.normal(50, 10, size=n_samples),
            "sex": rng.choice(["m", "f"], n_samples),
        }
    )


def said(report, words):
    return [sentence for sentence in report.warnings if words in sentence]


# -- figures --------------------------------------------------------------------------------------


def test_lengths_are_those_of_the_sequences():
    X, _ = make_data()
    lengths = np.array([len(x) for x in X])
    report = describe_sequences(X)
    assert report.n_sequences == 60
    assert report.n_steps == lengths.sum()
    expected = np.quantile(lengths, [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1])
    assert report.lengths.iloc[:7].tolist() == pytest.approx(expected.tolist())
    assert report.lengths["mean"] == pytest.approx(lengths.mean())
    assert report.lengths["of one step"] == report.lengths["of no steps"] == 0


def test_padding_is_what_stands_behind_the_ends():
    X = [np.zeros((n, 1)) + np.arange(n)[:, None] for n in [1] * 32 + [9] * 32]
    padding = describe_sequences(X).padding
    assert padding["all padded to the longest"] == pytest.approx(32 * 8 / (64 * 9))
    assert padding["batches of like length"] == 0
    assert padding["batches drawn at random"] == pytest.approx(32 * 8 / (64 * 9))


def test_channels_have_the_figures_of_pandas():
    X, _ = make_data(n_channels=3)
    for x in X[::4]:
        x[0, 1] = np.nan
    X[3][1, 2] = 1e5
    table = describe_sequences(X).channels
    steps = pd.DataFrame(np.concatenate(X).astype(np.float32)).astype(float)
    assert table["mean"].tolist() == pytest.approx(steps.mean().tolist())
    assert table["std"].tolist() == pytest.approx(steps.std(ddof=0).tolist())
    assert table["min"].tolist() == steps.min().tolist()
    assert table["max"].tolist() == steps.max().tolist()
    assert table["missing"].tolist() == pytest.approx(steps.isna().mean().tolist())
    assert table["n_extreme"].tolist() == [0, 0, 1]
    assert table.index.tolist() == ["channel 0", "channel 1", "channel 2"]


def test_columns_are_called_by_their_names():
    X = make_frame()
    report = describe_sequences(X)
    assert report.channels.index.tolist() == [
        "x", "t: since the step before", "t: since the first", "v channel 0", "v channel 1", "s.p",
    ]  # fmt: skip
    assert report.categories.index.tolist() == ["w", "s.q"]
    assert report.static.index.tolist() == ["age"]
    assert report.static_categories.index.tolist() == ["sex"]
    assert report.static["mean"]["age"] == pytest.approx(X["age"].mean(), rel=1e-5)


def test_times_are_in_seconds():
    report = describe_sequences(make_frame())
    since = report.channels.loc["t: since the first"]
    assert since["max"] == pytest.approx(36 * 3600, rel=1e-4)
    step = report.channels.loc["t: since the step before"]
    assert step["max"] == pytest.approx(11 * 3600, rel=1e-4)


def test_categories_are_counted():
    X = [["a", "b", "a"], ["a", None], ["c", "b", "a", "a"]]
    table = describe_sequences(pd.Series(X)).categories.iloc[0]
    assert table["missing"] == pytest.approx(1 / 9)
    assert table["n_categories"] == 3
    assert table["n_once"] == 1
    assert table["most_frequent"] == "a"
    assert table["share"] == pytest.approx(5 / 9)


@pytest.mark.parametrize(
    ("y", "kind"),
    [
        (["a", "b", "a"], "labels, one a sequence"),
        ([0, 1, 1], "labels, one a sequence"),
        ([0.5, 1.0, 2.0], "numbers, one a sequence"),
        (np.array([[0.5, 1], [1, 2], [0, 0]]), "numbers, one a sequence"),
        (pd.Series([0.5, 1.0, 2.0]), "numbers, one a sequence"),
        ([["a", "b"], ["a"], ["b", "b", None]], "labels, one a step"),
        ([[0.5, 1.0], [2.0], [1.0, 2.0, np.nan]], "numbers, one a step"),
        ([[0.5, 1.0, 3.0], [2.0], [1.0, 2.0]], "numbers, a sequence for each"),
        ([list("ab"), list("bca"), list("a")], "labels, a sequence for each"),
    ],
)
def test_targets_of_all_kinds_are_told_apart(y, kind):
    report = describe_sequences([[1.0, 2.0], [3.0], [1.0, 0.0, 2.0]], y)
    assert report.target_kind == kind
    assert len(report.target)


def test_one_array_of_an_entry_a_step_is_no_array_of_outputs():
    X = np.random.default_rng(0).normal(size=(5, 4, 2))
    y = np.random.default_rng(1).normal(size=(5, 4))
    assert describe_sequences(X, y).target_kind == "numbers, one a step"
    assert describe_sequences(X, y[:, :2]).target_kind == "numbers, one a sequence"


def test_labels_are_counted_and_numbers_described():
    X, rng = make_data()
    labels = rng.choice(["a", "b", "c"], size=60, p=[0.6, 0.3, 0.1])
    table = describe_sequences(X, labels).target
    expected = pd.Series(labels).value_counts()
    assert table["n"].tolist() == expected.tolist()
    assert table.index.tolist() == expected.index.tolist()
    numbers = rng.normal(size=60)
    table = describe_sequences(X, numbers).target
    assert table.loc[0, "mean"] == pytest.approx(numbers.mean())
    assert table.loc[0, "50%"] == pytest.approx(np.median(numbers))


def test_equal_sequences_are_counted_with_what_stands_beside_them():
    X = [[1.0, 2.0], [1.0, 2.0], [1.0, 2.0, 3.0], [1.0, 2.0], [5.0]]
    report = describe_sequences(X, [0, 0, 1, 1, 0])
    assert report.n_duplicates == 2
    assert report.n_contradictory == 1
    assert said(report, "1 sequence(s) stand there with different y, as rows 0 and 3")
    frame = pd.DataFrame({"x": X, "age": [1.0, 1.0, 1.0, 2.0, 1.0]})
    report = describe_sequences(frame, [0, 0, 1, 1, 0], X_test=frame.iloc[3:])
    assert report.n_duplicates == 1
    assert report.n_contradictory == 0
    assert report.test["in X too"] == 2
    moved = describe_sequences(frame, X_test=frame.assign(age=9.0))
    assert moved.test["in X too"] == 0


def test_equal_sequences_with_other_answers_at_a_step_are_found():
    X = [[1.0, 2.0], [1.0, 2.0], [3.0, 1.0]]
    assert describe_sequences(X, [[0, 1], [0, 1], [1, 1]]).n_contradictory == 0
    assert describe_sequences(X, [[0, 1], [1, 1], [1, 1]]).n_contradictory == 1


# -- warnings -------------------------------------------------------------------------------------


def test_sound_data_has_no_warnings():
    X, rng = make_data()
    test, _ = make_data(seed=1)
    report = describe_sequences(X, rng.integers(2, size=60), X_test=test)
    assert report.warnings == []
    assert "Nothing to look at was found." in str(report)
    assert "Nothing to look at was found." in report._repr_html_()


def spoilt(change):
    """Return sequences changed in place."""
    X, _ = make_data()
    change(X)
    return X


def set_channel(value):
    def change(X):
        for i, x in enumerate(X):
            x[:, 1] = value(i, x)

    return change


@pytest.mark.parametrize(
    ("X", "warning"),
    [
        (spoilt(set_channel(lambda i, x: 3.0)), "Channel 1: always the same number"),
        (spoilt(set_channel(lambda i, x: np.nan)), "Channel 1: no number at all"),
        (
            spoilt(set_channel(lambda i, x: np.where(x[:, 1] > -0.5, np.nan, x[:, 1]))),
            "missing in most steps",
        ),
        (spoilt(set_channel(lambda i, x: x[:, 1] * 1e7)), "7 orders of magnitude above"),
        (spoilt(set_channel(lambda i, x: float(i))), "the same at all steps of each sequence"),
        (
            spoilt(lambda X: X[5].__setitem__((1, 1), 1e6)),
            "Channel 1: 1 number(s) are more than 10 standard",
        ),
        (spoilt(lambda X: X.append(np.ones((1200, 2)))), "longest sequence has 1,200 steps. Grad"),
        (spoilt(lambda X: X.append(np.ones((90, 2)))), "has 90 steps, half of them 7 or fewer"),
        ([[float(i)] for i in range(9)], "All sequences have one step"),
        ([[float(i)] for i in range(9)] + [[1.0, 2.0]] * 9, "9 sequences (50%) have a single step"),
        ([[1.0, 2.0], [3.0, 1.0]] * 9, "16 sequences (89%) are equal to an earlier one"),
        ([[f"w{i}", f"v{i}"] for i in range(30)], "60 of 60 categories are met once"),
        (["aaa", "aa"], "tokens: 1 category in all"),
        (pd.Series([["a", None, None], ["b", None]]), "tokens: missing in 60% of the steps"),
        (
            pd.DataFrame({"x": [[1.0, 2.0], [], [3.0, 5.0]], "age": [1.0, 2.0, 3.0]}),
            "1 sequence(s) have no steps",
        ),
        (
            pd.DataFrame({"x": [[1.0, 2.0], [4.0]], "age": [1.0, 1.0]}),
            "Column age: always the same number",
        ),
        (
            pd.DataFrame({"t": [[pd.Timestamp("2024-01-02"), pd.Timestamp("2024-01-01")]] * 2}),
            "time goes backwards",
        ),
    ],
)
def test_what_may_do_harm_in_X_is_told(X, warning):
    report = describe_sequences(X)
    assert said(report, warning), report.warnings
    assert warning in str(report)


@pytest.mark.parametrize(
    ("y", "warning"),
    [
        (["a"] * 60, "y has a single label"),
        (["a"] * 57 + ["b"] * 3, "Labels are uneven: 'a' has 95% of the entries, 'b' 3 in all"),
        (["a"] * 30 + ["b"] * 29 + ["c"], "Label c: a single entry"),
        ([7.25] * 60, "y is always 7.25"),
        ([*np.linspace(0, 1, 59), 1e6], "few entries make most of the squared error"),
    ],
)
def test_what_may_do_harm_in_y_is_told(y, warning):
    X, _ = make_data()
    report = describe_sequences(X, y)
    assert said(report, warning), report.warnings


def test_missing_entries_of_y_are_told():
    X, _ = make_data()
    y = [np.where(np.arange(len(x)) < 2, np.nan, 1.5) for x in X]
    assert said(describe_sequences(X, y), "120 entries of y (")


def test_what_the_test_has_and_X_lacks_is_told():
    X, test = [list("abcab")] * 3 + [list("cab")], [list("abz"), list("cab"), list("b" * 9)]
    report = describe_sequences(X, list("xyxy"), X_test=test, y_test=list("xyz"))
    assert report.test["unknown in tokens"] == pytest.approx(1 / 15)
    assert said(report, "tokens: 6.7% of the steps of X_test have a category that X lacks")
    assert said(report, "1 sequences of X_test (33%) stand in X too")
    assert said(report, "X_test has sequences of up to 9 steps, X of 5")
    assert said(report, "y_test has labels that y lacks: z")


def test_a_test_that_was_collected_otherwise_is_told():
    X, _ = make_data()
    test = [x + np.array([0.0, 3.0]) for x in make_data(seed=1)[0]]
    report = describe_sequences(X, X_test=test)
    assert said(report, "Channel 1 (+2.9): the mean differs in X_test")


# -- the report -----------------------------------------------------------------------------------


class Tags(HTMLParser):
    """Counts tags and refuses what is not closed in order."""

    void = frozenset({"br", "hr", "img", "input", "meta", "link"})

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_is_well_formed_and_stands_for_itself():
    X = make_frame().assign(
        w=[["<b>&", "x"][: len(r)] + ["y"] * (len(r) - 2) for r in make_frame()["w"]]
    )
    report = describe_sequences(X, ["<i>", "&amp;"] * 25, X_test=X)
    page = report._repr_html_()
    parser = Tags()
    parser.feed(page)
    assert parser.open == []
    assert "script" not in parser.seen
    assert "http" not in page
    assert parser.seen.count("table") == 9
    text = "".join(parser.text)
    for shown in ("<i>", "&amp;", "s.p", "stand in X too", "50 sequences of 0 to 7 steps"):
        assert shown in text
    for sentence in report.warnings:
        assert sentence in text
    assert "background: #fff" not in page  # colours follow those of the notebook
    assert "color: inherit" in page


def test_long_tables_are_cut():
    X, _ = make_data(n_channels=40)
    report = describe_sequences(X, [f"label {i:03}" for i in range(60)])
    assert "and 10 more" in str(report)
    assert "and 30 more" in report._repr_html_()
    assert len(report.channels) == 40


def test_texts_are_shown_in_one_line():
    report = describe_sequences(["\n\n\na", "b\n"], ["x" * 100, "y"])
    assert "\\n" in str(report)
    assert "x" * 37 + "..." in str(report)


def test_fifty_thousand_sequences_take_a_few_seconds():
    rng = np.random.default_rng(0)
    offsets = np.concatenate([[0], rng.integers(20, 40, size=50_000).cumsum()])
    values = pa.FixedSizeListArray.from_arrays(
        pa.array(rng.normal(size=4 * offsets[-1]).astype(np.float32)), 4
    )
    X = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values)
    start = time.process_time()
    describe_sequences(X, rng.integers(3, size=50_000))
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("given", "missing"), [({"y_test": [0]}, "X_test"), ({"X_test": [[1.0]], "y_test": [0]}, "y")]
)
def test_a_test_y_alone_is_refused(given, missing):
    with pytest.raises(ValueError, match=f"y_test must come with {missing}. Got none"):
        describe_sequences([[1.0, 2.0]], **given)


def test_what_estimators_refuse_is_refused():
    with pytest.raises(ValueError, match="Row 1"):
        describe_sequences([[1.0], []])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        describe_sequences([[1.0], [2.0]], [1])
