"""Scores with a CLIP model: an optional extra, which nothing else needs."""
