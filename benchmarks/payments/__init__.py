"""How often a training is paid for when the answer to its submit is lost."""
