"""The one error grammar of parameters."""

import numpy as np
import pytest
import torch
from torch.nn.functional import linear

from sklearn_rnn import RNNClassifier
from sklearn_rnn._params import a_bool, a_number, an_int, check_parameters, none, one_of
from sklearn_rnn.nn.cells import Cell
from sklearn_rnn.nn.pooling import MeanPooling

QUICK = {"hidden_size": 8, "max_epochs": 3, "random_state": 0, "device": "cpu"}


@pytest.mark.parametrize(
    ("rule", "accepted", "refused"),
    [
        (an_int(1), [1, 7, np.int64(3)], [0, -1, 1.0, "1", True, None, np.nan]),
        (a_number("[0, 1)"), [0, 0.5, np.float32(0.1)], [1, -1e-9, "0.5", np.nan, None, False]),
        (a_number("(0, inf)"), [1e-9, 5], [0, np.inf, np.nan]),
        (a_bool(), [True, False, np.bool_(1)], [0, 1, "yes", None]),
        (one_of(["a", "b"]) | none(), ["a", "b", None], ["c", 0, ["a"]]),
    ],
)
def test_rule_accepts_and_refuses(rule, accepted, refused):
    assert all(rule.accepts(value) for value in accepted)
    assert not any(rule.accepts(value) for value in refused)


def test_message_names_parameter_owner_rule_and_value():
    with pytest.raises(
        ValueError, match=r"^The 'size' parameter of Net must be an int >= 1\. Got 0 "
    ):
        check_parameters("Net", {"size": 0}, {"size": an_int(1)})


def test_all_bad_parameters_are_reported_at_once_with_near_names(sequences):
    model = RNNClassifier(cell="ltsm", hidden_size=0, lr=-1, pooling="maximum")
    with pytest.raises(ValueError, match="'cell'") as caught:
        model.fit(*sequences)
    message = str(caught.value)
    assert message.count("parameter of RNNClassifier") == 4
    assert "Did you mean 'lstm'?" in message


def test_an_unknown_name_is_met_with_the_nearest():
    with pytest.raises(ValueError, match=r"Did you mean 'hidden_size'\?"):
        RNNClassifier().set_params(hiden_size=3)


class Leaky(Cell):
    """Let the last state leak away."""

    n_gates = 1

    def step(self, x, state, weights):
        (h,) = state
        a = linear(x, weights.weight_ih, weights.bias_ih)
        return (0.5 * h + 0.5 * torch.tanh(a + linear(h, weights.weight_hh, weights.bias_hh)),)


class Doubled(MeanPooling):
    """Twice the mean."""

    def forward(self, outputs, last, inside, lengths):
        return 2 * super().forward(outputs, last, inside, lengths)


def test_a_cell_of_ones_own_needs_only_its_step(sequences, capsys):
    X, y = sequences
    model = RNNClassifier(cell=Leaky, pooling=Doubled, verbose=1, **QUICK).fit(X, y)
    assert "Leaky" in capsys.readouterr().out
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    alone = np.concatenate([model.predict_proba([x]) for x in X])
    np.testing.assert_allclose(alone, model.predict_proba(X), atol=1e-5)
    weights = model.net_.module_.encoder.recurrence.weights(0, "")
    h, x = torch.zeros(1, 8), torch.ones(2, 1, 3)
    (outputs,), _ = Leaky().scan([x], [(h,)], [weights])
    for x_t in x:
        h = 0.5 * h + 0.5 * torch.tanh(
            x_t @ weights.weight_ih.T + weights.bias_ih + h @ weights.weight_hh.T + weights.bias_hh
        )
    torch.testing.assert_close(outputs[-1], h)
