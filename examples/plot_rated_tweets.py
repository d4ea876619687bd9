"""
=====================================
How glad is this text? Words in order
=====================================

Four thousand short texts, each rated by at least twenty people between -4 (extremely negative) and
4 (extremely positive). A text is a sequence of words, and their order says something: "not good" is
no praise. This example learns the ratings from the words in their order, and compares with a model
that counts them.
"""

# %%
# The data
# --------
# The texts come with the package. scikit-learn's tools split lists of texts as they are.

import re

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, cross_val_predict, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_rnn import RNNRegressor
from sklearn_rnn.datasets import load_rated_tweets

texts, ratings = load_rated_tweets(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(texts, ratings, test_size=0.25, random_state=0)
print(f"{len(X_train)} texts to train on, {len(X_test)} to test on")
for i in np.argsort(ratings)[[5, 2100, -5]]:
    print(f"{ratings[i]:+.2f}  {texts[i]}")

# %%
# From a text to its words
# ------------------------
# A text alone would be read character by character. A list of texts is a list of tokens, so a
# function that cuts texts into words is all that has to be written. Punctuation is kept: "!!!" and
# ":-)" tell much.


def words_of(texts):
    """Cut each text into lower-case words and single marks."""
    return [re.findall(r"[a-z']+|[^\sa-z]", text.lower()) for text in texts]


print(words_of(["Not bad at all :-)"])[0])

# %%
# Each word gets a vector that is learned. Words that are new at prediction share a vector of their
# own, "unknown", which is trained too.

reader = make_pipeline(FunctionTransformer(words_of), RNNRegressor(max_epochs=10, random_state=0))
reader.fit(X_train, y_train)
print(f"R squared on the test texts: {reader.score(X_test, y_test):.3f}")

# %%
# What it has learned
# -------------------
# "Very" and "!!!" make it stronger. "Not" lowers whatever follows: it has met "not good" often, and
# "not bad" hardly ever. A word that it never met is neither good nor bad.

for text in ["good", "not good", "bad", "not bad", "very good", "good!!!", "zorgly", "not zorgly"]:
    print(f"{reader.predict([text])[0]:+.2f}  {text}")

# %%
# Against counting words
# ----------------------
# Words and pairs of words counted and weighed, then a ridge regression: the usual way, in a second.
# Both are judged by the same three folds of all texts.

counter = make_pipeline(
    TfidfVectorizer(token_pattern=r"[a-z']+|[^\sa-z]", ngram_range=(1, 2), sublinear_tf=True),
    Ridge(alpha=1.0),
)
folds = KFold(3, shuffle=True, random_state=0)
predicted = {
    "counted words, ridge": cross_val_predict(counter, texts, ratings, cv=folds),
    "words in order, RNN": cross_val_predict(reader, texts, ratings, cv=folds),
}
predicted["mean of both"] = np.mean(list(predicted.values()), axis=0)
fig, axes = plt.subplots(1, 3, figsize=(11, 3.8), sharex=True, sharey=True, layout="constrained")
for ax, (name, of_model) in zip(axes, predicted.items(), strict=True):
    r = np.corrcoef(of_model, ratings)[0, 1]
    print(f"{name}: correlation with the ratings {r:.3f}")
    ax.plot(ratings, of_model, ".", ms=2, alpha=0.4)
    ax.axline((0, 0), slope=1, color="gray", lw=0.8)
    ax.set(title=f"{name}\nr = {r:.3f}", xlabel="Mean rating of people")
axes[0].set_ylabel("Predicted")
plt.show()

# %%
# The authors of the data reached 0.88 by a lexicon of 7,500 words, rated by hand, and rules for
# "not", "very" and capitals. The network above was given the texts and nothing else.
