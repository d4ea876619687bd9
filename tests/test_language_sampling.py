"""Sequences written by the language model, and what it refuses."""

import inspect
from time import process_time

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from scipy import sparse
from sklearn.exceptions import NotFittedError

from sklearn_rnn import RNNLanguageModel
from sklearn_rnn.nn.cells import CELLS
from tests.test_language_model import NUMBERS, QUICK, TEXTS


@pytest.fixture(scope="module")
def model():
    return RNNLanguageModel(**QUICK | {"max_epochs": 20}).fit(TEXTS)


@pytest.fixture(scope="module")
def of_numbers():
    return RNNLanguageModel(**QUICK).fit(NUMBERS)


def greedy(model, prompt, max_steps):
    """Return the most probable continuation, asked for token by token."""
    written = prompt
    while len(written) < max_steps:
        best = model.predict_next_proba([written])[0].argmax()
        if best == len(model.classes_):
            break
        written += model.classes_[best]
    return written


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("num_layers", [1, 2])
def test_temperature_0_takes_the_most_probable_token(cell, num_layers):
    model = RNNLanguageModel(
        cell=cell, num_layers=num_layers, lr=0.03, **QUICK | {"max_epochs": 15}
    ).fit(TEXTS)
    prompts = ["", "b", "bandanna", "da", "ne"]
    written = model.sample(5, prompt=prompts, temperature=0, max_steps=40)
    assert written.tolist() == [greedy(model, prompt, 40) for prompt in prompts]
    alone = [model.sample(prompt=p, temperature=0, max_steps=40)[0] for p in prompts]
    assert written.tolist() == alone
    one_of_one = model.sample(5, prompt=prompts, top_k=1, max_steps=40, random_state=0)
    assert written.tolist() == one_of_one.tolist()


def test_tokens_are_drawn_as_often_as_foretold(model):
    n_samples = 4000
    written = model.sample(n_samples, max_steps=2, random_state=0)
    first = np.array([text[:1] for text in written])
    foretold = model.predict_next_proba([""])[0]
    for token, expected in zip([*model.classes_, ""], foretold, strict=True):
        spread = np.sqrt(expected * (1 - expected) / n_samples)
        assert (first == token).mean() == pytest.approx(expected, abs=4 * spread + 1e-9)
    after_b = np.array([text[1:] for text in written[first == "b"]])
    foretold = model.predict_next_proba(["b"])[0, 0]
    assert (after_b == "a").mean() == pytest.approx(foretold, abs=4 * np.sqrt(0.25 / len(after_b)))


@pytest.mark.parametrize(("temperature", "top_k"), [(0.5, None), (2.0, None), (1.0, 2), (0.7, 3)])
def test_temperature_and_top_k_change_what_is_drawn_as_they_say(model, temperature, top_k):
    written = model.sample(4000, max_steps=1, temperature=temperature, top_k=top_k, random_state=0)
    expected = model.predict_next_proba([""])[0] ** (1 / temperature)
    if top_k is not None:
        expected[np.argsort(expected)[:-top_k]] = 0
    expected /= expected.sum()
    for token, share in zip([*model.classes_, ""], expected, strict=True):
        spread = np.sqrt(share * (1 - share) / 4000)
        assert (written == token).mean() == pytest.approx(share, abs=4 * spread + 1e-9)


def test_samples_repeat_by_seed_alone(model):
    a, b = (model.sample(20, random_state=0) for _ in range(2))
    assert a.tolist() == b.tolist()
    assert a.tolist() != model.sample(20, random_state=1).tolist()
    assert model.sample(20).tolist() != model.sample(20).tolist()
    state = np.random.RandomState(0)
    assert model.sample(20, random_state=state).tolist() != a.tolist()


def test_samples_begin_with_the_prompt(model, of_numbers):
    written = model.sample(4, prompt="ban", random_state=0)
    assert all(text.startswith("ban") for text in written)
    prompts = ["b", "", "qqq", "bandan"]
    written = model.sample(4, prompt=prompts, random_state=0)
    assert all(text.startswith(prompt) for text, prompt in zip(written, prompts, strict=True))
    for prompt in ([3, 1], np.array([3, 1]), (3, 77)):
        written = of_numbers.sample(3, prompt=prompt, random_state=0)
        assert all(row[:2].tolist() == list(prompt) for row in written)
        assert all(row.dtype.kind == "i" for row in written)
    prompts = [[3], [1, 5], []]
    for each in (prompts, pa.array(prompts), pd.Series(prompts)):
        written = of_numbers.sample(3, prompt=each, random_state=0)
        assert [row[: len(p)].tolist() for row, p in zip(written, prompts, strict=True)] == prompts


def test_samples_have_the_form_of_x(model, of_numbers):
    texts, arrays = model.sample(3, random_state=0), of_numbers.sample(3, random_state=0)
    assert texts.dtype == arrays.dtype == object
    assert texts.shape == arrays.shape == (3,)
    assert all(isinstance(text, str) for text in texts)
    assert all(isinstance(row, np.ndarray) and row.ndim == 1 for row in arrays)
    words = RNNLanguageModel(**QUICK).fit([["to", "be"], ["not", "to", "be"]])
    written = words.sample(2, prompt=["never", "to"], random_state=0)
    assert all(row[:2].tolist() == ["never", "to"] for row in written)
    assert np.isfinite(words.score_samples(words.sample(20, random_state=0))).all()


def test_samples_end_at_max_steps():
    model = RNNLanguageModel(**QUICK | {"max_epochs": 1}).fit(["ab" * 700])
    model.net_.module_.head.linear.bias.data[-1] = -100  # no end
    assert {len(text) for text in model.sample(5, random_state=0)} == {1000}
    assert {len(text) for text in model.sample(5, max_steps=33, random_state=0)} == {33}
    assert {len(text) for text in model.sample(5, prompt="abc", max_steps=3)} == {3}
    short = RNNLanguageModel(**QUICK | {"max_epochs": 1}).fit(["abab", "ba"])
    assert max(len(text) for text in short.sample(500, random_state=0)) == 8


def test_long_and_many_samples_are_quick():
    model = RNNLanguageModel(hidden_size=128, max_epochs=1, random_state=0).fit([np.arange(60)])
    model.net_.module_.head.linear.bias.data[-1] = -100  # no end
    for n_samples, n_steps in ((1, 10_000), (100, 100)):
        start = process_time()
        written = model.sample(n_samples, max_steps=n_steps, random_state=0)
        seconds = process_time() - start
        assert sum(map(len, written)) == 10_000
        assert seconds < 3  # about 1 and 0.04 of one core


# -- refusals -------------------------------------------------------------------------------------


def bad(name, error, match, X=TEXTS, **params):
    return pytest.param(error, match, X, params, id=name)


BAD_X = [
    bad("one-text", TypeError, r"X must be a list of sequences\. Got str .*\[text\]", "hello"),
    bad("bytes", TypeError, r"X must be a list of sequences\. Got bytes", b"hello"),
    bad("none", TypeError, r"X must hold one sequence a sample.* Got NoneType", None),
    bad("number", TypeError, r"X must hold one sequence a sample.* Got float", 3.0),
    bad("dict", TypeError, r"X must hold one sequence a sample.* Got dict", {"a": "b"}),
    bad("empty", ValueError, r"0 sample\(s\).* X is empty", []),
    bad("empty-objects", ValueError, r"0 sample\(s\).* X is empty", np.empty(0, dtype=object)),
    bad("empty-table", ValueError, r"0 sample\(s\)", np.empty((0, 3))),
    bad("no-columns", ValueError, r"0 feature\(s\)", np.empty((3, 0))),
    bad("no-tokens", ValueError, r"X has no token that occurs 1 time\(s\)", ["", ""]),
    bad("all-rare", ValueError, r"X has no token that occurs 9 time\(s\), 'min_frequency'",
        ["ab", "c"], min_frequency=9),
    bad("none-row", ValueError, r"Row 1 of X has no text, it is None", ["ab", None]),
    bad("number-among-texts", TypeError, r"Row 1 of X must be a text.* Got 3", ["ab", 3]),
    bad("list-among-texts", TypeError, r"Row 1 of X must be a text", ["ab", ["a"]]),
    bad("text-among-lists", TypeError, r"Row 1 of X must be a list of texts", [["a"], "ab"]),
    bad("number-among-tokens", TypeError, r"Row 1, step 0 of X must be a text.* Got 3",
        [["a"], [3]]),
    bad("text-among-numbers", TypeError,
        r"Row 0, step 0 of X.* must be a string, or a number where all are\. Got 1",
        [[1, 2], ["a"]]),
    bad("missing-token", ValueError, r"Row 0, step 1 of X is missing", [["a", None], ["b"]]),
    bad("nan", ValueError, r"Row 1, step 0 of X is missing, it is NaN", [[1.0], [np.nan, 2.0]]),
    bad("nan-in-a-table", ValueError, r"Input X contains NaN", np.array([[1.0, np.nan]])),
    bad("infinite", ValueError, r"Row 1, step 1 of X is infinity", [[1.0], [2.0, np.inf]]),
    bad("none-list", ValueError, r"Row 1 of X has no sequence, it is null", [[1], None]),
    bad("null-list", ValueError, r"Row 1 of X has no sequence, it is null",
        pa.table({"t": [[1], None]})),
    bad("null-text", ValueError, r"Row 1 of X has no text, it is None",
        pa.table({"t": ["a", None]})),
    bad("dates", TypeError, r"X must hold texts or numbers\. Got dtype datetime64",
        [np.array(["2024-01-01"], dtype="datetime64[s]")]),
    bad("complex", ValueError, r"Complex data not supported", [np.array([1j])]),
    bad("complex-table", ValueError, r"Complex data not supported", np.array([[1j]])),
    bad("objects", TypeError, r"Row 0, step 0 of X.* must be a string", [[{"a": 1}], [{"b": 2}]]),
    bad("vectors", ValueError, r"X has 2 values at a step", np.ones((3, 4, 2))),
    bad("4d", ValueError, r"X has 4 dimensions", np.ones((3, 4, 2, 1))),
    bad("single-numbers", TypeError, r"Row 0 of X must be a 1-D array or list", [1, 2, 3]),
    bad("1d", ValueError, r"Expected 2D array, got 1D", np.arange(3)),
    bad("sparse", TypeError, r"[Ss]parse", sparse.csr_array(np.eye(3))),
    bad("two-columns", ValueError, r"X has 2 columns: 'a', 'b'.* one column of texts or of lists",
        pd.DataFrame({"a": ["x", "y"], "b": [1, 2]})),
    bad("two-list-columns", ValueError, r"X has 2 columns: 'a', 'b'",
        pa.table({"a": [["x"]], "b": [["y"]]})),
    bad("parameters", ValueError, r"'hidden_size' .*\n.*'bptt_steps' parameter .* Got 0",
        hidden_size=0, bptt_steps=0),
    bad("cell", ValueError, r"'cell' parameter of RNNLanguageModel .* Did you mean 'lstm'",
        cell="ltsm"),
    bad("diverging", ValueError, r"Training diverged", lr=1e30),
    bad("one-text-held-out", ValueError, r"Can't hold out", ["abc"], early_stopping=True),
]  # fmt: skip


@pytest.mark.parametrize(("error", "match", "X", "params"), BAD_X)
def test_bad_x_is_refused_and_leaves_no_fit(error, match, X, params):
    model = RNNLanguageModel(**QUICK | params)
    before = dict(vars(model))
    with pytest.raises(error, match=f"(?s){match}"):
        model.fit(X)
    assert vars(model) == before


@pytest.mark.parametrize(
    ("error", "match", "arguments"),
    [
        (ValueError, r"'n_samples' parameter of RNNLanguageModel.sample must be an int >= 1. Got 0",
         {"n_samples": 0}),
        (ValueError, r"'temperature' .* a number in \[0, inf\)\. Got -1", {"temperature": -1}),
        (ValueError, r"'top_k' .* an int >= 1 or None\. Got 0", {"top_k": 0}),
        (ValueError, r"'max_steps' .* an int >= 1 or None\. Got 2\.5", {"max_steps": 2.5}),
        (ValueError, r"'random_state' .* Got -1", {"random_state": -1}),
        (ValueError, r"Row 0 of prompt has 6 tokens, but samples have 5 at most.* Raise max_steps",
         {"prompt": "banana", "max_steps": 5}),
        (ValueError, r"Row 1 of prompt has 40 tokens, but samples have 16 at most",
         {"prompt": ["a", "a" * 40], "n_samples": 2}),
        (ValueError, r"prompt holds 2 sequences, but n_samples is 3",
         {"prompt": ["a", "b"], "n_samples": 3}),
        (TypeError, r"prompt holds categories of type double, but large_string in fit",
         {"prompt": [[1, 2]]}),
        (TypeError, r"Row 0 of prompt must be a 1-D array or list", {"prompt": [3]}),
    ],
)  # fmt: skip
def test_bad_arguments_of_sample_are_refused(model, error, match, arguments):
    with pytest.raises(error, match=f"(?i){match}"):
        model.sample(**arguments)


@pytest.mark.parametrize(
    ("error", "match", "X"),
    [
        (TypeError, r"X holds categories of type double, but large_string in fit", [[1, 2]]),
        (TypeError, r"X must be a list of sequences\. Got str", "abc"),
        (ValueError, r"X is empty", []),
    ],
)
def test_bad_x_is_refused_by_a_fitted_model(model, error, match, X):
    for call in (model.score_samples, model.score, model.bits_per_token, model.perplexity):
        with pytest.raises(error, match=match):
            call(X)


def test_numbers_are_refused_where_texts_were_and_the_reverse(of_numbers):
    with pytest.raises(TypeError, match="X holds categories of type large_string, but double"):
        of_numbers.score_samples(["ab"])


def test_table_of_other_width_is_refused_but_as_prefixes():
    model = RNNLanguageModel(**QUICK).fit(np.array(NUMBERS))
    with pytest.raises(ValueError, match="X has 2 features, but RNNLanguageModel is expecting 3"):
        model.score_samples(np.array(NUMBERS)[:, :2])
    assert model.predict_next_proba(np.array(NUMBERS)[:, :2]).shape == (4, 9)


def test_renamed_column_is_refused():
    model = RNNLanguageModel(**QUICK).fit(pd.DataFrame({"text": TEXTS}))
    assert model.feature_names_in_.tolist() == ["text"]
    assert model.score(TEXTS) == model.score(pd.DataFrame({"text": TEXTS}))
    with pytest.raises(ValueError, match=r"(?s)feature names should match.* unseen .*- words"):
        model.score(pd.DataFrame({"words": TEXTS}))


@pytest.mark.parametrize("call", ["sample", "score_samples", "predict_next_proba", "perplexity"])
def test_model_that_is_not_fitted_says_so(call):
    arguments = () if call == "sample" else (TEXTS,)
    with pytest.raises(NotFittedError, match="RNNLanguageModel instance is not fitted yet"):
        getattr(RNNLanguageModel(), call)(*arguments)


def test_changed_network_is_refused_where_training_goes_on():
    model = RNNLanguageModel(**QUICK).partial_fit(TEXTS).set_params(hidden_size=9)
    with pytest.raises(ValueError, match=r"'hidden_size' parameter .* from 8 to 9"):
        model.partial_fit(TEXTS)


def test_constructor_only_stores():
    names = list(inspect.signature(RNNLanguageModel).parameters)
    values = {name: object() for name in names}
    assert vars(RNNLanguageModel(**values)) == values
    assert set(names) == set(RNNLanguageModel._parameter_rules)


def test_inputs_are_never_written_to():
    X = [np.array([1, 2, 3]), np.array([2, 1])]
    before = [x.copy() for x in X]
    model = RNNLanguageModel(**QUICK).fit(X)
    model.score_samples(X)
    model.sample(2, prompt=X, random_state=0)
    for x, then in zip(X, before, strict=True):
        np.testing.assert_array_equal(x, then)
    assert torch.is_tensor(next(model.net_.module_.parameters()))
