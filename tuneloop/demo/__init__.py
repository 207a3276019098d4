"""The demo: a whole installation on one machine, and what it plays on it."""
