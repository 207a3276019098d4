"""Retrain image models on hosted fine-tuning APIs: paid once, never lost, promoted by a decision.

Plain Python: nothing in here imports Prefect. The stories (what happens, in which order) are in `flows/`.
"""
