"""How well StepClassifier tags words, beside a CRF and the most frequent tag: docs/defaults.rst.

The sentences are those of the Turkish treebanks. A fifth of them, drawn once, is the test part;
settings are chosen by five folds of the rest. The treebank cuts a word where a suffix makes another
word class of it; "words" are written words, with the tag of their last part, "parts" the pieces.

    python -m tests.benchmarks.tagging choose > docs/defaults_tagging_chosen.csv
    python -m tests.benchmarks.tagging > docs/defaults_tagging.csv
"""

from __future__ import annotations

import sys
import time
from collections import Counter, defaultdict
from importlib.metadata import distribution

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.model_selection import KFold, train_test_split
from sklearn_crfsuite import CRF

from sklearn_rnn import StepClassifier
from sklearn_rnn.metrics import step_accuracy

N_SEEDS = 5
SUFFIXES, PREFIXES = range(1, 6), range(1, 5)
COLUMNS = ["word", "shape"]
COLUMNS += [f"suffix {n}" for n in SUFFIXES] + [f"prefix {n}" for n in PREFIXES]


def sentences(unit):
    """Return the forms and the tags of all sentences, of "words" or of "parts"."""
    treebank = distribution("turkish-treebanks")
    forms, tags = [], []
    for name in ("web", "wiki"):
        text = treebank.locate_file(f"data/{name}.conllu").read_text(encoding="utf-8")
        for sentence in text.strip().split("\n\n"):
            rows = [line.split("\t") for line in sentence.split("\n") if not line.startswith("#")]
            forms.append([])
            tags.append([])
            form = ""
            for _, part, _, tag, _, _, _, relation, *_ in rows:
                form += part
                if unit == "words" and relation == "ig":  # the word goes on
                    continue
                forms[-1].append(form)
                tags[-1].append(tag)
                form = ""
    return forms, tags


def lower(word):
    """Return a word in lower case, with Turkish's two letters i."""
    return word.replace("İ", "i").replace("I", "ı").lower()  # noqa: RUF001 (the dotless one)


def shape(word):
    """Return how a word is written."""
    if any(c.isdigit() for c in word):
        return "digits"
    if not any(c.isalpha() for c in word):
        return "marks"
    if word[0].islower():
        return "lower"
    return "upper" if len(word) > 1 and word.isupper() else "title"


def described(forms):
    """Return a frame with a list column for each thing that is known of a word."""
    words = [[lower(word) for word in sentence] for sentence in forms]
    columns = {"word": words, "shape": [[shape(word) for word in s] for s in forms]}
    for n in SUFFIXES:
        columns[f"suffix {n}"] = [[word[-n:] for word in s] for s in words]
    for n in PREFIXES:
        columns[f"prefix {n}"] = [[word[:n] for word in s] for s in words]
    return pd.DataFrame(columns)


class FrequentTag(ClassifierMixin, BaseEstimator):
    """The most frequent tag of a word; for others the most frequent one of all."""

    def fit(self, X, y):
        """Count."""
        counts, of_all = defaultdict(Counter), Counter()
        for words, tags in zip(X["word"], y, strict=True):
            of_all.update(tags)
            for word, tag in zip(words, tags, strict=True):
                counts[word][tag] += 1
        self.tag_ = {word: of_word.most_common(1)[0][0] for word, of_word in counts.items()}
        self.other_ = of_all.most_common(1)[0][0]
        return self

    def predict(self, X):
        """Look up."""
        return [[self.tag_.get(word, self.other_) for word in words] for words in X["word"]]


class FieldTagger(ClassifierMixin, BaseEstimator):
    """A conditional random field that sees what is known of a word and of its two neighbours."""

    def __init__(self, c1=0.1, c2=0.1):
        self.c1 = c1
        self.c2 = c2

    def fit(self, X, y):
        """Train by L-BFGS, 100 iterations."""
        self.crf_ = CRF(c1=self.c1, c2=self.c2, max_iterations=100, all_possible_transitions=True)
        self.crf_.fit(self._features(X), y)
        return self

    def predict(self, X):
        """Return the most probable tags of each sentence as a whole."""
        return self.crf_.predict(self._features(X))

    @staticmethod
    def _features(X):
        sentences = []
        for _, of_sentence in X.iterrows():
            words = [
                dict(zip(X.columns, values, strict=True))
                for values in zip(*of_sentence, strict=True)
            ]
            before = [{"edge": "yes"}, *words[:-1]]
            after = [*words[1:], {"edge": "yes"}]
            sentences.append(
                [
                    here
                    | {f"before {name}": value for name, value in left.items()}
                    | {f"after {name}": value for name, value in right.items()}
                    for left, here, right in zip(before, words, after, strict=True)
                ]
            )
        return sentences


def of_rows(X, y, rows):
    """Return some of the sentences and their tags."""
    return X.iloc[rows], [y[i] for i in rows]


def parts_of(unit):
    """Return X and y of the training part and of the test part."""
    forms, tags = sentences(unit)
    X = described(forms)
    train, test = train_test_split(np.arange(len(X)), test_size=0.2, random_state=0)
    return of_rows(X, tags, train), of_rows(X, tags, test)


def cross_validated(model, X, y):
    """Return the accuracy on each of five folds."""
    scores = []
    for fitted, held_out in KFold(5, shuffle=True, random_state=0).split(y):
        X_held_out, y_held_out = of_rows(X, y, held_out)
        predicted = clone(model).fit(*of_rows(X, y, fitted)).predict(X_held_out)
        scores.append(step_accuracy(y_held_out, predicted))
    return np.array(scores)


NETWORK = StepClassifier(max_epochs=5, random_state=0)
FIELD = FieldTagger()
CANDIDATES = {
    NETWORK: [
        {"max_epochs": 3},
        {"max_epochs": 10},
        {"hidden_size": 128},
        {"dropout": 0.5},
        {"lr": 0.005},
        {"min_frequency": 2},
    ],
    FIELD: [{"c2": 0.01}, {"c1": 0.3, "c2": 0.03}],
}
FEWER = ["suffix 5", "prefix 4"]
MODELS = {
    "most frequent tag of the word": (["word"], FrequentTag()),
    "CRF": (COLUMNS, FieldTagger(c2=0.01)),
    "StepClassifier, words alone": (["word"], NETWORK),
    "StepClassifier": (COLUMNS, NETWORK),
}


def choose():
    """Print what each change adds to the accuracy on words, in the training part, fold by fold."""
    (X, y), _ = parts_of("words")
    print("model,change,accuracy")
    for model, changes in CANDIDATES.items():
        name = type(model).__name__
        scores = cross_validated(model, X, y)
        print(f"{name},none,{scores.mean():.4f}", flush=True)
        changed = [(str(change), clone(model).set_params(**change), X) for change in changes]
        changed.append((f"without {' and '.join(FEWER)}", model, X.drop(columns=FEWER)))
        for change, candidate, inputs in changed:
            gains = cross_validated(candidate, inputs, y) - scores
            error = gains.std(ddof=1) / len(gains) ** 0.5
            print(f'{name},"{change}",{gains.mean():+.4f} ± {error:.4f}', flush=True)


def with_seeds(model):
    """Return the model, or the network with each seed."""
    if not isinstance(model, StepClassifier):
        return [model]
    return [clone(model).set_params(random_state=seed) for seed in range(N_SEEDS)]


def compare():
    """Print the accuracy of each model on the test part, of networks the mean of the seeds."""
    print("unit,model,accuracy,lowest,highest,seconds a fit")
    for unit in ("words", "parts"):
        (X, y), (X_test, y_test) = parts_of(unit)
        for name, (columns, model) in MODELS.items():
            started = time.perf_counter()
            fitted = [one.fit(X[columns], y) for one in with_seeds(model)]
            seconds = (time.perf_counter() - started) / len(fitted)
            scores = [step_accuracy(y_test, one.predict(X_test[columns])) for one in fitted]
            spread = f"{min(scores):.3f},{max(scores):.3f}" if len(scores) > 1 else ","
            print(f'{unit},"{name}",{np.mean(scores):.3f},{spread},{seconds:.1f}', flush=True)
        of_steps = sum(one.predict_proba(X_test) for one in fitted)
        tags = [fitted[0].classes_[of_sentence.argmax(axis=1)] for of_sentence in of_steps]
        together = f"{step_accuracy(y_test, tags):.3f}"
        seconds *= N_SEEDS
        print(f'{unit},"{N_SEEDS} of these, mean probability",{together},,,{seconds:.1f}')


if __name__ == "__main__":
    torch.set_num_threads(1)
    choose() if sys.argv[1:] == ["choose"] else compare()
