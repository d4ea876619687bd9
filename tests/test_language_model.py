"""The language model: likelihoods, windows, unknown tokens, training."""

import pickle
from copy import deepcopy

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from torch.utils._python_dispatch import TorchDispatchMode

from sklearn_rnn import RNNLanguageModel
from sklearn_rnn.data.next_token import NextTokenTarget, in_windows
from sklearn_rnn.data.tokens import read_tokens
from sklearn_rnn.metrics import bits_per_token
from sklearn_rnn.nn import language
from sklearn_rnn.nn.cells import CELLS
from sklearn_rnn.nn.recurrence import STEPS_AT_ONCE

QUICK = {"hidden_size": 8, "max_epochs": 2, "random_state": 0, "device": "cpu"}
TEXTS = ["banana", "band", "an", "nab", "bandanna", "dab", "and", "a", "bad", "banned"]
TORCH = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}


def weights_of(model):
    return torch.cat([p.detach().flatten() for p in model.net_.module_.parameters()])


# -- likelihood -----------------------------------------------------------------------------------


def by_hand(model, text):
    """Return the log-likelihoods of the tokens and the end, by torch's own modules."""
    module = model.net_.module_
    tokens = [model.classes_.tolist().index(token) for token in text]
    # vectors: the unknown, then, of what training had, the start and the tokens
    embedding = module.encoder.inputs.categorical[0].embedding
    read = embedding(torch.tensor([1, *(2 + token for token in tokens)]))
    kind = TORCH[model.cell]
    cell = kind(read.shape[1], model.hidden_size, num_layers=model.num_layers)
    cell.load_state_dict(module.encoder.recurrence.state_dict())
    outputs = module.head.linear(cell(read[:, None])[0][:, 0])
    following = torch.tensor([*tokens, len(model.classes_)])
    return torch.log_softmax(outputs, dim=1)[torch.arange(len(following)), following]


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("cell", TORCH)
def test_likelihood_is_that_of_the_equations(cell, num_layers):
    model = RNNLanguageModel(cell=cell, num_layers=num_layers, **QUICK).fit(TEXTS)
    with torch.no_grad():
        expected = [by_hand(model, text).sum().item() for text in TEXTS]
    np.testing.assert_allclose(model.score_samples(TEXTS), expected, rtol=1e-5)


def test_likelihood_is_the_product_of_what_is_foretold():
    model = RNNLanguageModel(**QUICK).fit(TEXTS)
    foretold = model.predict_next_proba(["", "d", "da", "dab"])
    assert model.classes_.tolist() == ["a", "b", "d", "e", "n"]
    np.testing.assert_allclose(foretold.sum(axis=1), 1)
    step_by_step = np.log(foretold[[0, 1, 2, 3], [2, 0, 1, 5]]).sum()
    np.testing.assert_allclose(model.score_samples(["dab"]), step_by_step, rtol=1e-6)


def test_measures_agree_with_each_other_and_the_metric():
    model = RNNLanguageModel(**QUICK).fit(TEXTS)
    lengths = np.array([len(text) for text in TEXTS])
    bits = bits_per_token(model.score_samples(TEXTS), lengths + 1)
    assert model.bits_per_token(TEXTS) == pytest.approx(bits, rel=1e-12)
    assert model.perplexity(TEXTS) == pytest.approx(2**bits, rel=1e-12)
    assert model.score(TEXTS) == pytest.approx(-bits * np.log(2), rel=1e-12)
    repeated = model.score(TEXTS[:2] + TEXTS[:1])
    assert model.score(TEXTS[:2], sample_weight=[2, 1]) == pytest.approx(repeated, rel=1e-12)


def test_untrained_model_foretells_the_shares_of_tokens():
    model = RNNLanguageModel(**QUICK | {"lr": 1e-9, "max_epochs": 1}).fit(["aab", "b"])
    np.testing.assert_allclose(
        model.predict_next_proba([""])[0], [2 / 6, 2 / 6, 2 / 6], atol=0.02, rtol=0
    )


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("num_layers", [1, 2])
def test_likelihood_does_not_depend_on_company_or_pieces(cell, num_layers, monkeypatch):
    rng = np.random.default_rng(0)
    X = [rng.integers(0, 6, size=n) for n in (90, 3, 40, 1, 0, 17)]
    model = RNNLanguageModel(cell=cell, num_layers=num_layers, **QUICK).fit(X)
    together, foretold = model.score_samples(X), model.predict_next_proba(X)
    alone = np.concatenate([model.score_samples([x]) for x in X])
    np.testing.assert_allclose(alone, together, atol=1e-5, rtol=0)
    for name, size in (("STEPS_AT_ONCE", 16 * 7), ("OUTPUTS_AT_ONCE", 50)):
        monkeypatch.setattr(language, name, size)
        np.testing.assert_allclose(model.score_samples(X), together, atol=1e-4, rtol=0)
        np.testing.assert_allclose(model.predict_next_proba(X), foretold, atol=1e-6, rtol=0)
    reordered = model.predict_next_proba(X[::-1])[::-1]
    np.testing.assert_allclose(reordered, foretold, atol=1e-6, rtol=0)


def test_training_in_parts_is_the_same(monkeypatch):
    whole = RNNLanguageModel(dropout=0.3, **QUICK).fit(TEXTS)
    monkeypatch.setattr(language, "OUTPUTS_AT_ONCE", 60)
    in_parts = RNNLanguageModel(dropout=0.3, **QUICK).fit(TEXTS)
    torch.testing.assert_close(weights_of(in_parts), weights_of(whole), atol=1e-5, rtol=0)
    batches = RNNLanguageModel(dropout=0.0, **QUICK).fit(TEXTS, X_val=TEXTS)
    parts = RNNLanguageModel(dropout=0.0, max_batch_steps=16, **QUICK).fit(TEXTS, X_val=TEXTS)
    np.testing.assert_allclose(parts.loss_curve_, batches.loss_curve_, rtol=0.05)


# -- long texts -----------------------------------------------------------------------------------


def test_windows_begin_with_the_token_before_and_end_once():
    tokens = read_tokens(["abcdefg", "ab", ""])
    target = NextTokenTarget.of_tokens(tokens, np.ones(3), 1)
    texts = target.inputs(tokens)
    windows, rows = in_windows(texts, 3)
    assert rows.tolist() == [0, 0, 0, 1, 2]
    assert windows.sequences.lengths.tolist() == [2, 3, 3, 3, 1]
    read = windows.sequences.codes[:, 0].tolist()
    following = target.next_of(texts).tolist()
    assert read == [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 1]
    assert following == [0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 7, 7]  # 7 is the end
    whole, rows = in_windows(texts, 8)
    assert whole.sequences.offsets.tolist() == texts.sequences.offsets.tolist()
    assert rows.tolist() == [0, 1, 2]


def test_windows_matter_in_training_alone():
    text = "".join(np.random.default_rng(0).choice(list("abc"), size=100))
    whole = RNNLanguageModel(bptt_steps=None, **QUICK).fit([text])
    cut = RNNLanguageModel(bptt_steps=20, **QUICK).fit([text])
    fits = RNNLanguageModel(bptt_steps=101, **QUICK).fit([text])
    assert torch.equal(weights_of(fits), weights_of(whole))
    assert not torch.equal(weights_of(cut), weights_of(whole))
    judged = cut.score_samples([text])
    cut.set_params(bptt_steps=1)
    np.testing.assert_array_equal(cut.score_samples([text]), judged)
    with torch.no_grad():
        np.testing.assert_allclose(judged, by_hand(cut, text).sum().item(), rtol=1e-5)


def test_long_text_is_learned_over_its_windows():
    text = "abcde" * 200
    model = RNNLanguageModel(
        hidden_size=16, bptt_steps=20, max_epochs=30, lr=0.03, random_state=0
    ).fit([text])
    assert model.bits_per_token([text]) < 0.2
    sample = model.sample(prompt="abc", temperature=0, max_steps=50)[0]
    assert sample == ("abcde" * 10)


class LargestTensor(TorchDispatchMode):
    """Notes the bytes of the largest tensor that is made."""

    n_bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **kwargs or {})
        for tensor in made if isinstance(made, tuple | list) else (made,):
            if isinstance(tensor, torch.Tensor):
                self.n_bytes = max(self.n_bytes, tensor.untyped_storage().nbytes())
        return made


@pytest.fixture
def _one_thread():
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.mark.usefixtures("_one_thread")
@pytest.mark.parametrize("early_stopping", [False, True])
def test_memory_does_not_grow_with_length_times_tokens(early_stopping, monkeypatch):
    monkeypatch.setattr(language, "OUTPUTS_AT_ONCE", 1 << 14)
    n_steps, n_tokens = 8_000, 400
    text = np.random.default_rng(0).integers(0, n_tokens, n_steps)
    model = RNNLanguageModel(**QUICK | {"max_epochs": 1, "early_stopping": early_stopping})
    with LargestTensor() as largest:
        model.fit([text])
        model.score_samples([text])
        model.predict_next_proba([text])
    assert largest.n_bytes <= 4 * 64 * STEPS_AT_ONCE  # vectors read by some steps
    assert largest.n_bytes < 8 * n_steps * n_tokens / 5  # of the likelihoods of all


# -- unknown tokens -------------------------------------------------------------------------------


def test_token_never_met_counts_as_one_of_all_tokens_and_ends():
    model = RNNLanguageModel(**QUICK).fit(TEXTS)
    n_entries = sum(len(text) + 1 for text in TEXTS)
    known = model.predict_next_proba(["", "ax"])[[0, 1], [0, -1]]
    expected = np.log(known).sum() - np.log(n_entries + 1)
    np.testing.assert_allclose(model.score_samples(["ax"]), expected, rtol=1e-6)
    np.testing.assert_array_equal(model.score_samples(["ax"]), model.score_samples(["aZ"]))


def test_rare_tokens_are_a_class_of_their_own():
    X = [["a", "b", "rare"], ["a", "odd", "b"], ["a", "b", "a"]] * 2 + [["once"]]
    model = RNNLanguageModel(min_frequency=3, **QUICK).fit(X)
    assert model.classes_.tolist() == ["a", "b"]
    foretold = model.predict_next_proba([["a"], ["never"]])
    assert foretold.shape == (2, 4)
    np.testing.assert_allclose(foretold.sum(axis=1), 1)
    expected = np.log(model.predict_next_proba([[]])[0, 2] * foretold[1, 3])
    np.testing.assert_allclose(model.score_samples([["once"]]), expected, rtol=1e-6)
    np.testing.assert_array_equal(model.score_samples([["once"]]), model.score_samples([["never"]]))
    written = np.concatenate(model.sample(200, random_state=0))
    assert set(written) <= {"a", "b"}


# -- what X may be --------------------------------------------------------------------------------

CHARACTERS = {
    "list": list,
    "tuple": tuple,
    "array": np.array,
    "objects": lambda X: np.array(X, dtype=object),
    "series": pd.Series,
    "category": lambda X: pd.Series(X, dtype="category"),
    "arrow": pa.array,
    "polars": pl.Series,
    "frame": lambda X: pd.DataFrame({"text": X}),
    "frame-of-objects": lambda X: pd.DataFrame({"text": pd.Series(X, dtype=object)}),
    "arrow-frame": lambda X: pa.table({"text": X}),
    "polars-frame": lambda X: pl.DataFrame({"text": X}),
    "lists": lambda X: list(map(list, X)),
    "arrays": lambda X: [np.array(list(x)) for x in X],
    "list-column": lambda X: pa.table({"text": list(map(list, X))}),
    "dictionaries": lambda X: pa.array(
        list(map(list, X)), pa.list_(pa.dictionary(pa.int32(), pa.string()))
    ),
    "polars-lists": lambda X: pl.Series(list(map(list, X))),
    "object-lists": lambda X: pd.DataFrame({"text": pd.Series(list(map(list, X)))}),
}


@pytest.mark.parametrize("form", CHARACTERS)
def test_forms_of_equal_texts_give_equal_models(form):
    X = CHARACTERS[form](TEXTS)
    expected = RNNLanguageModel(**QUICK).fit(TEXTS)
    model = RNNLanguageModel(**QUICK).fit(X)
    assert torch.equal(weights_of(model), weights_of(expected))
    np.testing.assert_array_equal(model.score_samples(X), expected.score_samples(TEXTS))
    assert model.n_features_in_ == 1
    assert hasattr(model, "feature_names_in_") == ("frame" in form or "column" in form
                                                   or form == "object-lists")  # fmt: skip


NUMBERS = [[3, 1, 4], [1, 5, 9], [2, 6, 5], [3, 5, 8]]
OF_NUMBERS = {
    "lists": list,
    "2d": np.array,
    "floats": lambda X: np.array(X, dtype=float),
    "arrays": lambda X: [np.array(x) for x in X],
    "3d": lambda X: np.array(X)[:, :, None],
    "frame": lambda X: pd.DataFrame(X).add_prefix("c"),
    "list-column": lambda X: pa.table({"n": X}),
    "polars": lambda X: pl.Series(X),
    "polars-frame": lambda X: pl.DataFrame(np.array(X)),
    "texts": lambda X: ["".join(map(str, x)) for x in X],
    "2d-texts": lambda X: np.array(X).astype(str),
}


@pytest.mark.parametrize("form", OF_NUMBERS)
def test_forms_of_equal_numbers_give_equal_models(form):
    X = OF_NUMBERS[form](NUMBERS)
    expected = RNNLanguageModel(**QUICK).fit(NUMBERS)
    model = RNNLanguageModel(**QUICK).fit(X)
    assert model.classes_.astype(float).tolist() == [1, 2, 3, 4, 5, 6, 8, 9]
    assert model.classes_.dtype.kind == {"floats": "f"}.get(form, "U" if "text" in form else "i")
    # hashes, and so the order of rows, are of values: likelihoods of other types agree in part
    if "text" not in form:
        assert torch.equal(weights_of(model), weights_of(expected))
    assert model.score_samples(X).shape == (4,)


# -- training -------------------------------------------------------------------------------------


def test_weights_are_repeats_to_the_bit_and_order_is_nothing():
    weight = np.arange(len(TEXTS)) % 3
    repeated = [text for text, n in zip(TEXTS, weight, strict=True) for _ in range(n)]
    for early_stopping in (False, True):
        settings = QUICK | {"early_stopping": early_stopping, "bptt_steps": 4}
        a = RNNLanguageModel(**settings).fit(TEXTS, sample_weight=weight)
        b = RNNLanguageModel(**settings).fit(repeated)
        c = RNNLanguageModel(**settings).fit(repeated[::-1])
        assert torch.equal(weights_of(a), weights_of(b))
        assert torch.equal(weights_of(c), weights_of(b))
        np.testing.assert_array_equal(a.score_samples(["xa"]), b.score_samples(["xa"]))


@pytest.mark.parametrize("cell", CELLS)
def test_same_seed_gives_the_same_bits_and_leaves_global_generators_alone(cell):
    settings = QUICK | {"cell": cell, "dropout": 0.3, "recurrent_dropout": 0.2}
    models = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        np.random.seed(seed)
        before = torch.get_rng_state(), np.random.get_state()[1]
        models.append(RNNLanguageModel(**settings).fit(TEXTS))
        models[-1].sample(5, random_state=0)
        models[-1].sample(5)
        assert torch.equal(torch.get_rng_state(), before[0])
        np.testing.assert_array_equal(np.random.get_state()[1], before[1])
    assert torch.equal(weights_of(models[0]), weights_of(models[1]))
    other = RNNLanguageModel(**settings | {"random_state": 1}).fit(TEXTS)
    assert not torch.equal(weights_of(models[0]), weights_of(other))


def test_windows_of_one_text_are_held_out_together():
    rng = np.random.default_rng(0)
    X = ["".join(rng.choice(list("abc"), size=60)) for _ in range(6)]
    model = RNNLanguageModel(**QUICK, early_stopping=True, bptt_steps=10, validation_fraction=0.2)
    samples = model._read_samples(
        X, None, target=None, device=torch.device("cpu"), reset=True, splitting=True
    )
    training, held_out = samples.split(0.2, seed=0)
    texts = [set(samples.group[rows.rows]) for rows in (training, held_out)]
    assert len(held_out.rows) == 7
    assert not texts[0] & texts[1]
    model.fit(X)
    assert len(model.validation_scores_) == model.n_iter_
    model.fit(X, groups=[0, 0, 1, 1, 2, 2])
    assert model.best_epoch_ >= 1


def test_windows_of_a_single_text_are_held_out_one_by_one():
    text = "".join(np.random.default_rng(0).choice(list("abc"), size=200))
    model = RNNLanguageModel(**QUICK, early_stopping=True, bptt_steps=10).fit([text])
    assert len(model.validation_scores_) == 2


def test_validation_score_is_the_score_of_what_fits_in_a_window():
    model = RNNLanguageModel(**QUICK).fit(TEXTS[2:], X_val=TEXTS[:2])
    assert model.validation_scores_[-1] == pytest.approx(model.score(TEXTS[:2]), rel=1e-5)
    loss = model.history_["valid_loss"].iloc[-1]
    assert loss == pytest.approx(-model.score(TEXTS[:2]), rel=1e-5)


def test_early_stopping_keeps_the_best_epoch():
    model = RNNLanguageModel(
        hidden_size=32, lr=0.05, max_epochs=60, early_stopping=True, n_iter_no_change=3,
        random_state=0,
    ).fit(TEXTS * 2, X_val=["dad", "bead"])  # fmt: skip
    assert model.best_epoch_ < model.n_iter_ < 60
    best = max(model.validation_scores_)
    assert model.score(["dad", "bead"]) == pytest.approx(best, rel=1e-5)


def test_warm_start_and_partial_fit_go_on():
    model = RNNLanguageModel(**QUICK | {"warm_start": True}).fit(TEXTS).fit([*TEXTS[:3], "xyz"])
    assert model.n_iter_ == 4
    assert model.classes_.tolist() == ["a", "b", "d", "e", "n"]
    online = RNNLanguageModel(**QUICK).partial_fit(TEXTS)
    before = weights_of(online)
    online.partial_fit(["abc", "bad"], sample_weight=[1, 2])
    assert online.n_iter_ == 2
    assert not torch.equal(weights_of(online), before)
    assert online.classes_.tolist() == ["a", "b", "d", "e", "n"]


def test_copies_answer_and_write_alike():
    model = RNNLanguageModel(**QUICK).fit(TEXTS)
    for other in (pickle.loads(pickle.dumps(model)), deepcopy(model)):
        np.testing.assert_array_equal(other.score_samples(TEXTS), model.score_samples(TEXTS))
        np.testing.assert_array_equal(
            other.sample(4, random_state=0), model.sample(4, random_state=0)
        )
    assert clone(model).get_params() == model.get_params()


def test_y_is_ignored():
    a = RNNLanguageModel(**QUICK).fit(TEXTS)
    b = RNNLanguageModel(**QUICK).fit(TEXTS, np.arange(len(TEXTS)))
    assert torch.equal(weights_of(a), weights_of(b))
    assert a.score(TEXTS) == a.score(TEXTS, np.arange(len(TEXTS)))


# -- scikit-learn's tools -------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["list", "series", "polars", "lists", "list-column", "frame"])
def test_tools_of_scikit_learn_take_texts(form):
    X = CHARACTERS[form](TEXTS)
    model = RNNLanguageModel(**QUICK)
    scores = cross_val_score(model, X, cv=KFold(2))
    first = clone(model).fit(TEXTS[5:]).score(TEXTS[:5])
    assert scores[0] == first
    search = GridSearchCV(make_pipeline(FunctionTransformer(), model), {
        "rnnlanguagemodel__hidden_size": [4, 8]}, cv=2).fit(X)  # fmt: skip
    assert search.score(X) == search.best_estimator_[-1].score(TEXTS)
    training, test = train_test_split(X, random_state=0)
    assert np.isfinite(clone(model).fit(training).score(test))
