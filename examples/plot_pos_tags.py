"""
===================================================
Noun or verb? A tag for each word of a sentence
===================================================

Which word class a word belongs to depends on the word, on its ending, and on the words around it.
This example tags every word of Turkish sentences, where a stem takes suffix upon suffix and three
words in ten of a new text were never met before. It compares with the most frequent tag of each
word and with a conditional random field, the usual model for this task.
"""

# %%
# The data
# --------
# The Turkish Web Treebank of Kayadelen, Öztürel and Bohnet (2020) holds 4,851 sentences, of web
# pages and Wikipedia, tagged by hand. It cuts a word where a suffix changes its class: *önce-ki*,
# "earlier" as in "the earlier talks", is an adverb and an adjective. Here the pieces, all but the
# last marked ``ig``, are put together again: a tagger meets written words. The tag of a word is
# that of its last piece.

from importlib.metadata import distribution

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split
from sklearn_crfsuite import CRF

from sklearn_rnn import StepClassifier
from sklearn_rnn.metrics import step_accuracy, step_f1

sentences, tags = [], []
for name in ["web", "wiki"]:
    file = distribution("turkish-treebanks").locate_file(f"data/{name}.conllu")
    for block in file.read_text(encoding="utf-8").strip().split("\n\n"):
        words, classes, word = [], [], ""
        for line in block.split("\n"):
            if not line.startswith("#"):
                _, piece, _, tag, _, _, _, relation, *_ = line.split("\t")
                word += piece
                if relation != "ig":
                    words.append(word)
                    classes.append(tag)
                    word = ""
        sentences.append(words)
        tags.append(classes)
print(f"{len(sentences)} sentences, {sum(map(len, sentences))} words and marks")
print(*(f"{word}/{tag}" for word, tag in zip(sentences[3], tags[3], strict=True)))

# %%
# What a word looks like
# ----------------------
# A list of lists of words could go in as it is. More is known of a word, though, that counts where
# the word itself is new: how it ends, how it begins, how it is written. Each becomes a column, each
# row a sentence, each cell a list with an entry for each word.


def lower(word):
    """Turn into lower case as in Turkish, whose capital I has a small letter of its own."""
    return word.replace("İ", "i").replace("I", "\N{LATIN SMALL LETTER DOTLESS I}").lower()


def shape(word):
    """Tell how a word is written."""
    if any(c.isdigit() for c in word):
        return "digits"
    if not any(c.isalpha() for c in word):
        return "marks"
    if word[0].islower():
        return "lower"
    return "upper" if len(word) > 1 and word.isupper() else "title"


def described(sentences):
    """Make a frame with a list column for each thing that is known of a word."""
    words = [[lower(word) for word in sentence] for sentence in sentences]
    columns = {"word": words, "shape": [[shape(word) for word in s] for s in sentences]}
    for n in range(1, 6):
        columns[f"last {n}"] = [[word[-n:] for word in s] for s in words]
    for n in range(1, 5):
        columns[f"first {n}"] = [[word[:n] for word in s] for s in words]
    return pd.DataFrame(columns)


X = described(sentences)
print(X.iloc[3].to_string())

# %%
# The network takes the frame. Texts in list columns are categories: each word, each ending, each
# shape gets a vector that is learned, and "unknown" is learned too. ``y`` is a list of tags a row.
# A tenth of the usual epochs is enough; with more the network learns its sentences by heart.

X_train, X_test, y_train, y_test = train_test_split(X, tags, test_size=0.2, random_state=0)
network = StepClassifier(max_epochs=5, random_state=0).fit(X_train, y_train)
predicted = {"StepClassifier": network.predict(X_test)}

# %%
# Against counting, and against a CRF
# -----------------------------------
# The simplest tagger gives a word the tag that it had most often, and calls new words nouns.

met = pd.DataFrame(
    {"word": X_train["word"].explode().to_list(), "tag": [tag for row in y_train for tag in row]}
)
usual = met.value_counts().reset_index().drop_duplicates("word").set_index("word")["tag"].to_dict()
predicted["most frequent tag"] = [
    [usual.get(word, "NOUN") for word in sentence] for sentence in X_test["word"]
]

# %%
# A conditional random field weighs features of a word, of its neighbours and of the tag before. It
# gets the same columns, as it wants them: a dict for each word.


def for_crf(X):
    """Make a dict for each word, of its own entries and of those of the words beside it."""
    made = []
    for _, row in X.iterrows():
        words = [dict(zip(X.columns, entries, strict=True)) for entries in zip(*row, strict=True)]
        made.append([dict(word) for word in words])
        for one, other in zip(range(len(words) - 1), range(1, len(words)), strict=True):
            made[-1][one] |= {f"next {name}": entry for name, entry in words[other].items()}
            made[-1][other] |= {f"before {name}": entry for name, entry in words[one].items()}
    return made


crf = CRF(c1=0.1, c2=0.01, max_iterations=100, all_possible_transitions=True)
predicted["CRF"] = crf.fit(for_crf(X_train), y_train).predict(for_crf(X_test))

# %%
# A step without a label, None, is left out by the metrics of this package. So the accuracy on new
# words is that on ``y_test`` with None at all others.

is_new = [[word not in usual for word in sentence] for sentence in X_test["word"]]


def tags_where(new):
    """Keep the true tags of the new words, or those of the known ones."""
    return [
        [tag if is_so == new else None for tag, is_so in zip(*row, strict=True)]
        for row in zip(y_test, is_new, strict=True)
    ]


models = ["most frequent tag", "CRF", "StepClassifier"]
asked = {"all words": y_test, "known": tags_where(new=False), "new": tags_where(new=True)}
accuracy = pd.DataFrame(
    {what: [step_accuracy(y, predicted[model]) for model in models] for what, y in asked.items()},
    index=models,
)
print(f"{np.mean(np.concatenate(is_new)):.0%} of the words are new")
print(accuracy.round(3))

# %%
# Which tags are hard
# -------------------
# F1, the harmonic mean of precision and recall, of each tag that the test sentences have at least
# twenty of.

counts = pd.Series([tag for row in y_test for tag in row]).value_counts()
counts = counts[counts >= 20]
f1 = pd.DataFrame(
    {m: [step_f1(y_test, predicted[m], labels=[tag]) for tag in counts.index] for m in models},
    index=counts.index,
)
f1 = f1.sort_values("StepClassifier")
fig, ax = plt.subplots(figsize=(7.5, 4.5), layout="constrained")
ax.hlines(f1.index, f1.min(axis=1), f1.max(axis=1), color="lightgray", zorder=0)
for model, marker, color in zip(models, "osD", ["gray", "C0", "C1"], strict=True):
    ax.plot(f1[model], f1.index, marker, color=color, ms=6, label=model)
ax.set_yticks(range(len(f1)), [f"{tag} ({counts[tag]})" for tag in f1.index])
ax.set(xlabel="F1", title="How well each tag is found (words with it)")
ax.legend(loc="upper left")
plt.show()

# %%
# A sentence and its tags
# -----------------------
# "On cuneiform tablets the names of 20 karums (trading posts) have been found to this day." Half of
# the words are new. ``predict_proba`` has a row for each word.

row = next(i for i, words in enumerate(X_test["word"]) if words[0] == "çivi")
(probability,) = network.predict_proba(X_test.iloc[[row]])
print(
    pd.DataFrame(
        {
            "word": sentences[X_test.index[row]],
            "new": np.where(is_new[row], "new", ""),
            "tag": predicted["StepClassifier"][row],
            "probability": probability.max(axis=1).round(2),
            "in fact": y_test[row],
        }
    ).to_string(index=False)
)
