"""The frozen values that more than one room needs."""
