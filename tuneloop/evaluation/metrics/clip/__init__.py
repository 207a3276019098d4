"""Scores with a CLIP model, an extra."""
