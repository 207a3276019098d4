"""Clients of the hosted fine-tuning APIs, one file per provider."""
