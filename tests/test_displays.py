"""Displays: what all of them share, and learning curves against the history."""

import inspect
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_rnn import (
    RNNClassifier,
    RNNRegressor,
    Seq2SeqClassifier,
    Seq2SeqRegressor,
    StepClassifier,
    StepRegressor,
)
from sklearn_rnn import inspection as displays
from sklearn_rnn.inspection import (
    AttentionDisplay,
    ForecastDisplay,
    GradientFlowDisplay,
    HistoryDisplay,
    LRRange,
    LRRangeDisplay,
    StepImportanceDisplay,
    StepProbabilityDisplay,
    gradient_flow,
    lr_range_test,
)
from sklearn_rnn.inspection._displays._drawing import MAX_PANELS, PALETTE
from tests.display_helpers import SMALL, STEP_Y, X, Y, assert_line_is, draw, legend_of


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


ALL = [getattr(displays, name) for name in displays.__all__ if name.endswith("Display")]


@pytest.fixture(scope="module")
def classifier():
    params = SMALL | {"early_stopping": True, "bidirectional": False}
    return RNNClassifier(**params).fit(X, Y)


@pytest.fixture(scope="module")
def stepper():
    return StepClassifier(**SMALL).fit(X, STEP_Y)


@pytest.mark.parametrize("display", ALL)
def test_display_constructor_only_stores(display):
    names = list(inspect.signature(display).parameters)
    marks = {name: object() for name in names}
    made = display(**marks)
    assert vars(made) == marks


def test_display_without_matplotlib_says_how_to_install_it(classifier, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    message = r"HistoryDisplay draws with matplotlib.*'pip install sklearn-rnn\[plot\]'"
    with pytest.raises(ImportError, match=message):
        HistoryDisplay.from_estimator(classifier)
    with pytest.raises(ImportError, match=r"StepImportanceDisplay draws with matplotlib"):
        StepImportanceDisplay([np.ones((2, 1))]).plot()


def test_display_modules_do_not_import_matplotlib():
    code = "import sys, sklearn_rnn.inspection; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("display", "kind"),
    [
        (AttentionDisplay, Seq2SeqClassifier),
        (AttentionDisplay, RNNRegressor),
        (StepProbabilityDisplay, StepClassifier),
        (ForecastDisplay, Seq2SeqRegressor),
    ],
)
def test_display_of_what_is_not_fitted_is_an_error(display, kind):
    with pytest.raises(NotFittedError, match=kind.__name__):
        display.from_estimator(kind(), X)
    with pytest.raises(NotFittedError, match=r"Pipeline"):
        display.from_estimator(make_pipeline(kind()), X)


@pytest.mark.parametrize(
    ("display", "message"),
    [
        (AttentionDisplay, "AttentionDisplay needs a Seq2SeqClassifier.*Got StepRegressor"),
        (StepProbabilityDisplay, "StepProbabilityDisplay needs a StepClassifier.*StepRegressor"),
        (ForecastDisplay, "ForecastDisplay needs a Seq2SeqRegressor.*StepRegressor"),
    ],
)
def test_display_of_another_kind_of_estimator_is_an_error(display, message):
    model = StepRegressor(**SMALL).fit(X, [x[:, 0] for x in X])
    with pytest.raises(TypeError, match=message):
        display.from_estimator(model, X)


@pytest.mark.parametrize(("rows", "shown"), [(20, "20"), (-21, "-21"), ([0, "a"], "'a'")])
def test_rows_that_are_not_there_are_an_error(stepper, rows, shown):
    message = f"'rows' parameter of StepProbabilityDisplay.*from 0 to 19.*Got {shown}"
    with pytest.raises(ValueError, match=message):
        StepProbabilityDisplay.from_estimator(stepper, X, rows=rows)


def test_rows_must_be_at_least_one_and_no_mask(stepper):
    with pytest.raises(ValueError, match=r"'rows' parameter.*at least one int\. Got \[\]"):
        StepProbabilityDisplay.from_estimator(stepper, X, rows=[])
    with pytest.raises(ValueError, match=r"Got True"):
        StepProbabilityDisplay.from_estimator(stepper, X, rows=[True] * 20)


def test_ax_of_another_number_is_an_error(stepper):
    _, ax = plt.subplots()
    with pytest.raises(
        ValueError, match=r"'ax' parameter of Step.*one Axes a panel, 2 in all.*Got 1"
    ):
        StepProbabilityDisplay.from_estimator(stepper, X, rows=[0, 1], ax=ax)


def test_displays_stand_in_figures_of_the_user(classifier):
    figure = plt.figure(layout="constrained")
    left, right = figure.subfigures(1, 2)
    history = HistoryDisplay.from_estimator(classifier, ax=left.subplots(2, 1))
    steps = StepProbabilityDisplay.from_estimator(classifier, X, rows=[1], ax=right.subplots())
    assert (history.figure_, steps.figure_) == (left, right)
    figure.canvas.draw()
    figure, axes = plt.subplot_mosaic("ab", layout="tight", figsize=(9, 3))
    HistoryDisplay.from_estimator(classifier, ax=axes["a"])
    StepImportanceDisplay.from_estimator(classifier, X, rows=5, ax=axes["b"])
    figure.canvas.draw()


def test_too_many_panels_are_an_error(stepper):
    many = X * 4
    with pytest.raises(ValueError, match=f"80 panels to draw, more than {MAX_PANELS}.*rows="):
        StepProbabilityDisplay.from_estimator(stepper, many)


def test_history_lines_are_its_columns(classifier):
    display = HistoryDisplay.from_estimator(classifier, panels=["loss", "score", "lr"])
    history, (lines,) = classifier.history_, display.lines_
    assert list(lines) == ["train_loss", "valid_loss", "valid_score", "lr"]
    for column, line in lines.items():
        assert_line_is(line, [1, 2, 3], history[column])
    (dot,) = display.dots_
    best = classifier.best_epoch_
    assert_line_is(dot, [best], [history["valid_loss"][best - 1]])
    assert [ax.get_ylabel() for ax in display.axes_] == ["loss", "score", "learning rate"]
    assert [ax.get_xlabel() for ax in display.axes_] == ["", "", "epoch"]
    assert legend_of(display) == ["training", "held out", f"epoch {best}, kept"]
    assert lines["train_loss"].get_linestyle() == "--"
    assert lines["valid_loss"].get_linestyle() == "-"
    draw(display)


def test_history_without_held_out_data_is_one_line():
    model = RNNClassifier(**SMALL).fit(X, Y)
    display = HistoryDisplay.from_estimator(model)
    assert list(display.lines_[0]) == ["train_loss"]
    assert display.lines_[0]["train_loss"].get_linestyle() == "-"
    assert len(display.axes_) == 1
    assert display.dots_ == []


def test_history_of_one_epoch_is_a_point():
    model = RNNClassifier(hidden_size=2, max_epochs=1, random_state=0).fit(X, Y)
    line = HistoryDisplay.from_estimator(model).lines_[0]["train_loss"]
    assert line.get_marker() == "."
    assert_line_is(line, [1], model.loss_curve_)


def test_history_of_fits_of_one_name_has_one_colour_and_one_entry(classifier):
    other = RNNClassifier(cell="lstm", early_stopping=True, **SMALL).fit(X, Y)
    display = HistoryDisplay.from_estimators(
        [classifier, classifier, other], names=["gru", "gru", "lstm"], panels="loss"
    )
    colors = [lines["valid_loss"].get_color() for lines in display.lines_]
    assert colors == [PALETTE[0], PALETTE[0], PALETTE[1]]
    assert legend_of(display) == [
        "gru, training",
        "gru, held out",
        "lstm, training",
        "lstm, held out",
        "epoch kept",
    ]
    assert_line_is(display.lines_[2]["train_loss"], [1, 2, 3], other.loss_curve_)


def test_history_of_a_dict_takes_its_names(classifier):
    display = HistoryDisplay.from_estimators({"a": classifier, "b": classifier}, panels="lr")
    assert legend_of(display) == ["a", "b"]


def test_history_of_many_fits_without_names_has_one_colour(classifier):
    few = HistoryDisplay.from_estimators([classifier] * 3, panels="score")
    assert legend_of(few) == ["fit 0, held out", "fit 1, held out", "fit 2, held out"]
    many = HistoryDisplay.from_estimators([classifier] * 20)
    assert {lines["valid_loss"].get_color() for lines in many.lines_} == {PALETTE[0]}
    assert legend_of(many) == ["training", "held out", "epoch kept"]


def test_history_on_given_ax_stands_beside_what_is_there(classifier):
    figure, ax = plt.subplots()
    first = HistoryDisplay.from_estimator(classifier, name="a", ax=ax)
    second = HistoryDisplay.from_estimator(classifier, name="b", ax=ax)
    assert first.ax_ is second.ax_ is ax
    assert second.figure_ is figure
    assert first.lines_[0]["train_loss"].get_color() == PALETTE[0]
    assert second.lines_[0]["train_loss"].get_color() == PALETTE[1]
    assert legend_of(second)[::3] == ["a, training", "b, training"]
    _, pair = plt.subplots(1, 2)
    assert list(HistoryDisplay.from_estimator(classifier, ax=pair).axes_) == list(pair)


def test_history_scale_and_seconds(classifier):
    display = HistoryDisplay.from_estimator(classifier, log_scale=True, x="seconds")
    assert display.ax_.get_yscale() == "log"
    seconds = classifier.history_["elapsed"]
    np.testing.assert_allclose(display.lines_[0]["valid_score"].get_xdata(), seconds)
    assert display.axes_[1].get_xlabel() == "seconds"
    older = HistoryDisplay([pd.DataFrame({"train_loss": [2.0, 1.0], "dur": [0.5, 0.25]})])
    assert_line_is(older.plot(x="seconds").lines_[0]["train_loss"], [0.5, 0.75], [2, 1])


def test_history_shows_any_column(classifier):
    display = HistoryDisplay.from_estimator(classifier, panels=["gradient_norm", "padding_share"])
    for column, line in display.lines_[0].items():
        assert_line_is(line, [1, 2, 3], classifier.history_[column])
    assert display.ax_.get_ylabel() == "gradient norm"
    assert display.ax_.get_legend() is None


def test_history_of_pipelines_and_searches(classifier):
    pipeline = make_pipeline(FunctionTransformer(), RNNClassifier(**SMALL))
    search = GridSearchCV(pipeline, {"rnnclassifier__lr": [0.01]}, cv=2).fit(X, Y)
    line = HistoryDisplay.from_estimator(search).lines_[0]["train_loss"]
    np.testing.assert_array_equal(
        line.get_ydata(), search.best_estimator_["rnnclassifier"].loss_curve_
    )


def test_history_errors_say_what_to_do(classifier):
    with pytest.raises(NotFittedError, match=r"RNNClassifier"):
        HistoryDisplay.from_estimator(RNNClassifier())
    linear = LinearRegression().fit([[0.0], [1.0]], [0, 1])
    with pytest.raises(TypeError, match=r"estimator of sklearn_rnn.*history_.*LinearRegression"):
        HistoryDisplay.from_estimator(linear)
    with pytest.raises(ValueError, match=r"'panels' parameter.*valid_loss.*Got 'sco'.*'score'"):
        HistoryDisplay.from_estimator(classifier, panels=["loss", "sco"])
    with pytest.raises(ValueError, match=r"'x' parameter.*'epoch' or 'seconds'.*Got 'epochs'"):
        HistoryDisplay.from_estimator(classifier, x="epochs")
    with pytest.raises(ValueError, match=r"'names' parameter.*one name a fit, 1 in all. Got 2"):
        HistoryDisplay.from_estimators([classifier], names=["a", "b"])
    with pytest.raises(ValueError, match=r"no fit to show"):
        HistoryDisplay.from_estimators([])
    below = pd.DataFrame({"train_loss": [0.5, -0.25]})
    with pytest.raises(ValueError, match=r"losses above 0. The lowest is -0.25.*log_scale=False"):
        HistoryDisplay([below]).plot(log_scale=True)
    assert plt.get_fignums() == []


# -- gradient flow --------------------------------------------------------------------------------


def test_gradient_flow_lines_are_the_norms_relative_to_lag_0(classifier):
    display = GradientFlowDisplay.from_estimator(classifier, X, Y)
    flow = gradient_flow(classifier, X, Y)
    assert legend_of(display) == flow.labels == ["layer 1, forward"]
    (line,), (dot,), norms = display.lines_, display.dots_, flow.norms[0]
    assert_line_is(line, flow.lags, norms / norms[0])
    lag = flow.typical_lag
    assert_line_is(dot, lag, norms[lag] / norms[0])
    assert display.ax_.get_yscale() == "log"
    heights = [li.get_ydata()[0] for li in display.ax_.get_lines() if li.get_color() == "0.8"]
    assert heights == [0.01, 1, 10]
    assert display.ax_.get_title(loc="left").replace("\n", " ") == flow.verdict
    draw(display)


def test_gradient_flow_of_several_layers_dashes_what_reads_from_the_end():
    model = RNNClassifier(num_layers=2, **SMALL)
    display = GradientFlowDisplay.from_estimator(model, X, Y, relative=False)
    norms = gradient_flow(model, X, Y).norms
    assert [line.get_linestyle() for line in display.lines_] == ["-", "--", "-", "--"]
    for line, of_series in zip(display.lines_, norms, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), of_series)
    assert len({line.get_color() for line in display.lines_}) == 4
    assert display.ax_.get_ylabel() == "norm of the gradient"


def test_gradient_flow_beside_another_has_other_colours_and_no_verdict(classifier):
    first = GradientFlowDisplay.from_estimator(classifier, X, Y, name="gru")
    other = RNNClassifier(cell="rnn", bidirectional=False, **SMALL)
    second = GradientFlowDisplay.from_estimator(other, X, Y, name="rnn", ax=first.ax_)
    assert second.ax_ is first.ax_
    assert legend_of(second) == ["gru, layer 1, forward", "rnn, layer 1, forward"]
    assert first.lines_[0].get_color() != second.lines_[0].get_color()
    assert second.ax_.get_title(loc="left") == ""


def test_gradient_flow_takes_fitted_pipelines():
    pipeline = make_pipeline(FunctionTransformer(), RNNClassifier(**SMALL))
    with pytest.raises(NotFittedError, match=r"Pipeline"):
        GradientFlowDisplay.from_estimator(pipeline, X, Y)
    display = GradientFlowDisplay.from_estimator(pipeline.fit(X, Y), X, Y)
    direct = GradientFlowDisplay.from_estimator(pipeline[-1], X, Y)
    np.testing.assert_array_equal(display.lines_[0].get_ydata(), direct.lines_[0].get_ydata())


def test_gradient_flow_leaves_out_norms_of_zero():
    display = GradientFlowDisplay([0, 1, 2], [[2.0, 0.0, 1.0], [0.0, 1.0, 1.0]], ["a", "b"]).plot()
    assert_line_is(display.lines_[0], [0, 1, 2], [1, np.nan, 0.5])
    assert np.isnan(display.lines_[1].get_ydata()).all()  # nothing to be relative to
    draw(display)


def test_gradient_flow_errors_say_what_is_wrong(classifier):
    with pytest.raises(ValueError, match=r"'norms' parameter.*shape \(1, 2\).*Got \(1, 3\)"):
        GradientFlowDisplay([0, 1], [[1.0, 2.0, 3.0]], ["a"]).plot()
    with pytest.raises(ValueError, match=r"'norms' parameter.*number above 0"):
        GradientFlowDisplay([0, 1], [[0.0, 0.0]], ["a"]).plot()
    with pytest.raises(TypeError, match=r"must be an estimator of sklearn_rnn"):
        GradientFlowDisplay.from_estimator(LinearRegression(), X, Y)
    with pytest.raises(ValueError, match=r"'n_sequences' parameter of gradient_flow"):
        GradientFlowDisplay.from_estimator(classifier, X, Y, n_sequences=0)
    _, axes = plt.subplots(1, 2)
    with pytest.raises(ValueError, match=r"'ax' parameter of GradientFlowDisplay.*Got 2"):
        GradientFlowDisplay.from_estimator(classifier, X, Y, ax=axes)


# -- learning rates -------------------------------------------------------------------------------


def test_lr_range_lines_are_the_losses(classifier):
    display = LRRangeDisplay.from_estimator(classifier, X, Y, n_updates=30, max_lr=0.5)
    test = lr_range_test(classifier, X, Y, n_updates=30, max_lr=0.5)
    assert_line_is(display.line_, test.lrs, test.smoothed)
    assert_line_is(display.loss_line_, test.lrs, test.losses)
    assert display.dot_.get_xdata() == [test.suggestion]
    assert display.dot_.get_ydata()[0] in test.smoothed
    assert legend_of(display) == ["loss, running mean", f"suggested: {test.suggestion:.2g}"]
    assert display.ax_.get_xscale() == "log"
    draw(display)


def test_lr_range_marks_the_suggestion_on_the_curve_and_leaves_out_what_is_no_number():
    lrs = np.array([0.001, 0.01, 0.1, 1.0])
    losses, smoothed = np.array([3.0, 2.0, 1.0, np.inf]), np.array([3.0, 2.5, 1.5, np.nan])
    result = LRRange(lrs, losses, smoothed, 0.01, 0.1, 0.1, True)
    display = LRRangeDisplay(result).plot()
    assert_line_is(display.line_, lrs[:3], [3.0, 2.5, 1.5])
    assert_line_is(display.loss_line_, lrs[:3], [3.0, 2.0, 1.0])
    assert_line_is(display.dot_, [0.01], [2.5])
    draw(display)


def test_lr_range_beside_another_has_another_colour(classifier):
    first = LRRangeDisplay.from_estimator(classifier, X, Y, n_updates=12, name="a")
    second = LRRangeDisplay.from_estimator(classifier, X, Y, n_updates=10, name="b", ax=first.ax_)
    assert second.ax_ is first.ax_
    assert first.line_.get_color() != second.line_.get_color()
    assert legend_of(second)[::2] == ["a", "b"]


def test_lr_range_errors_are_those_of_the_test(classifier):
    with pytest.raises(ValueError, match=r"'n_updates' parameter of lr_range_test"):
        LRRangeDisplay.from_estimator(classifier, X, Y, n_updates=1)
