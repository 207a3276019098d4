"""Judges a model by its images: the same prompts and seeds for champion and challenger."""
