"""What users hold, read once into flat ragged arrays, and batches gathered from them.

Knows numpy and plain tensors; knows nothing of networks, skorch or estimators.
"""
