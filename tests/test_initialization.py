"""Where gates start, so that units remember for as long as sequences are."""

import numpy as np
import pytest
import torch

from sklearn_rnn import RNNClassifier, RNNLanguageModel, RNNRegressor, Seq2SeqRegressor
from sklearn_rnn._random import generator
from sklearn_rnn.nn.cells import CELLS, RNN
from sklearn_rnn.nn.initialization import chrono
from sklearn_rnn.nn.recurrence import Recurrence
from tests.conftest import make_sequences

QUICK = {"hidden_size": 16, "max_epochs": 1, "random_state": 0, "initialization": "chrono"}


def of_recurrence(estimator):
    return [p.detach() for n, p in estimator.net_.module_.named_parameters() if "bias_ih_l" in n]


def test_odds_of_keeping_are_drawn_evenly_up_to_the_longest_memory():
    odds = chrono(10_000, 101, generator(0)).exp()
    assert 1 <= odds.min() < 1.1
    assert 99.9 < odds.max() <= 100
    assert abs(odds.mean() - 50.5) < 1
    assert not chrono(5, 1, generator(0)).any()  # one step: even odds


@pytest.mark.parametrize("cell", ["gru", "lstm", "mingru"])
def test_a_unit_starts_by_keeping_as_much_of_its_state_as_its_odds_say(cell):
    recurrence = Recurrence(cell, 3, 4, generator=generator(0))
    log_odds = torch.tensor([0.0, 1.0, 3.0, 6.0])
    with torch.no_grad():
        recurrence.weight_ih_l0.zero_()
        recurrence.weight_hh_l0.zero_()
        recurrence.bias_ih_l0.zero_()
        recurrence.cell.keep_by(log_odds, recurrence.weights(0, ""))
    kind, weights = recurrence.cell, recurrence.weights(0, "")
    before = torch.full((1, 4), 0.8)
    (*_, after) = kind.step(torch.zeros(1, 3), (before,) * kind.n_states, weights)
    new = 0.5 if cell == "mingru" else 0.0  # what a candidate of zero stands for
    expected = new + torch.sigmoid(log_odds) * (0.8 - new)
    torch.testing.assert_close(after[0].detach(), expected)


def test_every_layer_and_direction_has_memories_of_its_own():
    recurrence = Recurrence("gru", 3, 64, num_layers=2, bidirectional=True, generator=generator(0))
    recurrence.spread_memory(50)
    gates = [
        recurrence.weights(layer, way).bias_ih[64:128]
        for layer in (0, 1)
        for way in ("", "_reverse")
    ]
    assert all(0 <= gate.min() and 3 < gate.max() <= np.log(49) for gate in gates)
    assert len({gate.sum().item() for gate in gates}) == 4
    for layer, way in ((0, ""), (1, "_reverse")):
        bias = recurrence.weights(layer, way).bias_ih
        assert not torch.cat([bias[:64], bias[128:]]).any()


@pytest.mark.parametrize(("stem", "longest"), [(None, 60), ("conv", 8)])
def test_memory_is_that_of_the_longest_training_sequence(stem, longest):
    X, y = make_sequences(40, high=59)
    X[3] = np.ones((60, 3))
    model = RNNRegressor(**QUICK | {"hidden_size": 64, "lr": 1e-8}, stem=stem).fit(X, y)
    for bias in of_recurrence(model):
        assert 0.9 * np.log(longest - 1) < bias[64:128].max() <= np.log(longest - 1) + 1e-6


def test_answers_longer_than_x_count_too():
    X, y = make_sequences(12)
    answers = [np.full(40, float(label)) for label in y]
    model = Seq2SeqRegressor(**QUICK | {"hidden_size": 64, "lr": 1e-8}).fit(X, answers)
    assert all(bias[64:128].max() > np.log(30) for bias in of_recurrence(model))


def test_language_model_remembers_for_a_window():
    model = RNNLanguageModel(**QUICK | {"lr": 1e-8}, bptt_steps=20).fit(["ab" * 50] * 4)
    (bias,) = of_recurrence(model)
    assert 0.5 * np.log(19) < bias[16:32].max() <= np.log(19) + 1e-6


@pytest.mark.parametrize("cell", ["rnn", type("Own", (RNN,), {})])
def test_cells_without_gates_that_keep_are_refused(cell, sequences):
    with pytest.raises(ValueError, match="'initialization' parameter of RNNClassifier must"):
        RNNClassifier(**QUICK, cell=cell).fit(*sequences)


def test_a_cell_that_says_it_keeps_must_say_how():
    with pytest.raises(NotImplementedError, match="RNN has no gates that keep"):
        CELLS["rnn"]().keep_by(torch.zeros(2), None)


def test_initialization_cannot_change_between_fits_of_one_network(sequences):
    model = RNNClassifier(**QUICK, warm_start=True).fit(*sequences)
    with pytest.raises(ValueError, match="'initialization' parameter of RNNClassifier was changed"):
        model.set_params(initialization="default").fit(*sequences)


def test_another_name_is_met_with_those_there_are(sequences):
    with pytest.raises(ValueError, match=r"'initialization' parameter .* 'default', 'chrono'"):
        RNNClassifier(initialization="chron").fit(*sequences)
