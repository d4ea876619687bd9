"""
=====================================================
A search that gives up early: Optuna on spoken vowels
=====================================================

Most of what a search tries is not worth training to the end, and shows it after a few epochs.
:class:`~sklearn_rnn.model_selection.OptunaSearchCV` trains all folds of a candidate in step, looks
at their mean score after each epoch, and ends those that lag behind. What it tries next depends on
what has come out so far.
"""

# %%
# The search
# ----------
# Nine speakers, 270 utterances of 7 to 29 steps to train on. The space is the one that
# :func:`~sklearn_rnn.model_selection.suggest_space` has for a classifier. Sampler and pruner are
# the defaults, too. Two processes share the trials.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from sklearn_rnn import RNNClassifier
from sklearn_rnn.datasets import load_japanese_vowels
from sklearn_rnn.model_selection import OptunaSearchCV

X_train, y_train = load_japanese_vowels(split="train", return_X_y=True)
X_test, y_test = load_japanese_vowels(split="test", return_X_y=True)

network = RNNClassifier(max_epochs=40, random_state=0)
search = OptunaSearchCV(network, n_trials=16, cv=3, n_jobs=2, random_state=0)
search.fit(X_train, y_train)

print(f"best: {search.best_score_:.3f}, the mean of three folds, with")
for name, value in search.best_params_.items():
    print(f"  {name} = {value if isinstance(value, str) else round(value, 4)}")

# %%
# What it tried
# -------------
# ``cv_results_`` is that of scikit-learn's searches, and says besides what became of a trial and
# how many epochs it got.

tried = pd.DataFrame(search.cv_results_)
tried = tried.rename(columns=lambda name: name.removeprefix("param_"))
columns = ["state", "n_epochs", "mean_test_score", "cell", "pooling", "hidden_size", "lr"]
print(tried[columns].round(4).to_string())

# %%
# What is saved are the epochs that pruned trials did not get:

n_pruned = (tried["state"] == "pruned").sum()
n_epochs, n_without = tried["n_epochs"].sum(), len(tried) * network.max_epochs
print(f"{n_pruned} of {len(tried)} trials were pruned,")
print(f"{n_epochs} of {n_without} epochs were trained: {1 - n_epochs / n_without:.0%} saved")

# %%
# The learning curves of all trials, pale where the pruner ended one. It looks after 5 and 15
# epochs, and lets a trial go on that is in the best third of those that have come so far. To the
# right where each trial ended, by learning rate and cell.

fig, (left, right) = plt.subplots(
    1, 2, figsize=(11, 4.5), sharey=True, width_ratios=[3, 2], layout="constrained"
)
colors = {"gru": "C0", "lstm": "C2", "mingru": "C1"}
for i, trial in tried.iterrows():
    errors = 1 - pd.Series(search.study_.trials[trial["trial"]].intermediate_values)
    color, pruned, best = colors[trial["cell"]], trial["state"] == "pruned", i == search.best_index_
    alpha, size = 0.4 if pruned else 0.9, 18 if best else 6
    left.plot(errors, color=color, alpha=alpha, lw=3.5 if best else 1.2, zorder=4 if best else 2)
    for ax, x in ((left, errors.index[-1]), (right, trial["lr"])):
        mark = {"marker": "*", "mec": "black", "zorder": 5} if best else {"marker": "o"}
        face = "white" if pruned else color
        ax.plot(x, errors.iloc[-1], color=color, mfc=face, alpha=alpha, ms=size, **mark)
share, rates = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5], [0.001, 0.003, 0.01, 0.03]
left.set(xlabel="Epoch", ylabel="Errors, mean of three folds", yscale="log", ylim=(0.008, 0.7))
left.set_yticks(share, [f"{each:.0%}" for each in share])
right.set(xlabel="Learning rate", xscale="log")
right.set_xticks(rates, rates)
for ax in (left, right):
    ax.minorticks_off()
    ax.grid(alpha=0.3)
for name, look in {
    **{cell: {"color": color} for cell, color in colors.items()},
    "pruned": {"color": "gray", "mfc": "white"},
    "to the end": {"color": "gray"},
    "best": {"color": "gray", "marker": "*", "mec": "black", "ms": 14},
}.items():
    right.plot([], [], **{"marker": "o", "ls": "none", **look}, label=name)
left.legend(*right.get_legend_handles_labels(), loc="upper right", ncols=2)
plt.show()

# %%
# What it is worth
# ----------------
# The score of the best trial is too good, since the trial was chosen by it. The test utterances had
# no say. There the search must beat the untouched defaults. Both are trained for the 100 epochs
# that are the default, four times each, since one seed tells little on 370 utterances.


def accuracy(params, seed):
    """Fit on the training utterances; return the accuracy on the others."""
    model = RNNClassifier(**params, random_state=seed).fit(X_train, y_train)
    return model.score(X_test, y_test)


found = {"defaults": {}, "found": search.best_params_}
print(f"the best trial, refitted with 40 epochs: {search.score(X_test, y_test):.3f}")
for name, params in found.items():
    scores = Parallel(n_jobs=2)(delayed(accuracy)(params, seed) for seed in range(4))
    print(f"{name}: {np.mean(scores):.3f} ({min(scores):.3f} to {max(scores):.3f})")
