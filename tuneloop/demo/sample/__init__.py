"""The demo's sample dataset: a robot, drawn."""
