"""The one error grammar of parameters."""

import numpy as np
import pytest
import torch
from sklearn.model_selection import GridSearchCV
from torch.nn.functional import linear

from sklearn_rnn import RNNClassifier
from sklearn_rnn._params import a_bool, a_number, an_int, check_parameters, none, one_of
from sklearn_rnn.inspection import lr_range_test
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


class Quick(RNNClassifier):
    """Takes few parameters and sets the others."""

    n_units = 4

    def __init__(self, *, lr=0.1, random_state=0):
        super().__init__(
            lr=lr, random_state=random_state, hidden_size=self.n_units, max_epochs=3, device="cpu"
        )


class OwnSize(Quick):
    n_units = 0


def test_a_subclass_may_take_fewer_parameters(sequences):
    X, y = sequences
    model = Quick().fit(X, y)
    same = RNNClassifier(lr=0.1, random_state=0, hidden_size=4, max_epochs=3, device="cpu")
    np.testing.assert_array_equal(model.predict_proba(X), same.fit(X, y).predict_proba(X))
    search = GridSearchCV(Quick(), {"lr": [0.01, 0.1]}, cv=2).fit(X, y)
    assert search.best_estimator_.hidden_size == 4
    assert lr_range_test(Quick(), X, y).lrs.size > 0
    with pytest.raises(ValueError, match="'hidden_size' parameter of OwnSize must be an int >= 1"):
        OwnSize().fit(X, y)


def test_what_a_subclass_sets_tells_its_checkpoints_apart(sequences, tmp_path, monkeypatch):
    def fit():
        model = Quick()
        model.checkpoint_dir = tmp_path
        return model.fit(*sequences)

    fit()
    monkeypatch.setattr(Quick, "n_units", 6)
    assert fit().net_.module_.encoder.recurrence.hidden_size == 6
    assert len(list(tmp_path.iterdir())) == 2


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
