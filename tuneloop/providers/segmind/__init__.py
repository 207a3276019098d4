"""Segmind."""
