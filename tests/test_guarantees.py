"""Invariance, reproducibility, untouched inputs, and what is left after a failure."""

import copy
import inspect
import pickle
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest
import torch
from sklearn.base import clone

from sklearn_rnn import (
    RNNClassifier,
    RNNLanguageModel,
    RNNRegressor,
    Seq2SeqClassifier,
    Seq2SeqRegressor,
)
from sklearn_rnn.augmentation import Jitter
from sklearn_rnn.nn.cells import CELLS
from sklearn_rnn.nn.pooling import POOLINGS
from tests.conftest import make_sequences

QUICK = {"hidden_size": 8, "max_epochs": 3, "random_state": 0, "device": "cpu"}
NETWORKS = list(product(CELLS, [False, True], POOLINGS, [1, 2]))


@pytest.mark.parametrize(("cell", "bidirectional", "pooling", "num_layers"), NETWORKS)
def test_output_does_not_depend_on_batch_mates(cell, bidirectional, pooling, num_layers):
    X, y = make_sequences(30, high=40)
    model = RNNClassifier(
        cell=cell, bidirectional=bidirectional, pooling=pooling, num_layers=num_layers, **QUICK
    ).fit(X, y)
    together = model.decision_function(X)
    alone = np.concatenate([model.decision_function([x]) for x in X])
    reordered = model.decision_function(X[::-1])[::-1]
    some = model.decision_function(X[3:9])
    np.testing.assert_allclose(alone, together, atol=1e-5, rtol=0)
    np.testing.assert_allclose(reordered, together, atol=1e-5, rtol=0)
    np.testing.assert_allclose(some, together[3:9], atol=1e-5, rtol=0)


@pytest.mark.parametrize(("cell", "bidirectional", "pooling", "num_layers"), NETWORKS)
def test_output_does_not_depend_on_padding(cell, bidirectional, pooling, num_layers):
    X, y = make_sequences(12)
    model = RNNClassifier(
        cell=cell, bidirectional=bidirectional, pooling=pooling, num_layers=num_layers, **QUICK
    ).fit(X, y)
    lengths = torch.tensor([len(x) for x in X])
    outputs = []
    for n_steps, filling in ((9, 0.0), (9, 1e6), (64, -5.0), (64, float("nan"))):
        values = torch.full((12, n_steps, 3), filling)
        for row, x in enumerate(X):
            values[row, : len(x)] = torch.from_numpy(x)
        with torch.inference_mode():
            outputs.append(model.net_.module_(values, lengths))
    for other in outputs[1:]:
        torch.testing.assert_close(other, outputs[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "concat", "extremes"])
@pytest.mark.parametrize("high", [11, 200])
def test_lstm_prediction_is_the_same_to_twelve_digits_in_any_company(pooling, high):
    X, y = make_sequences(40, high=high)
    model = RNNRegressor(pooling=pooling, **QUICK).fit(X, y)
    together = model.predict(X)
    for rows in ([0], [1, 2], list(range(5)), list(range(39, -1, -1))):
        predicted = model.predict([X[i] for i in rows])
        np.testing.assert_allclose(predicted, together[rows], rtol=1e-12)


# -- reproducibility ------------------------------------------------------------------------------


def weights_of(model):
    return torch.cat([p.detach().flatten() for p in model.net_.module_.parameters()])


def stochastic_model(**options):
    return RNNClassifier(
        **QUICK
        | {"dropout": 0.3, "recurrent_dropout": 0.2, "num_layers": 2, "early_stopping": True}
        | options
    )


@pytest.fixture
def _one_thread():
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.mark.parametrize("cell", CELLS)
def test_same_seed_gives_the_same_bits(sequences, cell):
    a = stochastic_model(cell=cell).fit(*sequences)
    b = stochastic_model(cell=cell).fit(*sequences)
    other = stochastic_model(cell=cell, random_state=1).fit(*sequences)
    assert torch.equal(weights_of(a), weights_of(b))
    assert not torch.equal(weights_of(a), weights_of(other))


@pytest.mark.usefixtures("_one_thread")
def test_same_seed_gives_the_same_bits_in_threads_side_by_side(sequences):
    alone = weights_of(stochastic_model().fit(*sequences))
    with ThreadPoolExecutor(4) as pool:
        models = list(pool.map(lambda _: stochastic_model().fit(*sequences), range(8)))
    assert all(torch.equal(weights_of(model), alone) for model in models)


def test_global_generators_are_neither_read_nor_moved(sequences):
    results = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        np.random.seed(seed)
        before = torch.get_rng_state(), np.random.get_state()[1]
        model = stochastic_model().fit(*sequences)
        model.predict_proba(sequences[0])
        stochastic_model(random_state=None).fit(*sequences)
        assert torch.equal(torch.get_rng_state(), before[0])
        np.testing.assert_array_equal(np.random.get_state()[1], before[1])
        results.append(weights_of(model))
    assert torch.equal(*results)


@pytest.fixture(params=["dtype", "device"])
def other_defaults(request):
    """Tensors are of float64, or on a device that computes nothing, where nothing else is said."""

    def change(back=False):
        if request.param == "dtype":
            torch.set_default_dtype(torch.float32 if back else torch.float64)
        else:
            torch.set_default_device(None if back else "meta")

    yield change
    change(back=True)


WORDS = ["abba", "cab", "bac", "dad", "abcd", "cd", "add", "bad"]
ON_ANY_DEFAULTS = [
    *(stochastic_model(cell=cell, input_dropout=0.2) for cell in CELLS),
    stochastic_model(stem="conv", label_smoothing=0.1, max_batch_steps=64),
    stochastic_model(pooling="attention", bptt_steps=5, early_stopping=False),
    RNNRegressor(initialization="chrono", augmentation=Jitter(), **QUICK),
    Seq2SeqRegressor(**QUICK),
    Seq2SeqClassifier(**QUICK),
    RNNLanguageModel(**QUICK),
]


@pytest.mark.parametrize("estimator", ON_ANY_DEFAULTS, ids=repr)
def test_defaults_of_torch_change_nothing(sequences, estimator, other_defaults):
    X, y = sequences
    if isinstance(estimator, Seq2SeqRegressor):
        y = [x[:2] for x in X]
    elif isinstance(estimator, Seq2SeqClassifier | RNNLanguageModel):
        X, y = WORDS, WORDS[::-1]

    def answers():
        model = clone(estimator).fit(X, y)
        drawn = model.sample(3, random_state=0) if hasattr(model, "sample") else model.predict(X)
        return pickle.dumps(drawn), weights_of(model)

    usual = answers()
    other_defaults()
    unusual = answers()
    assert unusual[0] == usual[0]
    assert torch.equal(unusual[1], usual[1])


def test_random_state_instance_is_drawn_from(sequences):
    random_state = np.random.RandomState(0)
    a = stochastic_model(random_state=random_state).fit(*sequences)
    b = stochastic_model(random_state=random_state).fit(*sequences)
    again = stochastic_model(random_state=np.random.RandomState(0)).fit(*sequences)
    assert not torch.equal(weights_of(a), weights_of(b))
    assert torch.equal(weights_of(a), weights_of(again))


def test_order_of_the_rows_does_not_change_the_fitted_model(sequences):
    X, y = sequences
    order = np.random.default_rng(0).permutation(len(X))
    a = stochastic_model().fit(X, y)
    b = stochastic_model().fit([X[i] for i in order], y[order])
    assert torch.equal(weights_of(a), weights_of(b))


def test_large_weights_zero_weights_and_repeats_agree_to_the_bit(sequences):
    X, y = sequences
    weight = np.repeat([10, 0], 12)
    weighted = stochastic_model().fit(X, y, sample_weight=weight)
    fewer = stochastic_model().fit(X[:12], y[:12], sample_weight=weight[:12])
    repeated = stochastic_model().fit(X[:12] * 10, np.tile(y[:12], 10))
    assert torch.equal(weights_of(weighted), weights_of(fewer))
    assert torch.equal(weights_of(weighted), weights_of(repeated))


@pytest.mark.parametrize("early_stopping", [False, True])
def test_integer_weights_are_repeated_rows_to_the_bit(sequences, early_stopping):
    X, y = sequences
    weight = np.arange(len(X)) % 3
    repeated = np.repeat(np.arange(len(X)), weight)
    a = stochastic_model(early_stopping=early_stopping).fit(X, y, sample_weight=weight)
    b = stochastic_model(early_stopping=early_stopping).fit([X[i] for i in repeated], y[repeated])
    assert torch.equal(weights_of(a), weights_of(b))


# -- inputs and constructor -----------------------------------------------------------------------


@pytest.mark.parametrize("estimator", [RNNClassifier, RNNRegressor])
def test_constructor_only_stores(estimator):
    names = list(inspect.signature(estimator).parameters)
    values = {name: object() for name in names}
    made = estimator(**values)
    assert vars(made) == values
    assert all(p.kind is p.KEYWORD_ONLY for p in inspect.signature(estimator).parameters.values())


def test_inputs_are_never_written_to(sequences):
    X, y = sequences
    X[0][1, 1] = np.nan
    weight = np.ones(len(X))
    before = copy.deepcopy((X, y, weight))
    model = RNNClassifier(**QUICK).fit(X, y, X, y, sample_weight=weight)
    model.predict_proba(X)
    model.transform(X)
    for a, b in zip(X, before[0], strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(y, before[1])
    np.testing.assert_array_equal(weight, before[2])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_read_only_3d_array_is_read_and_not_written(dtype):
    X = np.random.default_rng(0).normal(size=(12, 5, 2)).astype(dtype)
    X.flags.writeable = False
    y = np.arange(12) % 2
    assert RNNClassifier(**QUICK).fit(X, y).predict(X).shape == (12,)


# -- copies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
def test_pickle_and_deepcopy_give_the_same_predictions_and_go_on_alike(sequences, cell):
    X, y = sequences
    model = stochastic_model(cell=cell, warm_start=True, verbose=0).fit(X, y)
    copies = [pickle.loads(pickle.dumps(model)), copy.deepcopy(model)]
    for other in copies:
        np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))
    model.fit(X, y)
    for other in copies:
        other.fit(X, y)
        np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))


def test_pickles_of_one_model_are_equal(sequences):
    model = stochastic_model().fit(*sequences)
    first = pickle.dumps(model)
    model.predict(sequences[0])
    assert pickle.dumps(model) == first


def test_pickle_holds_weights_and_optimizer_once_and_little_else(sequences):
    X, y = sequences
    model = RNNClassifier(**QUICK | {"hidden_size": 64}).fit(X, y)
    n_bytes = sum(4 * p.numel() for p in model.net_.module_.parameters())
    assert len(pickle.dumps(model)) < 3 * n_bytes + 40_000  # AdamW keeps two numbers a weight


def test_pickle_holds_no_training_data(sequences):
    X, y = make_sequences(400, high=60)
    small = pickle.dumps(stochastic_model().fit(*sequences))
    large = pickle.dumps(stochastic_model().fit(X, y))
    assert len(large) < 1.2 * len(small)


def test_clone_is_unfitted_with_equal_parameters(sequences):
    model = stochastic_model().fit(*sequences)
    cloned = clone(model)
    assert cloned.get_params() == model.get_params()
    assert not hasattr(cloned, "net_")
