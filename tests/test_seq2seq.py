"""Encoder/decoders: forms of X and y, ends, likelihood, attention, guarantees, errors."""

import itertools
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from scipy.stats import norm
from sklearn.base import clone
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import Seq2SeqClassifier, Seq2SeqRegressor
from sklearn_rnn.data.batching import PREDICTION_STEPS
from sklearn_rnn.metrics import get_scorer
from sklearn_rnn.nn.attention import Attention
from sklearn_rnn.preprocessing import PerStep
from sklearn_rnn.training.callbacks import TeacherForcing

QUICK = {"hidden_size": 8, "max_epochs": 3, "random_state": 0}
RNG = np.random.default_rng(0)
WORDS = ["".join(RNG.choice(list("abc"), size=n)) for n in RNG.integers(2, 7, size=40)]
BACKWARDS = [word[::-1] for word in WORDS]
X = [RNG.normal(size=(n, 2)) for n in RNG.integers(3, 9, size=40)]
CURVES = [np.outer(np.arange(1, len(x)), [1.0, -2.0]) + x.mean(axis=0) for x in X]
FIXED = np.stack([x[:3].cumsum(axis=0) for x in X])


def objects(rows):
    array = np.empty(len(rows), dtype=object)
    for i, row in enumerate(rows):
        array[i] = row
    return array


def flat(rows):
    return np.concatenate(list(rows))


# -- forms ----------------------------------------------------------------------------------------

TOKEN_FORMS = {
    "lists": lambda words: [list(word) for word in words],
    "arrays": lambda words: [np.array(list(word)) for word in words],
    "objects": lambda words: objects([list(word) for word in words]),
    "series": lambda words: pd.Series([list(word) for word in words]),
    "polars": lambda words: pl.Series([list(word) for word in words]),
    "pyarrow": lambda words: pa.array([list(word) for word in words]),
}
TEXT_FORMS = {
    "list": list,
    "tuple": tuple,
    "array": np.array,
    "objects": objects,
    "series": pd.Series,
    "polars": pl.Series,
    "pyarrow": pa.array,
}


@pytest.fixture(scope="module")
def of_texts():
    return Seq2SeqClassifier(**QUICK).fit(WORDS, BACKWARDS)


@pytest.mark.parametrize("form", TOKEN_FORMS)
def test_tokens_of_every_form_give_the_same_model(of_texts, form):
    y = TOKEN_FORMS[form](BACKWARDS)
    model = Seq2SeqClassifier(**QUICK).fit(WORDS, y)
    predicted = model.predict(WORDS)
    assert predicted.dtype == object
    assert ["".join(tokens) for tokens in predicted] == of_texts.predict(WORDS).tolist()
    np.testing.assert_array_equal(
        model.score_samples(WORDS, y), of_texts.score_samples(WORDS, BACKWARDS)
    )
    assert model.classes_.tolist() == ["a", "b", "c"]
    assert model.score(WORDS, y) == of_texts.score(WORDS, BACKWARDS)


@pytest.mark.parametrize("form", TEXT_FORMS)
def test_texts_of_every_form_give_texts(of_texts, form):
    model = Seq2SeqClassifier(**QUICK).fit(WORDS, TEXT_FORMS[form](BACKWARDS))
    predicted = model.predict(WORDS)
    assert predicted.dtype == object
    assert predicted.tolist() == of_texts.predict(WORDS).tolist()
    assert all(isinstance(answer, str) for answer in predicted)


def test_tokens_may_be_numbers_and_come_back_as_such():
    y = [np.arange(n % 3 + 1) * 10 for n in range(40)]
    model = Seq2SeqClassifier(**QUICK).fit(X, y)
    assert model.classes_.tolist() == [0, 10, 20]
    assert {answer.dtype for answer in model.predict(X)} == {np.dtype(np.int64)}


@pytest.mark.parametrize("form", ["objects", "series", "polars", "pyarrow"])
def test_numbers_of_every_form_give_the_same_model(form):
    rows = [curve[:, 0] for curve in CURVES]
    expected = Seq2SeqRegressor(**QUICK).fit(X, rows).predict(X)
    as_form = TOKEN_FORMS[form]
    y = as_form(rows) if form != "objects" else objects(rows)
    predicted = Seq2SeqRegressor(**QUICK).fit(X, y).predict(X)
    for ours, theirs in zip(predicted, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == np.float64


def test_one_array_in_fit_gives_one_array():
    assert Seq2SeqRegressor(**QUICK).fit(X, FIXED).predict(X).shape == (40, 3, 2)
    assert Seq2SeqRegressor(**QUICK).fit(X, FIXED[:, :, 0]).predict(X).shape == (40, 3)
    tokens = np.where(FIXED[:, :, 0] > 0, "up", "down")
    assert Seq2SeqClassifier(**QUICK).fit(X, tokens).predict(X).shape == (40, 3)
    ragged = Seq2SeqRegressor(**QUICK).fit(X, list(FIXED)).predict(X)
    assert ragged.shape == (40,)  # also where all lengths are equal
    assert {answer.shape for answer in ragged} == {(3, 2)}


def test_one_entry_a_row_stands_for_answers_of_one_step():
    y = FIXED[:, 0, 0]
    model = Seq2SeqRegressor(**QUICK).fit(X, y)
    assert model.predict(X).shape == (40,)
    as_sequences = Seq2SeqRegressor(**QUICK).fit(X, y[:, None])
    np.testing.assert_array_equal(as_sequences.predict(X)[:, 0], model.predict(X))


# -- where answers end ----------------------------------------------------------------------------


def test_end_is_learned_where_lengths_differ():
    y = [np.full(len(x), 3.0) for x in X]
    model = Seq2SeqRegressor(**QUICK | {"max_epochs": 150, "hidden_size": 32}).fit(X, y)
    lengths = [len(answer) for answer in model.predict(X)]
    assert np.mean(np.array(lengths) == [len(x) for x in X]) > 0.9
    words = ["a" * n for n in range(1, 9)] * 5
    model = Seq2SeqClassifier(**QUICK | {"max_epochs": 60, "hidden_size": 32}).fit(words, words)
    assert model.predict(words).tolist() == words  # one token: lengths are all there is to learn


def test_answers_are_as_long_as_all_were_in_fit():
    model = Seq2SeqClassifier(**QUICK).fit(WORDS, [word[:2] for word in WORDS])
    assert {len(answer) for answer in model.predict(WORDS)} == {2}
    with pytest.raises(ValueError, match=r"Row 1 of y has 3 entries .* sequences of 2 alone"):
        model.score_samples(["ab", "abc"], ["ab", "abc"])


@pytest.mark.parametrize("beam_size", [1, 3])
@pytest.mark.parametrize("decoder_input", ["previous", "none"])
def test_answers_are_as_long_as_asked(beam_size, decoder_input):
    model = Seq2SeqClassifier(beam_size=beam_size, decoder_input=decoder_input, **QUICK)
    model.fit(WORDS, BACKWARDS)
    asked = np.arange(1, 41)
    assert [len(answer) for answer in model.predict(WORDS, n_steps=asked)] == asked.tolist()
    assert {len(answer) for answer in model.predict(WORDS, n_steps=5)} == {5}
    alone = model.predict(WORDS[7:8], n_steps=8)
    assert alone[0] == model.predict(WORDS, n_steps=asked)[7]


def test_longest_answer_has_a_limit():
    model = Seq2SeqClassifier(**QUICK | {"max_epochs": 1}, max_steps=2).fit(WORDS, BACKWARDS)
    assert max(len(answer) for answer in model.predict(WORDS)) <= 2
    model.set_params(max_steps=None)
    assert max(len(answer) for answer in model.predict(WORDS)) <= 12  # twice the longest


@pytest.mark.parametrize("n_steps", [0, 1.5, [[1]], "3", True])
def test_bad_numbers_of_steps_are_refused(of_texts, n_steps):
    with pytest.raises(ValueError, match="n_steps must be an int >= 1, or an array of them"):
        of_texts.predict(WORDS, n_steps=n_steps)
    with pytest.raises(ValueError, match=r"n_steps has 2 entries, but X has 40 row\(s\)"):
        of_texts.predict(WORDS, n_steps=[1, 2])


# -- learning -------------------------------------------------------------------------------------


@pytest.mark.parametrize("attention", [None, "dot", "additive"])
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_words_are_learned_backwards(attention, cell):
    settings = {"hidden_size": 32, "max_epochs": 60, "random_state": 0, "cell": cell}
    words = ["".join(letters) for n in (1, 2, 3) for letters in itertools.product("abc", repeat=n)]
    backwards = [word[::-1] for word in words]
    model = Seq2SeqClassifier(attention=attention, **settings).fit(words, backwards)
    assert model.score(words, backwards) > 0.9
    assert model.history_["train_loss"].iloc[-1] < model.history_["train_loss"].iloc[0] / 4


@pytest.mark.parametrize(("factor", "offset"), [(1, 0), (1e6, 1e7), (-1e-6, 0)])
def test_curves_are_learned_in_any_units(factor, offset):
    y = factor * FIXED + offset
    model = Seq2SeqRegressor(**QUICK | {"max_epochs": 30, "hidden_size": 32}).fit(X, y)
    assert model.score(X, y) > 0.6
    assert np.abs(model.noise_ / factor).max() < 1


@pytest.mark.parametrize("teacher_forcing", [0.0, 0.5, "linear", "sigmoid"])
@pytest.mark.parametrize("kind", [Seq2SeqClassifier, Seq2SeqRegressor])
def test_own_answers_are_learned_from(kind, teacher_forcing):
    y = BACKWARDS if kind is Seq2SeqClassifier else [c[:, 0] for c in CURVES]
    inputs = WORDS if kind is Seq2SeqClassifier else X
    settings = QUICK | {"max_epochs": 15, "decoder_input": "previous"}
    model = kind(teacher_forcing=teacher_forcing, **settings).fit(inputs, y)
    assert model.loss_curve_[-1] < 0.9 * model.loss_curve_[0]
    assert model.net_.module_.teacher_forcing == 1.0
    forced = kind(**settings).fit(inputs, y)
    assert model.loss_curve_ != forced.loss_curve_
    if teacher_forcing in ("linear", "sigmoid"):
        np.testing.assert_allclose(model.loss_curve_[0], forced.loss_curve_[0], rtol=0.1)


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.3, [0.3, 0.3, 0.3]),
        ("linear", [1.0, 0.5, 0.0]),
        ("sigmoid", [1 / (1 + np.exp(-6)), 0.5, 1 / (1 + np.exp(6))]),
    ],
)
def test_share_of_forced_steps_falls_as_named(share, expected):
    class Net:
        module_ = type("Module", (), {})()

    callback, seen = TeacherForcing(share, 3), []
    callback.on_train_begin(Net)
    for _ in range(3):
        callback.on_epoch_begin(Net)
        seen.append(Net.module_.teacher_forcing)
    np.testing.assert_allclose(seen, expected)


def test_static_columns_start_the_decoder():
    shift = RNG.normal(size=40)
    frame = pd.DataFrame({"x": [list(x[:, 0]) for x in X], "shift": shift})
    y = np.stack([np.full(3, s) for s in shift])
    for static_to in ("head", "state", "both"):
        settings = QUICK | {"max_epochs": 60, "static_to": static_to}
        model = Seq2SeqRegressor(attention=None, **settings).fit(frame, y)
        assert model.score(frame, y) > 0.8


# -- one to many ----------------------------------------------------------------------------------


def test_vector_is_read_from_tables_and_frames():
    table = RNG.normal(size=(60, 3))
    y = np.cumsum(table, axis=1)
    settings = QUICK | {"max_epochs": 60, "hidden_size": 32, "encoder": "vector"}
    model = Seq2SeqRegressor(**settings).fit(table, y)
    assert model.n_features_in_ == 3
    assert model.score(table, y) > 0.9
    frame = pd.DataFrame(table, columns=list("abc"))
    of_frame = Seq2SeqRegressor(**settings).fit(frame, y)
    assert of_frame.feature_names_in_.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(of_frame.predict(frame), model.predict(table))
    of_polars = Seq2SeqRegressor(**settings).fit(pl.DataFrame(table, schema=list("abc")), y)
    np.testing.assert_array_equal(of_polars.predict(frame[list("cab")]), model.predict(table))


def test_vector_may_hold_categories():
    colour = RNG.choice(["red", "green", "blue"], size=60)
    frame = pd.DataFrame({"colour": colour, "size": RNG.normal(size=60)})
    settings = QUICK | {"max_epochs": 60, "hidden_size": 32, "encoder": "vector"}
    model = Seq2SeqClassifier(**settings).fit(frame, colour)
    assert model.score(frame, colour) > 0.9
    assert model.predict(frame.assign(colour="violet")).shape == (60,)  # unknown, no error


def test_sequence_is_refused_where_a_vector_is_expected():
    model = Seq2SeqRegressor(encoder="vector", **QUICK)
    with pytest.raises(ValueError, match=r"encoder='vector' X is one vector a row, but row 0 .* 3"):
        model.fit(FIXED, FIXED)


# -- likelihood -----------------------------------------------------------------------------------


def test_likelihoods_of_all_answers_sum_to_one():
    y = [word[:2] for word in WORDS]
    model = Seq2SeqClassifier(**QUICK).fit(WORDS, y)
    answers = ["".join(pair) for pair in itertools.product("abc", repeat=2)]
    likelihood = np.exp(model.score_samples(["abca"] * 9, answers))
    assert likelihood.sum() == pytest.approx(1, abs=1e-6)


def test_likelihood_counts_the_end(of_texts):
    answers = ["".join(x) for n in (1, 2, 3, 4, 5) for x in itertools.product("abc", repeat=n)]
    likelihood = np.exp(of_texts.score_samples(["abca"] * len(answers), answers))
    totals = [likelihood[[len(a) <= n for a in answers]].sum() for n in (1, 2, 3, 4, 5)]
    assert (np.diff(totals) > 0).all()
    assert 0.3 < totals[-1] < 1


def test_likelihood_of_numbers_is_that_of_a_normal_distribution():
    model = Seq2SeqRegressor(**QUICK | {"max_epochs": 30}).fit(X, FIXED)
    one_step = FIXED[:, :1]
    of_one = Seq2SeqRegressor(**QUICK | {"max_epochs": 30}).fit(X, one_step)
    expected = norm.logpdf(one_step, of_one.predict(X), of_one.noise_).sum(axis=(1, 2))
    np.testing.assert_allclose(of_one.score_samples(X, one_step), expected, rtol=1e-5, atol=1e-6)
    residuals = one_step - of_one.predict(X)
    np.testing.assert_allclose(of_one.noise_, residuals.std(axis=(0, 1), mean=0), rtol=1e-4)
    assert model.noise_.shape == (2,)


def test_likelihood_of_learned_ends_is_that_of_each_choice():
    y = [np.arange(n % 3 + 1.0) for n in range(40)]
    model = Seq2SeqRegressor(**QUICK).fit(X, y)
    with_two, with_three = (model.score_samples(X, [np.arange(n)] * 40) for n in (2.0, 3.0))
    assert np.isfinite(with_two).all()
    assert (with_two != with_three).all()


def test_answers_that_were_learned_are_likelier():
    words = ["".join(letters) for n in (1, 2, 3) for letters in itertools.product("abc", repeat=n)]
    backwards = [word[::-1] for word in words]
    model = Seq2SeqClassifier(hidden_size=32, max_epochs=40, random_state=0).fit(words, backwards)
    true = model.score_samples(words, backwards)
    false = model.score_samples(words, [word[::-1] + "a" for word in words])
    assert (true > false).mean() > 0.95
    np.testing.assert_array_equal(
        model.score_samples(words), model.score_samples(words, model.predict(words))
    )


def test_wider_beam_finds_answers_that_are_likelier():
    model = Seq2SeqClassifier(**QUICK | {"max_epochs": 20}).fit(WORDS, BACKWARDS)
    greedy, wide = (model.set_params(beam_size=n).predict(WORDS) for n in (1, 8))
    ended = [0 < len(a) < 12 and 0 < len(b) < 12 for a, b in zip(greedy, wide, strict=True)]
    assert sum(ended) > 10
    of_tokens = []  # the mean over tokens and the end is what the beam looks for
    for answers in (greedy[ended], wide[ended]):
        lengths = np.array([len(answer) + 1 for answer in answers])
        words = [word for word, kept in zip(WORDS, ended, strict=True) if kept]
        of_tokens.append((model.score_samples(words, answers) / lengths).mean())
    assert of_tokens[1] > of_tokens[0]


# -- attention ------------------------------------------------------------------------------------


@pytest.mark.parametrize("attention", ["dot", "additive"])
def test_attention_weights_are_those_of_each_step(attention):
    model = Seq2SeqClassifier(attention=attention, **QUICK).fit(WORDS, BACKWARDS)
    weights = model.attention_weights(WORDS, BACKWARDS)
    assert [w.shape for w in weights] == [(len(word), len(word)) for word in WORDS]
    for of_word in weights:
        np.testing.assert_allclose(of_word.sum(axis=1), 1, rtol=1e-5)
    own = model.attention_weights(WORDS)
    answers = model.predict(WORDS)
    assert [w.shape for w in own] == [(len(a), len(x)) for a, x in zip(answers, WORDS, strict=True)]
    numbers = Seq2SeqRegressor(attention=attention, **QUICK).fit(X, CURVES)
    assert numbers.attention_weights(X, CURVES)[0].shape == (len(CURVES[0]), len(X[0]))


def test_attention_follows_the_word_backwards():
    words = ["".join(RNG.choice(list("abcdef"), size=n)) for n in RNG.integers(3, 8, size=400)]
    backwards = [word[::-1] for word in words]
    model = Seq2SeqClassifier(hidden_size=32, max_epochs=30, random_state=0).fit(words, backwards)
    looked_at = [w.argmax(axis=1) for w in model.attention_weights(words, backwards)]
    off = [abs(at - np.arange(len(at))[::-1]) for at in looked_at]
    assert (flat(off) <= 1).mean() > 0.8


@pytest.mark.parametrize("without", [{"attention": None}, {"encoder": "vector"}])
def test_attention_weights_need_attention(without):
    model = Seq2SeqRegressor(**without, **QUICK).fit(FIXED[:, :, 0], FIXED)
    with pytest.raises(
        ValueError, match=r"attention_weights needs a network with attention\. Fit "
    ):
        model.attention_weights(FIXED[:, :, 0])


# -- guarantees -----------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "mingru"])
@pytest.mark.parametrize("attention", [None, "dot", "additive"])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_company_changes_no_answer(cell, attention, bidirectional):
    settings = QUICK | {"num_layers": 2, "cell": cell, "attention": attention}
    model = Seq2SeqRegressor(bidirectional=bidirectional, **settings).fit(X, FIXED)
    together = model.predict(X, n_steps=9)
    for row in (0, 7, 31):
        np.testing.assert_allclose(
            model.predict(X[row : row + 1], n_steps=9)[0], together[row], atol=1e-5
        )
    order = RNG.permutation(40)
    np.testing.assert_allclose(
        model.predict([X[i] for i in order], n_steps=9), together[order], atol=1e-5
    )
    known = model.score_samples(X, FIXED)
    alone = model.score_samples(X[3:4], FIXED[3:4])
    np.testing.assert_allclose(alone, known[3:4], rtol=1e-5)


@pytest.mark.parametrize("kind", [Seq2SeqClassifier, Seq2SeqRegressor])
def test_fits_repeat_and_leave_the_global_generators_alone(kind):
    y = BACKWARDS if kind is Seq2SeqClassifier else [c[:, 0] for c in CURVES]
    inputs = WORDS if kind is Seq2SeqClassifier else X
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    models = [
        kind(decoder_input="previous", teacher_forcing=0.7, **QUICK).fit(inputs, y)
        for _ in range(2)
    ]
    assert models[0].loss_curve_ == models[1].loss_curve_
    np.testing.assert_array_equal(*(model.score_samples(inputs, y) for model in models))
    assert torch.equal(before[0], torch.get_rng_state())
    np.testing.assert_array_equal(before[1], np.random.get_state()[1])


def test_batch_in_parts_gives_the_same_model():
    settings = QUICK | {"dropout": 0.0, "recurrent_dropout": 0.0}
    whole = Seq2SeqRegressor(**settings).fit(X, CURVES)
    parts = Seq2SeqRegressor(max_batch_steps=16, **settings).fit(X, CURVES)
    for a, b in zip(whole.predict(X), parts.predict(X), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_row_without_weight_may_have_any_answer():
    weight = np.ones(40)
    weight[[3, 5]] = 0
    y = [*BACKWARDS]
    y[3], y[5] = "zzzzzz", None
    model = Seq2SeqClassifier(**QUICK).fit(WORDS, y, sample_weight=weight)
    assert model.classes_.tolist() == ["a", "b", "c"]
    kept = [i for i in range(40) if weight[i]]
    without = Seq2SeqClassifier(**QUICK).fit([WORDS[i] for i in kept], [BACKWARDS[i] for i in kept])
    assert model.predict(WORDS).tolist() == without.predict(WORDS).tolist()


def test_copies_and_pickles_answer_the_same(of_texts):
    copy = pickle.loads(pickle.dumps(of_texts))
    assert copy.predict(WORDS).tolist() == of_texts.predict(WORDS).tolist()
    assert clone(of_texts).get_params() == of_texts.get_params()


def test_early_stopping_keeps_the_best_epoch():
    settings = QUICK | {"max_epochs": 30, "early_stopping": True, "n_iter_no_change": 3}
    model = Seq2SeqClassifier(**settings).fit(WORDS, BACKWARDS)
    losses = model.history_["valid_loss"]
    assert model.best_epoch_ == losses.argmin() + 1
    assert len(model.validation_scores_) == model.n_iter_
    model = Seq2SeqRegressor(**settings).fit(X, CURVES, X_val=X[:5], y_val=CURVES[:5])
    assert model.best_epoch_ == model.history_["valid_loss"].argmin() + 1


def test_training_can_go_on(of_texts):
    model = Seq2SeqClassifier(warm_start=True, **QUICK).fit(WORDS, BACKWARDS)
    first = model.loss_curve_
    model.fit(WORDS, BACKWARDS)
    assert model.loss_curve_[:3] == first
    assert model.n_iter_ == 6
    with pytest.raises(ValueError, match="Row 1 of y has the token 'z' in entry 2"):
        model.fit(["ab", "ba"], ["ab", "baz"])
    model.set_params(attention=None)
    with pytest.raises(ValueError, match=r"The 'attention' parameter .* was changed from 'dot'"):
        model.fit(WORDS, BACKWARDS)


# -- scikit-learn's tools -------------------------------------------------------------------------


def test_answers_go_through_model_selection():
    model, words, y = Seq2SeqClassifier(**QUICK), objects(WORDS), objects(BACKWARDS)
    cv = KFold(3)
    predicted = cross_val_predict(model, words, y, cv=cv)
    assert predicted.shape == (40,)
    assert all(isinstance(answer, str) for answer in predicted)
    assert cross_val_score(model, words, y, cv=cv).shape == (3,)
    scoring = {name: get_scorer(name) for name in ("exact_match", "neg_token_error_rate")}
    scores = cross_validate(model, words, y, cv=cv, scoring=scoring)
    assert scores["test_exact_match"].tolist() == cross_val_score(model, words, y, cv=cv).tolist()
    assert (scores["test_neg_token_error_rate"] < 0).all()
    search = GridSearchCV(model, {"attention": [None, "dot"]}, cv=cv).fit(words, y)
    assert search.best_params_["attention"] in (None, "dot")
    assert search.predict(words).shape == (40,)


def test_numbers_go_through_pipelines():
    steps = make_pipeline(PerStep(StandardScaler()), Seq2SeqRegressor(**QUICK))
    steps.fit(X, CURVES)
    assert [p.shape for p in steps.predict(X, n_steps=2)] == [(2, 2)] * 40
    assert cross_val_score(steps, objects(X), objects(CURVES), cv=KFold(3)).shape == (3,)


# -- errors ---------------------------------------------------------------------------------------

BAD_TOKENS = {
    "too few rows": (BACKWARDS[:-1], ValueError, "X has 40 sequence.*y has 39"),
    "none": (None, ValueError, "requires y to be passed"),
    "missing row": ([*BACKWARDS[:4], None, *BACKWARDS[5:]], TypeError, "Row 4 of y .*Got None"),
    "empty answer": ([*BACKWARDS[:4], "", *BACKWARDS[5:]], ValueError, "Row 4 of y has no entries"),
    "missing token": (
        [*map(list, BACKWARDS[:4]), ["a", None], *map(list, BACKWARDS[5:])],
        ValueError,
        "Row 4 of y lacks its entry 1, it contains NaN or None",
    ),
    "one token": (["aa"] * 40, ValueError, "greater than one; got 1 class: all of y is 'a'"),
    "two tokens a step": (
        [np.array([["a", "b"]])] * 40,
        ValueError,
        "y must have one token a step",
    ),
    "frame of texts": (pd.DataFrame({"y": BACKWARDS}), TypeError, r"frame\. Pass its list column"),
    "number in place of an answer": ([["a"]] * 39 + [3], TypeError, "Row 39 of y must be a 1-D"),
}


@pytest.mark.parametrize("name", BAD_TOKENS)
def test_bad_tokens_are_refused_by_row(name):
    y, error, match = BAD_TOKENS[name]
    model = Seq2SeqClassifier(**QUICK)
    with pytest.raises(error, match=match):
        model.fit(WORDS, y)
    assert not hasattr(model, "net_")


BAD_NUMBERS = {
    "texts": (BACKWARDS, TypeError, "y must hold numbers"),
    "gap": ([*CURVES[:-1], np.full((3, 2), np.nan)], ValueError, "Row 39 of y lacks its entry 0"),
    "infinite": (
        [*CURVES[:-1], np.array([[0, 1], [np.inf, 0]])],
        ValueError,
        "Row 39 of y contains infinity in its entry 1",
    ),
    "frame of lists": (
        pd.DataFrame({"y": [[1.0, 2.0]] * 40}),
        TypeError,
        r"y must hold one sequence a sample, but it is a frame\. Pass its list column",
    ),
    "widths that differ": (
        [*CURVES[:-1], np.ones(3)],
        ValueError,
        "Row 39 of y has a single value",
    ),
    "empty": ([*CURVES[:-1], np.empty((0, 2))], ValueError, "Row 39 of y has no entries"),
}


@pytest.mark.parametrize("name", BAD_NUMBERS)
def test_bad_numbers_are_refused_by_row(name):
    y, error, match = BAD_NUMBERS[name]
    with pytest.raises(error, match=match):
        Seq2SeqRegressor(**QUICK).fit(X, y)


def test_other_numbers_than_in_fit_are_refused():
    model = Seq2SeqRegressor(**QUICK).fit(X, CURVES)
    with pytest.raises(ValueError, match=r"y has 1 number\(s\) a step, but .* fitted with 2"):
        model.score_samples(X, [curve[:, 0] for curve in CURVES])


@pytest.mark.parametrize(
    ("parameter", "value", "match"),
    [
        ("attention", Attention, "a class derived from Attention"),
        ("attention", "dott", "one of 'dot', 'additive' or .*None.*Did you mean 'dot'"),
        ("encoder", "vectors", "one of 'sequence', 'vector'.*Did you mean 'vector'"),
        ("decoder_input", None, "one of 'previous', 'none'"),
        ("teacher_forcing", 1.5, r"a number in \[0, 1\] or one of 'linear', 'sigmoid'"),
        ("max_steps", 0, "an int >= 1 or None"),
        ("beam_size", 0, "an int >= 1"),
    ],
)
def test_bad_parameters_are_refused(parameter, value, match):
    with pytest.raises(ValueError, match=f"The '{parameter}' parameter of Seq2SeqC.* {match}"):
        Seq2SeqClassifier(**{parameter: value}).fit(WORDS, BACKWARDS)


def test_partial_fit_goes_on_where_it_was():
    model = Seq2SeqClassifier(**QUICK)
    for _ in range(3):
        model.partial_fit(WORDS, BACKWARDS)
    assert model.n_iter_ == 3
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    with pytest.raises(ValueError, match="Row 0 of y has the token 'z' in entry 1"):
        model.partial_fit(["ab"], ["bz"])
    numbers = Seq2SeqRegressor(**QUICK).partial_fit(X, FIXED).partial_fit(X[:3], FIXED[:3])
    assert numbers.predict(X).shape == FIXED.shape
    with pytest.raises(ValueError, match=r"Row 0 of y has 2 entries .* sequences of 3 alone"):
        numbers.partial_fit(X[:1], FIXED[:1, :2])


def test_longest_answer_is_that_of_all_calls():
    model = Seq2SeqClassifier(**QUICK).partial_fit(WORDS, BACKWARDS)
    head = model.net_.module_.head.linear
    with torch.no_grad():  # so that it never ends
        head.bias[-1] = -100.0
    assert {len(answer) for answer in model.predict(WORDS)} == {12}  # twice the longest
    model.partial_fit(WORDS, [*BACKWARDS[:-1], "abc" * 10])
    with torch.no_grad():
        model.net_.module_.head.linear.bias[-1] = -100.0
    assert {len(answer) for answer in model.predict(WORDS)} == {60}


def test_validation_changes_nothing_that_is_learned():
    settings = QUICK | {"decoder_input": "previous", "teacher_forcing": 0.0}
    without = Seq2SeqRegressor(**settings).fit(X, FIXED)
    beside = Seq2SeqRegressor(**settings).fit(X, FIXED, X_val=X[:9], y_val=FIXED[:9])
    np.testing.assert_array_equal(without.predict(X), beside.predict(X))


def test_vectors_may_be_nested_lists():
    table = RNG.normal(size=(20, 2))
    model = Seq2SeqRegressor(encoder="vector", **QUICK).fit(table.tolist(), table)
    np.testing.assert_array_equal(model.predict(table.tolist()), model.predict(table))
    frame = pd.DataFrame({"s": [[1.0]] * 20, "k": table[:, 0]})
    with pytest.raises(ValueError, match="encoder='vector' X is one vector a row, but row 0"):
        Seq2SeqRegressor(encoder="vector", **QUICK).fit(frame, table)


def test_tokens_and_numbers_may_be_nested_deeper_than_needed():
    tokens = RNG.integers(0, 3, size=(40, 4, 1))
    model = Seq2SeqClassifier(**QUICK).fit(X, tokens)
    assert model.score(X, tokens) == model.score(X, tokens[:, :, 0])
    nested = objects([objects(list(curve)) for curve in CURVES])  # as pandas reads them from a file
    expected = Seq2SeqRegressor(**QUICK).fit(X, CURVES).predict(X)
    for ours, theirs in zip(
        Seq2SeqRegressor(**QUICK).fit(X, nested).predict(X), expected, strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("kind", [Seq2SeqClassifier, Seq2SeqRegressor])
@pytest.mark.parametrize("weight", [[1, 2], [-1.0] * 40])
def test_scores_refuse_bad_weights(kind, weight):
    y = np.abs(FIXED[:, :, 0]).round()
    model = kind(**QUICK).fit(X, y)
    with pytest.raises(ValueError, match="sample_weight"):
        model.score(X, y, sample_weight=weight)


def test_end_is_learned_where_longer_answers_are_held_out():
    y = [[1.0]] * 20 + [[1.0, 2.0]] * 20
    model = Seq2SeqRegressor(early_stopping=True, **QUICK)
    groups = np.arange(40) // 20
    model.set_params(validation_fraction=0.5).fit(X, y, groups=groups)
    assert np.isfinite(model.loss_curve_).all()


def test_answers_count_for_the_size_of_batches():
    """Answers far longer than X must not all go through the network at once."""
    table = RNG.normal(size=(2000, 2)).astype(np.float32)
    model = Seq2SeqRegressor(encoder="vector", **QUICK | {"max_epochs": 1})
    model.fit(table[:50], np.ones((50, 400)) * table[:50, :1])
    seen = []
    forward = model.net_.module_.head.forward
    model.net_.module_.head.forward = lambda x: seen.append(x.shape[:2].numel()) or forward(x)
    model.score_samples(table, np.ones((2000, 400)))
    assert sum(seen) == 2000 * 400
    assert max(seen) <= 2 * PREDICTION_STEPS


@pytest.mark.parametrize("nobody", [[1.5, np.nan], "xx", None, [[1, 2]], 7])
@pytest.mark.parametrize("as_array", [False, True])
def test_rows_without_weight_do_not_say_what_tokens_are(nobody, as_array):
    inputs, y = WORDS[:20], [[1, 2, 3][: len(word) % 3 + 1] for word in WORDS[:20]]
    weight = np.where(np.arange(20) == 3, 0.0, 1.0)
    plain = Seq2SeqClassifier(**QUICK).fit(inputs, y, sample_weight=weight)
    y[3] = nobody
    if as_array:
        rows = np.empty(20, dtype=object)
        for i, row in enumerate(y):
            rows[i] = row
        y = rows
    model = Seq2SeqClassifier(**QUICK).fit(inputs, y, sample_weight=weight)
    assert model.classes_.tolist() == [1, 2, 3]
    assert model.classes_.dtype.kind == "i"
    assert model.loss_curve_ == plain.loss_curve_
    assert model.predict(inputs)[0].tolist() == plain.predict(inputs)[0].tolist()
