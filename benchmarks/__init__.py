"""Figures: ours and a peer in turn, in one run."""
