"""Retrain image models on hosted fine-tuning APIs: paid once, never lost, promoted by a decision.

The flows (what happens, in which order) are a project's own, in its folder `flows`; they import `tuneloop.api`.
"""

__version__ = "0.1.0"
