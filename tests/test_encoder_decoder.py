"""Encoder/decoder networks against equations unrolled by hand and torch's own modules."""

import itertools

import numpy as np
import pytest
import torch

from sklearn_rnn.nn.attention import ATTENTIONS
from sklearn_rnn.nn.beam import beam_search
from sklearn_rnn.nn.decoder import DecoderSteps
from sklearn_rnn.nn.encoder_decoder import EncoderDecoder
from sklearn_rnn.nn.feedback import NumberFeedback, TokenFeedback
from sklearn_rnn.nn.inputs import MixedInput, NumericInput
from sklearn_rnn.nn.recurrence import Recurrence, Stepper

N_CHANNELS, HIDDEN = 3, 5


def generator():
    return torch.Generator().manual_seed(0)


def make_network(feedback=None, n_outputs=4, **options):
    numeric = NumericInput(
        torch.zeros(N_CHANNELS), torch.ones(N_CHANNELS), torch.zeros(N_CHANNELS, dtype=torch.bool)
    )
    options = {
        "encoder": "sequence",
        "attention": "dot",
        "decoder_input": "previous",
        "cell": "gru",
        "hidden_size": HIDDEN,
        "num_layers": 1,
        "bidirectional": True,
        "dropout": 0.0,
        "recurrent_dropout": 0.0,
        "bptt_steps": None,
        "static_to": "both",
    } | options
    feedback = TokenFeedback(n_outputs, 2, True, generator()) if feedback is None else feedback
    network = EncoderDecoder.build(
        MixedInput(numeric),
        None,
        torch.zeros(n_outputs),
        feedback=feedback,
        generator=generator(),
        **options,
    )
    with torch.no_grad():  # a head at its start says almost the same of everything
        network.head.linear.weight.mul_(20)
    return network.eval()


def batch(n_samples=3, low=2, high=7, seed=0):
    random = torch.Generator().manual_seed(seed)
    lengths = torch.randint(low, high + 1, (n_samples,), generator=random)
    return torch.randn(n_samples, high, N_CHANNELS, generator=random), lengths


def torch_module(recurrence, kind=torch.nn.GRU):
    module = kind(
        recurrence.weight_ih_l0.shape[1],
        HIDDEN,
        num_layers=recurrence.num_layers,
        bidirectional=len(recurrence.directions) == 2,
    )
    module.load_state_dict(recurrence.state_dict())
    return module


@pytest.mark.parametrize(
    ("cell", "kind"), [("gru", torch.nn.GRU), ("lstm", torch.nn.LSTM), ("rnn", torch.nn.RNN)]
)
@pytest.mark.parametrize("num_layers", [1, 2])
def test_stepper_gives_what_torch_gives_at_once(cell, kind, num_layers):
    recurrence = Recurrence(cell, 4, HIDDEN, num_layers=num_layers, generator=generator())
    x = torch.randn(6, 3, 4, generator=generator())
    stepper = Stepper(recurrence, 3)
    outputs = torch.stack([stepper(step) for step in x])
    torch.testing.assert_close(outputs, torch_module(recurrence, kind)(x)[0], atol=1e-6, rtol=0)


def test_stepper_can_go_on_with_some_rows():
    recurrence = Recurrence("lstm", 4, HIDDEN, num_layers=2, generator=generator())
    x = torch.randn(6, 3, 4, generator=generator())
    stepper, chosen = Stepper(recurrence, 3), torch.tensor([2, 0, 2, 1])
    for step in x[:3]:
        stepper(step)
    stepper.take(chosen)
    outputs = torch.stack([stepper(step[chosen]) for step in x[3:]])
    expected = recurrence(x[:, chosen], torch.full((4,), 6))[3:]
    torch.testing.assert_close(outputs, expected, atol=1e-6, rtol=0)


def test_network_is_what_its_equations_say():
    network = make_network()
    values, _ = batch(n_samples=1, low=7)
    targets = torch.tensor([[2, 0, 1, 3]])
    encoder = torch_module(network.encoder.recurrence)
    decoder = torch.nn.GRUCell(2, HIDDEN)
    of_decoder = network.decoder.recurrence.state_dict()
    decoder.load_state_dict({name[:-3]: weight for name, weight in of_decoder.items()})
    read, last = encoder(values.transpose(0, 1))
    state = torch.tanh(network.decoder.start(last.flatten()[None]))
    said = network.feedback.unknown[None]
    for step, output in zip(
        targets[0], network(values, torch.tensor([7]), targets)[0], strict=True
    ):
        state = decoder(said, state)
        keys = network.decoder.attention.key(read[:, 0])
        weight = torch.softmax(keys @ state[0], dim=0)
        both = torch.cat([state[0], weight @ read[:, 0]])
        expected = network.head.linear(torch.tanh(network.decoder.mix(both)))
        torch.testing.assert_close(output, expected.double(), atol=1e-5, rtol=0)
        said = network.feedback.embedding(step[None])


def test_additive_score_is_what_its_equation_says():
    attention = ATTENTIONS["additive"](4, HIDDEN, generator())
    read = torch.randn(6, 1, 4, generator=generator())
    query = torch.randn(1, 1, HIDDEN, generator=generator())
    _, weights = attention(query, attention.remember(read, torch.tensor([6])))
    scores = [
        attention.score(torch.tanh(attention.query(query[0, 0]) + attention.key(step[0])))
        for step in read
    ]
    torch.testing.assert_close(weights[0, 0], torch.softmax(torch.cat(scores), 0))


@pytest.mark.parametrize("attention", [None, "dot", "additive"])
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "mingru"])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_all_steps_at_once_are_the_steps_one_by_one(attention, cell, num_layers):
    network = make_network(attention=attention, cell=cell, num_layers=num_layers)
    values, lengths = batch()
    targets = torch.randint(0, 3, (3, 6), generator=generator())
    at_once, weights = network.decoder(network.encoder(values, lengths), 6, targets)
    steps = DecoderSteps(network.decoder, network.encoder(values, lengths))
    for i in range(6):
        features, looking = steps()
        torch.testing.assert_close(features, at_once[i], atol=1e-6, rtol=0)
        assert (looking is None) == (attention is None)
        if looking is not None:
            torch.testing.assert_close(looking, weights[:, i], atol=1e-6, rtol=0)
        steps.say(targets[:, i])


@pytest.mark.parametrize("attention", [None, "dot", "additive"])
def test_network_without_input_goes_on_by_itself(attention):
    network = make_network(decoder_input="none", attention=attention)
    values, lengths = batch()
    reading = network.encoder(values, lengths)
    features, _ = network.decoder(reading, 5)
    cell = torch.nn.GRUCell(1, HIDDEN)
    cell.load_state_dict(
        {name[:-3]: weight for name, weight in network.decoder.recurrence.state_dict().items()}
    )
    state = torch.tanh(network.decoder.start(reading.summary))
    for step in features:
        state = cell(torch.zeros(3, 1), state)
        if attention is None:
            torch.testing.assert_close(step, state, atol=1e-6, rtol=0)
    outputs = network(values, lengths, torch.zeros(3, 5, dtype=torch.int64))
    others = network(values, lengths, torch.ones(3, 5, dtype=torch.int64))
    torch.testing.assert_close(outputs, others, atol=0, rtol=0)


@pytest.mark.parametrize("attention", ["dot", "additive"])
def test_attention_looks_at_no_padding(attention):
    network = make_network(attention=attention)
    values, lengths = batch()
    weights = network.looking(values, lengths, torch.zeros(3, 4, dtype=torch.int64))
    assert weights.shape == (3, 4, 7)
    torch.testing.assert_close(weights.sum(2), torch.ones(3, 4))
    for row, length in enumerate(lengths):
        assert (weights[row, :, length:] == 0).all()
        assert (weights[row, :, :length] > 0).all()


@pytest.mark.parametrize("attention", [None, "dot", "additive"])
@pytest.mark.parametrize("n_steps", [None, [2, 4, 3]])
def test_padding_changes_no_answer(attention, n_steps):
    network = make_network(attention=attention)
    values, lengths = batch()
    asked = None if n_steps is None else torch.tensor(n_steps)
    written = network.write(values, lengths, max_steps=9, n_steps=asked)
    for row in range(3):
        alone = network.write(
            values[row : row + 1, : lengths[row]],
            lengths[row : row + 1],
            max_steps=9,
            n_steps=None if asked is None else asked[row : row + 1],
        )
        n = written.lengths[row]
        assert alone.lengths.item() == n
        assert alone.entries[0, :n].tolist() == written.entries[row, :n].tolist()


# -- what is fed back -----------------------------------------------------------------------------


def test_tokens_before_each_step_are_those_said():
    feedback = TokenFeedback(4, 2, True, generator())
    before = feedback.before(torch.tensor([[2, 0, -1, 1]]))
    rows = feedback.embedding.weight
    expected = [feedback.unknown, rows[2], rows[0], feedback.unknown]
    torch.testing.assert_close(before[:, 0], torch.stack(expected))


def test_numbers_before_each_step_are_those_said():
    feedback = NumberFeedback(2, True, generator())
    targets = torch.tensor([[[1.0, 2.0, 0.0], [3.0, torch.nan, 0.0], [5.0, 6.0, 1.0]]])
    expected = [feedback.unknown, torch.tensor([1.0, 2.0]), feedback.unknown]
    torch.testing.assert_close(feedback.before(targets)[:, 0], torch.stack(expected))


def test_end_is_said_only_where_it_may_be():
    tokens = TokenFeedback(3, 2, True, generator())
    logits = torch.tensor([[0.0, 1.0, 2.0]])
    assert tokens.said(logits).tolist() == [2]
    assert tokens.said(logits, may_end=False).tolist() == [1]
    assert tokens.is_last(torch.tensor([2, 1])).tolist() == [True, False]
    numbers = NumberFeedback(1, True, generator())
    outputs = torch.tensor([[0.5, 3.0], [0.5, -3.0]])
    assert numbers.said(outputs).tolist() == [[0.5, 1.0], [0.5, 0.0]]
    assert numbers.said(outputs, may_end=False).tolist() == [[0.5, 0.0], [0.5, 0.0]]
    assert numbers.is_last(numbers.said(outputs)).tolist() == [True, False]
    endless = TokenFeedback(3, 2, False, generator())
    assert endless.said(logits, may_end=False).tolist() == [2]
    assert endless.is_last(torch.tensor([2])).tolist() == [False]


def test_own_answers_are_read_where_none_is_forced():
    """With forced=0 the outputs are those after the network's own tokens, not after targets."""
    network = make_network()
    values, lengths = batch()
    own = network.write(values, lengths, max_steps=5, n_steps=torch.full((3,), 5)).entries
    network.feedback.ends = False  # or the end would be said in training as well
    targets = torch.randint(0, 3, (3, 5), generator=generator())
    reading = network.encoder(values, lengths)
    free = network._forward_in_steps(reading, targets, 0.0)
    first = network._forward_in_steps(reading, targets, 1.0)
    torch.testing.assert_close(first, network(values, lengths, targets), atol=1e-6, rtol=0)
    assert not torch.allclose(free, first, atol=1e-3)
    said = free.argmax(dim=2)
    torch.testing.assert_close(free, network(values, lengths, said), atol=1e-6, rtol=0)
    assert own.shape == said.shape


# -- beam search ----------------------------------------------------------------------------------


def log_probability(network, values, lengths, codes):
    targets = torch.tensor([codes])
    outputs = network(values, lengths, targets).log_softmax(2)
    return outputs[0, range(len(codes)), codes].sum().item()


def best_of_all(network, values, lengths, n_steps, max_steps):
    """Try all answers: the mean log-probability of the tokens, the end counted, decides."""
    n_tokens = network.feedback.n_tokens - 1
    sizes = [n_steps] if n_steps else range(1, max_steps + 1)
    scores = {}
    for size in sizes:
        for answer in itertools.product(range(n_tokens), repeat=size):
            codes = [*answer] if n_steps else [*answer, n_tokens]
            if n_steps:
                outputs = network(values, lengths, torch.tensor([codes]))[..., :-1].log_softmax(2)
                score = outputs[0, range(size), codes].sum().item()
            else:
                score = log_probability(network, values, lengths, codes)
            scores[answer] = score / len(codes)
    return max(scores, key=scores.get)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("n_steps", [None, 3])
def test_wide_beam_finds_the_best_of_all_answers(seed, n_steps):
    network = make_network()
    values, lengths = batch(seed=seed)
    with torch.inference_mode():
        written = network.write(
            values,
            lengths,
            max_steps=3,
            n_steps=None if n_steps is None else torch.full((3,), n_steps),
            beam_size=100,
        )
        for row in range(3):
            one = slice(row, row + 1)
            expected = best_of_all(network, values[one], lengths[one], n_steps, max_steps=3)
            answer = tuple(written.entries[row, : written.lengths[row]].tolist())
            assert answer == expected


def test_beam_of_one_is_greedy():
    network = make_network(cell="lstm")
    values, lengths = batch(n_samples=20)
    greedy = network.write(values, lengths, max_steps=8, n_steps=torch.full((20,), 8))
    wide = network.write(values, lengths, max_steps=8, n_steps=torch.full((20,), 8), beam_size=2)
    steps = DecoderSteps(network.decoder, network.encoder(values, lengths))
    codes, n = beam_search(steps, network.head, network.feedback, 1, 8, torch.full((20,), 8))
    assert torch.equal(codes, greedy.entries)
    assert n.tolist() == [8] * 20
    probability = [
        [log_probability(network, values[i : i + 1], lengths[i : i + 1], w.entries[i].tolist())]
        for w in (greedy, wide)
        for i in range(20)
    ]
    assert np.mean(probability[20:]) >= np.mean(probability[:20])


def test_answer_that_never_ends_is_cut():
    network = make_network()
    with torch.no_grad():
        network.head.linear.bias[-1] = -100.0
    values, lengths = batch()
    for beam_size in (1, 3):
        written = network.write(values, lengths, max_steps=6, beam_size=beam_size)
        assert written.lengths.tolist() == [6, 6, 6]


@pytest.mark.parametrize("decoder_input", ["previous", "none"])
@pytest.mark.parametrize("beam_size", [1, 3])
def test_no_answer_is_empty(decoder_input, beam_size):
    network = make_network(decoder_input=decoder_input)
    with torch.no_grad():
        network.head.linear.bias[-1] = 100.0
    values, lengths = batch()
    written = network.write(values, lengths, max_steps=6, beam_size=beam_size)
    assert written.lengths.tolist() == [1, 1, 1]
    assert (written.entries[:, 0] < 3).all()


def test_outside_of_training_right_answers_are_read():
    network = make_network()
    values, lengths = batch()
    targets = torch.randint(0, 3, (3, 5), generator=generator())
    expected, state = network(values, lengths, targets), network.generator.get_state()
    network.teacher_forcing = 0.0
    torch.testing.assert_close(network(values, lengths, targets), expected, atol=0, rtol=0)
    assert torch.equal(state, network.generator.get_state())
