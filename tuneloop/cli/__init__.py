"""The command `tuneloop`."""
