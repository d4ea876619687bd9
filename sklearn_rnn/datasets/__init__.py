"""Real sequences of different lengths that come with the package."""

from sklearn_rnn.datasets._japanese_vowels import load_japanese_vowels
from sklearn_rnn.datasets._rated_tweets import load_rated_tweets

__all__ = ["load_japanese_vowels", "load_rated_tweets"]
