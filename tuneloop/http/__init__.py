"""HTTP to providers, in parts: sessions, limits, failures, addresses. `tuneloop.transport` puts them together."""
