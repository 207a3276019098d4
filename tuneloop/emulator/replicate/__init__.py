"""The API of Replicate, emulated."""
