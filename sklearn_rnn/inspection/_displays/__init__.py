"""Pictures of fits and of predictions, one class a picture."""
