"""The API of fal, emulated."""
