"""HTTP to providers: one transport, made of sessions, limits, failures and addresses."""
