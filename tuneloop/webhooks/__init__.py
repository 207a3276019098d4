"""Notices from providers: each one is only a reason to ask."""
