"""Scores of rendered images, and the search for copies."""
