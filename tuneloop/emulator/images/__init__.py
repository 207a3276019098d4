"""The images that emulated models draw."""
