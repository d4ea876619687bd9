"""Weights of attention pooling against its equations and the vector that it gives."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.exceptions import NotFittedError

from sklearn_rnn import RNNClassifier, RNNRegressor


def ragged(lengths, n_channels=3, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(n, n_channels)).astype(np.float32) for n in lengths]


def fitted(kind=RNNRegressor, X=None, **params):
    X = ragged(range(2, 22)) if X is None else X
    y = [int(np.mean(x) > 0) for x in X]
    return kind(pooling="attention", hidden_size=4, max_epochs=2, random_state=0, **params).fit(
        X, y
    )


@pytest.mark.parametrize("bidirectional", [False, True])
def test_attention_weights_are_the_softmax_of_the_relevance(bidirectional):
    model = fitted(bidirectional=bidirectional)
    X = ragged([5, 1, 12])
    encoder = model.net_.module_.encoder
    weights = model.attention_weights(X)
    assert [len(w) for w in weights] == [5, 1, 12]
    for x, of_row in zip(X, weights, strict=True):
        with torch.no_grad():
            inputs = encoder.inputs(torch.from_numpy(x)[:, None], None)
            outputs = encoder.recurrence(inputs, torch.tensor([len(x)]), None)[:, 0]
        outputs = outputs[: len(x)].double().numpy()
        key, query = (
            [p.detach().double().numpy() for p in (layer.weight, layer.bias)]
            for layer in (encoder.pooling.key, encoder.pooling.query)
        )
        relevance = np.tanh(outputs @ key[0].T + key[1]) @ query[0][0] + query[1]
        share = np.exp(relevance - relevance.max())
        np.testing.assert_allclose(of_row, share / share.sum(), atol=1e-6)
        np.testing.assert_allclose(of_row @ outputs, model.transform([x])[0], atol=1e-6)


def test_attention_weights_do_not_depend_on_the_batch():
    model, X = fitted(), ragged([30, 2, 7, 30, 100, 1], seed=1)
    together = model.attention_weights(X)
    for x, of_row in zip(X, together, strict=True):
        np.testing.assert_allclose(model.attention_weights([x])[0], of_row, atol=1e-6)
        assert of_row.sum() == pytest.approx(1, abs=1e-6)


def test_attention_weights_behind_a_stem_are_shared_by_the_steps_it_made_one_of():
    model = fitted(X=ragged(range(2, 30)), stem="conv")
    X = ragged([20, 5, 8])
    encoder = model.net_.module_.encoder
    for x, of_row in zip(X, model.attention_weights(X), strict=True):
        with torch.no_grad():
            inputs = encoder.inputs(torch.from_numpy(x)[:, None], None)
            made, lengths = encoder.stem(inputs, torch.tensor([len(x)]))
            outputs = encoder.recurrence(made, lengths, None)[: int(lengths)]
            shares = encoder.pooling.weights(outputs, torch.ones(len(outputs), 1, 1) > 0)[:, 0, 0]
        assert len(of_row) == len(x)
        groups = np.split(of_row, range(8, len(x), 8))
        np.testing.assert_allclose([group.sum() for group in groups], shares, atol=1e-6)
        assert all(np.ptp(group) < 1e-7 for group in groups)


def test_attention_weights_of_one_array_are_one_array():
    cube = np.random.default_rng(0).normal(size=(6, 5, 2))
    weights = fitted(X=cube).attention_weights(cube)
    assert weights.shape == (6, 5)


def test_attention_weights_of_a_row_without_steps_are_empty():
    visits = [[1.0, 2.0], [], [3.0], [1.0, 5.0, 2.0]] * 3
    frame = pd.DataFrame({"visits": visits, "age": range(12)})
    model = RNNClassifier(pooling="attention", hidden_size=4, max_epochs=1, random_state=0)
    weights = model.fit(frame, [0, 1, 1, 0] * 3).attention_weights(frame)
    assert [len(w) for w in weights] == [2, 0, 1, 3] * 3
    assert model.attention_weights(frame.iloc[[1]])[0].shape == (0,)


def test_attention_weights_need_attention_pooling_and_a_fit():
    model = fitted(X=ragged([3, 4, 5]))
    model.set_params(pooling="max").fit(ragged([3, 4, 5]), [0, 1, 0])
    with pytest.raises(ValueError, match=r"pools by attention.*pooling='attention'.*'max'"):
        model.attention_weights(ragged([3]))
    with pytest.raises(NotFittedError):
        RNNClassifier(pooling="attention").attention_weights(ragged([3]))
