"""The stages of a run: dataset, training, evaluation."""
