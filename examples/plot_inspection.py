"""
======================
Looking into a network
======================

A score tells how good a network is, not what to do about it. Pictures of how training went, how
far back it reaches, when the network makes up its mind and what it goes by tell more. As in
scikit-learn each has a class, and one call of its ``from_estimator`` draws it.
"""

# %%
# Who is speaking?
# ----------------
# Utterances of nine speakers, 7 to 29 steps of 12 channels each.

import matplotlib.pyplot as plt
import numpy as np

from sklearn_rnn import RNNClassifier, RNNRegressor
from sklearn_rnn.datasets import load_japanese_vowels, load_rated_tweets
from sklearn_rnn.inspection import (
    AttentionDisplay,
    GradientFlowDisplay,
    HistoryDisplay,
    LRRangeDisplay,
    StepImportanceDisplay,
    StepProbabilityDisplay,
    gradient_flow,
)

X_train, y_train = load_japanese_vowels(split="train", return_X_y=True)
X_test, y_test = load_japanese_vowels(split="test", return_X_y=True)

# %%
# Which learning rate
# -------------------
# Before the first fit: a copy of the network is trained for 100 updates, from a rate that does
# nothing to one that does harm. The loss falls where rates are of use.

LRRangeDisplay.from_estimator(RNNClassifier(random_state=0), X_train, y_train)
plt.show()

# %%
# How training went
# -----------------
# Three cells, two seeds of each, and a fifth of the training utterances held out. Fits of one name
# share a colour. Where a full line, the held-out loss, turns up while the dashed one still falls,
# the network begins to learn its training utterances by heart; the dots mark the epochs whose
# weights were kept.

fits, names = [], []
for cell in ("rnn", "gru", "lstm"):
    for seed in (0, 1):
        model = RNNClassifier(
            cell=cell,
            early_stopping=True,
            validation_fraction=0.2,
            max_epochs=60,
            random_state=seed,
        )
        fits.append(model.fit(X_train, y_train))
        names.append(cell)
        print(f"{cell:4} seed {seed}: test accuracy {model.score(X_test, y_test):.3f}")

HistoryDisplay.from_estimators(fits, names=names, log_scale=True)
plt.show()

# %%
# How far back training reaches
# -----------------------------
# What happened many steps before the answer is learned by the gradient that is left there. In
# utterances of at most 29 steps none of the cells need worry. In sequences ten times as long, here
# made of utterances joined end to end, less than a billionth is left even in an LSTM that has not
# been trained yet, and far less in the others. (Poolings other than ``"last"`` give gradients
# shorter ways, which are not counted here.)

rng = np.random.default_rng(0)
joined = [np.concatenate([X_train[i] for i in rng.choice(270, 12)]) for _ in range(60)]
first_speaker = rng.choice(y_train, 60)

fig, ax = plt.subplots(figsize=(8, 4), layout="constrained")
for cell in ("rnn", "gru", "lstm"):
    model = RNNClassifier(cell=cell, bidirectional=False, random_state=0)
    print(f"{cell:4} utterances: {gradient_flow(model, X_train, y_train).verdict}")
    GradientFlowDisplay.from_estimator(model, joined, first_speaker, name=cell, ax=ax)
plt.show()

# %%
# When it makes up its mind
# -------------------------
# ``predict_proba_steps`` tells what the network would say after each step. The strip below the
# areas has the colour of the right speaker. Trained for the end alone, the network may be sure of
# the wrong speaker before; with ``step_loss`` it also learns to be right early on. These are the
# four test utterances about which the first network errs for longest and is right at the end.

settings = {"bidirectional": False, "max_epochs": 50, "random_state": 0}
at_end = RNNClassifier(**settings).fit(X_train, y_train)
early = RNNClassifier(step_loss=0.3, **settings).fit(X_train, y_train)

said = [at_end.classes_[p.argmax(axis=1)] for p in at_end.predict_proba_steps(X_test)]
until = [
    np.mean(of_row != y) if of_row[-1] == y else 0 for of_row, y in zip(said, y_test, strict=True)
]
rows = np.argsort(until)[:-5:-1]
named = np.unique(np.concatenate([said[i] for i in rows]))
fig, axes = plt.subplots(2, 4, figsize=(12, 5), layout="constrained")
for model, of_model in ((at_end, axes[0]), (early, axes[1])):
    StepProbabilityDisplay.from_estimator(
        model, X_test, y_test, rows=rows, kind="area", classes=named, ax=of_model
    )
axes[0, 0].set_ylabel("trained for the end")
axes[1, 0].set_ylabel("and for each step")
axes[0, -1].get_legend().remove()  # the same as below
plt.show()

# %%
# What it goes by
# ---------------
# ``step_importance`` tells how much each number adds to the log-odds of what the network says (or
# takes away, in blue): here which of the 12 channels speak for a speaker, and when.

StepImportanceDisplay.from_estimator(fits[2], X_test, rows=[0, 50, 100, 150], n_steps=200)
plt.show()

# %%
# Of texts it is the words that are coloured. A network that was never told which words are kind
# learns it from how positive people found short texts.

texts, ratings = load_rated_tweets(return_X_y=True)
words = [text.split() for text in texts]
reader = RNNRegressor(pooling="attention", min_frequency=2, max_epochs=8, random_state=0)
reader.fit(words[500:], ratings[500:])

some = [i for i in range(500) if 8 <= len(words[i]) <= 20][:6]
predicted = reader.predict([words[i] for i in some])
names = [
    f"predicted {p:.1f}, people said {r:.1f}" for p, r in zip(predicted, ratings[some], strict=True)
]
StepImportanceDisplay.from_estimator(reader, words, rows=some, names=names)
plt.show()

# %%
# What it looks at
# ----------------
# With ``pooling="attention"`` the answer rests on a weighted mean over the steps, whose weights can
# be seen too. They tell where the network looks, not whether what it finds there is good or bad.
# In an encoder/decoder each entry of the answer looks elsewhere:
# :ref:`sphx_glr_auto_examples_plot_phonemes.py` shows which letters make which phone.

AttentionDisplay.from_estimator(reader, words, rows=some, names=names)
plt.show()
