"""
============================================
Who is speaking? Sequences of unequal length
============================================

Nine speakers each said the same two vowels many times. An utterance is a sequence of 7 to 29 steps
with 12 numbers at each step, and the task is to tell the speaker. This example puts a recurrent
classifier into a pipeline, searches its settings, and looks at what it learned.
"""

# %%
# The data
# --------
# The data set comes with the package, in the split that its authors published: 270 utterances to
# train on and 370 to test on. ``X`` holds one array of shape ``(n_steps, n_channels)`` for each
# utterance. The lengths differ, and nothing has to be padded.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_rnn import RNNClassifier
from sklearn_rnn.datasets import load_japanese_vowels
from sklearn_rnn.inspection import HistoryDisplay

X_train, y_train = load_japanese_vowels(split="train", return_X_y=True)
X_test, y_test = load_japanese_vowels(split="test", return_X_y=True)
print(f"{len(X_train)} training and {len(X_test)} test utterances")
print("shapes of the first four:", [x.shape for x in X_train[:4]])

# %%
# One utterance of three speakers. Each line is one of the 12 channels, cepstrum coefficients of the
# sound: rather slow curves whose level and bend differ between speakers.

fig, axes = plt.subplots(1, 3, figsize=(10, 3), sharey=True, layout="constrained")
for ax, speaker in zip(axes, [1, 4, 9], strict=True):
    utterance = X_train[np.flatnonzero(y_train == speaker)[0]]
    ax.plot(utterance, color="C0", alpha=0.6)
    ax.set(title=f"Speaker {speaker}, {len(utterance)} steps", xlabel="Step")
axes[0].set_ylabel("Cepstrum coefficient")
plt.show()

# %%
# A pipeline
# ----------
# Speech recognisers often add the *change* of each coefficient to the coefficient itself. A
# function from sequences to sequences does that, and ``FunctionTransformer`` makes a pipeline step
# of it. Standardising is no step: the estimator does it inside.


def add_changes(X):
    """Put the slope of every channel beside it: (n_steps, 12) becomes (n_steps, 24)."""
    return [np.hstack([x, np.gradient(x, axis=0)]) for x in X]


pipeline = Pipeline(
    [
        ("changes", FunctionTransformer(add_changes)),
        ("rnn", RNNClassifier(random_state=0)),
    ]
)

# %%
# A search
# --------
# The parameters of the network are searched like those of any other estimator. The cross-validation
# sees the training utterances only. To save time the candidates train for fewer epochs than the
# final fit will.

search = GridSearchCV(
    pipeline.set_params(rnn__max_epochs=30),
    {"rnn__cell": ["gru", "lstm"], "rnn__hidden_size": [32, 64]},
    cv=StratifiedKFold(3, shuffle=True, random_state=0),
    n_jobs=2,
)
search.fit(X_train, y_train)

for params, mean, std in zip(
    search.cv_results_["params"],
    search.cv_results_["mean_test_score"],
    search.cv_results_["std_test_score"],
    strict=True,
):
    print(f"{mean:.3f} +- {std:.3f}  {params}")

# %%
# The final fit
# -------------
# One more fit with the best settings, this time with ``verbose=1``, which shows the settings and
# the progress.

model = clone(pipeline).set_params(**search.best_params_, rnn__max_epochs=100, rnn__verbose=1)
model.fit(X_train, y_train)
accuracy = model.score(X_test, y_test)
print(f"test accuracy: {accuracy:.3f}")

# %%
# Few utterances are given to the wrong speaker:

fig, ax = plt.subplots(figsize=(5, 5), layout="constrained")
ConfusionMatrixDisplay.from_estimator(model, X_test, y_test, cmap="Blues", colorbar=False, ax=ax)
ax.set(title=f"Test utterances, accuracy {accuracy:.3f}", xlabel="Given to", ylabel="Spoken by")
plt.show()

# %%
# How training went
# -----------------
# To see when training has done its work, hold out some of the training utterances:
# ``early_stopping=True`` does that, ends training when their loss no longer falls, and keeps the
# weights of the best epoch. The score is the accuracy on the held-out utterances. A training loss
# that does not fall asks for another learning rate; one that falls while the held-out loss rises
# asks for a smaller network or more dropout.

watched = clone(model).set_params(
    rnn__early_stopping=True, rnn__validation_fraction=0.2, rnn__verbose=0
)
HistoryDisplay.from_estimator(watched.fit(X_train, y_train), log_scale=True)
plt.show()
