"""The flows of this project, each from its parameters to its end."""
