"""The credentials blocks of this project: one block type for each provider."""
