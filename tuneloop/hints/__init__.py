"""Hints: what a provider calls us about. They say where to look, never what is there."""
