"""Displays of attention and forecasts: the numbers on their artists against predictions."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from sklearn_rnn import RNNClassifier, RNNRegressor, Seq2SeqClassifier, Seq2SeqRegressor
from sklearn_rnn.inspection import AttentionDisplay, ForecastDisplay
from sklearn_rnn.inspection._displays._drawing import PALETTE
from tests.display_helpers import SMALL, X, Y, assert_line_is, draw, legend_of


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


def words(n_samples=30, seed=0):
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("abc"), size=n)) for n in rng.integers(1, 6, size=n_samples)]


WORDS = words()
SAID = [word[::-1] for word in WORDS]

CURVES = np.sin(np.arange(20) / 2 + np.random.default_rng(0).uniform(0, 6, (12, 2, 1)))
PAST, FUTURE = (np.moveaxis(part, 1, 2) for part in np.split(CURVES, [15], axis=2))


@pytest.fixture(scope="module")
def classifier():
    params = SMALL | {"early_stopping": True, "bidirectional": False}
    return RNNClassifier(**params).fit(X, Y)


@pytest.fixture(scope="module")
def speller():
    return Seq2SeqClassifier(**SMALL).fit(WORDS, SAID)


@pytest.fixture(scope="module")
def forecaster():
    return Seq2SeqRegressor(**SMALL).fit(PAST, FUTURE)


@pytest.fixture(scope="module")
def attentive():
    return RNNClassifier(pooling="attention", **SMALL).fit(X, Y)


def test_attention_images_are_the_weights(speller):
    display = AttentionDisplay.from_estimator(speller, WORDS, rows=[3, -1])
    shown = [WORDS[3], WORDS[-1]]
    answers, weights = speller.predict(shown), speller.attention_weights(shown)
    for row in range(2):
        image, ax = display.images_[row], display.axes_[row]
        np.testing.assert_array_equal(image.get_array(), weights[row])
        assert [t.get_text() for t in ax.get_xticklabels()] == list(shown[row])
        assert [t.get_text() for t in ax.get_yticklabels()] == list(answers[row])
        assert image.get_clim() == (0, max(w.max() for w in weights))
    assert [ax.get_title() for ax in display.axes_] == ["row 3", "row 29"]
    draw(display)


def test_attention_of_known_answers(speller):
    display = AttentionDisplay.from_estimator(speller, WORDS, SAID, rows=2)
    weights = speller.attention_weights([WORDS[2]], [SAID[2]])
    np.testing.assert_array_equal(display.images_[0].get_array(), weights[0])
    assert [t.get_text() for t in display.ax_.get_yticklabels()] == list(SAID[2])
    assert display.ax_.get_title() == ""


@pytest.mark.parametrize("form", [pl.Series, pa.array, pd.Series, np.array])
def test_attention_labels_columns_of_texts(speller, form):
    display = AttentionDisplay.from_estimator(speller, form(WORDS), rows=[4])
    assert "".join(t.get_text() for t in display.ax_.get_xticklabels()) == WORDS[4]


def test_attention_shows_tokens_that_were_not_there_in_fit(speller):
    display = AttentionDisplay.from_estimator(speller, ["a z$"])
    assert [t.get_text() for t in display.ax_.get_xticklabels()] == ["a", "\u2423", "z", "$"]
    draw(display)


def test_attention_of_numbers_has_numbers_of_steps(forecaster):
    display = AttentionDisplay.from_estimator(forecaster, PAST[:2])
    weights = forecaster.attention_weights(PAST[:2])
    np.testing.assert_array_equal(display.images_[1].get_array(), weights[1])
    assert display.images_[1].get_array().shape == (5, 15)
    draw(display)
    assert display.ax_.get_xticklabels()[1].get_text().isdigit()


def test_attention_of_long_answers_labels_some_steps():
    weights = np.full((90, 200), 0.005)
    labels = [f"word{i}" for i in range(200)]
    display = AttentionDisplay([weights], x_labels=[labels]).plot()
    ticks = display.ax_.get_xticks()
    assert np.array_equal(ticks, np.arange(0, 200, 5))
    assert display.ax_.get_xticklabels()[2].get_text() == "word10"
    draw(display)


def test_attention_pooling_of_numbers_is_a_row_a_sample(attentive):
    display = AttentionDisplay.from_estimator(attentive, X, rows=[0, 4, 9])
    weights = attentive.attention_weights([X[i] for i in (0, 4, 9)])
    (image,) = display.images_
    shown = image.get_array()
    for row, of_row in enumerate(weights):
        np.testing.assert_array_equal(shown[row, : len(of_row)], of_row)
        assert shown.mask[row, len(of_row) :].all()
    labels = [t.get_text() for t in display.ax_.get_yticklabels()]
    assert labels == ["row 0", "row 4", "row 9"]
    nameless = AttentionDisplay(weights).plot()
    np.testing.assert_array_equal(nameless.images_[0].get_array(), shown)
    assert nameless.ax_.get_ylabel() == "sample"


def test_attention_pooling_of_texts_colours_them():
    texts = ["abc cab", "bb", "a c b a" * 30]
    model = RNNRegressor(pooling="attention", **SMALL).fit(texts, [0.0, 1.0, 2.0])
    display = AttentionDisplay.from_estimator(model, texts)
    weights = model.attention_weights(texts)
    cmap, most = plt.get_cmap("Blues"), max(w.max() for w in weights)
    for row, grounds in enumerate(display.grounds_):
        colors = [ground.get_facecolor() for ground in grounds]
        np.testing.assert_allclose(colors, cmap(weights[row] / most), atol=0.01)
        written = "".join(text.get_text() for text in display.axes_[row].texts)
        assert written == texts[row]
    draw(display)


def test_attention_without_attention_is_an_error(classifier):
    with pytest.raises(ValueError, match=r"pooling='attention'.*Got pooling='extremes'"):
        AttentionDisplay.from_estimator(classifier, X)
    model = Seq2SeqClassifier(attention=None, **SMALL).fit(WORDS, SAID)
    with pytest.raises(ValueError, match=r"attention='dot'.*Got .*attention=None"):
        AttentionDisplay.from_estimator(model, WORDS)


def test_attention_errors_say_what_is_wrong():
    one = [np.ones((2, 3)) / 3]
    with pytest.raises(ValueError, match=r"'weights' parameter.*Got shapes \[\(2, 3\), \(3,\)\]"):
        AttentionDisplay([*one, np.ones(3) / 3]).plot()
    with pytest.raises(ValueError, match=r"'weights' parameter.*Got shapes \[\]"):
        AttentionDisplay([]).plot()
    with pytest.raises(ValueError, match=r"'names' parameter.*one entry a sample, 1 in all. Got 2"):
        AttentionDisplay(one, names=["a", "b"]).plot()
    with pytest.raises(ValueError, match=r"Row 0 of 'x_labels' must hold 3 texts.*Got 2"):
        AttentionDisplay(one, x_labels=[["a", "b"]]).plot()
    with pytest.raises(ValueError, match=r"Row 0 of 'y_labels' must hold 2 texts.*Got 3"):
        AttentionDisplay(one, y_labels=["abc"]).plot()


def test_attention_bar_tells_the_colours_of_the_images(speller):
    display = AttentionDisplay.from_estimator(speller, WORDS, rows=0, cmap="viridis")
    bar = display.figure_.axes[-1]
    assert bar.get_ylabel() == "weight"
    assert bar.get_ylim() == display.images_[0].get_clim()
    assert display.images_[0].get_cmap().name == "viridis"
    plain = AttentionDisplay(display.weights).plot(colorbar=False, vmax=1)
    assert plain.images_[0].get_clim() == (0, 1)
    assert len(plain.figure_.axes) == 1


def test_attention_on_given_axes(speller):
    figure, axes = plt.subplots(2, 2)
    display = AttentionDisplay.from_estimator(speller, WORDS[:4], ax=axes, colorbar=False)
    assert list(display.axes_) == list(axes.ravel())
    assert display.ax_ is axes[0, 0]
    assert display.figure_ is figure
    assert len(figure.axes) == 4


def test_numbers_of_samples_of_X_and_y_must_agree(speller):
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples"):
        AttentionDisplay.from_estimator(speller, WORDS, SAID[:-1])


def test_forecast_lines_are_past_future_and_prediction(forecaster):
    display = ForecastDisplay.from_estimator(forecaster, PAST, FUTURE, rows=[2, 7])
    predicted = forecaster.predict(PAST[[2, 7]])
    assert len(display.axes_) == 4
    for panel, lines in enumerate(display.lines_):
        row, output = divmod(panel, 2)
        assert list(lines) == ["past", "future", "forecast"]
        assert_line_is(lines["forecast"], range(1, 6), predicted[row][:, output])
        assert_line_is(lines["future"], range(1, 6), FUTURE[[2, 7]][row][:, output])
        np.testing.assert_allclose(lines["past"].get_ydata(), PAST[[2, 7]][row][:, output], 1e-6)
        np.testing.assert_array_equal(lines["past"].get_xdata(), range(-14, 1))
    assert [ax.get_title() for ax in display.axes_][:2] == ["row 2, output 0", "row 2, output 1"]
    assert legend_of(display) == ["past", "in fact", "forecast"]
    draw(display)


def test_forecast_shows_the_last_steps_of_a_long_past(forecaster):
    long = np.tile(PAST[:1], (1, 20, 1))
    display = ForecastDisplay.from_estimator(forecaster, long)
    assert len(display.lines_[0]["past"].get_xdata()) == 4 * 5
    np.testing.assert_allclose(display.lines_[0]["past"].get_ydata(), long[0, -20:, 0], 1e-6)
    display = ForecastDisplay.from_estimator(forecaster, long, n_past=3)
    np.testing.assert_array_equal(display.lines_[0]["past"].get_xdata(), [-2, -1, 0])
    display = ForecastDisplay.from_estimator(forecaster, long, n_past=0)
    assert list(display.lines_[0]) == ["forecast"]


def test_forecast_takes_the_past_from_the_target_channel():
    frame = pd.DataFrame({"heat": list(PAST[:, :, 0]), "load": list(PAST[:, :, 1])})
    model = Seq2SeqRegressor(**SMALL).fit(frame, FUTURE[:, :, 1])
    for target in ("load", 1, ["load"]):
        display = ForecastDisplay.from_estimator(model, frame, target=target, rows=[5])
        np.testing.assert_allclose(display.lines_[0]["past"].get_ydata(), PAST[5, :, 1], 1e-6)
        assert display.ax_.get_ylabel() == "load"
    assert list(ForecastDisplay.from_estimator(model, frame, rows=0).lines_[0]) == ["forecast"]
    message = "'target' parameter of ForecastDisplay.*heat, load, or their places.*Got {}"
    for wrong in ("cold", 2):
        with pytest.raises(ValueError, match=message.format(repr(wrong))):
            ForecastDisplay.from_estimator(model, frame, target=wrong)
    with pytest.raises(ValueError, match=r"one channel an output, 1 in all. Got 2"):
        ForecastDisplay.from_estimator(model, frame, target=[0, 1])


def test_forecasts_of_several_models_with_bounds():
    rng = np.random.default_rng(0)
    a, b, truth = ([rng.normal(size=n) for n in (3, 1, 4)] for _ in range(3))
    low, high = [x - 1 for x in a], [x + 2 for x in a]
    display = ForecastDisplay.from_predictions(
        {"a": a, "b": b}, truth, lower=low, upper=high, rows=[0, 2]
    )
    for panel, row in enumerate([0, 2]):
        lines, steps = display.lines_[panel], range(1, len(a[row]) + 1)
        assert_line_is(lines["a"], steps, a[row])
        assert_line_is(lines["b"], steps, b[row])
        assert_line_is(lines["future"], steps, truth[row])
        (path,) = display.bands_[panel].get_paths()
        assert path.get_extents().y0 == low[row].min()
        assert path.get_extents().y1 == high[row].max()
        assert [lines[name].get_color() for name in "ab"] == list(PALETTE[:2])
    assert legend_of(display) == ["a, bounds", "in fact", "a", "b"]
    draw(display)


def test_forecast_grid_has_no_empty_panels_and_labels_its_edges():
    display = ForecastDisplay.from_predictions(np.arange(10.0).reshape(5, 2))
    assert len(display.figure_.axes) == 5
    assert [bool(ax.get_xlabel()) for ax in display.axes_] == [False, False, True, True, True]
    assert [bool(ax.get_ylabel()) for ax in display.axes_] == [True, False, False, True, False]
    draw(display)


def test_forecast_of_one_step_is_a_point():
    display = ForecastDisplay.from_predictions([[1.5]], [[2.0]], past=[[1.0]])
    assert [line.get_marker() for line in display.lines_[0].values()] == [".", ".", "."]


def test_forecast_on_axes_of_another_draws_past_and_future_once(forecaster):
    first = ForecastDisplay.from_estimator(forecaster, PAST[:1], FUTURE[:1], name="net")
    second = ForecastDisplay.from_predictions({"zero": FUTURE[:1] * 0}, FUTURE[:1], ax=first.axes_)
    assert second.figure_ is first.figure_
    assert second.lines_[0]["future"] is first.lines_[0]["future"]
    assert len(first.ax_.get_lines()) == 4
    assert first.lines_[0]["net"].get_color() != second.lines_[0]["zero"].get_color()
    assert legend_of(second) == ["past", "in fact", "net", "zero"]


def test_forecast_from_vectors_has_no_past():
    vectors = np.random.default_rng(0).normal(size=(12, 2))
    model = Seq2SeqRegressor(encoder="vector", **SMALL).fit(vectors, FUTURE)
    display = ForecastDisplay.from_estimator(model, vectors, FUTURE, rows=[0])
    assert list(display.lines_[0]) == ["future", "forecast"]


def test_forecast_errors_say_what_is_wrong():
    make, one = ForecastDisplay.from_predictions, [[1.0, 2.0]]
    with pytest.raises(ValueError, match=r"needs both of 'lower' and 'upper'"):
        make(one, lower=one)
    with pytest.raises(ValueError, match=r"Row 0 of 'lower' must hold 2 steps.*Got 1"):
        make(one, lower=[[1.0]], upper=[[1.0]])
    with pytest.raises(ValueError, match=r"Row 0 of 'future' must hold 1 number\(s\).*Got 2"):
        make(one, np.zeros((1, 2, 2)))
    with pytest.raises(ValueError, match=r"'n_past' parameter.*int >= 0 or None. Got -1"):
        make(one, n_past=-1)
    with pytest.raises(ValueError, match=r"'names' parameter.*must hold 1 texts. Got 2"):
        make(one, names=["a", "b"])
    with pytest.raises(ValueError, match=r"'output_names' parameter.*must hold 1 texts. Got 2"):
        make(one, output_names=["a", "b"])
    with pytest.raises(ValueError, match=r"no forecast to show"):
        make({})
    with pytest.raises(ValueError, match=r"'past' of ForecastDisplay must hold 1 samples.*Got 2"):
        ForecastDisplay({"a": [np.ones(2)]}, past=[np.ones(2)] * 2).plot()
