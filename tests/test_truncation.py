"""Longer than ``bptt_steps``: the state goes through all chunks, gradients through one."""

import gc

import numpy as np
import pytest
import torch

from sklearn_rnn import RNNClassifier, RNNRegressor
from sklearn_rnn._random import generator
from sklearn_rnn.data.batching import rounded_length
from sklearn_rnn.nn import recurrence as engine
from sklearn_rnn.nn.cells import CELLS
from sklearn_rnn.nn.pooling import POOLINGS
from sklearn_rnn.nn.recurrence import Recurrence

TORCH = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}
LENGTHS = torch.tensor([11, 9, 8, 4, 1])
QUICK = {"hidden_size": 8, "max_epochs": 3, "random_state": 0}


def pair(cell, bptt_steps, **options):
    """Return two recurrences of equal weights: one takes sequences whole, one in chunks."""
    whole, chunked = (
        Recurrence(cell, 3, 5, bptt_steps=steps, generator=generator(0), **options)
        for steps in (None, bptt_steps)
    )
    return whole, chunked


def random_input(n_steps=11):
    return torch.randn(n_steps, len(LENGTHS), 3, generator=generator(1))


@pytest.mark.parametrize("bptt_steps", [1, 4, 10])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_chunks_give_the_outputs_of_the_whole(cell, bidirectional, bptt_steps):
    whole, chunked = pair(cell, bptt_steps, num_layers=2, bidirectional=bidirectional)
    x = random_input()
    inside = (torch.arange(len(x))[:, None] < LENGTHS)[..., None]
    expected = whole(x, LENGTHS) * inside
    torch.testing.assert_close(chunked(x, LENGTHS) * inside, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("cell", CELLS)
def test_one_chunk_is_exact_to_the_bit(cell):
    whole, chunked = pair(cell, 11, bidirectional=True)
    x = random_input()
    gradients = []
    for recurrence in (whole, chunked):
        recurrence(x, LENGTHS).square().sum().backward()
        gradients.append([p.grad for p in recurrence.parameters() if p.grad is not None])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


@pytest.mark.parametrize("cell", TORCH)
def test_gradients_are_those_of_truncation_by_hand(cell):
    _, chunked = pair(cell, 4)
    module = TORCH[cell](3, 5)
    module.load_state_dict(chunked.state_dict())
    x = random_input()
    weight = torch.randn(11, len(LENGTHS), 5, generator=generator(2))
    outputs, state = [], None
    for chunk in x.split(4):
        output, state = module(chunk, state)
        state = tuple(s.detach() for s in state) if cell == "lstm" else state.detach()
        outputs.append(output)
    (torch.cat(outputs) * weight).sum().backward()
    (chunked(x, torch.full_like(LENGTHS, 11)) * weight).sum().backward()
    for name, parameter in chunked.named_parameters():
        torch.testing.assert_close(
            parameter.grad, module.get_parameter(name).grad, atol=1e-5, rtol=1e-5
        )


def test_gradient_to_the_input_passes_both_layers_and_directions():
    whole, chunked = pair("gru", 10, num_layers=2, bidirectional=True)
    x = random_input().requires_grad_()
    (in_chunks,) = torch.autograd.grad(chunked(x, LENGTHS)[0].sum(), x)
    (exact,) = torch.autograd.grad(whole(x, LENGTHS)[0].sum(), x)
    inside = LENGTHS <= 10  # of these the one border is behind the end
    torch.testing.assert_close(in_chunks[:, inside], exact[:, inside], atol=1e-6, rtol=0)
    assert not torch.equal(in_chunks[:, 0], exact[:, 0])


@pytest.mark.parametrize("cell", CELLS)
def test_chunks_keep_little_for_the_way_back(cell):
    """What is kept for all steps is the outputs, not what each step computed."""
    kept = {}
    for steps in (None, 50):
        recurrence = Recurrence(cell, 3, 32, bptt_steps=steps, generator=generator(0))
        x = torch.randn(2000, 2, 3, generator=generator(1))
        sizes = {}

        def note(tensor, sizes=sizes):
            sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            outputs = recurrence(x, torch.tensor([2000, 2000]))
        kept[steps] = sum(sizes.values()) / outputs.untyped_storage().nbytes()
    assert kept[50] < 0.2
    assert kept[None] > 1


@pytest.mark.parametrize("estimator", [RNNClassifier, RNNRegressor])
def test_estimator_is_the_same_where_all_sequences_fit_one_chunk(sequences, estimator):
    X, y = sequences
    longest = max(map(len, X))
    whole = estimator(**QUICK).fit(X, y).transform(X)
    fitting = estimator(bptt_steps=rounded_length(longest), **QUICK).fit(X, y)
    np.testing.assert_array_equal(fitting.transform(X), whole)
    cut = estimator(bptt_steps=2, **QUICK).fit(X, y)
    assert not np.array_equal(cut.transform(X), whole)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_truncated_training_learns(sequences, pooling):
    X, y = sequences
    model = RNNClassifier(
        bptt_steps=3, pooling=pooling, hidden_size=8, max_epochs=40, lr=0.02, random_state=0
    )
    assert model.fit(X, y).score(X, y) == 1.0


@pytest.mark.parametrize("cell", CELLS)
def test_long_prediction_in_chunks_is_the_same(cell, monkeypatch):
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 2)).astype(np.float32) for n in (90, 40, 7)]
    model = RNNRegressor(cell=cell, **QUICK).fit(X, [0.0, 1.0, 2.0])
    whole = model.predict(X)
    monkeypatch.setattr(engine, "STEPS_AT_ONCE", 16 * 20)
    np.testing.assert_allclose(model.predict(X), whole, atol=1e-6)


def n_bytes_alive():
    """Return what all tensors there are take, each block of memory counted once."""
    gc.collect()
    tensors = [x for x in gc.get_objects() if issubclass(type(x), torch.Tensor)]
    blocks = {x.untyped_storage().data_ptr(): x.untyped_storage().nbytes() for x in tensors}
    return sum(blocks.values())


@pytest.mark.parametrize("cell", CELLS)
def test_long_prediction_keeps_little_but_outputs(cell, monkeypatch):
    # A sequence alone is read in company of rows of zeros, which may not stay.
    monkeypatch.setattr(engine, "STEPS_AT_ONCE", 16 * 50)
    recurrence = Recurrence(cell, 3, 32, generator=generator(0))
    x = torch.randn(2000, 1, 3)
    scan, alive = recurrence.cell.scan, []

    def watched(*args):
        alive.append(n_bytes_alive())
        return scan(*args)

    monkeypatch.setattr(recurrence.cell, "scan", watched)
    before = n_bytes_alive()
    with torch.no_grad():
        outputs = recurrence(x, torch.tensor([2000]))
    assert len(alive) == 40
    assert max(alive) - before < 1.5 * outputs.nbytes
