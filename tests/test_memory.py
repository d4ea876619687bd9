"""Freed memory is kept while networks train, and given back afterwards."""

import gc
import os
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from skorch.callbacks import Callback

from sklearn_rnn import RNNClassifier
from sklearn_rnn.training import memory
from sklearn_rnn.training.memory import freed_memory_kept

QUICK = {"hidden_size": 4, "max_epochs": 2, "random_state": 0}


class FakeGlibc:
    """Notes the calls that the C library would get; as one before 2.33 it has no mallinfo2."""

    def __init__(self):
        self.calls = []

    def mallopt(self, name, value):
        self.calls.append((name, value))

    def malloc_trim(self, pad):
        self.calls.append("trim")


KEEPING = [(-3, 1 << 30), (-1, 1 << 30)]
GIVING_BACK = [(-3, 32 << 20), (-1, 128 << 20), "trim"]


@pytest.fixture
def glibc(monkeypatch):
    fake = FakeGlibc()
    monkeypatch.setattr(memory, "_glibc", lambda: fake)
    return fake


def test_fit_keeps_freed_memory_and_gives_it_back(sequences, glibc):
    RNNClassifier(**QUICK).fit(*sequences)
    assert glibc.calls == KEEPING + GIVING_BACK


def test_a_little_memory_is_left_for_the_next_fit(sequences, glibc):
    glibc.mallinfo2 = lambda: SimpleNamespace(fordblks=100 << 20)
    RNNClassifier(**QUICK).fit(*sequences)
    assert glibc.calls == KEEPING + GIVING_BACK[:-1]


# What is asked for is done by glibc alone: on macOS and Windows there is nothing to see.
@pytest.mark.skipif(memory._glibc() is None, reason="another allocator")
def test_much_free_memory_goes_back_to_the_kernel():
    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    before = resident()
    with freed_memory_kept():
        held = [torch.ones(1 << 22) for _ in range(32)]  # 16 MiB each
        del held
        assert memory._n_free(memory._glibc()) > 200 << 20
        assert resident() - before > 200 << 20
    assert resident() - before < 50 << 20


def test_no_batch_leaves_a_tensor_behind(sequences):
    counts = []

    class Count(Callback):
        def on_batch_end(self, net, training, **kwargs):
            if training:
                gc.collect()
                counts.append(sum(issubclass(type(x), torch.Tensor) for x in gc.get_objects()))

    X, y = sequences
    RNNClassifier(**QUICK | {"max_epochs": 1}, batch_size=2, callbacks=[Count()]).fit(X, y)
    assert len(counts) > 10
    assert max(counts[3:]) <= counts[2]  # weights have gradients and AdamW its moments by then


def test_memory_is_given_back_after_an_error(glibc):
    with pytest.raises(RuntimeError, match="stop"), freed_memory_kept():
        raise RuntimeError("stop")
    assert glibc.calls == KEEPING + GIVING_BACK


def test_the_last_of_several_threads_gives_back(glibc):
    inside, leave = threading.Barrier(4), threading.Event()

    def run():
        with freed_memory_kept():
            inside.wait(10)
            leave.wait(10)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    inside.wait(10)
    assert glibc.calls == KEEPING
    leave.set()
    for thread in threads:
        thread.join()
    assert glibc.calls == KEEPING + GIVING_BACK


@pytest.mark.parametrize("name", ["MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"])
def test_what_the_user_has_set_is_left_alone(name, monkeypatch):
    monkeypatch.setenv(name, "131072")
    assert memory._glibc.__wrapped__() is None


def test_another_allocator_is_left_alone(sequences, monkeypatch):
    monkeypatch.setattr(memory, "_glibc", lambda: None)
    without = RNNClassifier(**QUICK).fit(*sequences).predict_proba(sequences[0])
    monkeypatch.undo()
    kept = RNNClassifier(**QUICK).fit(*sequences).predict_proba(sequences[0])
    assert (without == kept).all()
