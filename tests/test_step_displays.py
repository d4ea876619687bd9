"""Displays of steps: the numbers on their artists against predictions."""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
from matplotlib.colors import to_hex, to_rgba
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_rnn import RNNClassifier, RNNLanguageModel, RNNRegressor, StepClassifier
from sklearn_rnn.inspection import (
    StepImportanceDisplay,
    StepProbabilityDisplay,
    step_importance,
)
from sklearn_rnn.inspection._displays._drawing import GREY, PALETTE
from tests.display_helpers import SMALL, STEP_Y, X, Y, assert_line_is, draw, legend_of


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def classifier():
    params = SMALL | {"early_stopping": True, "bidirectional": False}
    return RNNClassifier(**params).fit(X, Y)


@pytest.fixture(scope="module")
def stepper():
    return StepClassifier(**SMALL).fit(X, STEP_Y)


def test_step_probability_lines_are_the_probabilities(stepper):
    display = StepProbabilityDisplay.from_estimator(stepper, X, STEP_Y, rows=[1, 5])
    expected = stepper.predict_proba([X[1], X[5]])
    for row, lines in enumerate(display.lines_):
        for i, name in enumerate(stepper.classes_):
            assert_line_is(lines[name], range(len(expected[row])), expected[row][:, i])
            assert lines[name].get_color() == PALETTE[i]
    assert legend_of(display) == ["down", "up"]
    assert [ax.get_title() for ax in display.axes_] == ["row 1", "row 5"]
    draw(display)


def test_step_probability_of_a_whole_sequence_is_that_of_its_beginnings(classifier):
    display = StepProbabilityDisplay.from_estimator(classifier, X, Y, rows=2)
    beginnings = [X[2][: n + 1] for n in range(len(X[2]))]
    expected = classifier.predict_proba(beginnings)
    for i, name in enumerate(classifier.classes_):
        np.testing.assert_allclose(display.lines_[0][name].get_ydata(), expected[:, i], atol=1e-6)


def strip_of(display, row):
    """Return begin, end and colour of each stretch of the true classes."""
    strip = display.strips_[row]
    boxes = [path.get_extents() for path in strip.get_paths()]
    colors = map(to_hex, strip.get_facecolor())
    return [(b.x0 + 0.5, b.x1 + 0.5, c.upper()) for b, c in zip(boxes, colors, strict=True)]


def test_step_probability_marks_true_classes_and_leaves_gaps():
    probabilities = np.full((6, 2), 0.5)
    truth = ["b", "b", None, "a", float("nan"), "b"]
    display = StepProbabilityDisplay.from_predictions(probabilities, ["a", "b"], [truth])
    a, b = PALETTE[:2]
    assert strip_of(display, 0) == [(0, 2, b), (3, 4, a), (5, 6, b)]
    assert "true" in [t.get_text() for t in display.ax_.get_yticklabels()]


def test_step_probability_marks_one_class_of_a_whole_sequence(classifier):
    display = StepProbabilityDisplay.from_estimator(classifier, X, pl.Series(Y), rows=[4])
    place = list(classifier.classes_).index(Y[4])
    assert strip_of(display, 0) == [(0, len(X[4]), PALETTE[place])]


def test_step_probability_areas_add_up_to_one(stepper):
    display = StepProbabilityDisplay.from_estimator(stepper, X, rows=0, kind="area")
    expected = stepper.predict_proba([X[0]])[0]
    low = np.zeros(len(expected))
    for i, name in enumerate(stepper.classes_):
        (path,) = display.areas_[0][name].get_paths()
        for step in range(len(expected)):
            inside = path.contains_points(
                [[step, low[step] + expected[step, i] * share] for share in (0.05, 0.95)]
            )
            assert inside.all()
        low += expected[:, i]
    np.testing.assert_allclose(low, 1)
    assert display.lines_ == []
    draw(display)


def test_step_probability_of_many_classes_colours_the_most_probable():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.linspace(0.1, 3, 40), size=(3, 50))
    names = [f"c{i:02d}" for i in range(40)]
    top = np.sort(np.argsort(-probabilities.sum((0, 1)))[:8])
    for kind in ("line", "area"):
        display = StepProbabilityDisplay.from_predictions(probabilities, names, kind=kind)
        assert legend_of(display) == [names[i] for i in top] + ["32 others"]
        draw(display)
    grey = [n for n, line in display.areas_[0].items() if n is None]
    assert grey == [None]
    facecolor = display.areas_[0][None].get_facecolor()[0]
    np.testing.assert_allclose(facecolor, to_rgba(GREY))


def test_step_probability_colours_classes_that_are_asked_for():
    probabilities = np.full((4, 3), 1 / 3)
    display = StepProbabilityDisplay.from_predictions(
        probabilities, [10, 20, 30], show_classes=[30]
    )
    assert display.lines_[0][30].get_color() == PALETTE[0]
    assert display.lines_[0][10].get_color() == GREY
    assert legend_of(display) == ["30", "2 others"]


def test_step_probability_shows_the_sequence_above(stepper):
    display = StepProbabilityDisplay.from_estimator(stepper, X, rows=[0, 3], show_sequence=True)
    for ax, i in zip(display.sequence_axes_, (0, 3), strict=True):
        drawn = np.column_stack([line.get_ydata() for line in ax.get_lines()])
        np.testing.assert_allclose(drawn, X[i], atol=1e-6)
    draw(display)
    for ax, above in zip(display.axes_, display.sequence_axes_, strict=True):
        top_of_lines = ax.transData.transform((0, 1))[1]
        assert above.get_window_extent().y0 > top_of_lines
        assert above.get_xlim() == ax.get_xlim()


def test_step_probability_of_tokens_has_them_at_their_steps():
    tokens = [["the", "cat"], ["a", "dog", "sat"], ["it"]] * 4
    labels = [["D", "N"], ["D", "N", "V"], ["P"]] * 4
    model = StepClassifier(**SMALL).fit(tokens, labels)
    display = StepProbabilityDisplay.from_estimator(
        model, tokens, labels, rows=[1, 2], show_sequence=True
    )
    assert [t.get_text() for t in display.ax_.get_xticklabels()] == ["a", "dog", "sat"]
    assert display.sequence_axes_ == []
    assert display.lines_[1]["P"].get_marker() == "."
    draw(display)


def test_step_probability_of_a_pipeline_shows_what_the_network_read(stepper):
    doubled = FunctionTransformer(lambda X: [2 * x for x in X])
    pipeline = make_pipeline(doubled, StepClassifier(**SMALL)).fit(X, STEP_Y)
    display = StepProbabilityDisplay.from_estimator(pipeline, X, rows=[2], show_sequence=True)
    expected = pipeline.predict_proba(X[2:3])[0]
    np.testing.assert_allclose(display.lines_[0]["up"].get_ydata(), expected[:, 1], atol=1e-6)
    line = display.sequence_axes_[0].get_lines()[1]
    np.testing.assert_allclose(line.get_ydata(), 2 * X[2][:, 1], atol=1e-6)


def test_step_probability_of_a_search_is_that_of_its_best_pipeline():
    doubled = FunctionTransformer(lambda X: [2 * x for x in X])
    pipeline = make_pipeline(doubled, RNNClassifier(**SMALL | {"bidirectional": False}))
    search = GridSearchCV(pipeline, {"rnnclassifier__lr": [0.01]}, cv=2).fit(X, Y)
    display = StepProbabilityDisplay.from_estimator(search, X, rows=-1)
    best = search.best_estimator_[-1]
    expected = best.predict_proba_steps([2 * X[-1]])[0]
    np.testing.assert_allclose(display.lines_[0]["top"].get_ydata(), expected[:, 2], atol=1e-6)


def test_step_probability_on_given_ax(stepper):
    figure, (left, right) = plt.subplots(1, 2)
    display = StepProbabilityDisplay.from_estimator(
        stepper, X, rows=[3], ax=right, show_sequence=True
    )
    assert display.ax_ is right
    assert display.figure_ is figure
    assert not left.get_lines()
    draw(display)


def test_step_probability_of_forty_sequences_is_one_figure(stepper):
    display = StepProbabilityDisplay.from_estimator(stepper, X * 2, STEP_Y * 2, kind="area")
    assert len(display.axes_) == 40
    width, height = display.figure_.get_size_inches()
    assert 8 <= width <= 14
    assert height <= 20


def test_step_displays_write_what_a_frame_holds_and_what_fit_did_not_know():
    frame = pd.DataFrame({"v": [["a", "b"], ["b", None]] * 6, "age": range(12)})
    model = RNNClassifier(bidirectional=False, **SMALL).fit(frame, [0, 1] * 6)
    other = pd.DataFrame({"v": [["b", None, "z"]], "age": [3]})
    display = StepProbabilityDisplay.from_estimator(model, other)
    assert [t.get_text() for t in display.ax_.get_xticklabels()] == ["b", "missing", "?"]


def test_step_displays_of_several_categories_have_no_tokens():
    frame = pd.DataFrame({"v": [["a", "b"], ["b"]] * 6, "w": [["x", "y"], ["y"]] * 6})
    model = RNNClassifier(**SMALL).fit(frame, [0, 1] * 6)
    display = StepProbabilityDisplay.from_estimator(model, frame, rows=[0], show_sequence=True)
    assert display.sequence_axes_ == []
    draw(display)
    importance = StepImportanceDisplay.from_estimator(model, frame, rows=[0])
    assert [t.get_text() for t in importance.ax_.get_yticklabels()] == ["v", "w"]


def test_step_displays_of_a_row_without_steps_are_empty_there():
    frame = pd.DataFrame({"v": [[1.0, 2.0], [], [3.0]] * 4, "age": range(12)})
    model = RNNClassifier(pooling="attention", **SMALL | {"bidirectional": False})
    model.fit(frame, [0, 1, 1] * 4)
    for kind in ("line", "area"):
        display = StepProbabilityDisplay.from_estimator(
            model, frame, [0, 1, 1] * 4, rows=[0, 1], kind=kind, show_sequence=True
        )
        draw(display)
    assert strip_of(display, 1) == []
    importance = StepImportanceDisplay.from_estimator(model, frame, rows=[0, 1])
    assert importance.images_[1].get_array().shape == (1, 0)
    draw(importance)
    tokens = pd.DataFrame({"v": [["a", "b"], [], ["c"]] * 4, "age": range(12)})
    importance = StepImportanceDisplay.from_estimator(
        model.fit(tokens, [0, 1, 1] * 4), tokens, rows=[1, 2]
    )
    assert [len(grounds) for grounds in importance.grounds_] == [0, 1]
    draw(importance)


def test_step_displays_write_signs_of_mathematics_and_spaces_as_they_are():
    texts = [["$x$", "_a_"], ["\n", "$\\oops$"]] * 4
    model = StepClassifier(**SMALL).fit(texts, [["$u$", "v"], ["v", "$u$"]] * 4)
    display = StepProbabilityDisplay.from_estimator(model, texts, rows=[0, 1])
    draw(display)
    assert legend_of(display) == ["$u$", "v"]
    texts = [t.get_text() for t in display.axes_[1].get_xticklabels()]
    assert texts == ["\u21b5", "$\\oops$"]


def test_step_probability_errors_say_what_is_wrong(stepper):
    probabilities = [np.full((3, 2), 0.5)]
    make = StepProbabilityDisplay.from_predictions
    with pytest.raises(ValueError, match=r"'kind' parameter.*'line' or 'area'.*'areas'.*'area'"):
        make(probabilities, "ab", kind="areas")
    with pytest.raises(ValueError, match=r"Row 0 of the 'probabilities'.*\(n_steps, 3\).*\(3, 2\)"):
        make(probabilities, ["a", "b", "c"])
    with pytest.raises(ValueError, match=r"Row 0 of 'y_true'.*one entry a step, 3 in all. Got 2"):
        make(probabilities, ["a", "b"], [["a", "b"]])
    with pytest.raises(ValueError, match=r"'y_true' parameter of Step.*one entry a seq.*1.*Got 2"):
        make(probabilities, ["a", "b"], [["a"] * 3] * 2)
    with pytest.raises(ValueError, match=r"show_sequence=True.*needs the seq.*from_estimator"):
        make(probabilities, ["a", "b"], show_sequence=True)
    with pytest.raises(ValueError, match=r"classes of .* must be among 'a', 'b'.*Got 'c'"):
        make(probabilities, ["a", "b"], show_classes=["c"])
    with pytest.raises(ValueError, match=r"Row 1 of 'y_true'.*one entry a step"):
        StepProbabilityDisplay.from_estimator(stepper, X[:2], [STEP_Y[0], STEP_Y[1][1:]])


def test_step_probability_takes_no_language_model():
    model = RNNLanguageModel(**SMALL).fit(["abc", "cb"])
    with pytest.raises(TypeError, match=r"Got RNNLanguageModel"):
        StepProbabilityDisplay.from_estimator(model, ["abc"])


def test_step_importance_images_are_channels_by_steps():
    importances = [np.array([[0.5, -2.0, 0.1]]), np.arange(6.0).reshape(2, 3) / 4]
    display = StepImportanceDisplay(
        importances, channel_names=["a", "b", "c"], names=["x", "y"]
    ).plot()
    for image, of_row in zip(display.images_, importances, strict=True):
        np.testing.assert_array_equal(image.get_array(), of_row.T)
        assert image.get_clim() == (-2, 2)
        assert image.get_cmap().name == "RdBu_r"
    assert [t.get_text() for t in display.ax_.get_yticklabels()] == ["a", "b", "c"]
    assert [ax.get_title() for ax in display.axes_] == ["x", "y"]
    draw(display)


def test_step_importance_of_nothing_is_the_middle_colour():
    display = StepImportanceDisplay([np.zeros((3, 2))]).plot()
    assert display.images_[0].get_clim() == (-1, 1)


def test_step_importance_colours_tokens_by_the_sum_of_channels():
    tokens = [["not", "bad"], ["so"]]
    importances = [np.array([[0.3, 0.1], [-0.1, -0.1]]), np.array([[0.0, 0.0]])]
    display = StepImportanceDisplay(importances, tokens=tokens).plot()
    cmap = plt.get_cmap("RdBu_r")
    for row, sums in enumerate([[0.4, -0.2], [0.0]]):
        colors = [ground.get_facecolor() for ground in display.grounds_[row]]
        np.testing.assert_allclose(colors, cmap(np.array(sums) / 0.8 + 0.5), atol=0.01)
        assert [t.get_text() for t in display.axes_[row].texts] == tokens[row]
    assert display.axes_[0].texts[0].get_color() == "white"
    assert display.axes_[1].texts[0].get_color() == "black"
    draw(display)


def test_step_importance_of_an_estimator_is_what_the_function_returns(classifier):
    display = StepImportanceDisplay.from_estimator(classifier, X, rows=[3, 8])
    shown = [X[3], X[8]]
    expected, labels = step_importance(classifier, shown), classifier.predict(shown)
    for image, of_row in zip(display.images_, expected, strict=True):
        np.testing.assert_array_equal(image.get_array(), of_row.T)
    assert [ax.get_title() for ax in display.axes_] == [
        f"row 3, predicted {labels[0]}",
        f"row 8, predicted {labels[1]}",
    ]
    assert [t.get_text() for t in display.ax_.get_yticklabels()] == ["channel 0", "channel 1"]
    assert display.figure_.axes[-1].get_ylabel() == "importance, log-odds"
    display = StepImportanceDisplay.from_estimator(classifier, X, rows=3, output="top", n_steps=20)
    expected = step_importance(classifier, [X[3]], output="top", n_steps=20)
    np.testing.assert_array_equal(display.images_[0].get_array(), expected[0].T)
    assert display.ax_.get_title() == "row 3"


def test_step_importance_names_the_channels_of_a_frame():
    frame = pd.DataFrame(
        {
            "pulse": [list(x[:, 0]) for x in X],
            "ward": [["a" if v > 0 else "b" for v in x[:, 1]] for x in X],
            "when": [list(pd.date_range("2026-01-01", periods=len(x))) for x in X],
            "place": [[{"lat": v, "lon": -v} for v in x[:, 1]] for x in X],
        }
    )
    model = RNNRegressor(**SMALL).fit(frame, [len(x) for x in X])
    display = StepImportanceDisplay.from_estimator(model, frame, rows=[1])
    names = [t.get_text() for t in display.ax_.get_yticklabels()]
    assert names == ["pulse", "ward", "when", "place.lat", "place.lon"]
    assert display.images_[0].get_array().shape == (5, len(X[1]))
    assert display.figure_.axes[-1].get_ylabel() == "importance, in the units of y"


def test_step_importance_of_tokens_colours_them():
    texts = ["abc", "ba", "cab b"] * 4
    classifier = RNNClassifier(**SMALL).fit(texts, [0, 1, 1] * 4)
    for model in (classifier, RNNLanguageModel(**SMALL).fit(texts)):
        display = StepImportanceDisplay.from_estimator(model, texts[:3])
        expected = [of_row.sum(axis=1) for of_row in step_importance(model, texts[:3])]
        most = max(np.abs(of_row).max() for of_row in expected)
        cmap = plt.get_cmap("RdBu_r")
        for ax, grounds, of_row, text in zip(
            display.axes_, display.grounds_, expected, texts, strict=False
        ):
            colors = [ground.get_facecolor() for ground in grounds]
            np.testing.assert_allclose(colors, cmap(of_row / most / 2 + 0.5), atol=0.01)
            assert "".join(t.get_text() for t in ax.texts) == text


def test_step_importance_of_a_pipeline_is_that_of_its_network():
    doubled = FunctionTransformer(lambda X: [2 * x for x in X])
    pipeline = make_pipeline(doubled, RNNClassifier(**SMALL)).fit(X, Y)
    display = StepImportanceDisplay.from_estimator(pipeline, X, rows=0)
    expected = step_importance(pipeline[-1], [2 * X[0]])
    np.testing.assert_array_equal(display.images_[0].get_array(), expected[0].T)


def test_step_importance_without_a_fitted_network_is_an_error():
    with pytest.raises(NotFittedError, match=r"RNNClassifier"):
        StepImportanceDisplay.from_estimator(RNNClassifier(), X)
    linear = LinearRegression().fit([[0.0], [1.0]], [0, 1])
    with pytest.raises(TypeError, match=r"must be an estimator of sklearn_rnn"):
        StepImportanceDisplay.from_estimator(linear, X)


def test_step_importance_wraps_long_texts_inside_the_panel():
    text = ["word"] * 300 + ["x" * 200]
    display = StepImportanceDisplay([np.ones((301, 1))], tokens=[text]).plot()
    right, low = display.ax_.get_xlim()[1], display.ax_.get_ylim()[0]
    boxes = [ground.get_bbox() for ground in display.grounds_[0]]
    assert max(box.x1 for box in boxes) <= right
    assert max(box.y1 for box in boxes) <= low
    for left, other in pairwise(boxes):
        assert other.y0 > left.y0 or other.x0 > left.x1
    draw(display)
    texts = [text.get_window_extent() for text in display.ax_.texts[:2]]
    assert texts[0].x1 < texts[1].x0


def test_step_importance_errors_say_what_is_wrong():
    importances = [np.zeros((3, 2))]
    with pytest.raises(ValueError, match=r"Row 0 of the 'importances'.*n_channels\). Got \(3,\)"):
        StepImportanceDisplay([np.zeros(3)]).plot()
    with pytest.raises(ValueError, match=r"\(n_steps, 1\). Got \(3, 2\)"):
        StepImportanceDisplay(importances, channel_names=["a"]).plot()
    with pytest.raises(ValueError, match=r"Row 0 of 'tokens'.*one token a step, 3 in all. Got 1"):
        StepImportanceDisplay(importances, tokens=[["a"]]).plot()
    with pytest.raises(ValueError, match=r"'names' parameter of Step.*one entry a seq.*1.*Got 2"):
        StepImportanceDisplay(importances, names=["a", "b"]).plot()
