"""Each augmentation by hand or by an exact property, and what a fit does with them."""

import pickle
from dataclasses import FrozenInstanceError, dataclass

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from sklearn_rnn import RNNClassifier, RNNRegressor, Seq2SeqRegressor, StepClassifier
from sklearn_rnn._random import generator
from sklearn_rnn.augmentation import (
    Augmentation,
    ChannelDropout,
    Channels,
    Crop,
    Jitter,
    Scaling,
    StepDropout,
    TimeWarp,
)
from sklearn_rnn.augmentation._base import augmenting
from sklearn_rnn.augmentation._steps import take_steps, warped_places
from sklearn_rnn.data.batching import Batch

ALL = [
    Jitter(),
    Scaling(),
    TimeWarp(),
    Crop(0.5),
    ChannelDropout(0.4),
    StepDropout(0.3),
    [Jitter(), TimeWarp(), Crop(0.6), StepDropout()],
]
IDENTITIES = [Jitter(0), Scaling(0), TimeWarp(0), Crop(1), ChannelDropout(0), StepDropout(0)]
LENGTHS = torch.tensor([12, 7, 1, 0, 2, 12])
CHANNELS = Channels(torch.tensor([1.0, -2.0, 0.0]), torch.tensor([1.0, 5.0, 0.0]))
QUICK = {"hidden_size": 8, "max_epochs": 3, "batch_size": 8, "random_state": 0, "device": "cpu"}


def by_name(value):
    return str(value)


def time_first(x):
    return x.transpose(0, 1).contiguous().transpose(0, 1)


def make_batch(lengths=LENGTHS, n_steps=12, seed=0):
    """Return random numbers, one in ten missing, and the number of the step as a category."""
    n_rows = len(lengths)
    values = torch.randn(n_rows, n_steps, 3, generator=generator(seed))
    values[torch.rand(values.shape, generator=generator(seed + 1)) < 0.1] = torch.nan
    codes = torch.arange(n_steps, dtype=torch.int32).expand(n_rows, n_steps)[..., None]
    static = torch.arange(n_rows, dtype=torch.float32)[:, None]
    return Batch(time_first(values), lengths, time_first(codes + 2), static)


def apply(augmentation, batch, seed=0):
    return augmenting(augmentation, CHANNELS)(batch, generator(seed))


def inside(batch, x=None):
    """Return which steps are in the sequences, or these steps of x."""
    mask = torch.arange(batch.values.shape[1]) < batch.lengths[:, None]
    return mask if x is None else x[mask]


def weights_of(model):
    return torch.cat([p.detach().view(-1) for p in model.net_.module_.parameters()])


# -- all of them ----------------------------------------------------------------------------------


@pytest.mark.parametrize("augmentation", IDENTITIES, ids=by_name)
def test_nothing_changes_and_nothing_is_drawn_at_zero(augmentation):
    batch, random = make_batch(), generator(0)
    result = augmenting(augmentation, CHANNELS)(batch, random)
    torch.testing.assert_close(result.values, batch.values, rtol=0, atol=0, equal_nan=True)
    assert torch.equal(result.codes, batch.codes)
    assert torch.equal(result.lengths, batch.lengths)
    assert torch.equal(random.get_state(), generator(0).get_state())


@pytest.mark.parametrize("augmentation", ALL, ids=by_name)
def test_padding_and_batch_mates_never_leak_in(augmentation):
    batch = make_batch()
    outside = ~inside(batch)
    values, codes = batch.values.clone(), batch.codes.clone()
    values[outside], codes[outside] = 1e9, 77
    values[5], codes[5] = -1e9, 99
    other = Batch(time_first(values), batch.lengths, time_first(codes))
    a, b = apply(augmentation, batch), apply(augmentation, other)
    assert torch.equal(a.lengths, b.lengths)
    for x, x_other in ((a.values, b.values), (a.codes, b.codes)):
        same = inside(a)
        same[5] = False
        torch.testing.assert_close(x_other[same], x[same], rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("augmentation", ALL, ids=by_name)
def test_draws_come_from_the_generator_alone_and_inputs_are_not_written_to(augmentation):
    batch, untouched = make_batch(), make_batch()
    before = torch.get_rng_state()
    a, b, other = (apply(augmentation, batch, seed) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    for name in ("values", "codes", "lengths"):
        x, x_again = getattr(a, name), getattr(b, name)
        torch.testing.assert_close(x, x_again, rtol=0, atol=0, equal_nan=True)
        x, x_untouched = getattr(batch, name), getattr(untouched, name)
        torch.testing.assert_close(x, x_untouched, rtol=0, atol=0, equal_nan=True)
    assert not torch.equal(a.values.nan_to_num(9.0), other.values.nan_to_num(9.0))


@pytest.mark.parametrize("augmentation", ALL, ids=by_name)
def test_layout_static_columns_and_sequences_of_no_steps_stay(augmentation):
    batch = make_batch()
    result = apply(augmentation, batch)
    assert result.values.transpose(0, 1).is_contiguous()
    assert result.codes.transpose(0, 1).is_contiguous()
    assert result.values.dtype == torch.float32
    assert result.codes.dtype == torch.int32
    assert result.static_values is batch.static_values
    assert torch.equal(result.lengths == 0, batch.lengths == 0)
    assert (result.lengths <= batch.lengths).all()


@pytest.mark.parametrize("augmentation", ALL, ids=by_name)
def test_batches_of_codes_or_of_numbers_alone(augmentation):
    batch = make_batch()
    no_numbers = Channels(*(x[:0] for x in CHANNELS))
    codes = augmenting(augmentation, no_numbers)(
        Batch(batch.values[..., :0], batch.lengths, batch.codes), generator(0)
    )
    assert codes.values.shape == (6, 12, 0)
    assert codes.codes.shape == (6, 12, 1)
    numbers = apply(augmentation, Batch(batch.values, batch.lengths))
    assert numbers.codes is None
    assert numbers.values.shape == (6, 12, 3)


# -- one by one -----------------------------------------------------------------------------------


def test_jitter_is_gaussian_in_standard_deviations_and_keeps_gaps():
    batch = make_batch(torch.full((64,), 100), 100)
    result = apply(Jitter(0.3), batch)
    assert torch.equal(result.values.isnan(), batch.values.isnan())
    noise = result.values - batch.values
    assert noise[..., 0].nanmean() == pytest.approx(0, abs=0.02)
    std = [np.nanstd(noise[..., channel].numpy()) for channel in range(3)]
    assert std == pytest.approx([0.3, 1.5, 0.0], rel=0.05)  # 0: constant in training
    within = (noise[..., 0].abs() < 0.3).sum() / noise[..., 0].isfinite().sum()
    assert within == pytest.approx(0.683, abs=0.03)


def test_scaling_is_one_factor_a_sequence_and_channel_around_the_mean():
    batch = make_batch(torch.full((2000,), 4), 4)
    result = apply(Scaling(0.2), batch)
    assert torch.equal(result.values.isnan(), batch.values.isnan())
    factor = (result.values - CHANNELS.mean) / (batch.values - CHANNELS.mean)
    of_sequence = factor.nanmedian(dim=1, keepdim=True).values
    torch.testing.assert_close(
        torch.where(factor.isnan(), of_sequence, factor),
        of_sequence.expand_as(factor),
        rtol=0.01,
        atol=0.01,
        equal_nan=True,
    )
    of_sequence = of_sequence[of_sequence.isfinite()]
    assert of_sequence.mean() == pytest.approx(1, abs=0.02)
    assert of_sequence.std() == pytest.approx(0.2, rel=0.05)


def test_channel_dropout_makes_channels_missing_and_leaves_one():
    values = torch.randn(4000, 3, 3, generator=generator(0))
    codes = torch.full((4000, 3, 1), 5, dtype=torch.int32)
    result = apply(ChannelDropout(0.3), Batch(values, torch.full((4000,), 3), codes))
    before, after = torch.cat([values, codes], 2), torch.cat([result.values, result.codes], 2)
    dropped = (after != before).any(dim=1)
    expected = before.clone()
    expected[..., :3].masked_fill_(dropped[:, None, :3], torch.nan)
    expected[..., 3:].masked_fill_(dropped[:, None, 3:], 1)  # the code of a missing category
    torch.testing.assert_close(after, expected, rtol=0, atol=0, equal_nan=True)
    # each is dropped with 0.3, but one of the four stays if all would go
    assert dropped.float().mean(0).tolist() == pytest.approx([0.3 - 0.3**4 / 4] * 4, abs=0.025)
    assert dropped.sum(1).max() == 3


def test_channel_dropout_leaves_a_single_channel_alone():
    values = torch.randn(5, 4, 1, generator=generator(0))
    result = apply(ChannelDropout(0.9), Batch(values, torch.full((5,), 4)))
    assert torch.equal(result.values, values)


def test_channel_dropout_reads_as_the_mean_in_a_network():
    X = np.arange(80.0).reshape(10, 4, 2)
    numeric = (
        RNNRegressor(differences=False, **QUICK)
        .fit(X, np.arange(10))
        .net_.module_.encoder.inputs.numeric
    )
    values = torch.tensor(X, dtype=torch.float32)
    batch = Batch(values, torch.full((10,), 4))
    result = apply(ChannelDropout(0.5), batch).values
    dropped = result.isnan()
    assert 0 < dropped.sum() < dropped.numel()
    torch.testing.assert_close(numeric(result), numeric(values).masked_fill(dropped, 0.0))


def test_crop_is_a_window_of_at_least_the_fraction():
    lengths = torch.arange(1000) % 11
    batch = make_batch(lengths, 12)
    result = apply(Crop(0.5), batch)
    assert (result.lengths >= 0.5 * lengths).all()
    assert (result.lengths[lengths > 0] >= 1).all()
    for row in range(1000):
        n_kept = int(result.lengths[row])
        window = result.codes[row, :n_kept, 0] - 2
        if n_kept:
            start = int(window[0])
            assert window.tolist() == list(range(start, start + n_kept))
            assert start + n_kept <= lengths[row]
            torch.testing.assert_close(
                result.values[row, :n_kept],
                batch.values[row, start : start + n_kept],
                rtol=0,
                atol=0,
                equal_nan=True,
            )
    of_ten = result.lengths[lengths == 10]
    assert of_ten.unique().tolist() == [6, 7, 8, 9, 10]  # the fraction is hardly ever exactly 0.5
    assert of_ten.double().mean() == pytest.approx(8, abs=0.5)


def test_crop_places_its_window_anywhere():
    batch = make_batch(torch.full((2000,), 4), 4)
    result = apply(Crop(0.01), batch)
    start = result.codes[result.lengths == 2][:, 0, 0] - 2
    shares = torch.bincount(start, minlength=3) / len(start)
    assert shares.tolist() == pytest.approx([1 / 3] * 3, abs=0.05)


def test_step_dropout_keeps_order_and_values():
    lengths = torch.full((1000,), 10)
    batch = make_batch(lengths, 12)
    result = apply(StepDropout(0.3), batch)
    assert result.lengths.double().mean() == pytest.approx(7, abs=0.2)
    steps = result.codes[..., 0] - 2
    kept = torch.zeros(10)
    for row in range(1000):
        of_row = steps[row, : result.lengths[row]]
        assert (of_row.diff() > 0).all()
        assert of_row.max() < 10
        kept[of_row.long()] += 1
        torch.testing.assert_close(
            result.values[row, : result.lengths[row]],
            batch.values[row, of_row.long()],
            rtol=0,
            atol=0,
            equal_nan=True,
        )
    assert (kept / 1000).tolist() == pytest.approx([0.7] * 10, abs=0.05)


def test_step_dropout_leaves_one_step_any_of_them():
    batch = make_batch(torch.full((2000,), 4), 4)
    result = apply(StepDropout(0.9999), batch)
    assert (result.lengths == 1).float().mean() > 0.99
    shares = torch.bincount(result.codes[:, 0, 0] - 2, minlength=4) / 2000
    assert shares.tolist() == pytest.approx([0.25] * 4, abs=0.04)


def test_time_warp_by_hand():
    """Speeds of 1 and e at the ends of two ways, linear in the logarithm between."""
    places = warped_places(torch.tensor([[0.0], [1.0]]), torch.tensor([3]), 5)
    a, b = np.exp(0.25), np.exp(0.75)
    expected = [0, 2 * a / (a + b), 2, 2, 2]
    assert places[:, 0].tolist() == pytest.approx(expected, rel=1e-6)


def test_time_warp_is_monotone_smooth_and_has_fixed_ends():
    lengths = torch.arange(1, 201)
    log_speed = torch.randn(4, 200, generator=generator(0))
    places = warped_places(log_speed, lengths, 208)
    assert torch.equal(places[0], torch.zeros(200))
    assert torch.equal(places.gather(0, lengths[None] - 1)[0], lengths - 1.0)
    speed = places.diff(dim=0)
    assert (speed >= 0).all()
    for row in (50, 199):
        of_row = speed[:row, row]
        assert (of_row > 0).all()
        assert (of_row.log().diff().abs() < 12 / row).all()
    assert torch.equal(warped_places(log_speed[:, :2], torch.tensor([0, 1]), 4), torch.zeros(4, 2))


def test_time_warp_moves_steps_about_as_far_as_is_told():
    log_speed = TimeWarp().strength * torch.randn(4, 500, generator=generator(0))
    places = warped_places(log_speed, torch.full((500,), 101), 101)
    farthest = (places - torch.arange(101)[:, None]).abs().amax(0) / 100
    assert farthest.mean() == pytest.approx(0.04, abs=0.005)


def test_time_warp_interpolates_numbers_and_takes_the_nearest_category():
    lengths = torch.tensor([12, 9, 5])
    batch = make_batch(lengths)
    time = torch.arange(12.0).expand(3, 12)
    values = torch.stack([time, batch.values[..., 1], 3 * time], dim=2)
    result = apply(TimeWarp(0.8), Batch(time_first(values), lengths, batch.codes))
    places = inside(result, result.values[..., 0])
    torch.testing.assert_close(inside(result, result.values[..., 2]), 3 * places)
    assert not torch.equal(places, inside(result, time))
    nearest = inside(result, result.codes[..., 0]) - 2
    assert torch.equal(nearest, places.round().int())
    # a number is missing where the nearest step lacks it, and only there
    row = torch.arange(3)[:, None].expand(3, 12)[inside(result)]
    gaps = inside(result, result.values[..., 1]).isnan()
    assert torch.equal(gaps, values[row, nearest.long(), 1].isnan())
    assert 0 < gaps.sum() < len(gaps)


def test_steps_are_taken_from_any_layout():
    x = torch.arange(24).view(2, 4, 3)
    places = torch.tensor([[3, 0], [3, 1]])
    expected = torch.stack([x[0, [3, 3]], x[1, [0, 1]]])
    for layout in (x, time_first(x)):
        assert torch.equal(take_steps(layout, places), expected)


def test_several_are_applied_in_their_order():
    batch = make_batch()
    first = augmenting(Crop(0.5), CHANNELS)
    random = generator(0)
    by_hand = augmenting(StepDropout(0.3), CHANNELS)(first(batch, random), random)
    result = apply((Crop(0.5), StepDropout(0.3)), batch)
    assert torch.equal(result.lengths, by_hand.lengths)
    assert torch.equal(result.codes, by_hand.codes)
    assert not torch.equal(apply([StepDropout(0.3), Crop(0.5)], batch).lengths, result.lengths)


# -- objects and parameters -----------------------------------------------------------------------


@pytest.mark.parametrize("augmentation", ALL[:-1], ids=by_name)
def test_augmentations_are_small_immutable_values(augmentation):
    assert pickle.loads(pickle.dumps(augmentation)) == augmentation
    assert hash(augmentation) == hash(type(augmentation)(*vars(augmentation).values()))
    (name,) = vars(augmentation)
    assert repr(augmentation) == f"{type(augmentation).__name__}({name}={vars(augmentation)[name]})"
    with pytest.raises(FrozenInstanceError, match="cannot assign"):
        setattr(augmentation, name, 0.5)


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (Jitter, -1, r"The 'scale' parameter of Jitter must be a number in \[0, inf\). Got -1"),
        (Scaling, "a", r"The 'scale' parameter of Scaling must be a number in \[0, inf\). Got 'a'"),
        (TimeWarp, 1.5, r"The 'strength' parameter of TimeWarp must be a number in \[0, 1\]. Got"),
        (Crop, 0, r"The 'min_fraction' parameter of Crop must be a number in \(0, 1\]. Got 0 inst"),
        (ChannelDropout, 1, r"The 'p' parameter of ChannelDropout must be a number in \[0, 1\). G"),
        (StepDropout, 2, r"The 'p' parameter of StepDropout must be a number in \[0, 1\). Got 2 i"),
    ],
)
def test_bad_parameter_of_an_augmentation(kind, value, message):
    with pytest.raises(ValueError, match=message):
        kind(value)


@pytest.mark.parametrize("bad", ["jitter", Jitter, [Jitter], [None], {Jitter()}, 0.1])
def test_bad_augmentation_parameter_is_refused_in_fit(sequences, bad):
    model = RNNClassifier(augmentation=bad)
    message = "The 'augmentation' parameter of RNNClassifier must be an Augmentation or a list of"
    with pytest.raises(ValueError, match=message):
        model.fit(*sequences)


# -- through fit ----------------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", [RNNClassifier, RNNRegressor])
@pytest.mark.parametrize("augmentation", ALL, ids=by_name)
def test_same_seed_same_bits_and_training_changes(sequences, augmentation, estimator):
    X, y = sequences
    before = torch.get_rng_state()
    a, b = (estimator(augmentation=augmentation, **QUICK).fit(X, y) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(weights_of(a), weights_of(b))
    plain = estimator(**QUICK).fit(X, y)
    assert not torch.equal(weights_of(a), weights_of(plain))
    for name, statistic in a.net_.module_.encoder.inputs.numeric.named_buffers():
        assert torch.equal(statistic, plain.net_.module_.encoder.inputs.numeric.get_buffer(name))


@pytest.mark.parametrize("nothing", [[], (), *IDENTITIES, IDENTITIES], ids=by_name)
def test_no_augmentation_draws_nothing(sequences, nothing):
    a = RNNClassifier(augmentation=nothing, **QUICK).fit(*sequences)
    b = RNNClassifier(**QUICK).fit(*sequences)
    assert torch.equal(weights_of(a), weights_of(b))


def test_validation_and_prediction_see_sequences_as_they_are(sequences, monkeypatch):
    X, y = sequences
    seen = []

    class Watched(Augmentation):
        def apply(self, values, codes, lengths, channels, generator):
            seen.append(len(values))
            return values, codes, lengths

    model = RNNClassifier(augmentation=Watched(), early_stopping=True, **QUICK)
    model.fit(X, y, X_val=X[:10], y_val=y[:10])
    assert sum(seen) == QUICK["max_epochs"] * len(X)
    del seen[:]
    model.fit(X, y)
    n_held_out = len(X) - sum(seen) // QUICK["max_epochs"]
    assert 0 < n_held_out < 6
    del seen[:]
    state = model.net_.batch_order.get_state()
    model.predict(X)
    model.transform(X)
    model.score(X, y)
    assert torch.equal(model.net_.batch_order.get_state(), state)
    assert not seen


@pytest.mark.parametrize("standardize", [True, False])
def test_channels_are_those_of_the_training_rows(sequences, standardize):
    X, y = sequences
    X = [np.column_stack([x, np.full(len(x), 7.0)]).astype(np.float32) for x in X]
    X[0][0, 0] = np.nan
    got = []

    @dataclass(frozen=True)
    class Watched(Augmentation):
        def apply(self, values, codes, lengths, channels, generator):
            got.append(channels)
            return values, codes, lengths

    RNNClassifier(augmentation=[Jitter(), Watched()], standardize=standardize, **QUICK).fit(X, y)
    steps = np.concatenate(X).astype(float)
    np.testing.assert_allclose(got[0].mean, np.nanmean(steps, axis=0), rtol=1e-5)
    std = np.append(np.nanstd(steps[:, :3], axis=0), 0)
    np.testing.assert_allclose(got[0].std, std, rtol=1e-5)


@pytest.mark.parametrize(
    "options",
    [{"max_batch_steps": 20}, {"bptt_steps": 2}, {"early_stopping": True}, {"cell": "lstm"}],
    ids=by_name,
)
def test_augmentation_goes_with_other_ways_to_train(sequences, options):
    options = QUICK | options | {"augmentation": ALL[-1]}
    a, b = (RNNClassifier(**options).fit(*sequences) for _ in range(2))
    assert torch.equal(weights_of(a), weights_of(b))
    assert np.isfinite(a.loss_curve_).all()


def test_augmentation_may_change_between_warm_starts(sequences):
    X, y = sequences
    model = RNNClassifier(warm_start=True, standardize=False, **QUICK).fit(X, y)
    copied = pickle.loads(pickle.dumps(model)).set_params(augmentation=Jitter()).fit(X, y)
    model.set_params(augmentation=Jitter()).fit(X, y)
    assert torch.equal(weights_of(copied), weights_of(model))
    model.set_params(augmentation=None).fit(X, y)
    assert model.n_iter_ == 9
    partial = RNNClassifier(augmentation=StepDropout(), **QUICK).partial_fit(X, y)
    assert partial.partial_fit(X, y).n_iter_ == 2


def test_weights_are_still_repeated_rows_to_the_bit(sequences):
    X, y = sequences
    weight = np.arange(len(X)) % 3
    repeated = np.repeat(np.arange(len(X)), weight)
    options = QUICK | {"augmentation": ALL[-1]}
    a = RNNClassifier(**options).fit(X, y, sample_weight=weight)
    b = RNNClassifier(**options).fit([X[i] for i in repeated], y[repeated])
    assert torch.equal(weights_of(a), weights_of(b))


@pytest.mark.parametrize("augmentation", ALL, ids=by_name)
def test_texts_and_frames_with_static_columns_and_no_steps(augmentation):
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 6, 20)
    frame = pd.DataFrame(
        {
            "pulse": [rng.normal(size=n) for n in lengths],
            "drug": [list(rng.choice(["a", "b", None], n)) for n in lengths],
            "age": rng.normal(size=20),
        }
    )
    model = RNNRegressor(augmentation=augmentation, **QUICK).fit(frame, rng.normal(size=20))
    assert np.isfinite(model.predict(frame)).all()
    texts = ["".join(rng.choice(list("abc"), n)) for n in lengths + 1]
    model = RNNClassifier(augmentation=augmentation, **QUICK).fit(texts, lengths > 2)
    assert model.predict(texts).shape == (20,)


def test_clone_search_and_settings_line(sequences, capsys):
    X, y = sequences
    model = RNNClassifier(augmentation=[Jitter(0.2), Crop()], verbose=1, **QUICK)
    assert clone(model).get_params() == model.get_params()
    model.fit(X, y)
    assert "augmentation [Jitter(scale=0.2), Crop(min_fraction=0.8)]" in capsys.readouterr().out
    grid = {"augmentation": [None, Jitter(), (Scaling(), TimeWarp())]}
    search = GridSearchCV(RNNClassifier(**QUICK), grid, cv=2).fit(X, y)
    assert search.best_params_["augmentation"] in grid["augmentation"]


# -- one of one's own -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Returning(Augmentation):
    """Return what a function makes of a batch."""

    function: object

    def apply(self, values, codes, lengths, channels, generator):
        return self.function(values, codes, lengths)


def test_augmentation_of_ones_own_may_lengthen_sequences_in_any_layout():
    batch = make_batch()

    def twice(values, codes, lengths):
        return values.repeat_interleave(2, 1), codes.repeat_interleave(2, 1), 2 * lengths

    result = apply(Returning(twice), batch)
    assert torch.equal(result.lengths, 2 * LENGTHS)
    assert torch.equal(result.codes, batch.codes.repeat_interleave(2, 1))
    assert result.values.transpose(0, 1).is_contiguous()


NO_BATCHES = {
    "a tuple of values, codes and lengths. Got Tensor instead": lambda v, c, n: v,
    "The values .* be a torch.float32 .* Got a torch.float64": lambda v, c, n: (v.double(), c, n),
    r"shape \(6, 12, 3\). Got .* \(6, 12, 2\)": lambda v, c, n: (v[:, :, :2], c, n),
    r"The values .* Got .* shape \(6, 3\) instead": lambda v, c, n: (v[:, 0], c, n),
    r"Got .* shape \(6, 0, 3\)": lambda v, c, n: (v[:, :0], c[:, :0], n * 0),
    "The values .* Got None instead": lambda v, c, n: (None, c, n),
    "The codes .* be a torch.int32 .* Got None instead": lambda v, c, n: (v, None, n),
    r"The codes .* Got .* shape \(6, 5, 1\) instead": lambda v, c, n: (v, c[:, :5], n),
    "The lengths .* be a torch.int64 .* Got a torch.float32": lambda v, c, n: (v, c, n.float()),
    "to the 12 steps .* Got 13 for a sequence of 12 steps": lambda v, c, n: (v, c, n + 1),
    "lengths of 1 .* Got 0 for a sequence of 12 steps": lambda v, c, n: (v, c, n * 0),
    "Got 1 for a sequence of 0 steps": lambda v, c, n: (v, c, n.clamp(min=1)),
}


@pytest.mark.parametrize("message", NO_BATCHES)
def test_what_is_no_batch_of_the_same_sequences_is_refused(message):
    with pytest.raises((TypeError, ValueError), match=message):
        apply(Returning(NO_BATCHES[message]), make_batch())


def test_an_error_in_fit_leaves_the_estimator_as_it_was(sequences):
    model = RNNClassifier(augmentation=Returning(lambda v, c, n: (v, c, n + 99)), **QUICK)
    with pytest.raises(ValueError, match="apply of Returning"):
        model.fit(*sequences)
    assert not hasattr(model, "net_")


def test_each_step_keeps_its_answer(sequences):
    X, _ = sequences
    y = [x[:, 0] > 0 for x in X]
    model = StepClassifier(augmentation=[Jitter(), ChannelDropout()], **QUICK).fit(X, y)
    assert model.loss_curve_ != StepClassifier(**QUICK).fit(X, y).loss_curve_
    message = r"of StepClassifier must keep steps where they are.* Got Crop\(min_fraction=0.8\)"
    with pytest.raises(ValueError, match=message):
        StepClassifier(augmentation=[Jitter(), Crop()], **QUICK).fit(X, y)


@pytest.mark.parametrize("augmentation", [Jitter(), TimeWarp(), Crop(), StepDropout()])
def test_answers_of_another_length_stay_as_they_are(sequences, augmentation):
    X, _ = sequences
    y = [np.arange(len(x)) for x in X]
    model = Seq2SeqRegressor(augmentation=augmentation, **QUICK).fit(X, y)
    plain = Seq2SeqRegressor(**QUICK).fit(X, y)
    assert model.loss_curve_ != plain.loss_curve_
    assert model._longest == plain._longest == max(map(len, X))
