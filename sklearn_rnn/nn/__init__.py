"""The networks: torch alone, no scikit-learn and no skorch.

Tensors are ``(batch, time, channels)`` where a user meets them; the recurrence has time first.
"""
