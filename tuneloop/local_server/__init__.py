"""A Prefect server and a worker on this machine, and what they need to be started and ended."""
