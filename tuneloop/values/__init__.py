"""The frozen values that travel between the steps of a run."""
