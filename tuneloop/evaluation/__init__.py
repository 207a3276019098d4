"""Judges a model by its pictures: the same prompts and seeds for champion and challenger."""
