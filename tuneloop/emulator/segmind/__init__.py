"""The API of Segmind, emulated."""
