"""The demo: a whole installation on one machine, and three runs of one model."""
