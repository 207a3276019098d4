"""Datasets: found in a folder, kept in the store, packed into one repeatable archive."""
