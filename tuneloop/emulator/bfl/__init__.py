"""The API of Black Forest Labs, emulated."""
