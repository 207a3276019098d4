"""Pages and short texts that show a decision, a dataset and a model."""
