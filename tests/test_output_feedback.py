"""Answers read by the next step: equations, guarantees, and what that is good for."""

import pickle

import numpy as np
import pyarrow as pa
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

from sklearn_rnn import StepClassifier, StepRegressor
from sklearn_rnn.metrics import exact_match
from sklearn_rnn.nn.feedback import NumberFeedback, TokenFeedback
from sklearn_rnn.nn.inputs import MixedInput, NumericInput
from sklearn_rnn.nn.output_feedback import OutputFeedback

N_CHANNELS, HIDDEN, N_CLASSES = 2, 5, 3
CELLS = {
    "rnn": (torch.nn.RNN, torch.nn.RNNCell),
    "gru": (torch.nn.GRU, torch.nn.GRUCell),
    "lstm": (torch.nn.LSTM, torch.nn.LSTMCell),
}
QUICK = {"output_feedback": True, "hidden_size": 8, "max_epochs": 5, "random_state": 0}
NO_DROPOUT = {"dropout": 0.0, "recurrent_dropout": 0.0}
RNG = np.random.default_rng(0)
X = [RNG.normal(size=(n, 2)) for n in RNG.integers(3, 12, size=40)]
LABELS = [np.where(x[:, 0].cumsum() > 0, "up", "down") for x in X]
NUMBERS = [x.cumsum(axis=0) for x in X]
BOTH = pytest.mark.parametrize("bidirectional", [False, True])
ESTIMATORS = pytest.mark.parametrize("estimator", [StepClassifier, StepRegressor])


def y_of(estimator):
    return LABELS if estimator is StepClassifier else NUMBERS


def flat(rows):
    return np.concatenate(list(rows))


def outputs_of(model, X):
    """Return what tells most of a model's answers."""
    return flat(model.predict_proba(X) if hasattr(model, "classes_") else model.predict(X))


# -- the equations --------------------------------------------------------------------------------


def make_network(feedback=None, **options):
    generator = torch.Generator().manual_seed(0)
    numeric = NumericInput(
        torch.zeros(N_CHANNELS), torch.ones(N_CHANNELS), torch.zeros(N_CHANNELS, dtype=torch.bool)
    )
    options = {
        "cell": "gru",
        "hidden_size": HIDDEN,
        "num_layers": 1,
        "bidirectional": True,
        "dropout": 0.3,
        "recurrent_dropout": 0.3,
        "bptt_steps": None,
        "static_to": "both",
    } | options
    feedback = TokenFeedback(N_CLASSES, 2, False, generator) if feedback is None else feedback
    network = OutputFeedback.build(
        MixedInput(numeric),
        None,
        torch.zeros(feedback.output_size if isinstance(feedback, NumberFeedback) else N_CLASSES),
        feedback=feedback,
        generator=generator,
        **options,
    )
    with torch.no_grad():  # a head at its start says almost the same of everything
        network.head.linear.weight.mul_(20)
    return network.eval()


def number_network(**options):
    return make_network(NumberFeedback(2, False, torch.Generator().manual_seed(1)), **options)


def batch():
    generator = torch.Generator().manual_seed(2)
    return torch.randn(3, 6, N_CHANNELS, generator=generator), torch.tensor([6, 4, 1])


def unrolled(network, cell, x, say):
    """Return the outputs for one sequence, step by step, with torch's modules.

    ``say(t, output)`` gives the vector that is read after step t.
    """
    layers_kind, cell_kind = CELLS[cell]
    encoder, x = network.encoder, x[:, None]
    if encoder.below is not None:
        below = encoder.below
        layers = layers_kind(N_CHANNELS, HIDDEN, num_layers=below.num_layers, bidirectional=True)
        layers.load_state_dict(below.state_dict())
        x, _ = layers(x)
    weights = encoder.recurrence.state_dict()
    cells, states = [], []
    for layer in range(encoder.recurrence.num_layers):
        of_layer = {k[:-3]: w for k, w in weights.items() if k.endswith(f"_l{layer}")}
        cells.append(cell_kind(of_layer["weight_ih"].shape[1], HIDDEN))
        cells[-1].load_state_dict(of_layer)
        zeros = torch.zeros(1, HIDDEN)
        states.append((zeros, zeros) if cell == "lstm" else zeros)
    said, outputs = encoder.feedback.unknown, []
    for t, x_t in enumerate(x):
        read = torch.cat([x_t, said[None]], dim=1)
        for layer, step in enumerate(cells):
            states[layer] = step(read, states[layer])
            read = states[layer][0] if cell == "lstm" else states[layer]
        outputs.append(network.head.linear(read)[0])
        said = say(t, outputs[-1])
    return torch.stack(outputs)


@BOTH
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("num_layers", [1, 2])
@torch.no_grad()
def test_known_labels_are_read_as_the_equations_say(cell, num_layers, bidirectional):
    network = make_network(cell=cell, num_layers=num_layers, bidirectional=bidirectional)
    values, lengths = batch()
    targets = torch.tensor([[2, 0, -1, 1, 1, 0], [1, 1, 0, 2, 0, 0], [0, 1, 1, 1, 1, 1]])
    outputs = network(values, lengths, targets)
    assert outputs.shape == (3, 6, N_CLASSES)
    feedback = network.encoder.feedback

    for row, n in enumerate(lengths):

        def say(t, output, row=row):
            code = targets[row, t]
            return feedback.unknown if code == -1 else feedback.embedding.weight[code]

        expected = unrolled(network, cell, values[row, :n], say)
        torch.testing.assert_close(outputs[row, :n], expected.double(), atol=1e-5, rtol=0)


@BOTH
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("num_layers", [1, 2])
@torch.no_grad()
def test_own_labels_are_read_as_the_equations_say(cell, num_layers, bidirectional):
    network = make_network(cell=cell, num_layers=num_layers, bidirectional=bidirectional)
    values, lengths = batch()
    outputs = network(values, lengths)
    embedding = network.encoder.feedback.embedding.weight
    for row, n in enumerate(lengths):
        expected = unrolled(
            network, cell, values[row, :n], lambda t, output: embedding[output.argmax()]
        )
        torch.testing.assert_close(outputs[row, :n], expected.double(), atol=1e-5, rtol=0)
    assert len(outputs.argmax(2).unique()) > 1  # or there would be little to tell apart


@BOTH
@torch.no_grad()
def test_numbers_are_read_as_the_equations_say(bidirectional):
    network = number_network(bidirectional=bidirectional)
    values, lengths = batch()
    targets = torch.randn(3, 6, 2, generator=torch.Generator().manual_seed(3))
    targets[0, 2, 1] = torch.nan
    known, own = network(values, lengths, targets), network(values, lengths)
    unknown = network.encoder.feedback.unknown
    for row, n in enumerate(lengths):

        def say(t, output, row=row):
            numbers = targets[row, t]
            return unknown if numbers.isnan().any() else numbers

        expected = unrolled(network, "gru", values[row, :n], say)
        torch.testing.assert_close(known[row, :n], expected.double(), atol=1e-5, rtol=0)
        expected = unrolled(network, "gru", values[row, :n], lambda t, output: output)
        torch.testing.assert_close(own[row, :n], expected.double(), atol=1e-5, rtol=0)


@BOTH
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "mingru"])
@torch.no_grad()
def test_own_answers_given_as_known_ones_change_nothing(cell, bidirectional):
    values, lengths = batch()
    labels = make_network(cell=cell, bidirectional=bidirectional, num_layers=2)
    own = labels(values, lengths)
    known = labels(values, lengths, own.argmax(2))
    other = labels(values, lengths, (own.argmax(2) + 1) % N_CLASSES)
    inside = torch.arange(6) < lengths[:, None]
    torch.testing.assert_close(known[inside], own[inside], atol=1e-5, rtol=0)
    torch.testing.assert_close(other[:, 0], own[:, 0], atol=1e-6, rtol=0)
    assert ((other - own)[0, 1:].abs().amax(1) > 1e-3).all()
    numbers = number_network(cell=cell, bidirectional=bidirectional, num_layers=2)
    own = numbers(values, lengths)
    known = numbers(values, lengths, own.float())
    torch.testing.assert_close(known[inside], own[inside], atol=1e-5, rtol=0)


@torch.no_grad()
def test_own_numbers_never_reach_infinity():
    """The state of "mingru" has no bounds; here each number is about ten times the one before."""
    network = number_network(cell="mingru", bidirectional=False)
    network.encoder.recurrence.weight_ih_l0[HIDDEN:].fill_(3.0)
    network.head.linear.weight.fill_(3.0)
    outputs = network(torch.ones(1, 500, N_CHANNELS), torch.tensor([500]))
    assert outputs.max() > 1e6
    assert outputs.isfinite().all()


# -- guarantees -----------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "mingru"])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_company_and_padding_never_change_an_answer(cell, num_layers, bidirectional):
    options = QUICK | {"cell": cell, "num_layers": num_layers, "bidirectional": bidirectional}
    longer = [*X, RNG.normal(size=(90, 2))]
    numbers = StepRegressor(**options).fit(X, NUMBERS)
    labels = StepClassifier(**options).fit(X, LABELS)
    for predict in (numbers.predict, labels.predict_proba):
        for many in (X, longer):
            together = predict(many)
            for i in (0, 7, 23):
                np.testing.assert_allclose(predict([X[i]])[0], together[i], atol=1e-5)
    np.testing.assert_array_equal(
        flat(labels.predict(longer)[:40]), flat(labels.predict([x])[0] for x in X)
    )


@pytest.mark.parametrize("n_threads", [1, 2])
def test_many_batches_come_back_in_order(n_threads, monkeypatch):
    model = StepClassifier(**QUICK).fit(X, LABELS)
    expected = model.predict_proba(X)
    monkeypatch.setattr("sklearn_rnn.training.prediction.PREDICTION_STEPS", 50)
    monkeypatch.setattr("sklearn_rnn.training.prediction.MIN_STEPS", 50)
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        np.testing.assert_allclose(flat(model.predict_proba(X)), flat(expected), atol=1e-5)
    finally:
        torch.set_num_threads(before)


@BOTH
def test_step_is_answered_by_what_it_may_see(bidirectional):
    model = StepRegressor(bidirectional=bidirectional, **QUICK).fit(X, NUMBERS)
    x = X[0].copy()
    before = model.predict([x])[0]
    x[-1] += 3
    after = model.predict([x])[0]
    assert (before[-1] != after[-1]).all()
    assert (before[0] != after[0]).all() == bidirectional


@BOTH
def test_probabilities_are_those_after_own_answers(bidirectional):
    model = StepClassifier(bidirectional=bidirectional, **QUICK).fit(X, LABELS)
    for x, labels, probability in zip(
        X[:5], model.predict(X[:5]), model.predict_proba(X[:5]), strict=True
    ):
        assert labels.tolist() == model.classes_[probability.argmax(1)].tolist()
        codes = torch.from_numpy((labels == "up").astype(int))
        outputs = known_outputs(model, x, codes)
        np.testing.assert_allclose(outputs.softmax(1), probability, atol=1e-5)
    np.testing.assert_allclose(
        np.exp(flat(model.predict_log_proba(X))), flat(model.predict_proba(X)), atol=1e-12
    )


@torch.no_grad()
def known_outputs(model, x, encoded):
    """Return the outputs at the steps of one sequence where the steps before are known."""
    values = torch.from_numpy(x.astype(np.float32))
    return model.net_.module_(values[None], torch.tensor([len(x)]), encoded[None])[0]


def test_loss_is_that_after_right_answers():
    """Weights of steps and of classes multiply it; a step without a label is not known."""
    still = {"lr": 1e-12} | NO_DROPOUT | QUICK
    rng = np.random.default_rng(1)
    some = [[v if rng.random() > 0.3 else None for v in row.tolist()] for row in LABELS]
    weight = [rng.choice([0.0, 1.0, 2.5], size=len(x)) for x in X]
    model = StepClassifier(class_weight={"up": 3, "down": 1}, **still)
    model.fit(X, some, sample_weight=weight)
    total = total_weight = 0.0
    for x, row, w in zip(X, some, weight, strict=True):
        code = {None: -1, "down": 0, "up": 1}
        codes = torch.tensor([code[v] if u else -1 for v, u in zip(row, w, strict=True)])
        w = torch.from_numpy(w) * torch.tensor([1.0, 3.0, 0.0])[codes]
        logits = known_outputs(model, x, codes)
        losses = torch.nn.functional.cross_entropy(logits, codes, ignore_index=-1, reduction="none")
        total, total_weight = total + (losses * w).sum(), total_weight + w.sum()
    assert model.loss_curve_[-1] == pytest.approx((total / total_weight).item(), rel=1e-5)


def test_validation_is_judged_after_right_answers():
    model = StepClassifier(**QUICK).fit(X, LABELS, X_val=X[:7], y_val=LABELS[:7])
    right = [
        known_outputs(model, x, torch.from_numpy((row == "up").astype(int))).argmax(1).numpy()
        == (row == "up")
        for x, row in zip(X[:7], LABELS[:7], strict=True)
    ]
    assert model.validation_scores_[-1] == pytest.approx(flat(right).mean())
    stopped = StepClassifier(early_stopping=True, **QUICK | {"max_epochs": 30}).fit(X, LABELS)
    assert len(stopped.validation_scores_) == stopped.n_iter_
    assert stopped.best_epoch_ == 1 + stopped.history_["valid_loss"].argmin()


def test_score_is_that_of_own_answers():
    labels = StepClassifier(**QUICK).fit(X, LABELS)
    assert labels.score(X, LABELS) == (flat(labels.predict(X)) == flat(LABELS)).mean()
    numbers = StepRegressor(**QUICK | {"max_epochs": 30}).fit(X, NUMBERS)
    error = ((flat(numbers.predict(X)) - flat(NUMBERS)) ** 2).mean(0)
    expected = np.mean(1 - error / flat(NUMBERS).var(0))
    assert numbers.score(X, NUMBERS) == pytest.approx(expected)
    assert expected > 0.8


def test_step_of_weight_zero_is_a_step_without_a_label():
    rng = np.random.default_rng(1)
    some = [[v if rng.random() > 0.3 else None for v in row.tolist()] for row in LABELS]
    wrong = [["left" if label is None else label for label in row] for row in some]
    weight = [[float(label is not None) for label in row] for row in some]
    a = StepClassifier(early_stopping=True, **QUICK).fit(X, wrong, sample_weight=weight)
    b = StepClassifier(early_stopping=True, **QUICK).fit(X, some)
    np.testing.assert_array_equal(outputs_of(a, X), outputs_of(b, X))
    rows = [row[:, 0].copy() for row in NUMBERS]
    for row in rows[::2]:
        row[1] = np.nan
    numbers = StepRegressor(early_stopping=True, **QUICK).fit(X, rows)
    assert np.isfinite(numbers.loss_curve_).all()
    assert np.isfinite(numbers.validation_scores_).all()


@ESTIMATORS
@BOTH
def test_batch_in_parts_trains_alike(estimator, bidirectional):
    options = QUICK | NO_DROPOUT | {"batch_size": 40, "bidirectional": bidirectional}
    whole = estimator(**options).fit(X, y_of(estimator))
    parts = estimator(max_batch_steps=60, **options).fit(X, y_of(estimator))
    np.testing.assert_allclose(outputs_of(parts, X), outputs_of(whole, X), atol=1e-4)


@BOTH
def test_gradients_may_be_followed_some_steps_only(bidirectional):
    options = QUICK | {"bidirectional": bidirectional, "lr": 1e-12} | NO_DROPOUT
    models = [StepRegressor(bptt_steps=n, **options).fit(X, NUMBERS) for n in (None, 20, 3)]
    for model in models[1:]:  # the loss is the same, whatever its gradient
        assert model.loss_curve_[0] == pytest.approx(models[0].loss_curve_[0], rel=1e-5)
    trained = [
        outputs_of(StepRegressor(bptt_steps=n, **options | {"lr": 0.01}).fit(X, NUMBERS), X)
        for n in (None, 20, 3)
    ]
    np.testing.assert_allclose(trained[1], trained[0], atol=1e-4)
    assert not np.allclose(trained[2], trained[0], atol=1e-4)


@ESTIMATORS
def test_order_of_rows_and_repetition_have_no_say(estimator):
    y = y_of(estimator)
    weight = np.random.default_rng(2).integers(0, 3, size=40)
    places = np.random.default_rng(3).permutation(np.repeat(np.arange(40), weight))
    a = estimator(**QUICK).fit(X, y, sample_weight=weight)
    b = estimator(**QUICK).fit([X[i] for i in places], [y[i] for i in places])
    np.testing.assert_array_equal(outputs_of(a, X), outputs_of(b, X))


@ESTIMATORS
def test_partial_fits_are_one_fit_without_a_schedule(estimator):
    y = y_of(estimator)
    online = estimator(**QUICK)
    for _ in range(5):
        online.partial_fit(X, y)
    whole = estimator(lr_schedule=None, **QUICK).fit(X, y)
    np.testing.assert_allclose(online.loss_curve_, whole.loss_curve_, rtol=1e-6)


def test_classes_may_be_named_in_the_first_partial_fit():
    model = StepClassifier(**QUICK)
    for rows in (slice(20), slice(20, 40)):
        model.partial_fit(X[rows], LABELS[rows], classes=["down", "still", "up"])
    assert model.predict_proba(X)[0].shape == (len(X[0]), 3)


@ESTIMATORS
def test_warm_start_pickle_and_clone_keep_the_feedback(estimator):
    model = estimator(warm_start=True, **QUICK).fit(X, y_of(estimator))
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(outputs_of(again, X), outputs_of(model, X))
    assert again.fit(X, y_of(estimator)).n_iter_ == 10
    assert clone(model).output_feedback is True
    with pytest.raises(ValueError, match=r"'output_feedback' parameter .* from True to False"):
        model.set_params(output_feedback=False).fit(X, y_of(estimator))


@ESTIMATORS
def test_feedback_is_yes_or_no(estimator):
    with pytest.raises(ValueError, match=r"The 'output_feedback' parameter .* Got 'yes' instead"):
        estimator(output_feedback="yes").fit(X, y_of(estimator))


@ESTIMATORS
def test_diverging_loss_is_an_error(estimator):
    model = estimator(lr=1e30, optimizer="sgd", gradient_clip=None, **QUICK)
    with (
        np.errstate(all="ignore"),
        pytest.raises(ValueError, match="Training diverged"),
    ):
        model.fit(X, y_of(estimator))
    assert not hasattr(model, "net_")


# -- forms of data --------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("cell", ["gru"])
@pytest.mark.parametrize("static_to", ["head", "state", "both"])
def test_static_columns_tell_what_stands_beside(cell, static_to, bidirectional):
    words = [["a", "b", "a"][i % 2 :][: 1 + i % 3] for i in range(40)]
    is_old = [i % 4 > 1 for i in range(40)]
    frame = pa.table({"age": np.array(is_old, dtype=float), "w": words})
    y = [[w.upper() if old else w for w in row] for row, old in zip(words, is_old, strict=True)]
    options = {"cell": cell, "static_to": static_to, "bidirectional": bidirectional}
    model = StepClassifier(**options, **QUICK | {"max_epochs": 30}).fit(frame, y)
    assert model.score(frame, y) == 1.0
    np.testing.assert_allclose(
        model.predict_proba(frame)[5], model.predict_proba(frame.slice(5, 1))[0], atol=1e-5
    )


@BOTH
def test_rows_without_steps_have_no_answers(bidirectional):
    frame = pa.table({"age": [1.0, 2.0, 3.0, 4.0], "x": [[1.0, 2.0], [], None, [3.0]]})
    model = StepRegressor(bidirectional=bidirectional, **QUICK)
    model.fit(frame, [[1.0, 2.0], [], [], [3.0]])
    assert [len(p) for p in model.predict(frame)] == [2, 0, 0, 1]
    assert [len(p) for p in model.predict(frame.slice(1, 1))] == [0]


@BOTH
def test_texts_and_tables_are_answered_step_by_step(bidirectional):
    options = QUICK | {"max_epochs": 30, "bidirectional": bidirectional}
    tags = StepClassifier(**options).fit(["aab", "ba"] * 20, [list("AAB"), list("BA")] * 20)
    assert "".join(tags.predict(["abab"])[0]) == "ABAB"
    table = RNG.normal(size=(60, 3))
    one_step = StepClassifier(**options).fit(table, table[:, 0] > 0)
    assert one_step.predict(table).shape == (60,)
    assert one_step.score(table, table[:, 0] > 0) > 0.9
    cube = np.stack([x[:3] for x in X])
    assert StepRegressor(**QUICK).fit(cube, cube[:, :, 0]).predict(cube).shape == (40, 3)


def test_cross_validation_takes_it():
    y = np.empty(40, dtype=object)
    y[:] = LABELS
    assert cross_val_score(StepClassifier(**QUICK), X, y, cv=3).shape == (3,)


# -- what it is good for --------------------------------------------------------------------------


def parity(rng, n_samples):
    """Return bits, and whether those up to each step hold an odd number of ones."""
    bits = [rng.integers(0, 2, n).astype(float) for n in rng.integers(5, 40, n_samples)]
    return bits, [(x.cumsum() % 2).astype(int) for x in bits]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("cell", "max_epochs"), [("rnn", 20), ("gru", 10)])
def test_answer_that_follows_from_the_last_one_is_learned_soon(cell, max_epochs, seed):
    """Parity is the bit and the last answer; a state must first find out that it should hold it."""
    rng = np.random.default_rng(seed)
    bits, odd = parity(rng, 150)
    new_bits, new_odd = parity(rng, 50)
    options = {"cell": cell, "hidden_size": 16, "max_epochs": max_epochs, "bidirectional": False}
    scores = [
        StepClassifier(output_feedback=fed, random_state=seed, **options)
        .fit(bits, odd)
        .score(new_bits, new_odd)
        for fed in (False, True)
    ]
    assert scores[1] > 0.99
    assert scores[0] < 0.9


def spans(rng, n_samples):
    """Return sequences whose label may change at a cue only, told by noise, and where cues are."""
    X, y, cues = [], [], []
    for n_steps in rng.integers(10, 21, n_samples):
        cue = (rng.random(n_steps) < 0.12) | (np.arange(n_steps) == 0)
        label = rng.integers(0, 2, n_steps)[cue.cumsum() - 1]
        evidence = (2 * label - 1) * np.where(cue, 1.0, 0.3) + rng.normal(size=n_steps)
        X.append(np.column_stack([cue, evidence]))
        y.append(label)
        cues.append(cue)
    return X, y, cues


@pytest.mark.parametrize("seed", range(3))
def test_answers_agree_with_each_other(seed):
    """Each answer alone is best given by all evidence so far, but then answers contradict."""
    rng = np.random.default_rng(seed)
    X, y, _ = spans(rng, 400)
    X_new, y_new, cues = spans(rng, 400)
    options = {"bidirectional": False, "hidden_size": 16, "max_epochs": 15, "random_state": seed}
    illegal, exact = [], []
    for fed in (False, True):
        said = StepClassifier(output_feedback=fed, **options).fit(X, y).predict(X_new)
        changes = [(np.diff(row) != 0) & ~cue[1:] for row, cue in zip(said, cues, strict=True)]
        illegal.append(np.mean([row.any() for row in changes]))
        exact.append(exact_match(y_new, said))
    assert illegal[0] > 0.2
    assert illegal[1] < 0.02
    assert exact[1] > exact[0] + 0.03
