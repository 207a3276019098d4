"""Webhooks: a verified call requests a sensor run of its account. Nothing of it is stored or believed."""
